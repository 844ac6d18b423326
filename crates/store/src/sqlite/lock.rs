//! The lock files: one server a database, or one a service of the app. Commands (tokens, backup) write beside them and take no
//! lock.
//!
//! A server of the whole app holds `data.db.lock` alone. Servers of services share it, and each holds the file of its
//! service's name, `data.db.NAME.lock`, alone.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::Error;

/// Locks that are held until this is dropped, or the process ends however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not read: the locks go with the files")] Vec<File>);

/// Takes the lock of a server of the whole app.
///
/// # Errors
/// When another process has it or shares it, or the file cannot be made.
pub(super) fn take(path: &Path) -> Result<Lock, Error> {
    let file = open(&lock_of(path))?;
    match file.try_lock() {
        Ok(()) => {
            write_owner(&file);
            Ok(Lock(vec![file]))
        }
        Err(TryLockError::WouldBlock) => {
            let services = services(path);
            let by = if services.is_empty() { owner(&lock_of(path)) } else { services.join(" and ") };
            Err(Error::Open(format!("`{}` is served already, by {by}", path.display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(path, &error)),
    }
}

/// Takes the lock of a server of one service.
///
/// # Errors
/// When the whole app is served, or another process serves this service, or a file cannot be made.
pub(super) fn take_service(path: &Path, service: &str) -> Result<Lock, Error> {
    let shared = open(&lock_of(path))?;
    match shared.try_lock_shared() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = owner(&lock_of(path));
            return Err(Error::Open(format!("all services of `{}` are served already, by {owner}", path.display())));
        }
        Err(TryLockError::Error(error)) => return Err(failed(path, &error)),
    }
    let own_path = lock_of_service(path, service);
    let own = open(&own_path)?;
    match own.try_lock() {
        Ok(()) => {
            write_owner(&own);
            Ok(Lock(vec![shared, own]))
        }
        Err(TryLockError::WouldBlock) => {
            let owner = owner(&own_path);
            Err(Error::Open(format!("the service `{service}` of `{}` is served already, by {owner}", path.display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(path, &error)),
    }
}

const SUFFIX: &str = ".lock";

fn lock_of(path: &Path) -> PathBuf {
    super::beside(path, SUFFIX)
}

fn lock_of_service(path: &Path, service: &str) -> PathBuf {
    super::beside(path, &format!(".{service}{SUFFIX}"))
}

/// The services that are served by processes of their own: who serves each.
fn services(path: &Path) -> Vec<String> {
    let (folder, name) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let prefix = format!("{}.", name.to_string_lossy());
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let file_name = entry.file_name().into_string().ok()?;
            let service = file_name.strip_prefix(&prefix)?.strip_suffix(SUFFIX)?.to_owned();
            let held = matches!(File::open(entry.path()).ok()?.try_lock(), Err(TryLockError::WouldBlock));
            held.then(|| format!("{} (service `{service}`)", owner(&entry.path())))
        })
        .collect();
    found.sort();
    found
}

fn open(lock_path: &Path) -> Result<File, Error> {
    let opened = File::options().create(true).truncate(false).read(true).write(true).open(lock_path);
    opened.map_err(|error| Error::Open(format!("the lock file `{}` cannot be made: {error}", lock_path.display())))
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::Open(format!("`{}` cannot be locked: {error}", path.display()))
}

/// The number only helps the reader of a message; the lock itself is the system's.
fn write_owner(mut file: &File) {
    let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
}

fn owner(lock_path: &Path) -> String {
    match std::fs::read_to_string(lock_path).unwrap_or_default().trim() {
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    }
}
