//! Where the data of a test's app lives, and how it is served.

use pintle_testbed::{Database, Postgres};

use super::Way;

/// A store, by its engine, and the way to serve an app on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Sqlite,
    Postgres,
    /// A database of PostgreSQL's whose own order of texts is English, not by code point.
    EnglishPostgres,
    /// PostgreSQL where PostGIS cannot be made.
    PostgresWithoutPostgis,
    /// SQLite, and a process for each service of the app.
    SqliteServices,
    /// PostgreSQL, likewise.
    PostgresServices,
}

impl Place {
    /// The name that reports give it.
    pub fn name(self) -> &'static str {
        match self {
            Place::Sqlite => "sqlite",
            Place::Postgres | Place::EnglishPostgres => "postgres",
            Place::PostgresWithoutPostgis => "postgres without postgis",
            Place::SqliteServices => "services on sqlite",
            Place::PostgresServices => "services on postgres",
        }
    }

    pub(super) fn way(self) -> Way {
        match self {
            Place::SqliteServices | Place::PostgresServices => Way::Services,
            _ => Way::Whole,
        }
    }

    /// A database of the test's own, where the store is one.
    pub(super) fn database(self) -> Option<Database> {
        match self {
            Place::Sqlite | Place::SqliteServices => None,
            Place::Postgres | Place::PostgresServices => Some(Postgres::shared().database()),
            Place::EnglishPostgres => Some(Postgres::shared().english_database()),
            Place::PostgresWithoutPostgis => Some(Postgres::shared().database_without_postgis()),
        }
    }
}
