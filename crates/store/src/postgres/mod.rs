//! PostgreSQL 15 or newer, on a server.
//!
//! Each plan is one statement, so most requests are one round trip on a connection of the [`pool`]; PostgreSQL itself keeps
//! writers apart, and what they cannot do side by side is run again ([`retry`]).

mod abreast;
mod bind;
mod bulk;
mod connect;
mod credential;
mod fault;
mod geography;
mod ingest;
mod json;
mod metrics;
mod migrate;
mod names;
mod order;
mod pool;
mod read;
mod retry;
mod run;
mod send;
mod snapshot;
mod tls;
mod together;
mod tx;
mod url;
mod watch;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use pintle_model::{CollectionId, Model};
use pintle_query::{Read, Write};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::abreast::Abreast;
use self::connect::{Connector, Purpose};
use self::fault::Fault;
use self::migrate::Early;
use self::names::Names;
use self::pool::Pool;
use self::retry::{RETRIES, pause};
pub use self::snapshot::Snapshot;
use self::together::{Shared, Together};
use self::tx::{Transaction, Turn};
pub use self::url::PostgresUrl;
use self::watch::Watch;
use crate::changes::Changes;
use crate::lines::Turns;
use crate::{Access, Consent, Error, Ingested, MigrationPlan, Mode, Rows, Tx, Written};

/// How much longer than a statement may take its answer is waited for: the server breaks it off by itself, unless it or
/// the way to it hangs.
const GRACE: Duration = Duration::from_secs(2);

/// An open PostgreSQL database. Cheap to clone; the last one closes it.
#[derive(Debug, Clone)]
pub struct Postgres {
    open: Arc<Open>,
}

#[derive(Debug)]
struct Open {
    url: PostgresUrl,
    model: Arc<Model>,
    names: Arc<Names>,
    pool: Pool,
    /// Whose turn it is of the transactions that others come between again and again.
    turn: Turn,
    lines: Turns,
    watch: Arc<Watch>,
    changes: Arc<Changes>,
    together: Together,
    abreast: Arc<Abreast>,
    /// For the first migration.
    early: Mutex<Option<Early>>,
    /// The hash of the model's tables.
    wanted: String,
}

/// How a write is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// As a whole.
    Write,
    /// Of rows that are kept each on its own, as one statement.
    Whole,
    /// Of such rows, one after the other.
    Each,
    /// Of rows of several callers, as one statement.
    Shared,
}

/// What came of it.
enum Done {
    Written(Written),
    /// A row is against it, so nothing remains.
    Against,
    Each(Ingested),
    Shared(Shared),
}

impl Postgres {
    /// Opens the database: what the URL names is read. A server calls it in the context of its runtime, where its first
    /// connections are made then; nobody else has sent anything yet.
    ///
    /// # Errors
    /// When certificates that the URL names cannot be read.
    pub(crate) fn open(url: &PostgresUrl, model: &Arc<Model>, access: Access) -> Result<Postgres, Error> {
        let pool = Postgres::pool(url, model, Connector::new(url, requests(model))?)?;
        let changes = Changes::new(model, &Arc::default());
        let watch = Watch::new(Connector::new(url, Purpose::Own)?, Arc::clone(changes.numbers()));
        let mut early = None;
        if access != Access::Beside {
            // In the order in which the first request needs them.
            early = migrate::early(url);
            pool.begin();
            watch.start();
        }
        let lines = Turns::of(url.connections_max());
        Ok(Postgres::of(url, model, (pool, lines, early), watch, changes))
    }

    /// The same open database, for another model.
    pub(crate) fn with_model(&self, model: &Arc<Model>) -> Result<Postgres, Error> {
        let Open { url, pool, lines, watch, .. } = &*self.open;
        let pool = if requests(model) == requests(&self.open.model) {
            pool.clone()
        } else {
            Postgres::pool(url, model, pool.connector().also(url, requests(model)))?
        };
        let changes = Changes::new(model, self.open.changes.numbers());
        Ok(Postgres::of(url, model, (pool, lines.clone(), None), Arc::clone(watch), changes))
    }

