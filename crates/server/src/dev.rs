//! `--dev`: anonymous callers act as `service_role`, so only this machine may ask, and no web page of another's.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};

use crate::answer::Failure;

/// Headers that say that somebody else's request is passed on.
const FORWARDED: [HeaderName; 4] = [
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];

/// Refuses what may come from elsewhere.
///
/// # Errors
/// 403, saying which header gave it away.
pub(crate) fn guard(headers: &HeaderMap) -> Result<(), Failure> {
    if let Some(name) = FORWARDED.iter().find(|name| headers.contains_key(*name)) {
        return Err(refused(format!("`{name}` says that this request was passed on")));
    }
    if let Some(host) = headers.get(header::HOST)
        && !is_loopback(host.to_str().unwrap_or_default())
    {
        return Err(refused(format!("`Host: {}` is not this machine", host.to_str().unwrap_or_default())));
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let text = origin.to_str().unwrap_or_default();
        if !text.split_once("://").is_some_and(|(_, host)| is_loopback(host)) {
            return Err(refused(format!("`Origin: {text}` is not this machine")));
        }
    }
    Ok(())
}

fn refused(why: String) -> Failure {
    Failure::new(StatusCode::FORBIDDEN, why).hint("`--dev` lets anybody do anything, so it answers this machine alone")
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_this_machine_may_ask() {
        for (name, value, allowed) in [
            ("host", "127.0.0.1:8080", true),
            ("host", "localhost", true),
            ("host", "[::1]:8080", true),
            ("host", "evil.example", false),
            ("host", "127.0.0.1.evil.example", false),
            ("origin", "http://localhost:3000", true),
            ("origin", "null", false),
            ("origin", "https://evil.example", false),
            ("x-forwarded-for", "127.0.0.1", false),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!(guard(&headers).is_ok(), allowed, "{name}: {value}");
        }
    }
}
