//! Connections that read, each on a snapshot of its own; they never wait for writes.
//!
//! Most reads take less than handing them to another thread and back: a read of one statement without slow calls begins where the request is
//! handled, on one of a few connections kept for that. One that is not done within a moment is broken off and runs anew
//! on a blocking thread, and no more of those at a time than there are connections; its plan is remembered as slow ([`super::slow`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use pintle_query::Read;
use tokio::sync::Semaphore;

use super::connection::{self, Conn, Purpose};
use super::slow::SlowPlans;
use super::snapshot::Snapshot;
use super::{fault, run};
use crate::{Error, Rows};

/// How long a read may hold up the thread that handles requests: some times what a page of rows takes by an index, and
/// little beside what a read takes that needs longer.
pub(super) const MOMENT: Duration = Duration::from_millis(1);

/// How long a probe may take.
const PROBE_TIME_MAX: Duration = Duration::from_secs(2);

/// The readers of one database.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    /// For reads that take a moment, opened when first used.
    quick: Box<[Mutex<Option<Conn>>]>,
    next: AtomicUsize,
    slow: SlowPlans,
    /// For the others: those that are open and idle, and how many may be at work.
    idle: Mutex<Vec<Conn>>,
    may_work: Arc<Semaphore>,
    /// Probes have a turn of their own, so that they do not wait behind reads.
    may_probe: Arc<Semaphore>,
}

