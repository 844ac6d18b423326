//! `pintle health`: whether a server is ready, for containers without a shell. Speaks just enough HTTP for that, so that it
//! starts and ends within a millisecond or two.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// How long the whole may take.
const TIME_MAX: Duration = Duration::from_secs(2);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 16 << 10;
/// Where a server says whether requests should be sent to it.
const READY: &str = "/health/ready";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server, or what to ask it: http://HOST:PORT[/PATH], without a path /health/ready [default: where `pintle serve`
    /// listens with the same PINTLE_LISTEN, 127.0.0.1:8080]
    #[arg(value_parser = target)]
    url: Option<Target>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    /// `HOST:PORT`
    authority: String,
    path: String,
}

/// Ends well when the server answers that it is ready.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let target = match &args.url {
        Some(target) => target.clone(),
        None => Target { authority: listening(std::env::var("PINTLE_LISTEN").ok()), path: READY.to_owned() },
    };
    ready(&target).map_err(Failure::new)
}

/// Whether the server at an address is ready, or why it is not.
pub(crate) fn of(address: SocketAddr) -> Result<(), String> {
    ready(&Target { authority: address.to_string(), path: READY.to_owned() })
}

fn ready(target: &Target) -> Result<(), String> {
    let Target { authority, path } = target;
    match ask(target, Instant::now() + TIME_MAX) {
        Ok((200, _)) => Ok(()),
        Ok((status, message)) => Err(format!("http://{authority}{path} answers {status}{}", said(message))),
        Err(error) => Err(format!("http://{authority}{path} does not answer: {error}")),
    }
}

fn said(message: Option<String>) -> String {
    message.map(|message| format!(": {message}")).unwrap_or_default()
}

fn target(url: &str) -> Result<Target, String> {
    let wrong = || "a URL is http://HOST:PORT[/PATH], like http://127.0.0.1:8080".to_owned();
    let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let odd = |text: &str| text.bytes().any(|byte| !byte.is_ascii_graphic() || b"@?#".contains(&byte));
    if authority.is_empty() || odd(authority) || path.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(wrong());
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    Ok(Target { authority, path: if path.len() <= 1 { READY.to_owned() } else { path.to_owned() } })
}

/// Where a server on this machine is found that listens there.
fn listening(listen: Option<String>) -> String {
    let listen = listen.filter(|listen| !listen.is_empty()).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    match listen.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() && address.is_ipv4() => format!("127.0.0.1:{}", address.port()),
        Ok(address) if address.ip().is_unspecified() => format!("[::1]:{}", address.port()),
        _ => listen,
    }
}

/// The status, and the message of an answer that has one.
fn ask(target: &Target, due: Instant) -> io::Result<(u16, Option<String>)> {
    let mut stream = connect(&target.authority, due)?;
    stream.set_write_timeout(Some(left(due)?))?;
    let Target { authority, path } = target;
    let agent = concat!("pintle-health/", env!("CARGO_PKG_VERSION"));
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    // Not to the end at once: each piece gets what is left of the time.
    while (answer.len() as u64) < ANSWER_BYTES_MAX {
        stream.set_read_timeout(Some(left(due)?))?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(too_slow()),
            // What came before is an answer, if it is one.
            Err(_) if !answer.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> io::Result<(u16, Option<String>)> {
    let rest = answer.strip_prefix("HTTP/1.").and_then(|rest| rest.split_once(' '));
    let status = rest.and_then(|(_, rest)| rest.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what it says is no HTTP"))?;
    let body = answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str::<serde_json::Value>(body).ok());
    Ok((status, body.and_then(|body| Some(body.get("message")?.as_str()?.to_owned()))))
}

fn connect(authority: &str, due: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(due)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn left(due: Instant) -> io::Result<Duration> {
    let left = due.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(too_slow()) } else { Ok(left) }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("nothing came within {} s", TIME_MAX.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_at_its_address() {
        let of = |url| target(url).map(|target| format!("{} {}", target.authority, target.path));
        assert_eq!(of("http://127.0.0.1:8080").unwrap(), "127.0.0.1:8080 /health/ready");
        assert_eq!(of("http://persons/").unwrap(), "persons:80 /health/ready");
        assert_eq!(of("http://[::1]:81/health/live").unwrap(), "[::1]:81 /health/live");
        assert_eq!(of("http://[::1]").unwrap(), "[::1]:80 /health/ready");
        for wrong in
            ["", "http://", "https://a", "127.0.0.1:8080", "http://a b", "http://u@a", "http://a?b", "http://a/\r\n"]
        {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn without_a_url_it_is_where_a_server_with_the_same_variable_listens() {
        let of = |listen: &str| listening(Some(listen.to_owned()));
        assert_eq!(listening(None), "127.0.0.1:8080");
        assert_eq!(of(""), "127.0.0.1:8080");
        assert_eq!(of("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(of("[::]:80"), "[::1]:80");
        assert_eq!(of("10.0.0.1:80"), "10.0.0.1:80");
        assert_eq!(of("localhost:80"), "localhost:80");
    }

    #[test]
    fn an_answer_is_its_status_and_its_message() {
        assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\n{}").unwrap(), (200, None));
        let not_ready = "HTTP/1.1 503 Service Unavailable\r\na: b\r\n\r\n{\"message\":\"the store is not ready\"}";
        assert_eq!(parse(not_ready).unwrap(), (503, Some("the store is not ready".to_owned())));
        for wrong in ["", "SSH-2.0", "HTTP/1.1", "HTTP/1.1 2"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
