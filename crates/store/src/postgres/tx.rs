//! Transactions of several steps. The steps do not await, so they run on a thread that may wait, and each waits there for
//! the server. How much a transaction sees of others:
//!
//! - [`Mode::Read`]: one snapshot (REPEATABLE READ, READ ONLY), so that its reads tell of the same moment.
//! - [`Mode::Write`]: SERIALIZABLE, since it writes what follows from what it has read: as if it had been alone.
//! - [`Mode::Claim`]: READ COMMITTED, so that who gets the number sees what the holder before kept while it was asked for.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pintle_model::CollectionId;
use pintle_query::{Read, Write};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, oneshot};
use tokio::time::Instant;
use tokio_postgres::SimpleQueryMessage;

use super::fault::Fault;
use super::names::Names;
use super::pool::{Conn, Lease, Pool};
use super::read;
use super::retry::{MET_MAX, RETRIES, pause};
use super::run::{self, Around};
use crate::changes::Changes;
use crate::{Error, Mode, Rows, Tx, Written};

/// Around the first step, with which the transaction begins; when it fails, nothing else goes with it.
pub(super) const FIRST_READ: Around =
    Around { open: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", keep: None, undo: "ROLLBACK" };
/// A lock is not waited for longer than a moment: who had it will most likely have changed what was read here, so that it is to be done
/// again anyway, and two who wait for each other would else do so until the server finds that out (a second by default).
const FIRST_WRITE: Around = Around {
    open: "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL lock_timeout = '200ms'",
    keep: None,
    undo: "ROLLBACK",
};
/// Around each other step, so that the ones before it stand when it fails.
pub(super) const STEP: Around =
    Around { open: "SAVEPOINT step", keep: Some("RELEASE step"), undo: "ROLLBACK TO step; RELEASE step" };

/// For those that others come between again and again: of one process they go one after the other.
pub(super) type Turn = Arc<Mutex<()>>;

/// One transaction, however often it is begun.
pub(super) struct Transaction {
    pub(super) pool: Pool,
    pub(super) turn: Turn,
    pub(super) names: Arc<Names>,
    pub(super) mode: Mode,
    /// When all of it must be done.
    pub(super) due: Instant,
    /// Ends when nobody waits for the answer any more.
    pub(super) gone: oneshot::Receiver<()>,
    pub(super) runtime: Handle,
    pub(super) changes: Arc<Changes>,
    /// What the steps have written.
    pub(super) changed: Vec<CollectionId>,
    /// The connection whose transaction only read, when its steps have run: it is for the caller to end it, who is where
    /// connections are at work and wakes nobody for it.
    pub(super) read: Option<Lease>,
}

/// What became of one attempt.
enum Attempt<T> {
    Ended(T),
    /// Another one's change came between, or the connection broke before anything was kept.
    Again(Error),
    /// Another one held a lock for longer than it is waited for.
    Held(Error),
}

impl Transaction {
    /// Runs the steps until they have been kept, or have failed. Blocks.
    pub(super) fn run<T, E: From<Error>>(
        mut self,
        lease: Lease,
        steps: impl FnMut(&mut dyn Tx) -> Result<T, E>,
    ) -> (Result<T, E>, Option<Lease>) {
        let outcome = self.attempts(lease, steps);
        // After a failure too: it may have been kept when the connection broke.
        self.changes.changed(&self.changed);
        (outcome, self.read)
    }

    fn attempts<T, E: From<Error>>(
        &mut self,
        lease: Lease,
        mut steps: impl FnMut(&mut dyn Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut lease = Some(lease);
        let (mut attempts, mut counted) = (0, 0);
        // Held until it ends, once it was asked for.
        let mut turn = None;
        loop {
            if attempts >= MET_MAX && turn.is_none() {
                let taken = tokio::time::timeout_at(self.due, Arc::clone(&self.turn).lock_owned());
                turn = Some(self.runtime.block_on(taken).map_err(|_| Error::Busy)?);
            }
            let conn = match lease.take() {
                Some(conn) => conn,
                None => self.runtime.clone().block_on(self.pool.get())?,
            };
            match self.attempt(conn, &mut steps) {
                Attempt::Ended(outcome) => return outcome,
                Attempt::Again(error) if counted == RETRIES => return Err(error.into()),
                Attempt::Held(error) if Instant::now() >= self.due => return Err(error.into()),
                Attempt::Again(_) => counted += 1,
                Attempt::Held(_) => {}
            }
            let length = pause(attempts);
            attempts += 1;
            self.runtime.clone().block_on(tokio::time::sleep(length));
        }
    }

    fn attempt<T, E: From<Error>>(
        &mut self,
        lease: Lease,
        steps: &mut impl FnMut(&mut dyn Tx) -> Result<T, E>,
    ) -> Attempt<Result<T, E>> {
        let mut tx = PgTx { due: self.due, of: self, lease, begun: false, lost: None, again: None, held: false };
        if let Mode::Claim(number) = tx.of.mode
            && let Err(error) = tx.claim(number)
        {
            tx.leave();
            return match tx.again.take() {
                Some(error) => Attempt::Again(error),
                None => Attempt::Ended(Err(error.into())),
            };
        }
        let outcome = steps(&mut tx);
        if tx.of.mode == Mode::Read && tx.again.is_none() && tx.lost.is_none() {
            // There is nothing to keep, so nobody waits for its end.
            tx.of.read = Some(tx.lease);
            return Attempt::Ended(outcome);
        }
        if tx.again.is_some() || outcome.is_err() {
            tx.leave();
            tx.of.changed.clear();
            return match tx.again.take() {
                Some(error) if tx.held => Attempt::Held(error),
                Some(error) => Attempt::Again(error),
                None => Attempt::Ended(outcome),
            };
        }
        match tx.commit() {
            Ok(()) => Attempt::Ended(outcome),
            Err(Fault::Conflict) => Attempt::Again(Error::Busy),
            Err(Fault::Unsent(error)) => Attempt::Again(error),
            Err(Fault::Told(error) | Fault::Broken(error)) => Attempt::Ended(Err(error.into())),
        }
    }
}

/// One attempt.
struct PgTx<'a> {
    of: &'a mut Transaction,
    /// When its steps must be done.
    due: Instant,
    lease: Lease,
    begun: bool,
    /// Why it cannot be kept any more, though its steps go on.
    lost: Option<Error>,
    /// Why it is to be run again. Steps have errors of their own, so it is remembered here.
    again: Option<Error>,
    /// That is for a lock that another one held.
    held: bool,
}

impl PgTx<'_> {
    fn step<T>(&mut self, work: impl AsyncFnOnce(&mut Conn, Around) -> Result<T, Fault>) -> Result<T, Error> {
        if self.lost.is_some() || self.again.is_some() {
            return Err(Error::Unavailable("the transaction has ended".into()));
        }
        let around = match (self.begun, self.of.mode) {
            (true, _) => STEP,
            (false, Mode::Read) => FIRST_READ,
            // A claim has begun by itself.
            (false, Mode::Write | Mode::Claim(_)) => FIRST_WRITE,
        };
        let runtime = self.of.runtime.clone();
        let conn = &mut *self.lease;
        let outcome = runtime.block_on(until(self.due, &mut self.of.gone, work(conn, around)));
        // After an error: whether what the step did was taken back. The first step's is the whole transaction.
        let undone = self.lease.idle;
        self.begun |= outcome.is_ok();
        if self.begun {
            self.lease.idle = false;
        }
        match outcome {
            Ok(value) => Ok(value),
            Err(Fault::Told(Error::Busy)) if self.of.mode == Mode::Write => {
                (self.again, self.held) = (Some(Error::Busy), true);
                Err(Error::Busy)
            }
            Err(Fault::Told(error)) => {
                if matches!(error, Error::Timeout) || !undone {
                    // There is no more time, or a part of it stays.
                    self.lost = Some(error.copied());
                }
                Err(error)
            }
            Err(Fault::Conflict) => {
                self.again = Some(Error::Busy);
                Err(Error::Busy)
            }
            Err(Fault::Unsent(error) | Fault::Broken(error)) => {
                self.again = Some(error.copied());
                Err(error)
            }
        }
    }

    /// Begins a transaction that holds the number until it ends. Its statements see what others have kept meanwhile, so
    /// who comes later sees what the holder before did.
    fn claim(&mut self, number: i64) -> Result<(), Error> {
        // Apps that share a database have their own schemas, and so their own numbers.
        let sql = format!(
            "BEGIN; SELECT pg_try_advisory_xact_lock('{number}'::int8 # hashtextextended(current_schema()::text, 0))"
        );
        let runtime = self.of.runtime.clone();
        let conn = &mut *self.lease;
        conn.idle = false;
        let asked = runtime.block_on(until(self.of.due, &mut self.of.gone, async {
            conn.client.simple_query(&sql).await.map_err(|error| Fault::general(&error))
        }));
        let holds = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
            _ => false,
        };
        match asked {
            Ok(messages) if messages.iter().any(holds) => {
                self.begun = true;
                Ok(())
            }
            Ok(_) => Err(Error::Claimed),
            Err(Fault::Told(error)) => {
                self.lost = Some(error.copied());
                Err(error)
            }
            Err(Fault::Conflict) => Err(Error::Busy),
            Err(Fault::Unsent(error) | Fault::Broken(error)) => {
                // Nothing has been done yet.
                self.again = Some(error.copied());
                Err(error)
            }
        }
    }

    /// Keeps what was done.
    fn commit(&mut self) -> Result<(), Fault> {
        if let Some(error) = self.lost.take() {
            return Err(error.into());
        }
        if !self.begun {
            return Ok(());
        }
        let runtime = self.of.runtime.clone();
        let conn = &mut *self.lease;
        runtime.block_on(until(self.of.due, &mut self.of.gone, async {
            conn.client.batch_execute("COMMIT").await.map_err(|error| Fault::general(&error))?;
            conn.idle = true;
            Ok(())
        }))
    }

    /// Ends it without keeping anything. Where something may still be at work, the connection is looked after when it is given
    /// back. That of one that held a number is waited for: who hears how it ended may ask for the number at once, anywhere.
    fn leave(&mut self) {
        if self.lost.is_some() {
            return;
        }
        self.lease.leave();
        if matches!(self.of.mode, Mode::Claim(_)) {
            let runtime = self.of.runtime.clone();
            let left = runtime.block_on(self.lease.left());
            self.lease.idle &= left;
        }
    }
}

