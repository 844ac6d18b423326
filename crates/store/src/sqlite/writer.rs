//! The writer: one thread that owns the one connection that writes.
//!
//! 1. A request hands its mutation over by a bounded queue and waits.
//! 2. The thread takes all writes that wait, up to a bound, and of those with steps, and with many rows, as many as begin within a
//!    moment; so a write waits behind scripts for that moment and for the one that it ends in, and not behind all of them. It begins one
//!    transaction.
//! 3. Each mutation runs on its own: what fails leaves nothing behind and does not touch its neighbours.
//! 4. One commit, so one sync, for all of them; then each is answered. When the commit fails, all are told so.
//! 5. With the answers out, it looks after the write-ahead log, and whether another process wrote.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pintle_model::Durability;
use pintle_query::Write;
use tokio::sync::oneshot;

use super::batch::{self, Item, Job, Outcome, Round, Steps, Waiting};
use super::connection::{self, Conn};
use super::metrics::Metrics;
use super::shared::Shared;
use super::tx::{WriteTx, savepoint};
use super::wal::Wal;
use super::{Of, fault, run};
use crate::changes::Numbers;
use crate::{Error, Ingested, Tx, Written};

/// Mutations that may wait; one more is told that the store is busy. Far more than connections that a server has at work.
const QUEUE_MAX: usize = 4096;
/// Mutations that share a commit at the most, so that the first of them does not wait long.
const BATCH_MAX: usize = 512;
/// How long others with steps may begin in a batch: longer than most take, and little beside what one of them may.
const STEPS_MOMENT: Duration = Duration::from_millis(20);
/// How often the thread looks up while nothing is written.
const IDLE_LOOK: Duration = Duration::from_millis(500);

/// The way to the thread. Dropping it waits until the thread has written what was handed over.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<Sender<Asked>>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is asked for.
enum Asked {
    Mutation(Item),
    /// To look whether others have written, and to say that it has.
    Look(SyncSender<()>),
}