    fn pool(url: &PostgresUrl, model: &Model, connector: Connector) -> Result<Pool, Error> {
        Pool::new(connector, url.connections_max(), model.limits.timeout)
    }

    fn of(
        url: &PostgresUrl,
        model: &Arc<Model>,
        (pool, lines, early): (Pool, Turns, Option<Early>),
        watch: Arc<Watch>,
        changes: Changes,
    ) -> Postgres {
        let (names, wanted) = (Arc::new(Names::of(model)), migrate::hash(model));
        let (url, model, changes) = (url.clone(), Arc::clone(model), Arc::new(changes));
        let (together, abreast) = (Together::default(), Arc::new(Abreast::of(url.connections_max())));
        let (early, turn) = (Mutex::new(early), Turn::default());
        let open = Open { url, model, names, pool, turn, lines, watch, changes, together, abreast, early, wanted };
        Postgres { open: Arc::new(open) }
    }

    pub(crate) async fn read(&self, read: Read) -> Result<Rows, Error> {
        let mut again = true;
        loop {
            let mut conn = self.open.pool.get().await?;
            match self.limited(pin!(read::read(&mut conn, &read, None))).await {
                Ok(rows) => return Ok(rows),
                Err(Fault::Told(error)) => return Err(error),
                // A read changes nothing, so it does not matter whether it has run.
                Err(_) if again => again = false,
                Err(Fault::Conflict) => return Err(Error::Busy),
                Err(Fault::Unsent(error) | Fault::Broken(error)) => return Err(error),
            }
        }
    }

    pub(crate) async fn lines(&self, read: Read, pieces: mpsc::Sender<Bytes>) -> Result<(), Error> {
        let _turn = self.open.lines.next().await?;
        let due = Instant::now() + self.open.model.limits.timeout + GRACE;
        let mut again = true;
        loop {
            let mut conn = self.open.pool.get().await?;
            match self.limited(pin!(read::lines(&mut conn, &read, &pieces, due))).await {
                Ok(()) => return Ok(()),
                // Of others some rows may have been handed on.
                Err(Fault::Unsent(_)) if again => again = false,
                Err(Fault::Conflict) => return Err(Error::Busy),
                Err(Fault::Told(error) | Fault::Unsent(error) | Fault::Broken(error)) => return Err(error),
            }
        }
    }

    pub(crate) async fn write(&self, write: Write) -> Result<Written, Error> {
        if together::may_share(&write) { self.shared(write).await } else { self.alone(&write).await }
    }

    /// Runs a write by itself.
    async fn alone(&self, write: &Write) -> Result<Written, Error> {
        let outcome = self.written(write).await;
        let changed = match &outcome {
            Ok(written) => written.affected > 0 && !write.rollback,
            // It may have been kept, though nobody heard of it.
            Err(error) => matches!(error, Error::Timeout | Error::Unavailable(_) | Error::Internal(_)),
        };
        self.changed(write, changed);
        outcome
    }

    fn changed(&self, write: &Write, changed: bool) {
        if changed {
            self.open.changes.changed(self.open.changes.of_write(write));
        }
    }

    async fn written(&self, write: &Write) -> Result<Written, Error> {
        match self.attempted(write, How::Write).await? {
            Done::Written(written) => Ok(written),
            Done::Against | Done::Each(_) | Done::Shared(_) => Err(Error::internal("a write was run as many")),
        }
    }

