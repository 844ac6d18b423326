//! Copies of a whole database: taken while a server serves, and put back when none does.

use std::path::{Path, PathBuf};

use crate::{Error, Location, sqlite};

/// How far a backup or restore has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Pages that are done.
    pub done: u64,
    /// Pages in all.
    pub total: u64,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The file to restore is checked; `done` tells only the beginning and the end.
    CheckSource,
    /// Pages are copied.
    Copy,
    /// The copy is checked; `done` tells only the beginning and the end.
    CheckCopy,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where the data from before is kept, if there was any. It is the caller's to remove.
    pub before: Option<PathBuf>,
}

/// What is there for servers, and better at it.
const OTHER_TOOL: &str = "its own tools: `pg_dump --format=custom` and `pg_restore`, or your provider's snapshots";

/// Writes a consistent copy of the database to `target`, which is there whole or not at all. Works while a server serves.
/// Blocks until the copy is on the disk; an older backup at `target` is replaced.
///
/// # Errors
/// When there is no database of Pintle's, it is damaged, or the copy cannot be written; `target` is then as it was.
pub fn backup(location: &Location, target: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), Error> {
    match location {
        Location::Sqlite(path) => sqlite::backup::backup(path, target, progress),
        Location::Postgres(_) => Err(Error::Backup(format!(
            "a PostgreSQL database is backed up by {OTHER_TOOL}; `pintle copy --to sqlite:PATH` copies it to a file"
        ))),
    }
}

/// Puts a backup in the database's place, after checking it. Refused while a server serves. Blocks until it is on the
/// disk; the data from before is kept beside it.
///
/// # Errors
/// When `source` is no sound database of Pintle's, a server serves, or the copy cannot be written; the data is then as
/// it was.
pub fn restore(location: &Location, source: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Restored, Error> {
    match location {
        Location::Sqlite(path) => sqlite::backup::restore(path, source, progress),
        Location::Postgres(_) => Err(Error::Backup(format!(
            "a PostgreSQL database is restored by {OTHER_TOOL}; `pintle copy --from sqlite:PATH` copies a backup into it"
        ))),
    }
}
