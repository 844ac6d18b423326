//! Connections that read, each on a snapshot of its own; they never wait for writes.
//!
//! A read of one row by its key costs less than handing it to another thread: it runs where the request is handled, on one
//! of a few connections kept for such reads. Any other read runs on a blocking thread, and no more of them at a
//! time than there are connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use pintle_query::Read;
use tokio::sync::Semaphore;

use super::connection::{self, Conn, Purpose};
use super::{fault, run};
use crate::{Error, Rows};

/// The readers of one database.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    timeout: Duration,
    /// For reads of one row, opened when first used.
    points: Box<[Mutex<Option<Conn>>]>,
    next: AtomicUsize,
    /// For the others: those that are open and idle, and how many may be at work.
    idle: Mutex<Vec<Conn>>,
    may_work: Arc<Semaphore>,
}

/// Stops a read whose asker has left.
struct Asking(Arc<AtomicBool>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Readers {
    /// As many as `count` of each kind. A read may take `timeout`.
    pub(super) fn new(path: PathBuf, count: usize, timeout: Duration) -> Readers {
        Readers {
            path,
            timeout,
            points: (0..count).map(|_| Mutex::new(None)).collect(),
            next: AtomicUsize::new(0),
            idle: Mutex::new(Vec::new()),
            may_work: Arc::new(Semaphore::new(count)),
        }
    }

    /// Runs a read of one row, here and now.
    pub(super) fn point(&self, read: &Read) -> Result<Rows, Error> {
        let mut slot = self.free_point();
        let conn = match &mut *slot {
            Some(conn) => conn,
            empty => empty.insert(self.open()?),
        };
        conn.limit.set(Some(Instant::now() + self.timeout), None);
        run::read(&conn.db, read)
    }

    fn free_point(&self) -> MutexGuard<'_, Option<Conn>> {
        for slot in &self.points {
            if let Some(free) = slot.try_lock() {
                return free;
            }
        }
        // All are at work for some microseconds.
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.points[next % self.points.len()].lock()
    }

    /// Runs `work` in a read transaction on a blocking thread, once one is free.
    pub(super) async fn run<T, E>(
        self: &Arc<Readers>,
        work: impl FnOnce(&Conn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let due = Instant::now() + self.timeout;
        let permit = tokio::time::timeout(self.timeout, Arc::clone(&self.may_work).acquire_owned()).await;
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

    fn idle(&self) -> Result<Conn, Error> {
        let idle = self.idle.lock().pop();
        idle.map_or_else(|| self.open(), Ok)
    }

    /// Another connection. The store has been opened before, so a failure is the system's and no business of a caller's.
    fn open(&self) -> Result<Conn, Error> {
        connection::open(&self.path, Purpose::Read).map_err(|error| Error::Unavailable(error.into()))
    }
}

fn snapshot<T, E: From<Error>>(conn: &Conn, work: impl FnOnce(&Conn) -> Result<T, E>) -> Result<T, E> {
    let statement = |sql: &str| -> Result<(), Error> {
        let mut statement = conn.db.prepare_cached(sql).map_err(|error| fault::general(&error))?;
        statement.execute([]).map_err(|error| fault::general(&error))?;
        Ok(())
    };
    statement("BEGIN")?;
    let outcome = work(conn);
    conn.limit.set(None, None);
    // After an error that ended the transaction there is none to end.
    if !conn.db.is_autocommit() {
        statement("COMMIT")?;
    }
    outcome
}
