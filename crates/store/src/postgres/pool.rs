//! The connections that requests share.
//!
//! 1. A request takes one that is free, or a new one while there are fewer than the URL allows, or waits.
//! 2. It gives it back when the server has answered all that was sent; for the end of a transaction that keeps nothing, who
//!    comes next waits instead, if it has not come by then. Who leaves before that leaves a connection that is not idle: it
//!    goes back after a moment, if it is idle by then, else what runs on it is broken off and it is closed.
//! 3. After a connect that failed there is a pause before the next, and meanwhile all are told at once.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Object, PoolError, QueueMode, RecycleError, RecycleResult};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::timeout_at;
use tokio_postgres::{Client, Statement};

use super::connect::Connector;
use super::fault::Fault;
use super::metrics::{Busy, Metrics};
use super::send::Sent;
use crate::Error;

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 128;
/// The longest SQL that is kept: connections count the statements that they keep, not their bytes.
const KEPT_SQL_BYTES: usize = 16 << 10;
/// How long a statement that nobody waits for may go on before it is broken off: making a connection costs more than most
/// statements.
const MOMENT: Duration = Duration::from_millis(50);
/// Pauses between connects that fail: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A connection with the statements that it knows.
#[derive(Debug)]
pub(super) struct Conn {
    /// The driver's.
    pub(super) client: Client,
    /// Nothing that was sent is without its answer, and there is no transaction, but for what is `leaving`. Whoever sends
    /// makes it false first.
    pub(super) idle: bool,
    /// What ends a transaction that nobody waits for: whoever takes the connection next does.
    pub(super) leaving: Option<Sent>,
    /// It is not to be used again: its server does not take writes any more, or it keeps what nobody knows.
    pub(super) worn: bool,
    statements: HashMap<Box<str>, (Statement, u64)>,
    /// Counts uses, so that the statement that was not used for longest can be found.
    uses: u64,
    task: AbortHandle,
}

impl Conn {
    fn new(client: Client, task: AbortHandle) -> Conn {
        Conn { client, idle: true, leaving: None, worn: false, statements: HashMap::new(), uses: 0, task }
    }

    /// A statement, prepared now or earlier.
    pub(super) async fn prepared(&mut self, sql: &str) -> Result<Statement, Fault> {
        self.uses += 1;
        if let Some((statement, used)) = self.statements.get_mut(sql) {
            *used = self.uses;
            return Ok(statement.clone());
        }
        // Who leaves meanwhile leaves a statement on the server that nobody can close: the connection goes with it.
        let before = (self.idle, self.worn);
        (self.idle, self.worn) = (false, true);
        let made = Box::pin(self.client.prepare(sql)).await;
        (self.idle, self.worn) = before;
        let statement = made.map_err(|error| Fault::of_prepare(&error))?;
        if sql.len() <= KEPT_SQL_BYTES {
            if self.statements.len() >= STATEMENTS {
                let oldest = self.statements.iter().min_by_key(|(_, (_, used))| *used).map(|(sql, _)| sql.clone());
                oldest.and_then(|sql| self.statements.remove(&sql));
            }
            self.statements.insert(sql.into(), (statement.clone(), self.uses));
        }
        Ok(statement)
    }

    /// Ends a transaction, if there is one, whose steps have all been answered, and keeps nothing of it. Does not wait.
    pub(super) fn leave(&mut self) {
        if self.idle {
            return;
        }
        if let Ok(sent) = Sent::send(&self.client, "ROLLBACK") {
            (self.leaving, self.idle) = (Some(sent), true);
        }
    }

    /// Waits for the end of what was left, which has most often come. False if it does not come soon.
    pub(super) async fn left(&mut self) -> bool {
        match self.leaving.take() {
            // Apart, since most connections have nothing to wait for.
            Some(mut sent) => matches!(Box::pin(tokio::time::timeout(MOMENT, sent.done())).await, Ok(Ok(()))),
            None => true,
        }
    }

    /// Forgets the statements: the server takes them no more.
    pub(super) fn forget(&mut self) {
        self.statements.clear();
    }
}

/// Makes connections for the pool.
pub(super) struct Manager {
    connector: Connector,
    pause: Mutex<Pause>,
    metrics: Metrics,
}

/// Since when, and until when, no connect is tried.
#[derive(Debug)]
struct Pause {
    length: Duration,
    until: Instant,
    reason: String,
}

impl managed::Manager for Manager {
    type Type = Conn;
    type Error = Error;

