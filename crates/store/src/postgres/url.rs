//! Where a PostgreSQL database is: libpq's connection URI, and what of it the driver does not know. A credential in JSON
//! (`super::credential`) becomes such a URI first.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::credential;

/// How long a host may take to be reached, unless the URL says.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// When a silent connection is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Connections of one process, unless the URL says: a few times the cores of most servers, and little beside the hundred
/// that PostgreSQL allows by itself.
const CONNECTIONS: usize = 16;
/// The most that may be asked for; PostgreSQL has a process for each.
const CONNECTIONS_MAX: usize = 1000;

/// A PostgreSQL server, as libpq's connection URIs name it, with parameters of Pintle's own: `schema` (default `public`) and
/// `connections_max` (default 16); or as a secret manager's JSON object says it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    /// What the driver knows; its own `Debug` shows no password.
    config: Box<Config>,
    schema: String,
    connections_max: usize,
    trust: Trust,
}

/// What a server's certificate must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// Anything: the connection is encrypted, but who is at its other end is not looked at.
    Anyone,
    /// Signed by one of these authorities.
    Signed(Roots),
    /// Signed by one of these authorities, for the host's name.
    Named(Roots),
}

/// Whose signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those that the system trusts.
    System,
    /// Those in a file.
    File(PathBuf),
}

impl PostgresUrl {
    /// What the driver connects to.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The schema that the app's tables are in.
    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    /// How many connections requests may have at a time.
    pub(super) fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// What the server's certificate must be.
    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }
}

/// Without secrets: `postgres://USER@HOST:PORT/DATABASE`.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        let ports = self.config.get_ports();
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(path) => write!(f, "{comma}{}:{port}", path.display())?,
            }
        }
        write!(f, "/{}", self.config.get_dbname().or(self.config.get_user()).unwrap_or_default())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for PostgresUrl {
    type Err = String;

    /// Reads a URI, or a credential in JSON. Mistakes are told without repeating what may be a secret.
    fn from_str(text: &str) -> Result<PostgresUrl, String> {
        if text.trim_start().starts_with('{') {
            return credential::url(text)?.parse();
        }
        let (server, parameters) = text.split_once('?').unwrap_or((text, ""));
        if server.matches('@').count() > 1 || parameters.contains('@') {
            return Err(
                "the store's URL has one `@`, before the host: in names, passwords and parameters write `%40` for \
                        `@` and `%3F` for `?`"
                    .to_owned(),
            );
        }
        let mut own = Own::default();
        let mut others = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if !own.take(name, value)? {
                others.push(parameter);
            }
        }
        let plain = if others.is_empty() { server.to_owned() } else { format!("{server}?{}", others.join("&")) };
        let mut config: Config = plain.parse().map_err(|error: tokio_postgres::Error| {
            // An unknown option's name may be the end of a password that is not encoded.
            let reason = std::error::Error::source(&error).map(ToString::to_string);
            let reason = reason.filter(|_| !parameters.contains("password"));
            format!("the store's URL is wrong: {}", reason.unwrap_or_else(|| "a parameter is not known".to_owned()))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("the store's URL names no host: `postgres://USER:PASSWORD@HOST/DATABASE`".to_owned());
        }
        let trust = own.trust(&mut config)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if !parameters.contains("keepalives_idle") {
            config.keepalives_idle(KEEPALIVE);
        }
        if config.get_application_name().is_none() {
            config.application_name("pintle");
        }
        let schema = own.schema.unwrap_or_else(|| "public".to_owned());
        Ok(PostgresUrl {
            config: Box::new(config),
            schema,
            connections_max: own.connections_max.unwrap_or(CONNECTIONS),
            trust,
        })
    }
}

/// The parameters that the driver does not read.
#[derive(Default)]
struct Own {
    schema: Option<String>,
    connections_max: Option<usize>,
    sslmode: Option<String>,
    sslrootcert: Option<String>,
}

