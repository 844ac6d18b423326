//! Where an app's data lives: `sqlite:PATH` or `postgres://…`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use pintle_query::Dialect;

/// Where an app's data lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `sqlite:PATH`
    Sqlite(PathBuf),
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`
    Postgres(PostgresUrl),
}

/// A PostgreSQL server, as libpq's connection URIs name it, with parameters of Pintle's own: `schema` (default `public`) and
/// `connections_max` (default 16).
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    /// As it was given; it may hold a password.
    text: String,
}

impl PostgresUrl {
    /// The URL as it was given, with its password.
    pub(crate) fn secret(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://…")
    }
}

impl Location {
    /// Whose SQL is spoken there.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Location::Sqlite(_) => Dialect::Sqlite,
            Location::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Location, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Location::Postgres(PostgresUrl { text: text.to_owned() }));
        }
        match text.strip_prefix("sqlite:") {
            Some("") => Err("a store is `sqlite:PATH`: the path is missing".to_owned()),
            Some(path) => Ok(Location::Sqlite(PathBuf::from(path))),
            None => {
                // The rest may hold a password.
                let scheme = text.split_once(':').map_or(String::new(), |(scheme, _)| format!(", not `{scheme}:…`"));
                Err(format!("a store is `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`{scheme}"))
            }
        }
    }
}
