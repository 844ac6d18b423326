//! A plain HTTP client on one connection. A test that pulls the plug wants to know what was answered before that, and
//! no client that tries again by itself.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::common::{PATIENCE, Server};

/// A connection of one caller.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    /// The header of who asks, with its line's end.
    who: String,
    /// The last answer's headers, one a line, in small letters.
    headers: String,
}

/// Status and body.
pub(crate) type Answer = (u16, String);

impl Client {
    pub(crate) fn of(server: &Server, token: &str) -> Client {
        Client { who: format!("Authorization: Bearer {token}\r\n"), ..Client::anonymous(server) }
    }

    pub(crate) fn anonymous(server: &Server) -> Client {
        Client::at(server.origin.strip_prefix("http://").expect("an origin")).expect("the server listens")
    }

    /// Of whoever listens at `HOST:PORT`.
    pub(crate) fn at(address: &str) -> Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Client { stream: BufReader::new(stream), who: String::new(), headers: String::new() })
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Result<Answer> {
        self.ask("POST", path, "", &body.to_string())
    }

    /// With an `Idempotency-Key`.
    pub(crate) fn post_once(&mut self, path: &str, key: &str, body: &Value) -> Result<Answer> {
        self.ask("POST", path, &format!("Idempotency-Key: {key}\r\n"), &body.to_string())
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        self.ask("GET", path, "", "")
    }

    /// A list that must be answered.
    pub(crate) fn list(&mut self, path: &str) -> Vec<Value> {
        let (status, text) = self.get(path).expect("a list");
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).expect("a list of records")
    }

    /// Whether the last answer says when to ask again.
    pub(crate) fn tells_when_to_ask_again(&self) -> bool {
        self.headers.lines().any(|line| line.starts_with("retry-after: "))
    }

    /// An error means that there was no answer: the connection ended before it, or amid it.
    fn ask(&mut self, method: &str, path: &str, header: &str, body: &str) -> Result<Answer> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{}{header}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.who,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| broken(&line))?;
        let mut length = 0;
        self.headers.clear();
        while !line.is_empty() {
            line = self.line()?;
            let header = line.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| broken(&line))?;
            }
            self.headers.push_str(&header);
            self.headers.push('\n');
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body).map_err(|_| broken("a body that is no text"))?))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        // A line that the connection's end cut off is none.
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(Error::from(ErrorKind::UnexpectedEof)),
        }
    }
}

fn broken(line: &str) -> Error {
    Error::other(format!("no answer of HTTP: {line:?}"))
}