/// Stops a read whose asker has left.
struct Asking(Arc<AtomicBool>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Readers {
    /// As many as `count` of each kind.
    pub(super) fn new(path: PathBuf, count: usize) -> Readers {
        Readers {
            path,
            quick: (0..count).map(|_| Mutex::new(None)).collect(),
            next: AtomicUsize::new(0),
            slow: SlowPlans::new(),
            idle: Mutex::new(Vec::new()),
            may_work: Arc::new(Semaphore::new(count)),
            may_probe: Arc::new(Semaphore::new(1)),
        }
    }

    /// Runs a read, which may take `timeout`: here and now if it takes a moment, else on a blocking thread.
    pub(super) async fn read(self: &Arc<Readers>, read: Read, timeout: Duration) -> Result<Rows, Error> {
        // A count is a second statement, and must see the same snapshot; and a moment's end cannot break off a call of
        // one of our functions, so a plan whose calls may take long is not tried here.
        if read.plan.inline && read.plan.count.is_none() && !self.slow.has(&*read.plan) {
            let outcome = self.quick(&read);
            let slow = matches!(outcome, Err(Error::Timeout));
            self.slow.note(&*read.plan, slow);
            if !slow {
                return outcome;
            }
        }
        self.run(timeout, move |conn| run::read(&conn.db, &read)).await
    }

    fn quick(&self, read: &Read) -> Result<Rows, Error> {
        let mut slot = self.free_quick();
        let conn = match &mut *slot {
            Some(conn) => conn,
            empty => empty.insert(self.open(Purpose::ReadQuick(self.quick.len()))?),
        };
        conn.limit.set(Some(Instant::now() + MOMENT), None);
        run::read(&conn.db, read)
    }

    fn free_quick(&self) -> MutexGuard<'_, Option<Conn>> {
        for slot in &self.quick {
            if let Some(free) = slot.try_lock() {
                return free;
            }
        }
        // All are at work for a moment.
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.quick[next % self.quick.len()].lock()
    }

    /// Runs `work` in a read transaction on a blocking thread, once one is free; all of it may take `timeout`.
    pub(super) async fn run<T, E>(
        self: &Arc<Readers>,
        timeout: Duration,
        work: impl FnOnce(&Conn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let due = Instant::now() + timeout;
        let permit = tokio::time::timeout(timeout, Arc::clone(&self.may_work).acquire_owned()).await;
        let permit = permit.map_err(|_| Error::Timeout)?.map_err(|error| Error::Unavailable(error.into()))?;
        let asking = Asking(Arc::new(AtomicBool::new(false)));
        let cancelled = Arc::clone(&asking.0);
        let readers = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let conn = readers.idle()?;
            conn.limit.set(Some(due), Some(cancelled));
            let outcome = snapshot(&conn, work);
            conn.limit.set(None, None);
            // One that is still in a transaction would keep an old snapshot: it is closed instead.
            if conn.db.is_autocommit() {
                readers.idle.lock().push(conn);
            }
            drop(permit);
            outcome
        });
        let outcome = task.await.unwrap_or_else(|error| Err(Error::Internal(error.into()).into()));
        drop(asking);
        outcome
    }

    /// A snapshot for reads of a moment, if a connection is free.
    pub(super) fn snapshot(self: &Arc<Readers>) -> Result<Option<Snapshot>, Error> {
        let Ok(may_work) = Arc::clone(&self.may_work).try_acquire_owned() else { return Ok(None) };
        let conn = self.idle()?;
        statement(&conn, "BEGIN")?;
        Ok(Some(Snapshot::new(Arc::clone(self), conn, may_work)))
    }

    /// Takes a connection back whose transaction has ended.
    pub(super) fn give_back(&self, conn: Conn) {
        self.idle.lock().push(conn);
    }

    /// Runs `work` soon, however many reads there are, or says that the store does not answer.
    pub(super) async fn probe<T: Send + 'static>(
        self: &Arc<Readers>,
        work: impl FnOnce(&Conn) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let due = Instant::now() + PROBE_TIME_MAX;
        let probed = async {
            let permit = Arc::clone(&self.may_probe).acquire_owned().await;
            let permit = permit.map_err(|error| Error::Unavailable(error.into()))?;
            let readers = Arc::clone(self);
            let task = tokio::task::spawn_blocking(move || {
                let conn = readers.idle()?;
                conn.limit.set(Some(due), None);
                let outcome = snapshot(&conn, work);
                let mut idle = readers.idle.lock();
                // It may have opened one more than the readers need.
                if conn.db.is_autocommit() && idle.len() < readers.quick.len() {
                    idle.push(conn);
                }
                drop((idle, permit));
                outcome
            });
            task.await.unwrap_or_else(|error| Err(Error::Internal(error.into())))
        };
        let outcome = tokio::time::timeout(PROBE_TIME_MAX, probed).await.unwrap_or(Err(Error::Timeout));
        outcome.map_err(|error| match error {
            Error::Timeout => Error::Unavailable(format!("no answer within {} s", PROBE_TIME_MAX.as_secs()).into()),
            other => other,
        })
    }

    fn idle(&self) -> Result<Conn, Error> {
        let idle = self.idle.lock().pop();
        idle.map_or_else(|| self.open(Purpose::Read), Ok)
    }

    /// Another connection. The store has been opened before, so a failure is the system's and no business of a caller's.
    fn open(&self, purpose: Purpose) -> Result<Conn, Error> {
        connection::open(&self.path, purpose).map_err(|error| Error::Unavailable(error.into()))
    }
}

fn snapshot<T, E: From<Error>>(conn: &Conn, work: impl FnOnce(&Conn) -> Result<T, E>) -> Result<T, E> {
    statement(conn, "BEGIN")?;
    let outcome = work(conn);
    conn.limit.set(None, None);
    end(conn)?;
    outcome
}

/// Ends a transaction. After an error that ended it there is none to end.
pub(super) fn end(conn: &Conn) -> Result<(), Error> {
    if conn.db.is_autocommit() { Ok(()) } else { statement(conn, "COMMIT") }
}

fn statement(conn: &Conn, sql: &str) -> Result<(), Error> {
    let mut statement = conn.db.prepare_cached(sql).map_err(|error| fault::general(&error))?;
    statement.execute([]).map_err(|error| fault::general(&error))?;
    Ok(())
}
