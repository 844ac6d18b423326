//! Runs plans on a database, durably.
//!
//! 1. [`Store::open`] opens the database, and [`Store::migrate`] brings its tables to the model's state.
//! 2. [`Store::read`] runs a read on a snapshot of its own; the rows come back as JSON bytes, written straight from the
//!    driver's values.
//! 3. [`Store::write`] hands a write to the writer, which takes all that wait, runs each on its own, commits once and
//!    then answers them all.
//! 4. [`Store::transaction`] runs several steps as one.
//! 5. [`backup()`] copies it while it is served, [`restore`] puts a copy back, [`copy`] moves it to another store.
//!
//! This crate knows nothing of HTTP, tokens or the request's grammar.

pub mod backup;
mod changes;
pub mod copy;
pub mod error;
mod fault;
mod json;
mod lines;
mod location;
pub mod migrate;
mod names;
pub mod postgres;
mod sort;
pub mod sqlite;

pub use backup::{backup, restore};
pub use error::Error;
pub use location::Location;
pub use migrate::{Consent, MigrationPlan};
pub use postgres::PostgresUrl;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pintle_model::{CollectionId, Model, Value};
use pintle_query::{Read, Write};
use tokio::sync::mpsc;

/// Who opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// A server: the only one on a SQLite file.
    Serve,
    /// A server of this service of the app, beside those of others: on a SQLite file the only one of its name.
    Service(String),
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

/// What came of rows that were stored each on its own.
#[derive(Debug, Default)]
pub struct Ingested {
    /// How many are new.
    pub stored: u64,
    /// Those that could not be stored, in their order.
    pub refused: Vec<Refused>,
}

/// A row that could not be stored.
#[derive(Debug)]
pub struct Refused {
    /// Its place among the rows.
    pub at: usize,
    /// Its values.
    pub row: Vec<Value>,
    /// Why.
    pub error: Error,
}

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads on one snapshot.
    Read,
    /// Reads and writes; alone, after all before it.
    Write,
    /// Reads and writes, for one holder of this number at a time, in all processes: whoever comes meanwhile gets
    /// [`Error::Claimed`], and whoever comes later sees what was kept. Between holders of other numbers no more is
    /// promised than that each step is whole.
    Claim(i64),
}

/// The steps of a transaction. They run where the store wants them to, so they do not await.
pub trait Tx {
    /// Runs a read on the transaction's snapshot, or a statement of the app's own that writes; on an error nothing of this step
    /// remains.
    ///
    /// # Errors
    /// As [`Store::read`].
    fn read(&mut self, read: &Read) -> Result<Rows, Error>;

    /// Runs a write; on an error nothing of this step remains.
    ///
    /// # Errors
    /// As [`Store::write`].
    fn write(&mut self, write: &Write) -> Result<Written, Error>;

    /// From now on, the steps of this run have so long: what takes longer is [`Error::Timeout`]. Never longer than the app's
    /// limit for a request.
    fn limit(&mut self, time: Duration);
}

/// Reads on one snapshot from where requests are handled, and so quick ones only.
pub enum Snapshot {
    /// Embedded.
    Sqlite(sqlite::Snapshot),
    /// On a server.
    Postgres(postgres::Snapshot),
}

impl Snapshot {
    /// Runs a read. `None`: this one cannot run here (it takes longer, or is a second one that nobody spoke of), so all of them are to be
    /// run again, by [`Store::transaction`].
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read(&mut self, read: &Read) -> Result<Option<Rows>, Error> {
        if read.plan.writes.is_some() {
            return Err(Error::ReadOnly);
        }
        match self {
            Snapshot::Sqlite(snapshot) => snapshot.read(read),
            Snapshot::Postgres(snapshot) => snapshot.read(read).await,
        }
    }
}

/// An open database. Cheap to clone; the last one closes it.
#[derive(Debug, Clone)]
pub enum Store {
    /// Embedded.
    Sqlite(sqlite::Sqlite),
    /// On a server.
    Postgres(postgres::Postgres),
}

impl Store {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// When it cannot be opened or made, is no database, or is served by another process.
    pub fn open(location: &Location, model: &Arc<Model>, access: Access) -> Result<Store, Error> {
        match location {
            Location::Sqlite(path) => sqlite::Sqlite::open(path, model, access).map(Store::Sqlite),
            Location::Postgres(url) => postgres::Postgres::open(url, model, access).map(Store::Postgres),
        }
    }

    /// The same open database for another model: what is open is shared, and this handle goes on working for requests that
    /// began with it. The new one's tables are made by [`Store::migrate`], as ever.
    ///
    /// # Errors
    /// When connections for the new model's limits cannot be prepared.
    pub fn with_model(&self, model: &Arc<Model>) -> Result<Store, Error> {
        match self {
            Store::Sqlite(store) => Ok(Store::Sqlite(store.with_model(model))),
            Store::Postgres(store) => store.with_model(model).map(Store::Postgres),
        }
    }