/// Waits, but not longer than until `due`, nor when nobody waits for the answer.
async fn until<T>(
    due: Instant,
    gone: &mut oneshot::Receiver<()>,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::select! {
        biased;
        // Looked at first: what is not polled is not sent.
        _ = gone => Err(Error::Timeout.into()),
        outcome = work => outcome,
        () = tokio::time::sleep_until(due) => Err(Error::Timeout.into()),
    }
}

impl Tx for PgTx<'_> {
    fn read(&mut self, read: &Read) -> Result<Rows, Error> {
        if self.of.mode == Mode::Read && read.plan.writes.is_some() {
            return Err(Error::ReadOnly);
        }
        if read.plan.writes.is_none() {
            return self.step(async |conn, around| read::read(conn, read, Some(around)).await);
        }
        let names = Arc::clone(&self.of.names);
        let rows = self.step(async |conn, around| read::own(conn, &names, read, around).await)?;
        self.of.changed.extend(self.of.changes.of_read(read));
        Ok(rows)
    }

    fn write(&mut self, write: &Write) -> Result<Written, Error> {
        if self.of.mode == Mode::Read {
            return Err(Error::ReadOnly);
        }
        let (names, first) = (Arc::clone(&self.of.names), !self.begun);
        let outcome = self.step(async |conn, around| run::write(conn, &names, write, Some(around)).await);
        if outcome.as_ref().is_ok_and(|written| written.affected > 0 && !write.rollback) {
            self.of.changed.extend(self.of.changes.of_write(write));
        }
        if first && write.rollback && outcome.is_ok() {
            // The transaction's beginning was taken back with it.
            (self.begun, self.lease.idle) = (false, true);
        }
        outcome
    }

    fn limit(&mut self, time: Duration) {
        self.due = self.due.min(Instant::now() + time);
    }
}
