//! Where a service is found: `http://HOST:PORT`, whose host may have several addresses.

use std::net::{IpAddr, SocketAddr};

/// One of a service's addresses, as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// A name, or an address without brackets.
    host: String,
    port: u16,
}

impl Upstream {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it is none that the gateway can ask, with what would be one.
    pub fn parse(url: &str) -> Result<Upstream, String> {
        let wrong = |why: &str| Err(format!("`{url}` {why}: an upstream is http://HOST:PORT"));
        let Some(rest) = url.strip_prefix("http://") else {
            return wrong(if url.starts_with("https://") {
                "asks for TLS, which is not built yet"
            } else {
                "is no URL"
            });
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
            _ => (authority, Some(80)),
        };
        let Some(port) = port else { return wrong("has no port that could be one") };
        let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let named = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        match v6 {
            Some(v6) if v6.parse::<IpAddr>().is_ok() => Ok(Upstream { host: v6.to_owned(), port }),
            None if !host.is_empty() && named(host) => Ok(Upstream { host: host.to_owned(), port }),
            _ => wrong("is no origin"),
        }
    }

    /// Its address, where it needs no looking up.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.host.parse().ok()?, self.port))
    }

    /// All its addresses.
    pub(super) async fn look_up(&self) -> std::io::Result<Vec<SocketAddr>> {
        if let Some(address) = self.address() {
            return Ok(vec![address]);
        }
        Ok(tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect())
    }
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.address() {
            Some(address) => write!(f, "http://{address}"),
            None => write!(f, "http://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_an_origin_of_http() {
        for (url, shown) in [
            ("http://127.0.0.1:30001", "http://127.0.0.1:30001"),
            ("http://persons/", "http://persons:80"),
            ("http://persons.default.svc:8080", "http://persons.default.svc:8080"),
            ("http://[::1]:81", "http://[::1]:81"),
            ("http://[::1]", "http://[::1]:80"),
        ] {
            assert_eq!(Upstream::parse(url).unwrap().to_string(), shown);
        }
        for wrong in
            ["", "persons:80", "http://", "http://a:b", "http://a:70000", "http://a/b", "http://u@a", "http://a?b"]
        {
            assert!(Upstream::parse(wrong).is_err(), "{wrong}");
        }
        let told = Upstream::parse("https://a").unwrap_err();
        assert_eq!(told, "`https://a` asks for TLS, which is not built yet: an upstream is http://HOST:PORT");
    }
}
