//! The writer: one thread that owns the one connection that writes.
//!
//! 1. A request hands its mutation over by a bounded queue and waits.
//! 2. The thread takes all that wait, up to a bound, and begins one transaction.
//! 3. Each mutation runs on its own: what fails leaves nothing behind and does not touch its neighbours.
//! 4. One commit, so one sync, for all of them; then each is answered. When the commit fails, all are told so.
//! 5. With the answers out, it looks after the write-ahead log, and whether another process wrote.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pintle_model::{CollectionId, Durability};
use pintle_query::Write;
use tokio::sync::oneshot;

use super::connection::{self, Conn};
use super::metrics::Metrics;
use super::tx::{self, WriteTx, savepoint};
use super::wal::Wal;
use super::{Of, fault, run};
use crate::changes::Numbers;
use crate::{Error, Tx, Written};

/// Mutations that may wait; one more is told that the store is busy. Far more than connections that a server has at work.
const QUEUE_MAX: usize = 4096;
/// Mutations that share a commit at the most, so that the first of them does not wait long.
const BATCH_MAX: usize = 512;
/// How often the thread looks up while nothing is written.
const IDLE_LOOK: Duration = Duration::from_millis(500);

/// Runs steps in a transaction, or hears why there is none.
pub(super) type Steps = Box<dyn FnOnce(Result<&mut dyn Tx, Error>) -> Ended + Send>;

/// Steps that have run.
pub(super) struct Ended {
    /// Whether what they did shall be kept.
    pub(super) keep: bool,
    /// Answers them, with the error that kept them from being kept, if there was one.
    pub(super) answer: Box<dyn FnOnce(Option<Error>) + Send>,
}

/// One mutation in the queue.
enum Job {
    Write(Write, oneshot::Sender<Result<Written, Error>>),
    Steps(Steps),
}

