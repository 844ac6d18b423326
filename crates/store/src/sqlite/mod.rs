//! SQLite, embedded.
//!
//! One [`writer`] owns the one connection that writes; [`readers`] have their own and never wait for it. The file is
//! served by one process at a time, or by one for each service of the app ([`lock`]), which take turns to write ([`shared`]);
//! commands open it beside them, and they see what those wrote.

pub(crate) mod backup;
mod batch;
mod bind;
mod connection;
mod fault;
mod functions;
mod json;
mod lock;
mod metrics;
mod migrate;
mod readers;
mod run;
mod shared;
mod slow;
mod snapshot;
mod tx;
mod wal;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pintle_model::{CollectionId, Model};
use pintle_query::{Read, Write};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::batch::Steps;
use self::connection::{Conn, Purpose};
use self::lock::Lock;
use self::readers::Readers;
use self::shared::Shared;
pub use self::snapshot::Snapshot;
use self::tx::ReadTx;
use self::wal::Wal;
use self::writer::Writer;
use crate::changes::{Changes, Numbers};
use crate::lines::{self, Turns};
use crate::{Access, Consent, Error, Ingested, MigrationPlan, Mode, Rows, Tx, Written};

/// An open SQLite database. Cheap to clone; the last one closes it.
#[derive(Debug, Clone)]
pub struct Sqlite {
    of: Arc<Of>,
    open: Arc<Open>,
}

/// The model that a handle is for, and what follows from it.
#[derive(Debug)]
struct Of {
    model: Arc<Model>,
    /// The hash of the model's tables.
    wanted: Arc<str>,
    changes: Changes,
}

// The order is that of closing: the lock goes last.
#[derive(Debug)]
struct Open {
    writer: Writer,
    readers: Arc<Readers>,
    lines: Turns,
    /// Where other processes serve the file too.
    shared: Option<Arc<Shared>>,
    path: PathBuf,
    _lock: Option<Lock>,
}

impl Of {
    fn new(model: &Arc<Model>, numbers: &Arc<Numbers>) -> Arc<Of> {
        let (model, changes) = (Arc::clone(model), Changes::new(model, numbers));
        Arc::new(Of { wanted: migrate::hash(&model).into(), model, changes })
    }
}

impl Sqlite {
    /// Opens the file, or makes it with its folder.
    ///
    /// # Errors
    /// When it cannot be opened or made, is no database, or is served by another process.
    pub(crate) fn open(path: &Path, model: &Arc<Model>, access: Access) -> Result<Sqlite, Error> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                Error::Open(format!("the folder `{}` of the store cannot be made: {error}", folder.display()))
            })?;
        }
        let lock = match &access {
            Access::Serve => Some(lock::take(path)?),
            Access::Service(name) => Some(lock::take_service(path, name)?),
            Access::Beside => None,
        };
        let shared = matches!(access, Access::Service(_)).then(|| Shared::of(path, model.durability)).transpose()?;
        let shared = shared.map(Arc::new);
        let mut conn = connection::open(path, Purpose::Write(model.durability))?;
        let wal = Wal::watch(&mut conn.db, beside(path, "-wal")).map_err(|error| fault::general(&error))?;
        let of = Of::new(model, &Arc::default());
        let writer = Writer::start(conn, wal, Arc::clone(of.changes.numbers()), shared.clone())?;
        let count = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
        let readers = Arc::new(Readers::new(path.to_owned(), count));
        let lines = Turns::of(count);
        Ok(Sqlite { of, open: Arc::new(Open { writer, readers, lines, shared, path: path.to_owned(), _lock: lock }) })
    }

    /// The same open file, for another model.
    pub(crate) fn with_model(&self, model: &Arc<Model>) -> Sqlite {
        Sqlite { of: Of::new(model, self.of.changes.numbers()), open: Arc::clone(&self.open) }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.open.path
    }

    pub(crate) async fn read(&self, read: Read) -> Result<Rows, Error> {
        self.open.readers.read(read, self.timeout()).await
    }

    pub(crate) async fn lines(&self, read: Read, pieces: mpsc::Sender<Bytes>) -> Result<(), Error> {
        let turn = self.open.lines.next().await?;
        let (due, runtime) = (Instant::now() + self.timeout(), Handle::current());
        let work = move |conn: &Conn| {
            // Kept by the work, which ends a moment after its asker has left.
            let _turn = turn;
            run::lines(&conn.db, &read, |piece| runtime.block_on(lines::hand_on(&pieces, piece, due)))
        };
        self.open.readers.run(self.timeout(), work).await
    }

    pub(crate) async fn write(&self, write: Write) -> Result<Written, Error> {
        self.open.writer.write(&self.of, write).await
    }

    pub(crate) async fn ingest(&self, write: Write) -> Result<Ingested, Error> {
        self.open.writer.ingest(&self.of, write).await
    }

    pub(crate) async fn transaction<T, E>(
        &self,
        mode: Mode,
        mut steps: impl FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        if mode == Mode::Read {
            return self.open.readers.run(self.timeout(), move |conn| steps(&mut ReadTx(conn))).await;
        }
        let (reply, answer) = oneshot::channel();
        self.open.writer.steps(&self.of, Box::new(Asked { steps, outcome: None, reply }))?;
        answer.await.unwrap_or_else(|_| Err(writer::gone().into()))
    }

    pub(crate) fn snapshot(&self) -> Result<Option<Snapshot>, Error> {
        self.open.readers.snapshot()
    }

    pub(crate) async fn ready(&self) -> Result<(), Error> {
        let wanted = Arc::clone(&self.of.wanted);
        let current = self.open.readers.probe(move |conn| migrate::is_current(&conn.db, &wanted)).await?;
        if current {
            Ok(())
        } else {
            Err(Error::Migration("the tables are not this model's: another version of the app changed them".to_owned()))
        }
    }

    fn timeout(&self) -> Duration {
        self.of.model.limits.timeout
    }

    pub(crate) fn plan(&self) -> Result<MigrationPlan, Error> {
        migrate::plan(&self.open.path, &self.of.model)
    }

    pub(crate) fn migrate(&self, consent: Consent) -> Result<MigrationPlan, Error> {
        let done = migrate::apply(&self.open.path, &self.of.model, consent);
        // Not later, when it would be taken for a write of another process.
        self.open.writer.look();
        if done.is_ok() {
            self.of.changes.migrated();
        }
        done
    }

    pub(crate) fn changes(&self, collection: CollectionId) -> u64 {
        if let Some(shared) = &self.open.shared {
            shared.look(self.of.changes.numbers());
        }
        self.of.changes.number(collection)
    }
}

/// Steps, and who waits for them.
struct Asked<S, T, E> {
    steps: S,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<S, T, E> Steps for Asked<S, T, E>
where
    S: FnMut(&mut dyn Tx) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn are_left(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, tx: &mut dyn Tx) -> bool {
        self.outcome.insert((self.steps)(tx)).is_ok()
    }

    fn answer(self: Box<Self>, failed: Option<Error>) {
        let _ = self.reply.send(match (failed, self.outcome) {
            (_, Some(Err(error))) => Err(error),
            (Some(error), _) => Err(error.into()),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(writer::gone().into()),
        });
    }
}

/// The file beside `path` whose name has `suffix` behind it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
