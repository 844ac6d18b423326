//! What a server in dev mode refuses: there everybody who reaches it may do everything, so nobody may reach it through a
//! proxy, nor a page of another origin through a browser.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use crate::answer;
use crate::cors::Cors;
use crate::failure::Failure;

/// Headers by which a proxy tells for whom it asks.
const FORWARDED: [&str; 7] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-real-ip",
];

/// Refuses what does not come from this machine itself.
///
/// # Errors
/// 403, saying what it was.
pub(crate) fn guard(head: &Parts, cors: Option<&Cors>) -> Result<(), Failure> {
    let forwarded = FORWARDED.iter().find(|name| head.headers.contains_key(**name)).copied();
    let forwarded = forwarded
        .or_else(|| head.headers.keys().map(|name| name.as_str()).find(|name| name.starts_with("x-forwarded-")));
    if let Some(name) = forwarded {
        return Err(refused(format!("in dev mode a request with the header `{name}` is refused: it came by a proxy")));
    }
    let host = head.uri.authority().map(Authority::as_str).or_else(|| answer::text(head, header::HOST));
    let Some(host) = host.filter(|host| is_loopback(host)) else {
        let named = host.unwrap_or("none");
        return Err(refused(format!("in dev mode the host is localhost, 127.0.0.1 or [::1], not {named}")));
    };
    match head.headers.get(header::ORIGIN) {
        Some(origin) if !is_own(origin, host) && !cors.is_some_and(|cors| cors.names(origin)) => {
            Err(refused(format!("in dev mode a page of {} may not call", origin.to_str().unwrap_or("another origin")))
                .hint("name that origin in the manifest's `cors`"))
        }
        _ => Ok(()),
    }
}

fn refused(message: String) -> Failure {
    Failure::new(StatusCode::FORBIDDEN, message)
        .hint("serve without --dev, and make a token: pintle token create NAME --role ROLE")
}

/// Whether a host, with or without a port, is this machine by a name that no other can take.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost") {
        return true;
    }
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        None => name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
    }
}

fn is_own(origin: &HeaderValue, host: &str) -> bool {
    let origin = origin.as_bytes();
    let bare = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
    bare.is_some_and(|bare| bare.eq_ignore_ascii_case(host.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guarded(headers: &[(&str, &str)]) -> Result<(), String> {
        let mut request = hyper::Request::builder().uri("/configs");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard(&request.body(()).unwrap().into_parts().0, None).map_err(|failure| failure.message)
    }

    #[test]
    fn hosts_of_this_machine_are_taken() {
        for host in ["localhost:8080", "localhost", "127.0.0.1:1", "[::1]:8080", "app.localhost:80", "LOCALHOST"] {
            assert_eq!(guarded(&[("host", host)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_refused_since_a_name_can_be_pointed_here() {
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", "[::2]", ""] {
            assert!(guarded(&[("host", host)]).is_err(), "{host}");
        }
        assert!(guarded(&[]).is_err());
    }

    #[test]
    fn what_a_proxy_forwards_is_refused() {
        for name in ["Forwarded", "X-Forwarded-For", "X-Forwarded-Anything", "X-Real-IP"] {
            let told = guarded(&[("host", "localhost"), (name, "for=1.2.3.4")]).unwrap_err();
            assert!(told.contains(&name.to_lowercase()), "{told}");
        }
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let host = ("host", "localhost:8080");
        assert_eq!(guarded(&[host, ("origin", "http://localhost:8080")]), Ok(()));
        for origin in ["http://localhost:3000", "https://evil.example", "null"] {
            assert!(guarded(&[host, ("origin", origin)]).is_err(), "{origin}");
        }
    }
}
