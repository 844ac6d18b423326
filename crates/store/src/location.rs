//! Where an app's data lives: `sqlite:PATH` or `postgres://…`.

use std::path::PathBuf;
use std::str::FromStr;

use pintle_query::Dialect;

use crate::PostgresUrl;

/// Where an app's data lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `sqlite:PATH`
    Sqlite(PathBuf),
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`, or a JSON object with the same
    Postgres(PostgresUrl),
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
        if text.trim_start().starts_with('{') || text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return text.parse().map(Location::Postgres);
        }
        match text.strip_prefix("sqlite:") {
            Some("") => Err("a store is `sqlite:PATH`: the path is missing".to_owned()),
            Some(path) => Ok(Location::Sqlite(PathBuf::from(path))),
            None => {
                // All but a URL's scheme may be a password.
                let scheme = text.split_once("://").map(|(scheme, _)| scheme).filter(|scheme| plain(scheme));
                let scheme = scheme.map_or(String::new(), |scheme| format!(", not `{scheme}://…`"));
                Err(format!(
                    "a store is `sqlite:PATH`, `postgres://USER:PASSWORD@HOST/DATABASE` or a JSON object{scheme}"
                ))
            }
        }
    }
}

/// Whether a text can be a URL's scheme.
fn plain(text: &str) -> bool {
    (1..12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase())
}