/// The way to the thread. Dropping it waits until the thread has written what was handed over.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<SyncSender<Item>>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(conn: Conn, wal: Wal, numbers: Arc<Numbers>) -> Result<Writer, Error> {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let waiting = Arc::new(AtomicUsize::new(0));
        let at_work = AtWork {
            conn,
            wal,
            numbers,
            waiting: Arc::clone(&waiting),
            data_version: None,
            durability: None,
            looked: Instant::now(),
            metrics: Metrics::new(),
        };
        let thread = std::thread::Builder::new()
            .name("pintle-writer".to_owned())
            .spawn(move || at_work.run(&jobs))
            .map_err(|error| Error::Unavailable(error.into()))?;
        Ok(Writer { queue: Some(queue), waiting, thread: Some(thread) })
    }

    /// Hands a write over, and waits for its answer.
    pub(super) async fn write(&self, of: &Arc<Of>, write: Write) -> Result<Written, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(of, Job::Write(write, reply))?;
        answer.await.map_err(|_| gone())?
    }

    /// Hands steps over; they answer by themselves.
    pub(super) fn steps(&self, of: &Arc<Of>, steps: Steps) -> Result<(), Error> {
        self.send(of, Job::Steps(steps))
    }

    fn send(&self, of: &Arc<Of>, job: Job) -> Result<(), Error> {
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        queue.try_send(Item { of: Arc::clone(of), job: Some(job), outcome: None }).map_err(|error| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Error::Busy,
                TrySendError::Disconnected(_) => gone(),
            }
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        // Steps may hold the last handle of the store: then this is the writer's own thread, which ends after them.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

/// The writer does not answer: a defect, or the store is closing.
pub(super) fn gone() -> Error {
    Error::Unavailable("the writer has ended".into())
}

/// A mutation of the batch at hand.
struct Item {
    of: Arc<Of>,
    job: Option<Job>,
    outcome: Option<Outcome>,
}

enum Outcome {
    Write(Result<Written, Error>),
    /// With what they have written.
    Steps(Ended, Vec<CollectionId>),
}

/// The thread's own.
struct AtWork {
    conn: Conn,
    wal: Wal,
    numbers: Arc<Numbers>,
    waiting: Arc<AtomicUsize>,
    data_version: Option<i64>,
    /// What a commit waits for.
    durability: Option<Durability>,
    looked: Instant,
    metrics: Metrics,
}

impl AtWork {
    fn run(mut self, jobs: &Receiver<Item>) {
        let mut batch = Vec::new();
        loop {
            match jobs.recv_timeout(IDLE_LOOK) {
                Ok(item) => batch.push(item),
                Err(RecvTimeoutError::Timeout) => {
                    self.look();
                    self.wal.look_after(&self.conn.db, &self.metrics);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while batch.len() < BATCH_MAX
                && let Ok(item) = jobs.try_recv()
            {
                batch.push(item);
            }
            let before = self.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
            self.metrics.batch(batch.len(), before.saturating_sub(batch.len()));
            let committed = self.batch(&mut batch);
            let failed = committed.is_err();
            if !failed {
                moved(&batch);
            }
            answer(&mut batch, committed);
            self.look();
            if failed {
                // The disk may be full: what the log holds twice can go.
                self.wal.make_room(&self.conn.db, &self.metrics);
            } else {
                self.wal.look_after(&self.conn.db, &self.metrics);
            }
        }
        self.wal.make_room(&self.conn.db, &self.metrics);
    }

    /// Runs a batch in one transaction and commits it. On an error nothing of it remains.
    fn batch(&mut self, batch: &mut [Item]) -> Result<(), Error> {
        self.promise(batch)?;
        // Every round but the last ends one item, so this ends.
        loop {
            self.statement("BEGIN IMMEDIATE")?;
            match self.items(batch) {
                Round::Done => break,
                Round::Again => {}
                Round::Failed(error) => {
                    let _ = self.statement("ROLLBACK");
                    return Err(error);
                }
            }
        }
        let begun = Instant::now();
        let committed = self.statement("COMMIT");
        if committed.is_err() && !self.conn.db.is_autocommit() {
            let _ = self.statement("ROLLBACK");
        }
        self.metrics.committed(begun.elapsed());
        committed
    }

    /// Each write is as durable as its model says; those of several models share the strictest.
    fn promise(&mut self, batch: &[Item]) -> Result<(), Error> {
        let full = batch.iter().any(|item| item.of.model.durability == Durability::Full);
        let wanted = if full { Durability::Full } else { Durability::Relaxed };
        if self.durability != Some(wanted) {
            connection::set_durability(&self.conn.db, wanted).map_err(|error| fault::general(&error))?;
            self.durability = Some(wanted);
        }
        Ok(())
    }

    fn items(&mut self, batch: &mut [Item]) -> Round {
        for at in 0..batch.len() {
            let item = &mut batch[at];
            let Some(job) = item.job.take() else { continue };
            let of = &*item.of;
            self.conn.limit.set(Some(Instant::now() + of.model.limits.timeout), None);
            let (job, outcome) = match job {
                // Who asked has left, and nothing has been promised.
                Job::Write(_, reply) if reply.is_closed() => continue,
                Job::Write(write, reply) => {
                    let outcome = self.write(of, &write);
                    (Some(Job::Write(write, reply)), Some(Outcome::Write(outcome)))
                }
                Job::Steps(steps) => (None, self.steps(of, steps)),
            };
            self.conn.limit.set(None, None);
            (item.job, item.outcome) = (job, outcome);
            if self.conn.db.is_autocommit() {
                return lost(batch, at);
            }
        }
        Round::Done
    }

    fn write(&self, of: &Of, write: &Write) -> Result<Written, Error> {
        if run::needs_savepoint(write) {
            return WriteTx { db: &self.conn.db, of, changed: Vec::new() }.write(write);
        }
        let outcome = run::write(&self.conn.db, &of.model, write);
        if matches!(outcome, Err(Error::Internal(_) | Error::TooLarge(_))) && !self.conn.db.is_autocommit() {
            // A defect, or an answer that is too large, seen after the row was stored. With no savepoint all goes, and the others run again.
            self.statement("ROLLBACK")?;
        }
        outcome
    }

    /// Runs steps; `None` if they panicked, which answers them by dropping their reply.
    fn steps(&self, of: &Of, steps: Steps) -> Option<Outcome> {
        let mut tx = WriteTx { db: &self.conn.db, of, changed: Vec::new() };
        let ended = savepoint(&self.conn.db, || {
            let ended = catch_unwind(AssertUnwindSafe(|| steps(Ok(&mut tx)))).ok();
            (ended.as_ref().is_some_and(|ended| ended.keep), ended)
        });
        match ended {
            Ok(Some(ended)) => Some(Outcome::Steps(ended, tx.changed)),
            Ok(None) => {
                tracing::error!("a transaction's steps panicked; nothing of them was kept");
                None
            }
            Err(error) => {
                tracing::error!(%error, "a transaction's savepoint failed");
                None
            }
        }
    }

    fn statement(&self, sql: &str) -> Result<(), Error> {
        let mut statement = self.conn.db.prepare_cached(sql).map_err(|error| fault::general(&error))?;
        statement.execute([]).map_err(|error| fault::general(&error))?;
        Ok(())
    }

    /// Looks whether another process has written, at most twice a second.
    fn look(&mut self) {
        if self.looked.elapsed() < IDLE_LOOK && self.data_version.is_some() {
            return;
        }
        self.looked = Instant::now();
        // This changes by the commits of other connections only, and no other of this process writes.
        let found = self.conn.db.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0));
        if let Ok(found) = found {
            if self.data_version.is_some_and(|known| known != found) {
                self.numbers.all_changed();
            }
            self.data_version = Some(found);
        }
    }
}

enum Round {
    /// All ran.
    Done,
    /// One of them took the whole transaction with it: the others run again.
    Again,
    /// The store cannot keep anything now.
    Failed(Error),
}

/// SQLite has rolled the whole transaction back (a full disk, an I/O error, a statement that took too long). The item at
/// `at` is answered with its error; those before it have lost what they did and run again, except steps, which cannot.
fn lost(batch: &mut [Item], at: usize) -> Round {
    if let Some(Outcome::Write(Err(Error::Full | Error::ReadOnly | Error::Unavailable(_)))) = &batch[at].outcome
        && let Some(Outcome::Write(Err(error))) = batch[at].outcome.take()
    {
        return Round::Failed(error);
    }
    for item in &mut batch[..at] {
        match item.outcome.take() {
            Some(Outcome::Steps(ended, _)) => (ended.answer)(Some(Error::Busy)),
            // Not run again: nothing of it would be kept.
            failed @ Some(Outcome::Write(Err(_))) => item.outcome = failed,
            _ => {}
        }
    }
    // It has its answer: take it out of the next round.
    let item = &mut batch[at];
    match (item.job.take(), item.outcome.take()) {
        (Some(Job::Write(_, reply)), Some(Outcome::Write(outcome))) => {
            let _ = reply.send(outcome);
        }
        (_, Some(Outcome::Steps(ended, _))) => (ended.answer)(Some(Error::Timeout)),
        _ => {}
    }
    Round::Again
}

/// Tells what was kept of a batch.
fn moved(batch: &[Item]) {
    for item in batch {
        match (&item.job, &item.outcome) {
            (Some(Job::Write(write, _)), Some(Outcome::Write(Ok(written)))) if tx::changes(write, written) => {
                item.of.changes.changed(item.of.changes.of_write(write));
            }
            (_, Some(Outcome::Steps(ended, changed))) if ended.keep => item.of.changes.changed(changed),
            _ => {}
        }
    }
}

fn answer(batch: &mut Vec<Item>, committed: Result<(), Error>) {
    for item in batch.drain(..) {
        match (item.job, item.outcome) {
            (Some(Job::Write(_, reply)), outcome) => {
                let outcome = match (&committed, outcome) {
                    (Ok(()), Some(Outcome::Write(outcome))) => outcome,
                    // An error of its own holds whether the rest was kept or not.
                    (Err(_), Some(Outcome::Write(Err(error)))) => Err(error),
                    (Err(error), _) => Err(error.copied()),
                    (Ok(()), _) => Err(gone()),
                };
                let _ = reply.send(outcome);
            }
            (_, Some(Outcome::Steps(ended, _))) => (ended.answer)(committed.as_ref().err().map(Error::copied)),
            (Some(Job::Steps(steps)), _) => {
                let error = committed.as_ref().err().map_or_else(gone, Error::copied);
                (steps(Err(error)).answer)(None);
            }
            (None, _) => {}
        }
    }
}