impl Own {
    /// Takes a parameter; false if it is the driver's.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let value = || {
            let decoded = percent_decode_str(value).decode_utf8();
            decoded.map(String::from).map_err(|_| format!("`{name}` in the store's URL is no UTF-8"))
        };
        match name {
            "schema" => self.schema = Some(schema(value()?)?),
            "connections_max" => {
                let count = value()?.parse().ok().filter(|count| (1..=CONNECTIONS_MAX).contains(count));
                self.connections_max = Some(count.ok_or_else(|| {
                    format!("`connections_max` in the store's URL is a number from 1 to {CONNECTIONS_MAX}")
                })?);
            }
            "sslmode" => self.sslmode = Some(value()?),
            "sslrootcert" => self.sslrootcert = Some(value()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What libpq means by `sslmode` and `sslrootcert`.
    fn trust(&mut self, config: &mut Config) -> Result<Trust, String> {
        let roots = match self.sslrootcert.take() {
            Some(path) if path == "system" => Some(Roots::System),
            Some(path) => Some(Roots::File(PathBuf::from(path))),
            None => None,
        };
        let mode = self.sslmode.as_deref().unwrap_or("prefer");
        config.ssl_mode(match mode {
            "disable" => SslMode::Disable,
            "prefer" => SslMode::Prefer,
            _ => SslMode::Require,
        });
        match (mode, roots) {
            ("disable" | "prefer", Some(_)) => Err(format!(
                "`sslrootcert` in the store's URL is of no use with `sslmode={mode}`: write `sslmode=verify-full`"
            )),
            ("disable" | "prefer" | "require", None) => Ok(Trust::Anyone),
            // As libpq does: whoever names an authority wants it to be asked.
            ("require", Some(Roots::System)) => Ok(Trust::Named(Roots::System)),
            ("require" | "verify-ca", Some(roots)) => Ok(Trust::Signed(roots)),
            ("verify-ca", None) => Ok(Trust::Signed(Roots::System)),
            ("verify-full", roots) => Ok(Trust::Named(roots.unwrap_or(Roots::System))),
            _ => {
                Err("`sslmode` in the store's URL is one of disable, prefer, require, verify-ca, verify-full"
                    .to_owned())
            }
        }
    }
}

/// A name that can be a schema's.
fn schema(name: String) -> Result<String, String> {
    let plain = name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !plain {
        return Err(
            "`schema` in the store's URL is a name of letters, digits and `_`, at most 63, and begins with no digit"
                .to_owned(),
        );
    }
    if name.to_ascii_lowercase().starts_with("pg_") {
        return Err("`schema` in the store's URL begins with `pg_`: PostgreSQL keeps such names for itself".to_owned());
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PostgresUrl, String> {
        text.parse()
    }

    #[test]
    fn a_url_of_libpq_is_read_with_parameters_of_our_own() {
        let url =
            read("postgresql://u:s%40cret@h1:5433,h2/db?schema=app&connections_max=3&target_session_attrs=read-write"); // pintle:no-secret
        let url = url.unwrap();
        assert_eq!((url.schema(), url.connections_max()), ("app", 3));
        assert_eq!(url.to_string(), "postgres://u@h1:5433,h2:5432/db");
        assert_eq!(url.config().get_password(), Some(b"s@cret".as_slice()));
        let plain = read("postgres://u@h/db").unwrap();
        assert_eq!((plain.schema(), plain.connections_max(), plain.trust()), ("public", 16, &Trust::Anyone));
    }

    #[test]
    fn no_password_is_ever_shown() {
        let shown = format!("{:?}", read("postgres://u:hidden@h/db?password=hidden").unwrap());
        assert!(!shown.contains("hidden"), "{shown}");
        for text in [
            "postgres://u:hid@den@h/db", // pintle:no-secret
            "postgres://h/db?user=u&password=x&hidden=1",
            "postgres://u:hidden@h:port/db",
            "postgres://h/db?password=hid@den",
        ] {
            let told = read(text).unwrap_err();
            assert!(!told.contains("hid") && !told.contains("den"), "{text}: {told}");
        }
    }

    #[test]
    fn encryption_is_asked_for_in_the_words_of_libpq() {
        let of = |query: &str| read(&format!("postgres://u@h/db?{query}"));
        let file = || Roots::File(PathBuf::from("/a/b.crt"));
        let mode = |query: &str| of(query).unwrap().config().get_ssl_mode();
        let trust = |query: &str| of(query).unwrap().trust().clone();
        assert_eq!([mode("sslmode=disable"), mode("")], [SslMode::Disable, SslMode::Prefer]);
        assert_eq!((mode("sslmode=require"), trust("sslmode=require")), (SslMode::Require, Trust::Anyone));
        assert_eq!(mode("sslmode=verify-full"), SslMode::Require);
        assert_eq!(trust("sslmode=verify-full"), Trust::Named(Roots::System));
        assert_eq!(trust("sslmode=verify-full&sslrootcert=%2Fa%2Fb.crt"), Trust::Named(file()));
        assert_eq!(trust("sslmode=verify-ca&sslrootcert=/a/b.crt"), Trust::Signed(file()));
        assert_eq!(trust("sslmode=require&sslrootcert=/a/b.crt"), Trust::Signed(file()));
        assert!(of("sslrootcert=/a/b.crt").unwrap_err().contains("sslmode=verify-full"));
        assert!(of("sslmode=allow").unwrap_err().contains("verify-ca"));
    }

    #[test]
    fn mistakes_are_told() {
        for (text, told) in [
            ("postgres:///db", "no host"),
            ("postgres://u@h/db?schema=pg_temp", "pg_"),
            ("postgres://u@h/db?schema=a-b", "letters"),
            ("postgres://u@h/db?schema=", "letters"),
            ("postgres://u@h/db?connections_max=0", "1 to 1000"),
            ("postgres://u@h/db?sslmod=require", "unknown option `sslmod`"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(told), "{text}: {said}");
        }
    }
}