impl Writer {
    /// Starts the thread. What others write from now on is seen. `shared` is for a file that other processes serve too.
    ///
    /// # Errors
    /// When the database does not answer, or the system gives no thread.
    pub(super) fn start(
        conn: Conn,
        wal: Wal,
        numbers: Arc<Numbers>,
        shared: Option<Arc<Shared>>,
    ) -> Result<Writer, Error> {
        let (queue, jobs) = channel();
        let data_version = connection::data_version(&conn.db).map_err(|error| fault::general(&error))?;
        let waiting = Arc::new(AtomicUsize::new(0));
        let at_work = AtWork {
            conn,
            wal,
            numbers,
            shared,
            waiting: Arc::clone(&waiting),
            scripts: VecDeque::new(),
            data_version,
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

    /// Hands many rows over, each on its own, and waits for their answer.
    pub(super) async fn ingest(&self, of: &Arc<Of>, write: Write) -> Result<Ingested, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(of, Job::Ingest(write, reply))?;
        answer.await.map_err(|_| gone())?
    }

    /// Hands steps over; they answer by themselves.
    pub(super) fn steps(&self, of: &Arc<Of>, steps: Box<dyn Steps>) -> Result<(), Error> {
        self.send(of, Job::Steps(steps))
    }

    fn send(&self, of: &Arc<Of>, job: Job) -> Result<(), Error> {
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        let waiting = Waiting::new(&self.waiting, QUEUE_MAX).ok_or(Error::Busy)?;
        queue.send(Asked::Mutation(Item::new(of, job, waiting))).map_err(|_| gone())
    }

    /// Looks now whether others have written: another connection of this process has. Blocks until it has looked.
    pub(super) fn look(&self) {
        let (looked, answer) = sync_channel(1);
        if self.queue.as_ref().is_some_and(|queue| queue.send(Asked::Look(looked)).is_ok()) {
            // An error is a thread that has ended.
            let _ = answer.recv();
        }
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

/// The thread's own.
struct AtWork {
    conn: Conn,
    wal: Wal,
    numbers: Arc<Numbers>,
    /// Where other processes serve the file too.
    shared: Option<Arc<Shared>>,
    waiting: Arc<AtomicUsize>,
    /// Those with steps, or with many rows, whose turn has not come.
    scripts: VecDeque<Item>,
    /// Another one when others have written.
    data_version: i64,
    /// What a commit waits for.
    durability: Option<Durability>,
    looked: Instant,
    metrics: Metrics,
}

impl AtWork {
    fn run(mut self, jobs: &Receiver<Asked>) {
        while let Some(mut batch) = self.take(jobs) {
            if batch.is_empty() {
                self.look();
                self.wal.look_after(&self.conn.db, &self.metrics);
                continue;
            }
            let committed = self.in_turn(&mut batch);
            let waiting = self.waiting.load(Ordering::Relaxed);
            self.metrics.batch(batch.len(), waiting.saturating_sub(batch.len()));
            let failed = committed.is_err();
            if !failed {
                batch.iter().for_each(Item::kept);
            }
            for item in batch {
                item.answer(committed.as_ref().err());
            }
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

    /// The next batch: writes first, then those with steps, the last of which may be given back. Empty if none came for a
    /// while; `None` if none will come.
    fn take(&mut self, jobs: &Receiver<Asked>) -> Option<Vec<Item>> {
        let mut batch = Vec::new();
        if self.scripts.is_empty() {
            match jobs.recv_timeout(IDLE_LOOK) {
                Ok(asked) => self.sort(asked, &mut batch),
                Err(RecvTimeoutError::Timeout) => return Some(batch),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        while batch.len() < BATCH_MAX
            && let Ok(asked) = jobs.try_recv()
        {
            self.sort(asked, &mut batch);
        }
        let scripts = self.scripts.len().min(BATCH_MAX);
        batch.extend(self.scripts.drain(..scripts));
        Some(batch)
    }

    fn sort(&mut self, asked: Asked, batch: &mut Vec<Item>) {
        match asked {
            Asked::Mutation(item) if item.job.is_long() => self.scripts.push_back(item),
            Asked::Mutation(item) => batch.push(item),
            Asked::Look(looked) => {
                self.look_now();
                let _ = looked.send(());
            }
        }
    }

    /// Runs a batch when it is this process's turn.
    fn in_turn(&mut self, batch: &mut Vec<Item>) -> Result<(), Error> {
        let Some(shared) = self.shared.clone() else { return self.batch(batch) };
        // Nobody waits longer for an answer.
        let patience = batch.iter().map(|item| item.of.model.limits.timeout).max().unwrap_or_default();
        let turn = shared.turn(patience)?;
        self.batch(batch)?;
        // What others wrote was seen when this transaction began; what came since is its own.
        shared.passes();
        drop(turn);
        Ok(())
    }

    /// Runs a batch in one transaction and commits it. On an error nothing of it remains.
    fn batch(&mut self, batch: &mut Vec<Item>) -> Result<(), Error> {
        self.promise(batch)?;
        // Every round but the last ends one item, so this ends.
        loop {
            self.statement("BEGIN IMMEDIATE")?;
            if let Some(shared) = &self.shared {
                shared.look(&self.numbers);
            }
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

    fn items(&mut self, batch: &mut Vec<Item>) -> Round {
        let mut begun = None;
        for at in 0..batch.len() {
            if batch[at].outcome.is_some() || batch[at].is_left() {
                continue;
            }
            if batch[at].job.is_long() {
                let begun = *begun.get_or_insert_with(Instant::now);
                if begun.elapsed() > STEPS_MOMENT {
                    for item in batch.drain(at..).rev() {
                        self.scripts.push_front(item);
                    }
                    break;
                }
            }
            let Item { of, job, outcome, .. } = &mut batch[at];
            self.conn.limit.set(Some(Instant::now() + of.model.limits.timeout), None);
            *outcome = Some(match job {
                Job::Write(write, _) => Outcome::Write(self.write(of, write)),
                Job::Ingest(write, _) => Outcome::Ingest(self.ingest(of, write)),
                Job::Steps(steps) => self.steps(of, &mut **steps),
            });
            self.conn.limit.set(None, None);
            if self.conn.db.is_autocommit() {
                return batch::lost(batch, at);
            }
        }
        Round::Done
    }

    fn write(&self, of: &Of, write: &Write) -> Result<Written, Error> {
        if run::needs_savepoint(write) {
            return WriteTx::new(&self.conn, of).write(write);
        }
        let outcome = run::write(&self.conn.db, &of.model, write);
        if matches!(outcome, Err(Error::Internal(_) | Error::TooLarge(_))) && !self.conn.db.is_autocommit() {
            // A defect, or an answer that is too large, seen after the row was stored. With no savepoint all goes, and the others run again.
            self.statement("ROLLBACK")?;
        }
        outcome
    }

    fn ingest(&self, of: &Of, write: &Write) -> Result<Ingested, Error> {
        let outcome = run::ingest(&self.conn.db, &of.model, write);
        if outcome.is_err() && !self.conn.db.is_autocommit() {
            // Rows before the one that it broke off at: nobody is told of them, so they go, and the others run again.
            self.statement("ROLLBACK")?;
        }
        outcome
    }

    fn steps(&self, of: &Of, steps: &mut dyn Steps) -> Outcome {
        let mut tx = WriteTx::new(&self.conn, of);
        let run = savepoint(&self.conn.db, || {
            let keeps = catch_unwind(AssertUnwindSafe(|| steps.run(&mut tx)));
            (matches!(keeps, Ok(true)), keeps)
        });
        match run {
            Ok(Ok(true)) => Outcome::Kept(tx.changed),
            Ok(Ok(false)) => Outcome::Undone(None),
            Ok(Err(_)) => Outcome::Undone(Some(Error::internal("a transaction's steps panicked"))),
            Err(error) => Outcome::Undone(Some(error)),
        }
    }

    fn statement(&self, sql: &str) -> Result<(), Error> {
        let mut statement = self.conn.db.prepare_cached(sql).map_err(|error| fault::general(&error))?;
        statement.execute([]).map_err(|error| fault::general(&error))?;
        Ok(())
    }

    /// Looks whether another process has written, at most twice a second.
    fn look(&mut self) {
        if self.looked.elapsed() >= IDLE_LOOK {
            self.look_now();
        }
    }

    fn look_now(&mut self) {
        self.looked = Instant::now();
        // Of this process no other connection writes but a migration's.
        if let Ok(found) = connection::data_version(&self.conn.db)
            && found != self.data_version
        {
            self.data_version = found;
            self.numbers.all_changed();
        }
    }
}
