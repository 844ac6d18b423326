//! Transactions of several steps: on a reader's snapshot, or on the writer's connection.

use pintle_model::Model;
use pintle_query::{Read, Write};
use rusqlite::Connection;

use super::connection::Conn;
use super::{fault, run};
use crate::{Error, Rows, Tx, Written};

/// A transaction on a reader's snapshot.
pub(super) struct ReadTx<'a>(pub(super) &'a Conn);

impl Tx for ReadTx<'_> {
    fn read(&mut self, read: &Read) -> Result<Rows, Error> {
        if !read.plan.writes.is_empty() {
            return Err(Error::ReadOnly);
        }
        run::read(&self.0.db, read)
    }

    fn write(&mut self, _: &Write) -> Result<Written, Error> {
        Err(Error::ReadOnly)
    }
}

/// Runs `work` in a savepoint, and keeps what it did if it says so.
pub(super) fn savepoint<T>(db: &Connection, work: impl FnOnce() -> (bool, T)) -> Result<T, Error> {
    let statement = |sql: &str| {
        let mut statement = db.prepare_cached(sql).map_err(|error| fault::general(&error))?;
        statement.execute([]).map_err(|error| fault::general(&error))
    };
    statement("SAVEPOINT mutation")?;
    let (keep, value) = work();
    if db.is_autocommit() {
        // The transaction is gone, and the savepoint with it.
        return Ok(value);
    }
    if !keep {
        statement("ROLLBACK TO mutation")?;
    }
    statement("RELEASE mutation")?;
    Ok(value)
}

/// A transaction on the writer's connection.
pub(super) struct WriteTx<'a> {
    pub(super) db: &'a Connection,
    pub(super) model: &'a Model,
}

impl WriteTx<'_> {
    /// SQLite may have rolled the transaction back by itself; what came now would be kept at once.
    fn is_open(&self) -> Result<(), Error> {
        if self.db.is_autocommit() { Err(Error::Unavailable("the transaction has ended".into())) } else { Ok(()) }
    }
}

impl Tx for WriteTx<'_> {
    fn read(&mut self, read: &Read) -> Result<Rows, Error> {
        self.is_open()?;
        if read.plan.writes.is_empty() {
            return run::read(self.db, read);
        }
        savepoint(self.db, || {
            let outcome = run::read(self.db, read);
            (outcome.is_ok(), outcome)
        })?
    }

    fn write(&mut self, write: &Write) -> Result<Written, Error> {
        self.is_open()?;
        savepoint(self.db, || {
            let outcome = run::write(self.db, self.model, write);
            (outcome.is_ok() && !write.rollback, outcome)
        })?
    }
}
