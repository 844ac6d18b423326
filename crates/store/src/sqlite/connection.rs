//! Connections: how each is opened, what it may do, how long a statement may run.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pintle_model::Durability;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::fault;
use crate::Error;

/// Marks the file as Pintle's in its header (`PRAGMA application_id`): "PNTL".
pub(super) const APPLICATION_ID: i32 = 0x504e_544c;

/// How long a connection waits for another process that writes or recovers.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// How long is slept between two tries to enter write-ahead logging.
const WAL_NAP: Duration = Duration::from_millis(2);
/// Pages that a connection keeps, in KiB: enough for the inner nodes of a table of millions of rows.
const CACHE_KIB: i32 = 2048;
/// Pages that the writer keeps, in KiB: it also needs those that a batch changes.
const WRITER_CACHE_KIB: i32 = 8192;
/// Pages that all quick readers keep together, in KiB: most requests are theirs.
const QUICK_CACHE_KIB: i32 = 12288;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 128;
/// The longest text, blob or row, in bytes.
const LENGTH_MAX: i32 = 256 << 20;
/// The longest statement, in bytes.
const SQL_LENGTH_MAX: i32 = 4 << 20;
/// Operations of SQLite's machine between two looks at the clock; some tens of microseconds.
const OPS_PER_LOOK: i32 = 4000;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It may write, and makes the file if there is none.
    Write(Durability),
    /// It reads.
    Read,
    /// It reads, for most requests, as one of so many.
    ReadQuick(usize),
}

impl Purpose {
    fn cache_kib(self) -> i32 {
        match self {
            Purpose::Write(_) => WRITER_CACHE_KIB,
            Purpose::Read => CACHE_KIB,
            Purpose::ReadQuick(count) => {
                (QUICK_CACHE_KIB / i32::try_from(count.max(1)).unwrap_or(i32::MAX)).max(CACHE_KIB)
            }
        }
    }
}

/// A connection and the limit on what runs on it.
#[derive(Debug)]
pub(super) struct Conn {
    /// SQLite's.
    pub(super) db: Connection,
    /// Until when the statement may run.
    pub(super) limit: RunLimit,
}

/// Until when a statement may run; shared with the progress handler.
#[derive(Debug, Clone, Default)]
pub(super) struct RunLimit(Arc<Mutex<Run>>);

#[derive(Debug, Default)]
struct Run {
    due: Option<Instant>,
    cancelled: Option<Arc<std::sync::atomic::AtomicBool>>,
}

impl RunLimit {
    /// From now on statements end at `due`, or when `cancelled` becomes true.
    pub(super) fn set(&self, due: Option<Instant>, cancelled: Option<Arc<std::sync::atomic::AtomicBool>>) {
        *self.0.lock() = Run { due, cancelled };
    }

    /// From now on statements end at `due`, unless they are to end before.
    pub(super) fn shorten(&self, due: Instant) {
        let mut run = self.0.lock();
        run.due = Some(run.due.map_or(due, |before| before.min(due)));
    }

    fn over(&self) -> bool {
        let run = self.0.lock();
        run.due.is_some_and(|due| Instant::now() >= due)
            || run.cancelled.as_ref().is_some_and(|flag| flag.load(std::sync::atomic::Ordering::Relaxed))
    }
}

/// Opens a connection to the file at `path`.
///
/// # Errors
/// When the file cannot be opened, is no database, or is damaged.
pub(super) fn open(path: &Path, purpose: Purpose) -> Result<Conn, Error> {
    connect(path, purpose).map_err(|error| match error {
        rusqlite::Error::SqliteFailure(code, _) if code.code == rusqlite::ErrorCode::NotADatabase => {
            Error::Open(format!("`{}` is no SQLite database", path.display()))
        }
        rusqlite::Error::SqliteFailure(code, _) if code.code == rusqlite::ErrorCode::CannotOpen => Error::Open(
            format!("`{}` cannot be opened: is there such a folder, and may this user write in it?", path.display()),
        ),
        error => fault::general(&error),
    })
}

/// Has the file written by a log of its own. SQLite does not wait here for another connection that is about to do the same to a
/// new file (it holds its read lock meanwhile, so that could be for ever), so this does.
fn enter_wal(db: &Connection) -> rusqlite::Result<()> {
    let due = Instant::now() + BUSY;
    loop {
        match db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Err(rusqlite::Error::SqliteFailure(code, _))
                if code.code == rusqlite::ErrorCode::DatabaseBusy && Instant::now() < due =>
            {
                std::thread::sleep(WAL_NAP);
            }
            other => return other.map(drop),
        }
    }
}

/// Says what a commit waits for; not inside a transaction.
pub(super) fn set_durability(db: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Relaxed => "NORMAL",
    };
    db.pragma_update(None, "synchronous", synchronous)
}

/// A number that changes by the commits of other connections only.
pub(super) fn data_version(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

fn connect(path: &Path, purpose: Purpose) -> rusqlite::Result<Conn> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if matches!(purpose, Purpose::Write(_)) {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    // What a person's tool may have put into the file's schema shall not run anything here.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    db.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, LENGTH_MAX)?;
    db.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, SQL_LENGTH_MAX)?;
    db.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // A plan does not hang on the values that are bound: else each new `LIMIT` would have the statement compiled anew.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.pragma_update(None, "cache_size", -purpose.cache_kib())?;
    // Mapped pages would count as ours for each connection anew; the page cache is bounded.
    db.pragma_update(None, "mmap_size", 0)?;
    match purpose {
        Purpose::Write(durability) => {
            enter_wal(&db)?;
            set_durability(&db, durability)?;
            db.pragma_update(None, "foreign_keys", true)?;
            db.pragma_update_and_check(None, "journal_size_limit", super::wal::KEEP_BYTES, |_| Ok(()))?;
        }
        Purpose::Read | Purpose::ReadQuick(_) => db.pragma_update(None, "query_only", true)?,
    }
    super::functions::register(&db)?;
    let limit = RunLimit::default();
    let watched = limit.clone();
    db.progress_handler(OPS_PER_LOOK, Some(move || watched.over()))?;
    Ok(Conn { db, limit })
}
