//! The lock file: one server a database. Commands (tokens, backup) write beside it and take no lock.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::Path;

use crate::Error;

/// A lock that is held until this is dropped, or the process ends however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not read: the lock goes with the file")] File);

/// Takes the lock.
///
/// # Errors
/// When another process has it, or the file cannot be made.
pub(super) fn take(path: &Path) -> Result<Lock, Error> {
    let lock_path = super::beside(path, ".lock");
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&lock_path)
        .map_err(|error| Error::Open(format!("the lock file `{}` cannot be made: {error}", lock_path.display())))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = std::fs::read_to_string(&lock_path).unwrap_or_default();
            let owner = match owner.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            return Err(Error::Open(format!("`{}` is served already, by {owner}", path.display())));
        }
        Err(TryLockError::Error(error)) => {
            return Err(Error::Open(format!("`{}` cannot be locked: {error}", lock_path.display())));
        }
    }
    // The number only helps the reader of the message above; the lock itself is the system's.
    let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
    Ok(Lock(file))
}
