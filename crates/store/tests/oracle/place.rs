//! Where a store keeps a world, with a hand beside it that takes writes back.

use pintle_store::Location;
use pintle_testbed::Database;
use tokio_postgres::Client;

use crate::rls::connect;
use crate::world::{Key, World};

/// A place for one world after the other.
pub(crate) enum Place {
    Sqlite { folder: tempfile::TempDir, hand: Option<rusqlite::Connection> },
    Postgres { database: Database, hand: Client },
}

impl Place {
    pub(crate) fn sqlite() -> Place {
        Place::Sqlite { folder: tempfile::tempdir().unwrap(), hand: None }
    }

    pub(crate) async fn postgres(database: Database) -> Place {
        let hand = connect(&database.url).await;
        hand.batch_execute("SET client_min_messages = warning; SET session_replication_role = replica").await.unwrap();
        Place::Postgres { database, hand }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Place::Sqlite { .. } => "Pintle on SQLite",
            Place::Postgres { .. } => "Pintle on PostgreSQL",
        }
    }

    pub(crate) fn location(&self) -> Location {
        let text = match self {
            Place::Sqlite { folder, .. } => format!("sqlite:{}", folder.path().join("data.db").display()),
            Place::Postgres { database, .. } => database.url.clone(),
        };
        text.parse().unwrap()
    }

    /// Removes the last world.
    pub(crate) async fn clear(&mut self) {
        match self {
            Place::Sqlite { folder, hand } => {
                *hand = None;
                *folder = tempfile::tempdir().unwrap();
            }
            Place::Postgres { hand, .. } => {
                let sql = "DROP SCHEMA IF EXISTS kept CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public";
                hand.batch_execute(sql).await.unwrap();
            }
        }
    }

    /// Keeps a copy of the tables as they are.
    pub(crate) async fn remember(&mut self, world: &World) {
        match self {
            Place::Sqlite { folder, hand } => {
                let db = rusqlite::Connection::open(folder.path().join("data.db")).unwrap();
                db.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
                let mut sql = "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF;".to_owned();
                for collection in &world.collections {
                    sql += &format!("CREATE TEMP TABLE kept_{0} AS SELECT * FROM main.{0};", collection.name);
                }
                if counts(world) {
                    sql += "CREATE TEMP TABLE kept_sequence AS SELECT * FROM main.sqlite_sequence;";
                }
                db.execute_batch(&sql).unwrap();
                *hand = Some(db);
            }
            Place::Postgres { hand, .. } => {
                let mut sql = "CREATE SCHEMA kept;".to_owned();
                for collection in &world.collections {
                    sql += &format!("CREATE TABLE kept.{0} AS SELECT * FROM public.{0};", collection.name);
                }
                hand.batch_execute(&sql).await.unwrap();
            }
        }
    }

    /// Puts the copy back.
    pub(crate) async fn take_back(&self, world: &World) {
        let each = |into: &str, kept: &str| -> String {
            let one =
                |name: &str| format!("DELETE FROM {into}{name}; INSERT INTO {into}{name} SELECT * FROM {kept}{name};");
            world.collections.iter().map(|collection| one(collection.name)).collect()
        };
        match self {
            Place::Sqlite { hand, .. } => {
                let sequence = match counts(world) {
                    true => {
                        "DELETE FROM main.sqlite_sequence; INSERT INTO main.sqlite_sequence SELECT * FROM kept_sequence;"
                    }
                    false => "",
                };
                let sql = format!("BEGIN IMMEDIATE; {} {sequence} COMMIT", each("main.", "kept_"));
                hand.as_ref().unwrap().execute_batch(&sql).unwrap();
            }
            Place::Postgres { hand, .. } => {
                let sql = format!("BEGIN; {} {} COMMIT", each("public.", "kept."), world.count_on());
                hand.batch_execute(&sql).await.unwrap();
            }
        }
    }
}

/// Whether a key is counted.
fn counts(world: &World) -> bool {
    world.collections.iter().any(|collection| collection.key == Key::Counted)
}