    /// Runs a write, again where others came between.
    async fn attempted(&self, write: &Write, how: How) -> Result<Done, Error> {
        let mut attempts = 0;
        loop {
            let mut conn = self.open.pool.get().await?;
            let work = async {
                let names = &self.open.names;
                match how {
                    How::Write => run::write(&mut conn, names, write, None).await.map(Done::Written),
                    How::Whole => Ok(run::whole(&mut conn, names, write).await?.map_or(Done::Against, Done::Written)),
                    How::Each => ingest::each(&mut conn, names, write).await.map(Done::Each),
                    How::Shared => Box::pin(bulk::shared(&mut conn, names, write)).await.map(Done::Shared),
                }
            };
            let again = match self.limited(pin!(work)).await {
                Ok(done) => return Ok(done),
                Err(Fault::Told(error) | Fault::Broken(error)) => return Err(error),
                Err(Fault::Conflict) => Error::Busy,
                Err(Fault::Unsent(error)) => error,
            };
            if attempts == RETRIES {
                return Err(again);
            }
            drop(conn);
            tokio::time::sleep(pause(attempts)).await;
            attempts += 1;
        }
    }

    async fn limited<T>(&self, work: Pin<&mut impl Future<Output = Result<T, Fault>>>) -> Result<T, Fault> {
        let limit = self.open.model.limits.timeout + GRACE;
        tokio::time::timeout(limit, work).await.unwrap_or(Err(Fault::Told(Error::Timeout)))
    }

    pub(crate) async fn transaction<T, E>(
        &self,
        mode: Mode,
        steps: impl FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let due = Instant::now() + self.open.model.limits.timeout;
        // Before a thread is taken, so that those that wait for a connection keep none.
        let lease = self.open.pool.get().await?;
        let (here, gone) = oneshot::channel();
        let (pool, names, runtime) = (self.open.pool.clone(), Arc::clone(&self.open.names), Handle::current());
        let (changes, turn) = (Arc::clone(&self.open.changes), Arc::clone(&self.open.turn));
        let transaction =
            Transaction { pool, turn, names, mode, due, gone, runtime, changes, changed: Vec::new(), read: None };
        let ended = tokio::task::spawn_blocking(move || transaction.run(lease, steps)).await;
        drop(here);
        let (outcome, read) = ended.unwrap_or_else(|error| (Err(Error::Internal(error.into()).into()), None));
        if let Some(mut lease) = read {
            lease.leave();
        }
        outcome
    }

    pub(crate) async fn snapshot(&self, several: bool, time: Duration) -> Result<Snapshot, Error> {
        let Open { pool, abreast, model, .. } = &*self.open;
        let due = Instant::now() + model.limits.timeout.min(time);
        let (turn, lease) = pool.get_after(abreast.next(), due).await?;
        Ok(Snapshot::new(lease, turn, due, several))
    }

    pub(crate) async fn ready(&self) -> Result<(), Error> {
        self.open.watch.ready(&self.open.wanted).await
    }

    pub(crate) fn plan(&self) -> Result<MigrationPlan, Error> {
        blocking(migrate::plan(&self.open.url, &self.open.model))
    }

    pub(crate) fn migrate(&self, consent: Consent) -> Result<MigrationPlan, Error> {
        let mut begun = false;
        let url = (&self.open.url, self.open.early.lock().take());
        let done = blocking(migrate::apply(url, &self.open.model, consent, &mut begun));
        // What was refused before anything was made has changed nothing; of all else that failed nobody knows.
        if begun || !matches!(done, Err(Error::Migration(_))) {
            self.open.changes.migrated();
        }
        done
    }

    pub(crate) fn changes(&self, collection: CollectionId) -> u64 {
        let known = self.open.model.collections.get(collection.0).is_some_and(|c| self.open.watch.knows(&c.name));
        if !known {
            self.open.changes.changed(&[collection]);
        }
        self.open.changes.number(collection)
    }
}

/// What the connections for a model's requests are told.
fn requests(model: &Model) -> Purpose {
    Purpose::Requests(model.limits.timeout, model.durability)
}

/// Runs to the end on a thread and a runtime of its own, so that it may be called from anywhere.
fn blocking<T: Send>(work: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(Error::internal)?.block_on(work)
    };
    let ended = std::thread::scope(|scope| scope.spawn(run).join());
    ended.unwrap_or_else(|_| Err(Error::internal("a migration ended in a panic")))
}
