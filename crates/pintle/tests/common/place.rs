//! Where the data of a test's app lives.

use pintle_testbed::{Database, Postgres};

/// A store, by its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Sqlite,
    Postgres,
    /// A database of PostgreSQL's whose own order of texts is English, not by code point.
    EnglishPostgres,
}

impl Place {
    /// The name that reports give it.
    pub fn name(self) -> &'static str {
        match self {
            Place::Sqlite => "sqlite",
            Place::Postgres | Place::EnglishPostgres => "postgres",
        }
    }

    /// A database of the test's own, where the store is one.
    pub(super) fn database(self) -> Option<Database> {
        match self {
            Place::Sqlite => None,
            Place::Postgres => Some(Postgres::shared().database()),
            Place::EnglishPostgres => Some(Postgres::shared().english_database()),
        }
    }
}
