//! Backup and restore of a SQLite file.
//!
//! Both copy page by page into a file beside the target, check the copy, bring it to the disk and rename it: so the target
//! is the old one or the new one, whenever the power goes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::{beside, fault, lock, migrate};
use crate::Error;
use crate::backup::{Progress, Restored, Stage};

/// Pages copied between two reports: 4 MiB.
const STEP_PAGES: i32 = 1024;
/// How long another process is waited for.
const BUSY: Duration = Duration::from_secs(5);

pub(crate) fn backup(path: &Path, target: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), Error> {
    let source = open_ours(path)?;
    if same_file(path, target) {
        return Err(Error::Backup(format!("`{}` is the database itself: name another file", target.display())));
    }
    if target.exists() {
        open_ours(target).map_err(|_| {
            Error::Backup(format!(
                "`{}` is there and is no backup of Pintle's: name another file, or remove it",
                target.display()
            ))
        })?;
    }
    let copy = Copy::make(&source, target, progress)?;
    copy.take_place()
}

pub(crate) fn restore(path: &Path, source: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Restored, Error> {
    if same_file(path, source) {
        return Err(Error::Backup(format!("`{}` is the database itself: name a backup", source.display())));
    }
    let backup = open_ours(source)?;
    check(&backup, source, Stage::CheckSource, progress)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| io(folder, &error))?;
    }
    let held = lock::take(path).map_err(|error| match error {
        Error::Open(message) => Error::Backup(format!("{message}: stop the server, then restore")),
        other => other,
    })?;
    let copy = Copy::make(&backup, path, progress)?;
    let before = set_aside(path)?;
    copy.take_place()?;
    drop(held);
    Ok(Restored { before })
}

/// Opens a database that Pintle made, to read it.
fn open_ours(path: &Path) -> Result<Connection, Error> {
    if !path.is_file() {
        return Err(Error::Backup(format!("there is no file `{}`", path.display())));
    }
    // Not read-only: a log that was left behind must be read too, for which SQLite keeps a file beside it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "query_only", true)?;
        super::functions::register(&db)?;
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(db)
    };
    let foreign = || Error::Backup(format!("`{}` is no database of Pintle's", path.display()));
    let db = open().map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => damaged(path, &error.to_string()),
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::CannotOpen) => foreign(),
        _ => fault::general(&error),
    })?;
    if migrate::is_ours(&db)? { Ok(db) } else { Err(foreign()) }
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::Backup(format!("`{}` is damaged: {}", path.display(), what.trim_start_matches("*** ")))
}

/// A finished, checked copy that has not taken its place yet; its file goes if it never does.
struct Copy<'a> {
    file: PathBuf,
    target: &'a Path,
    placed: bool,
}

impl<'a> Copy<'a> {
    fn make(source: &Connection, target: &'a Path, progress: &mut dyn FnMut(Progress)) -> Result<Copy<'a>, Error> {
        let file = beside(target, &format!(".{}.part", std::process::id()));
        remove(&file)?;
        let copy = Copy { file, target, placed: false };
        let general = |error: rusqlite::Error| fault::general(&error);
        let mut db = Connection::open(&copy.file).map_err(|_| {
            Error::Backup(format!("`{}` cannot be written: is there such a folder?", copy.file.display()))
        })?;
        copy_pages(source, &mut db, progress)?;
        // One file alone, that any tool reads; a server that opens it turns the log on again.
        db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(general)?;
        super::functions::register(&db).map_err(general)?;
        check(&db, &copy.file, Stage::CheckCopy, progress)?;
        db.close().map_err(|(_, error)| fault::general(&error))?;
        File::open(&copy.file).and_then(|file| file.sync_all()).map_err(|error| io(&copy.file, &error))?;
        Ok(copy)
    }

    fn take_place(mut self) -> Result<(), Error> {
        std::fs::rename(&self.file, self.target).map_err(|error| io(self.target, &error))?;
        self.placed = true;
        sync_folder(self.target)
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        if !self.placed {
            let _ = std::fs::remove_file(&self.file);
            let _ = std::fs::remove_file(beside(&self.file, "-journal"));
        }
    }
}

fn copy_pages(source: &Connection, target: &mut Connection, progress: &mut dyn FnMut(Progress)) -> Result<(), Error> {
    let general = |error: rusqlite::Error| fault::general(&error);
    // One snapshot for the whole copy: without it, each write of the server's would begin the copy anew.
    source.execute_batch("BEGIN").map_err(general)?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(general)?;
    // What is not there until it is renamed need not survive a power cut while it grows.
    target.pragma_update(None, "synchronous", false).map_err(general)?;
    let steps = Backup::new(source, target).map_err(general)?;
    loop {
        let step = steps.step(STEP_PAGES).map_err(general)?;
        let at = steps.progress();
        let pages = |count: i32| u64::try_from(count).unwrap_or(0);
        let total = pages(at.pagecount);
        progress(Progress { stage: Stage::Copy, done: total - pages(at.remaining).min(total), total });
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            // Another process holds the file for a moment.
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    drop(steps);
    source.execute_batch("COMMIT").map_err(general)
}

fn check(db: &Connection, path: &Path, stage: Stage, progress: &mut dyn FnMut(Progress)) -> Result<(), Error> {
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0)).map_err(|error| fault::general(&error))?;
    let total = u64::try_from(pages).unwrap_or(0);
    progress(Progress { stage, done: 0, total });
    let found = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(answer) if answer == "ok" => {}
        Ok(answer) => return Err(damaged(path, &answer)),
        Err(error) => return Err(damaged(path, &error.to_string())),
    }
    progress(Progress { stage, done: total, total });
    Ok(())
}

/// Gives the data that is there a second name, and leaves it without a log, so that another file can take its place.
fn set_aside(path: &Path) -> Result<Option<PathBuf>, Error> {
    if !path.exists() {
        // A log without its database would be read into the new one.
        remove(&beside(path, "-wal"))?;
        remove(&beside(path, "-shm"))?;
        return Ok(None);
    }
    let kept = free_name(path);
    let folded = fold_log(path)?;
    if !folded {
        // It is damaged; whoever looks at it later needs its log beside it.
        for suffix in ["-wal", "-shm"] {
            let log = beside(path, suffix);
            if log.exists() {
                std::fs::rename(&log, beside(&kept, suffix)).map_err(|error| io(&log, &error))?;
            }
        }
    }
    std::fs::hard_link(path, &kept)
        .or_else(|_| std::fs::copy(path, &kept).map(drop))
        .map_err(|error| io(&kept, &error))?;
    sync_folder(path)?;
    Ok(Some(kept))
}

/// Copies the log into its database and removes it; false if the database is too damaged for that.
fn fold_log(path: &Path) -> Result<bool, Error> {
    let fold = || -> rusqlite::Result<()> {
        let db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
    };
    match fold() {
        Ok(()) => Ok(true),
        Err(error) => match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Err(Error::Backup(format!("another program uses `{}`: end it, then restore", path.display())))
            }
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => Ok(false),
            _ => Err(fault::general(&error)),
        },
    }
}

fn free_name(path: &Path) -> PathBuf {
    let mut name = beside(path, ".before-restore");
    let mut number = 2;
    while name.exists() {
        name = beside(path, &format!(".before-restore-{number}"));
        number += 1;
    }
    name
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(path, &error)),
        _ => Ok(()),
    }
}

/// Brings a new name to the disk.
fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| io(folder, &error))
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn io(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::StorageFull => Error::Full,
        _ => Error::Backup(format!("`{}`: {error}", path.display())),
    }
}
