//! Where a service is found: `http://HOST:PORT` or `https://HOST:PORT`, whose host may have several addresses.

use std::net::{IpAddr, SocketAddr};

/// One of a service's addresses, as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Whether it is asked over TLS.
    encrypted: bool,
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
        let wrong = |why: &str| Err(format!("`{url}` {why}: an upstream is http://HOST:PORT or https://HOST:PORT"));
        let (encrypted, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return wrong("is no URL"),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
            _ => (authority, Some(if encrypted { 443 } else { 80 })),
        };
        let Some(port) = port else { return wrong("has no port that could be one") };
        let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let named = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        match v6 {
            Some(v6) if v6.parse::<IpAddr>().is_ok() => Ok(Upstream { encrypted, host: v6.to_owned(), port }),
            None if !host.is_empty() && named(host) => Ok(Upstream { encrypted, host: host.to_owned(), port }),
            _ => wrong("is no origin"),
        }
    }

    /// Whether it is asked over TLS.
    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Its place, where it needs no looking up.
    pub(super) fn place(&self) -> Option<Place> {
        Some(self.at(SocketAddr::new(self.host.parse().ok()?, self.port)))
    }

    fn at(&self, address: SocketAddr) -> Place {
        Place { address, certified: self.encrypted.then(|| self.host.clone()) }
    }

    /// All its places.
    pub(super) async fn look_up(&self) -> std::io::Result<Vec<Place>> {
        if let Some(place) = self.place() {
            return Ok(vec![place]);
        }
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        Ok(found.map(|address| self.at(address)).collect())
    }
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.encrypted { "https" } else { "http" };
        match self.place() {
            Some(Place { address, .. }) => write!(f, "{scheme}://{address}"),
            None => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// An address of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
    /// Over TLS, the name that its certificate must be for.
    pub(super) certified: Option<String>,
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
            ("https://persons", "https://persons:443"),
            ("https://127.0.0.1:8443/", "https://127.0.0.1:8443"),
        ] {
            assert_eq!(Upstream::parse(url).unwrap().to_string(), shown);
        }
        for wrong in
            ["", "persons:80", "http://", "http://a:b", "http://a:70000", "http://a/b", "http://u@a", "http://a?b"]
        {
            assert!(Upstream::parse(wrong).is_err(), "{wrong}");
        }
        let told = Upstream::parse("ftp://a").unwrap_err();
        assert_eq!(told, "`ftp://a` is no URL: an upstream is http://HOST:PORT or https://HOST:PORT");
    }
}
