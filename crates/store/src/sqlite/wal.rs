//! The write-ahead log: copied into the database after answers are out, and kept bounded whatever readers do.
//!
//! The log starts anew once all of it is in the database and no reader needs it. Under steady reads and writes that moment
//! may never come by itself, so beyond a bound the writer waits for the readers at hand: new ones then read from
//! the database itself, and reads end (they have a time limit), so the wait does too.

use std::ffi::c_int;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::hooks::Wal as HookWal;

use super::metrics::Metrics;

/// From this size on, the log is copied after each batch that adds to it.
const COPY_FROM: u64 = 8 << 20;
/// From this size on, readers are waited for, a moment at a time.
const RESTART_FROM: u64 = 32 << 20;
/// From this size on, they are waited for longer: somebody has been reading for long (a backup).
const WAIT_FROM: u64 = 128 << 20;
/// The size that the file keeps when the log starts anew.
pub(super) const KEEP_BYTES: i64 = 32 << 20;
/// A moment: what a write may feel of it.
const MOMENT: Duration = Duration::from_millis(50);
/// How long no more waiting is done after readers did not end in time.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the writer sleeps between two looks at the readers.
const NAP: Duration = Duration::from_micros(500);
/// How long nothing is written before the log is copied whatever its size.
const QUIET: Duration = Duration::from_secs(5);

/// What a write may feel of a log that long.
const LONG_MOMENT: Duration = Duration::from_millis(200);

/// How far a copy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// What readers allow.
    Passive,
    /// All, and until no reader needs the log.
    Restart,
    /// That, and the file is emptied.
    Truncate,
}

impl Reach {
    fn sql(self) -> &'static str {
        match self {
            Reach::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
            Reach::Restart => "PRAGMA wal_checkpoint(RESTART)",
            Reach::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
        }
    }
}

/// Looks after the log of one database.
#[derive(Debug)]
pub(super) struct Wal {
    file: PathBuf,
    /// Bytes in the log since it started anew; set by a hook at each commit.
    size: Arc<AtomicU64>,
    /// The size at the last copy.
    copied: u64,
    /// No waiting for readers before this.
    not_before: Option<Instant>,
    /// The size when last looked at, and since when it is that.
    seen: (u64, Instant),
}

impl Wal {
    /// Watches the log that `db` writes to.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) fn watch(db: &mut Connection, file: PathBuf) -> rusqlite::Result<Wal> {
        let page_size: u64 = db.query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0)).map(u64::from)?;
        let size = Arc::new(AtomicU64::new(0));
        let written = Arc::clone(&size);
        // In place of SQLite's own checkpoint inside the commit, which its answer would wait for.
        db.wal_hook(Some(move |_: &mut HookWal, pages: c_int| {
            written.store(u64::try_from(pages).unwrap_or(0) * page_size, Ordering::Relaxed);
            Ok(())
        }))?;
        let seen = (0, Instant::now());
        Ok(Wal { file, size, copied: 0, not_before: None, seen })
    }

    /// Copies the log into the database when it is time to.
    pub(super) fn look_after(&mut self, db: &Connection, metrics: &Metrics) {
        let size = self.size.load(Ordering::Relaxed);
        if size < self.copied {
            self.copied = 0;
        }
        if size != self.seen.0 {
            self.seen = (size, Instant::now());
        }
        let added = size - self.copied;
        if added < COPY_FROM && !(added > 0 && self.seen.1.elapsed() > QUIET) {
            return;
        }
        let may_wait = self.not_before.is_none_or(|at| Instant::now() >= at);
        if size >= WAIT_FROM && may_wait {
            if !self.copy(db, Reach::Restart, LONG_MOMENT, metrics) {
                tracing::warn!(bytes = size, "the write-ahead log cannot start anew: something reads for long");
                self.not_before = Some(Instant::now() + PAUSE);
            }
        } else if size >= RESTART_FROM && may_wait {
            if !self.copy(db, Reach::Restart, MOMENT, metrics) {
                self.not_before = Some(Instant::now() + PAUSE);
            }
        } else {
            self.copy(db, Reach::Passive, Duration::ZERO, metrics);
        }
    }

    /// Copies all of the log and empties its file, if readers end within a moment: the disk is full, or the store closes.
    pub(super) fn make_room(&mut self, db: &Connection, metrics: &Metrics) {
        self.copy(db, Reach::Truncate, MOMENT, metrics);
    }

    /// Whether all of the log was copied (and, but for a passive copy, no reader needs it any more), within `wait`.
    fn copy(&mut self, db: &Connection, reach: Reach, wait: Duration, metrics: &Metrics) -> bool {
        let due = Instant::now() + wait;
        let _ = db.busy_timeout(Duration::ZERO);
        let done = loop {
            match Self::try_copy(db, reach) {
                // SQLite's own waiting sleeps for longer than most reads take.
                Ok(false) if Instant::now() < due => std::thread::sleep(NAP),
                Ok(done) => break done,
                Err(error) => {
                    tracing::warn!(%error, "the write-ahead log could not be copied into the database");
                    break false;
                }
            }
        };
        let _ = db.busy_timeout(super::connection::BUSY);
        self.copied = self.size.load(Ordering::Relaxed);
        metrics.checkpoint();
        metrics.wal_bytes(std::fs::metadata(&self.file).map_or(0, |file| file.len()));
        done
    }

    fn try_copy(db: &Connection, reach: Reach) -> rusqlite::Result<bool> {
        let outcome = db.query_row(reach.sql(), [], |row| {
            let (busy, pages, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(!busy && pages == copied)
        });
        match outcome {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(false),
            outcome => outcome,
        }
    }
}
