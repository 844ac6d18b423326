//! Where the data of a test's app lives.

use pintle_testbed::{Database, Postgres};

/// Whether PostgreSQL's store is there yet.
pub const POSTGRES: bool = true;

/// A store, by its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Sqlite,
    Postgres,
}

impl Place {
    /// The name that reports give it.
    pub fn name(self) -> &'static str {
        match self {
            Place::Sqlite => "sqlite",
            Place::Postgres => "postgres",
        }
    }

    /// A database of the test's own, where the store is one.
    pub(super) fn database(self) -> Option<Database> {
        (self == Place::Postgres).then(|| Postgres::shared().database())
    }
}
