//! Where a NATS server is: `nats://USER:PASSWORD@HOST:PORT,HOST:PORT?replicas=3`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// NATS servers of one cluster, as NATS' own URLs name them, with parameters of Pintle's own: `prefix` (what streams' names begin with,
/// default `pintle`), `replicas` (of each stream, default 1) and `ca` (a file with the authorities that count for `tls://`).
#[derive(Clone, PartialEq, Eq)]
pub struct NatsUrl {
    /// `nats://HOST:PORT` each.
    pub(super) servers: Vec<String>,
    pub(super) login: Login,
    pub(super) prefix: String,
    pub(super) replicas: u64,
    pub(super) ca: Option<PathBuf>,
}

/// Who connects.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// Nobody in particular.
    Open,
    Token(String),
    User(String, String),
}

/// Replicas that a stream may have.
const REPLICAS_MAX: u64 = 5;

impl NatsUrl {
    /// How many servers of a cluster keep each stream.
    #[must_use]
    pub fn replicas(&self) -> u64 {
        self.replicas
    }
}

/// Without secrets: `nats://HOST:PORT,HOST:PORT`.
impl fmt::Display for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, server) in self.servers.iter().enumerate() {
            let (scheme, host) = server.split_once("://").unwrap_or(("nats", server));
            if at == 0 {
                write!(f, "{scheme}://{host}")?;
            } else {
                write!(f, ",{host}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for NatsUrl {
    type Err = String;

    /// Mistakes are told without repeating what may be a secret.
    fn from_str(text: &str) -> Result<NatsUrl, String> {
        let (address, parameters) = text.split_once('?').unwrap_or((text, ""));
        let (scheme, rest) = match address.split_once("://") {
            Some((scheme @ ("nats" | "tls"), rest)) => (scheme, rest),
            _ => return Err("the queue is `embedded`, nats://HOST:PORT or tls://HOST:PORT".to_owned()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, hosts) = rest.rsplit_once('@').map_or((None, rest), |(login, hosts)| (Some(login), hosts));
        let mut url = NatsUrl {
            servers: hosts.split(',').map(|host| server(scheme, host)).collect::<Result<_, _>>()?,
            login: login.map_or(Ok(Login::Open), Login::read)?,
            prefix: "pintle".to_owned(),
            replicas: 1,
            ca: None,
        };
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            url.take(name, &decoded(value)?)?;
        }
        Ok(url)
    }
}

impl NatsUrl {
    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "prefix" => {
                let good = (1..=63).contains(&value.len())
                    && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
                if !good {
                    return Err("the queue's `prefix` has letters, digits, `-` and `_`, at most 63".to_owned());
                }
                value.clone_into(&mut self.prefix);
            }
            "replicas" => {
                let replicas = value.parse().ok().filter(|replicas| (1..=REPLICAS_MAX).contains(replicas));
                self.replicas = replicas.ok_or_else(|| format!("the queue's `replicas` are 1 to {REPLICAS_MAX}"))?;
            }
            "ca" if !value.is_empty() => self.ca = Some(value.into()),
            _ => {
                return Err(
                    "a parameter of the queue's URL is not known: there are `prefix`, `replicas` and `ca`".to_owned()
                );
            }
        }
        Ok(())
    }
}

impl Login {
    /// `USER:PASSWORD`, or a token.
    fn read(text: &str) -> Result<Login, String> {
        if text.contains('@') || text.contains(',') {
            return Err(
                "who connects stands once in the queue's URL, before the first host; in it write `%40` for `@` and \
                        `%2C` for `,`"
                    .to_owned(),
            );
        }
        Ok(match text.split_once(':') {
            Some((user, password)) => Login::User(decoded(user)?, decoded(password)?),
            None => Login::Token(decoded(text)?),
        })
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| "the queue's URL is not UTF-8".to_owned())
}

/// The port of a host that names none.
const PORT: &str = "4222";

fn server(scheme: &str, host: &str) -> Result<String, String> {
    let (name, port) = match host.rsplit_once(':') {
        // What stands in brackets is an address of IPv6.
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, PORT),
    };
    let good = !name.is_empty()
        && port.parse::<u16>().is_ok()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.[]:".contains(&byte));
    if good {
        Ok(format!("{scheme}://{name}:{port}"))
    } else {
        Err("the queue's URL names no host: nats://HOST:PORT".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_read_and_shown_without_its_secret() {
        for (text, shown, login) in [
            ("nats://a", "nats://a:4222", Login::Open),
            ("nats://a:1,b/", "nats://a:1,b:4222", Login::Open),
            ("tls://t%40k@[::1]:2?replicas=3", "tls://[::1]:2", Login::Token("t@k".into())),
            ("nats://u:p%3A@h", "nats://h:4222", Login::User("u".into(), "p:".into())), // pintle:no-secret
        ] {
            let url: NatsUrl = text.parse().unwrap();
            assert_eq!(format!("{url} {url:?}"), format!("{shown} {shown}"));
            assert!(url.login == login, "{text}");
        }
        let url: NatsUrl = "nats://a?prefix=staging&replicas=3&ca=%2Fca.pem".parse().unwrap();
        assert_eq!((url.prefix.as_str(), url.replicas, url.ca), ("staging", 3, Some("/ca.pem".into())));
    }

    #[test]
    fn a_mistake_in_a_queues_url_is_told_without_its_secret() {
        for (text, told) in [
            ("kafka://a", "the queue is `embedded`, nats://HOST:PORT or tls://HOST:PORT"),
            ("nats://", "the queue's URL names no host: nats://HOST:PORT"),
            ("nats://a:port", "the queue's URL names no host: nats://HOST:PORT"),
            ("nats://s3cret@x@a", "who connects stands once in the queue's URL"),
            ("nats://a?replicas=6", "the queue's `replicas` are 1 to 5"),
            ("nats://a?prefix=a.b", "the queue's `prefix` has letters"),
            ("nats://a?replica=3", "a parameter of the queue's URL is not known"),
        ] {
            let error = text.parse::<NatsUrl>().unwrap_err();
            assert!(error.starts_with(told) && !error.contains("s3cret"), "{text}: {error}");
        }
    }
}