    async fn create(&self) -> Result<Conn, Error> {
        let begun = Instant::now();
        {
            let pause = self.pause.lock();
            if begun < pause.until {
                return Err(Error::Unavailable(pause.reason.clone().into()));
            }
        }
        let made = Box::pin(self.connector.connect()).await;
        let mut pause = self.pause.lock();
        match made {
            Ok((client, task)) => {
                pause.length = Duration::ZERO;
                self.metrics.connected();
                Ok(Conn::new(client, task))
            }
            Err(error) => {
                self.metrics.connect_failed();
                // Of several that failed side by side, one counts.
                if begun >= pause.until {
                    pause.length = (pause.length * 2).clamp(PAUSE_MIN, PAUSE_MAX);
                    pause.until = Instant::now() + pause.length;
                    pause.reason = match &error {
                        Error::Unavailable(reason) => reason.to_string(),
                        other => other.to_string(),
                    };
                    tracing::warn!(error = pause.reason, "the database cannot be reached");
                }
                Err(error)
            }
        }
    }

    async fn recycle(&self, conn: &mut Conn, _: &managed::Metrics) -> RecycleResult<Error> {
        if conn.worn || conn.client.is_closed() {
            return Err(RecycleError::message("closed"));
        }
        if !conn.left().await {
            conn.task.abort();
            return Err(RecycleError::message("its last transaction does not end"));
        }
        Ok(())
    }

    fn detach(&self, _: &mut Conn) {
        self.metrics.disconnected();
    }
}

/// The pool. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pool {
    connections: managed::Pool<Manager>,
    /// How long a request waits for one.
    patience: Duration,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.connections.status().fmt(f)
    }
}

impl Pool {
    /// A pool of at most `connections` connections. None is made before [`Pool::begin`] or a request.
    pub(super) fn new(connector: Connector, connections: usize, patience: Duration) -> Result<Pool, Error> {
        let pause = Pause { length: Duration::ZERO, until: Instant::now(), reason: String::new() };
        let manager = Manager { connector, pause: Mutex::new(pause), metrics: Metrics::new() };
        // The one that was used last knows its statements best, and the others may be closed by whoever sits between.
        let pool = managed::Pool::builder(manager).max_size(connections).queue_mode(QueueMode::Lifo).build();
        Ok(Pool { connections: pool.map_err(Error::internal)?, patience })
    }

    /// Makes its connections.
    pub(super) fn connector(&self) -> &Connector {
        &self.connections.manager().connector
    }

    /// Makes the first connection, so that the first request does not wait for it. Why there is none, a request is told.
    pub(super) fn begin(&self) {
        if let Ok(runtime) = Handle::try_current() {
            let connections = self.connections.clone();
            runtime.spawn(async move { drop(connections.get().await) });
        }
    }

    /// A connection to work with.
    ///
    /// # Errors
    /// When none becomes free in time, or the server cannot be reached.
    pub(super) async fn get(&self) -> Result<Lease, Error> {
        let due = tokio::time::Instant::now() + self.patience;
        Ok(self.get_after(std::future::ready(Ok(())), due).await?.1)
    }

    /// A connection by `due`, for who waits for its turn before it waits for one.
    ///
    /// # Errors
    /// As [`Pool::get`].
    pub(super) async fn get_after<T>(
        &self,
        turn: impl Future<Output = Result<T, Error>>,
        due: tokio::time::Instant,
    ) -> Result<(T, Lease), Error> {
        let metrics = &self.connections.manager().metrics;
        let begun = Instant::now();
        let got = timeout_at(due, async { Ok((turn.await?, self.connections.get().await)) }).await;
        metrics.waited(begun.elapsed());
        let (turn, conn) = got.unwrap_or(Err(Error::Busy))?;
        match conn {
            Ok(conn) => Ok((turn, Lease { conn: Some(conn), _busy: metrics.busy() })),
            Err(PoolError::Backend(error)) => Err(error),
            Err(error) => Err(Error::Unavailable(error.to_string().into())),
        }
    }
}

/// A connection that one request works with.
pub(super) struct Lease {
    conn: Option<Object<Manager>>,
    _busy: Busy,
}

impl Deref for Lease {
    type Target = Conn;

    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref(&self) -> &Conn {
        self.conn.as_deref().expect("a lease has its connection")
    }
}

impl DerefMut for Lease {
    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn.as_deref_mut().expect("a lease has its connection")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        if conn.idle || conn.client.is_closed() {
            return;
        }
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(clean(conn))),
            Err(_) => close(Object::take(conn)),
        }
    }
}

/// Gives a connection back once it is idle; closes one on which something runs for longer than a moment.
async fn clean(mut conn: Object<Manager>) {
    // Behind all that was sent; without a transaction it does nothing.
    match tokio::time::timeout(MOMENT, conn.client.batch_execute("ROLLBACK")).await {
        Ok(Ok(())) => conn.idle = true,
        Ok(Err(_)) => close(Object::take(conn)),
        Err(_) => {
            // Its place is free when it has ended, so that there are never more than the URL allows.
            let connector = Object::pool(&conn).map(|pool| pool.manager().connector.clone());
            if let Some(connector) = connector {
                connector.cancel(&conn.client.cancel_token()).await;
            }
            close(Object::take(conn));
        }
    }
}

/// Ends a connection without waiting for what it does.
fn close(conn: Conn) {
    conn.task.abort();
}