    /// What a migration to the model would do; nothing is changed. Blocks while it looks at the rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn plan(&self) -> Result<MigrationPlan, Error> {
        match self {
            Store::Sqlite(store) => store.plan(),
            Store::Postgres(store) => store.plan(),
        }
    }

    /// Brings the tables to the model's state, and returns what was done: all of it or nothing, except that on PostgreSQL
    /// what would hold long locks is made afterwards, piece by piece, and gone on with when it was interrupted. Blocks
    /// until it is done. What goes further than `consent` is refused.
    ///
    /// # Errors
    /// When it is refused ([`Error::Migration`] says why, and what would be right), or the database does not answer.
    pub fn migrate(&self, consent: Consent) -> Result<MigrationPlan, Error> {
        match self {
            Store::Sqlite(store) => store.migrate(consent),
            Store::Postgres(store) => store.migrate(consent),
        }
    }

    /// Runs a read. A statement of the app's own that writes runs in a transaction, and is answered when it is durable.
    ///
    /// # Errors
    /// When the store does not answer or refuses.
    pub async fn read(&self, read: Read) -> Result<Rows, Error> {
        if read.plan.writes.is_some() {
            return Box::pin(self.transaction(Mode::Write, move |tx| tx.read(&read))).await;
        }
        match self {
            Store::Sqlite(store) => store.read(read).await,
            // In a box, here and below: beside a round trip that costs nothing, and its room would be every request's.
            Store::Postgres(store) => Box::pin(store.read(read)).await,
        }
    }

    /// Runs a read whose rows are sent as JSON, a line each, while they are found: it takes the same memory for any number. All of it,
    /// the taking too, may last as long as a read, and a piece waits some seconds to be taken. When it fails, what was sent before are
    /// whole lines.
    ///
    /// # Errors
    /// As [`Store::read`], and [`Error::Crowded`].
    pub async fn lines(&self, read: Read, pieces: mpsc::Sender<Bytes>) -> Result<(), Error> {
        match self {
            Store::Sqlite(store) => store.lines(read, pieces).await,
            Store::Postgres(store) => store.lines(read, pieces).await,
        }
    }

    /// Runs a write and answers when it is durable.
    ///
    /// # Errors
    /// When a constraint or a policy forbids it, or the store cannot keep it; nothing of it remains.
    pub async fn write(&self, write: Write) -> Result<Written, Error> {
        match self {
            Store::Sqlite(store) => store.write(write).await,
            Store::Postgres(store) => Box::pin(store.write(write)).await,
        }
    }

    /// Stores the rows of an insert each on its own, with few commits: a row that cannot be stored costs itself alone. Answers
    /// when all that were stored are durable. Nothing is answered of a row, and the plan's columns must be none.
    ///
    /// # Errors
    /// When the store cannot keep anything now. Of the rows some may have been stored.
    pub async fn ingest(&self, write: Write) -> Result<Ingested, Error> {
        match self {
            Store::Sqlite(store) => store.ingest(write).await,
            Store::Postgres(store) => Box::pin(store.ingest(write)).await,
        }
    }

    /// Runs steps as one: an error of `steps` leaves nothing behind. They may be run again, a few times: when another one's
    /// change came between, or when what shared their commit took it with it. Steps that nobody waits for are not begun.
    ///
    /// # Errors
    /// The steps', or the store's.
    pub async fn transaction<T, E>(
        &self,
        mode: Mode,
        steps: impl FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match self {
            Store::Sqlite(store) => store.transaction(mode, steps).await,
            Store::Postgres(store) => Box::pin(store.transaction(mode, steps)).await,
        }
    }

    /// A snapshot to read from, for at most `time`. Where there may be `several` reads, that is to be said before; else the first one
    /// is the only one. `None`: just now there is none, and [`Store::transaction`] is the way.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn snapshot(&self, several: bool, time: Duration) -> Result<Option<Snapshot>, Error> {
        match self {
            Store::Sqlite(store) => Ok(store.snapshot()?.map(Snapshot::Sqlite)),
            Store::Postgres(store) => Ok(Some(Snapshot::Postgres(Box::pin(store.snapshot(several, time)).await?))),
        }
    }

    /// Whether the database answers and its tables are the model's.
    ///
    /// # Errors
    /// Why not.
    pub async fn ready(&self) -> Result<(), Error> {
        match self {
            Store::Sqlite(store) => store.ready().await,
            Store::Postgres(store) => Box::pin(store.ready()).await,
        }
    }

    /// A number that changes when rows of a collection were written, also by a cascade: at once by this process (before
    /// the write is answered), within a second by another. What was read after asking for it holds while it is the same.
    /// Where the store cannot tell, it is a new one each time. Costs next to nothing to ask.
    #[must_use]
    pub fn changes(&self, collection: CollectionId) -> u64 {
        match self {
            Store::Sqlite(store) => store.changes(collection),
            Store::Postgres(store) => store.changes(collection),
        }
    }
}
