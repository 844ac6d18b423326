//! Runs plans on a database, durably.
//!
//! 1. [`Store::open`] opens the database, and [`Store::migrate`] brings its tables to the model's state.
//! 2. [`Store::read`] runs a read on a snapshot of its own; the rows come back as JSON bytes, written straight from the
//!    driver's values.
//! 3. [`Store::write`] hands a write to the writer, which takes all that wait, runs each on its own, commits once and
//!    then answers them all.
//! 4. [`Store::transaction`] runs several steps as one.
//! 5. [`backup()`] copies it while it is served, [`restore`] puts a copy back.
//!
//! This crate knows nothing of HTTP, tokens or the request's grammar.

pub mod backup;
pub mod error;
pub mod migrate;
pub mod sqlite;

pub use backup::{backup, restore};
pub use error::Error;
pub use migrate::{Consent, MigrationPlan};

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use pintle_model::Model;
use pintle_query::{Dialect, Read, Write};

/// Where an app's data lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `sqlite:PATH`
    Sqlite(PathBuf),
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Location, String> {
        match text.strip_prefix("sqlite:") {
            Some("") => Err("a store is `sqlite:PATH`: the path is missing".to_owned()),
            Some(path) => Ok(Location::Sqlite(PathBuf::from(path))),
            None => Err(format!("a store is `sqlite:PATH`, not `{text}`")),
        }
    }
}

/// Who opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A server: the only one of its kind on a SQLite file.
    Serve,
    /// A command (tokens, migrate), beside a server if there is one.
    Beside,
}

/// Rows as JSON, with their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// A JSON array of objects. With one row the object stands at `1..len - 1`.
    pub json: Bytes,
    /// Where each row ends in `json`, so that a row more than the page can be cut off: only the last row's start.
    pub last_row: usize,
    /// How many rows there are in `json`.
    pub len: u64,
    /// How many there are without limit and offset, if the plan counts.
    pub total: Option<u64>,
}

/// What a write did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The representation, if the plan has columns.
    pub rows: Rows,
    /// How many rows were written.
    pub affected: u64,
    /// How many of them are new (insert and upsert).
    pub inserted: u64,
}

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads on one snapshot.
    Read,
    /// Reads and writes; alone, after all before it.
    Write,
}

/// The steps of a transaction. They run where the store wants them to, so they do not await.
pub trait Tx {
    /// Runs a read on the transaction's snapshot.
    ///
    /// # Errors
    /// As [`Store::read`].
    fn read(&mut self, read: &Read) -> Result<Rows, Error>;

    /// Runs a write; on an error nothing of this step remains.
    ///
    /// # Errors
    /// As [`Store::write`].
    fn write(&mut self, write: &Write) -> Result<Written, Error>;
}

/// An open database. Cheap to clone; the last one closes it.
#[derive(Debug, Clone)]
pub enum Store {
    /// Embedded.
    Sqlite(sqlite::Sqlite),
}

impl Store {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// When it cannot be opened or made, is no database, or is served by another process.
    pub fn open(location: &Location, model: &Arc<Model>, access: Access) -> Result<Store, Error> {
        match location {
            Location::Sqlite(path) => sqlite::Sqlite::open(path, model, access).map(Store::Sqlite),
        }
    }

    /// Whose SQL it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Store::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// What a migration to the model would do; nothing is changed. Blocks while it looks at the rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn plan(&self) -> Result<MigrationPlan, Error> {
        match self {
            Store::Sqlite(store) => store.plan(),
        }
    }

    /// Brings the tables to the model's state, all of it or nothing, and returns what was done. Blocks until it is.
    /// What goes further than `consent` is refused.
    ///
    /// # Errors
    /// When it is refused ([`Error::Migration`] says why, and what would be right), or the database does not answer.
    pub fn migrate(&self, consent: Consent) -> Result<MigrationPlan, Error> {
        match self {
            Store::Sqlite(store) => store.migrate(consent),
        }
    }

    /// Runs a read.
    ///
    /// # Errors
    /// When the store does not answer or refuses.
    pub async fn read(&self, read: Read) -> Result<Rows, Error> {
        match self {
            Store::Sqlite(store) => store.read(read).await,
        }
    }

    /// Runs a write and answers when it is durable.
    ///
    /// # Errors
    /// When a constraint or a policy forbids it, or the store cannot keep it; nothing of it remains.
    pub async fn write(&self, write: Write) -> Result<Written, Error> {
        match self {
            Store::Sqlite(store) => store.write(write).await,
        }
    }

    /// Runs steps as one: an error of `steps` leaves nothing behind.
    ///
    /// # Errors
    /// The steps', or the store's.
    pub async fn transaction<T, E>(
        &self,
        mode: Mode,
        steps: impl FnOnce(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match self {
            Store::Sqlite(store) => store.transaction(mode, steps).await,
        }
    }

    /// Whether the database answers and its tables are the model's.
    ///
    /// # Errors
    /// Why not.
    pub async fn ready(&self) -> Result<(), Error> {
        match self {
            Store::Sqlite(store) => store.ready().await,
        }
    }

    /// A number that changes, within a second, when another process has written: what is remembered from reads (tokens)
    /// must then be read again. Costs nothing to ask.
    #[must_use]
    pub fn version(&self) -> u64 {
        match self {
            Store::Sqlite(store) => store.version(),
        }
    }
}
