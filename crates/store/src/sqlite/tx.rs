//! Transactions of several steps: on a reader's snapshot, or on the writer's connection.

use std::time::{Duration, Instant};

use pintle_model::CollectionId;
use pintle_query::{Read, Write};
use rusqlite::Connection;

use super::connection::Conn;
use super::{Of, fault, run};
use crate::{Error, Rows, Tx, Written};

/// A transaction on a reader's snapshot.
pub(super) struct ReadTx<'a>(pub(super) &'a Conn);

impl Tx for ReadTx<'_> {
    fn read(&mut self, read: &Read) -> Result<Rows, Error> {
        if read.plan.writes.is_some() {
            return Err(Error::ReadOnly);
        }
        run::read(&self.0.db, read)
    }

    fn write(&mut self, _: &Write) -> Result<Written, Error> {
        Err(Error::ReadOnly)
    }

    fn limit(&mut self, time: Duration) {
        self.0.limit.shorten(Instant::now() + time);
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

/// Whether rows are other than they were.
pub(super) fn changes(write: &Write, written: &Written) -> bool {
    written.affected > 0 && !write.rollback
}

/// A transaction on the writer's connection.
pub(super) struct WriteTx<'a> {
    conn: &'a Conn,
    db: &'a Connection,
    of: &'a Of,
    /// What its steps have written so far.
    pub(super) changed: Vec<CollectionId>,
}

impl<'a> WriteTx<'a> {
    pub(super) fn new(conn: &'a Conn, of: &'a Of) -> WriteTx<'a> {
        WriteTx { conn, db: &conn.db, of, changed: Vec::new() }
    }

    /// SQLite may have rolled the transaction back by itself; what came now would be kept at once.
    fn is_open(&self) -> Result<(), Error> {
        if self.db.is_autocommit() { Err(Error::Unavailable("the transaction has ended".into())) } else { Ok(()) }
    }
}

impl Tx for WriteTx<'_> {
    fn read(&mut self, read: &Read) -> Result<Rows, Error> {
        self.is_open()?;
        if read.plan.writes.is_none() {
            return run::read(self.db, read);
        }
        let rows = savepoint(self.db, || {
            let outcome = run::own(self.db, &self.of.model, read);
            (outcome.is_ok(), outcome)
        })??;
        self.changed.extend(self.of.changes.of_read(read));
        Ok(rows)
    }

    fn write(&mut self, write: &Write) -> Result<Written, Error> {
        self.is_open()?;
        let written = savepoint(self.db, || {
            let outcome = run::write(self.db, &self.of.model, write);
            (outcome.is_ok() && !write.rollback, outcome)
        })??;
        if changes(write, &written) {
            self.changed.extend(self.of.changes.of_write(write));
        }
        Ok(written)
    }

    fn limit(&mut self, time: Duration) {
        self.conn.limit.shorten(Instant::now() + time);
    }
}
