//! What a gateway passes on of who asks: `Forwarded` (RFC 7239), believed only with the gateway's signature.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use pintle_auth::{GatewayKey, Passed};

/// Who asks, how, and for which host, as a proxy tells it.
pub(crate) const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
/// The gateway's signature.
pub(crate) const PINTLE_GATEWAY: HeaderName = HeaderName::from_static("pintle-gateway");

/// Which services answer, as `/health/ready` tells it: a gateway that was given the wrong address finds out.
pub(crate) const PINTLE_SERVICE: HeaderName = HeaderName::from_static("pintle-service");

/// Seconds between two lines of the log that say the same of signatures: anybody can send one.
const DOUBT_SECONDS: u64 = 60;

/// How the headers begin by which other proxies tell for whom they ask.
const CLAIMS: &str = "x-forwarded-";
const REAL_IP: &str = "x-real-ip";
/// Who asked the proxy that asked the gateway: whatever it says of that, nobody vouches for it.
const UNKNOWN: &str = "for=unknown, ";

/// Whether a header tells for whom a proxy asks.
pub(crate) fn is_claim(name: &HeaderName) -> bool {
    *name == FORWARDED || name == REAL_IP || name.as_str().starts_with(CLAIMS)
}

/// Drops what a caller says of whom it asks for; whether it said something.
pub(crate) fn drop_claims(headers: &mut HeaderMap) -> bool {
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in &claims {
        headers.remove(name);
    }
    !claims.is_empty()
}

/// The value of `Forwarded` for a request from this address; `by_proxy` when the caller said that it asks for another.
pub(crate) fn forwarded(remote: IpAddr, host: Option<&str>, by_proxy: bool) -> String {
    let unknown = if by_proxy { UNKNOWN } else { "" };
    let from = match remote {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("\"[{v6}]\""),
    };
    let plain = |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_~:[]%".contains(&byte));
    let host = host.filter(plain).map(|host| format!(";host=\"{host}\"")).unwrap_or_default();
    format!("{unknown}for={from};proto=http{host}")
}

/// The address of who asks, if a gateway signed it for this request. It is taken out of the headers then, so that it is as if the
/// caller had asked here; only that another proxy came before the gateway stays to be seen.
pub(crate) fn sender(key: &GatewayKey, head: &mut Parts, id: &HeaderValue) -> Option<IpAddr> {
    let signature = head.headers.get(PINTLE_GATEWAY)?.to_str().ok()?;
    let forwarded = head.headers.get(FORWARDED)?;
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let told = Passed { method: head.method.as_str(), target, id: id.as_bytes(), forwarded: forwarded.as_bytes() };
    if !key.verify(signature, told, now()) {
        return None;
    }
    let text = forwarded.to_str().ok()?;
    let own = text.strip_prefix(UNKNOWN);
    let (address, by_proxy) = (address(own.unwrap_or(text))?, own.is_some());
    head.headers.remove(PINTLE_GATEWAY);
    if !by_proxy {
        head.headers.remove(FORWARDED);
    }
    Some(address)
}

/// Tells of signatures that are not believed, now and then.
#[derive(Debug, Default)]
pub(crate) struct Doubts(AtomicU64);

impl Doubts {
    /// A signature came from this address, and was not believed.
    pub(crate) fn tell(&self, remote: IpAddr) {
        let (last, now) = (self.0.load(Ordering::Relaxed), now());
        let due = now.saturating_sub(last) >= DOUBT_SECONDS;
        if due && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::warn!(
                %remote,
                "a gateway's signature is not believed: it was made with another PINTLE_GATEWAY_SECRET, at another time or by \
                 somebody else"
            );
        }
    }
}

/// Seconds since 1970, as signatures tell the time.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The address in a value that [`forwarded`] made.
fn address(element: &str) -> Option<IpAddr> {
    let from = element.strip_prefix("for=")?.split(';').next()?;
    match from.strip_prefix("\"[").and_then(|rest| rest.strip_suffix("]\"")) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => from.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, uri: &str, forwarded: &str, signature: &str) -> Parts {
        let request = hyper::Request::builder().method(method).uri(uri).header("forwarded", forwarded);
        request.header("pintle-gateway", signature).body(()).unwrap().into_parts().0
    }

    fn key() -> GatewayKey {
        GatewayKey::new("a secret of thirty-two characters").unwrap()
    }

    #[test]
    fn the_address_that_was_signed_is_found_again() {
        let id = HeaderValue::from_static("id");
        for (remote, by_proxy) in [("192.0.2.7", false), ("2001:db8::1", false), ("::ffff:127.0.0.1", true)] {
            let remote: IpAddr = remote.parse().unwrap();
            let text = forwarded(remote, Some("[::1]:8080"), by_proxy);
            let told = Passed { method: "GET", target: "/a?b", id: b"id", forwarded: text.as_bytes() };
            let signature = key().sign(told, now());
            let mut passed = head("GET", "/a?b", &text, &signature);
            assert_eq!(sender(&key(), &mut passed, &id), Some(remote), "{text}");
            assert_eq!(passed.headers.contains_key(FORWARDED), by_proxy, "{text}");
            assert!(!passed.headers.contains_key(PINTLE_GATEWAY));

            // For another path, another method, another id, or of another time.
            let old = key().sign(told, now() - 2 * pintle_auth::AGE_SECONDS_MAX);
            for (method, uri, signature) in
                [("GET", "/a?c", &signature), ("POST", "/a?b", &signature), ("GET", "/a?b", &old)]
            {
                let mut forged = head(method, uri, &text, signature);
                assert_eq!(sender(&key(), &mut forged, &id), None, "{method} {uri}");
                assert!(forged.headers.contains_key(FORWARDED), "nothing was believed, so nothing is taken out");
            }
            let mut other = head("GET", "/a?b", &text, &signature);
            assert_eq!(sender(&key(), &mut other, &HeaderValue::from_static("other")), None);
        }
    }

    #[test]
    fn a_host_that_could_be_more_than_one_is_left_out() {
        let told = |host| forwarded([127, 0, 0, 1].into(), host, false);
        assert_eq!(told(Some("a.example:1")), "for=127.0.0.1;proto=http;host=\"a.example:1\"");
        for odd in [Some("a\";for=1.2.3.4"), Some("a, for=1.2.3.4"), None] {
            assert_eq!(told(odd), "for=127.0.0.1;proto=http");
        }
    }
}
