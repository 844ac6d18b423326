//! Several processes that serve one file: whose turn it is to write, and what the others have written.
//!
//! SQLite lets whoever asks at the right moment write, so one that writes without a pause would keep the others from it for
//! seconds. Here each waits in one of two places: the first of them holds the place before the door, and nobody else gets
//! to the door until it is through. Both places are locks of files, so they are free when a process ends however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pintle_model::Durability;

use super::connection::{self, Conn, Purpose};
use super::fault;
use crate::Error;
use crate::changes::Numbers;

/// How long one that waits sleeps: a commit takes some milliseconds.
const NAP: Duration = Duration::from_micros(500);

/// A file that other processes serve too.
#[derive(Debug)]
pub(super) struct Shared {
    before: File,
    door: File,
    /// A connection that sees what was written, and the version that it saw last.
    seen: Mutex<(Conn, i64)>,
}

/// The turn to write, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'t>(&'t File);

impl Shared {
    /// The database at `path`. One that is not there yet is made by one process, while others that start with it wait: SQLite
    /// itself refuses those that come in the moment when the file gets its write-ahead log.
    ///
    /// # Errors
    /// When it cannot be opened or made, or the places cannot.
    pub(super) fn of(path: &Path, durability: Durability) -> Result<Shared, Error> {
        let open = |suffix: &str| {
            let path = super::beside(path, suffix);
            let opened = File::options().create(true).truncate(false).read(true).write(true).open(&path);
            opened.map_err(|error| Error::Open(format!("the file `{}` cannot be made: {error}", path.display())))
        };
        let (before, door) = (open("-next")?, open("-turn")?);
        let turn = turn(&before, &door, connection::BUSY)?;
        let made = connection::open(path, Purpose::Write(durability))?;
        let conn = connection::open(path, Purpose::Read)?;
        drop((made, turn));
        let version = connection::data_version(&conn.db).map_err(|error| fault::general(&error))?;
        Ok(Shared { before, door, seen: Mutex::new((conn, version)) })
    }

    /// Waits for the turn to write, at most so long.
    pub(super) fn turn(&self, patience: Duration) -> Result<Turn<'_>, Error> {
        turn(&self.before, &self.door, patience)
    }

    /// Counts what was written since the last look: by others, unless [`Shared::passes`] said that it was this process.
    pub(super) fn look(&self, numbers: &Numbers) {
        let (conn, seen) = &mut *self.seen.lock();
        match connection::data_version(&conn.db) {
            Ok(found) if found == *seen => {}
            Ok(found) => {
                *seen = found;
                numbers.all_changed();
            }
            Err(_) => numbers.all_changed(),
        }
    }

    /// What was written until now is known.
    pub(super) fn passes(&self) {
        let (conn, seen) = &mut *self.seen.lock();
        if let Ok(found) = connection::data_version(&conn.db) {
            *seen = found;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

fn turn<'t>(before: &File, door: &'t File, patience: Duration) -> Result<Turn<'t>, Error> {
    let due = Instant::now() + patience;
    locked(before, due)?;
    let turn = locked(door, due).map(|()| Turn(door));
    // Whoever waits next steps up to the door now.
    let _ = before.unlock();
    turn
}

fn locked(file: &File, due: Instant) -> Result<(), Error> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < due => std::thread::sleep(NAP),
            Err(TryLockError::WouldBlock) => return Err(Error::Busy),
            Err(TryLockError::Error(error)) => return Err(Error::Unavailable(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn opened(path: &Path) -> Result<Shared, Error> {
        Shared::of(path, Durability::Full)
    }

    /// Some that would write without a pause have about as many turns.
    #[test]
    fn whoever_waits_has_the_next_turn() {
        const EACH: u64 = 50;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        let all = Arc::new(AtomicU64::new(0));
        let worst: Vec<u64> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..3)
                .map(|_| {
                    let (all, shared) = (Arc::clone(&all), opened(&path).unwrap());
                    scope.spawn(move || {
                        let mut waited_max = 0;
                        for _ in 0..EACH {
                            let before = all.load(Ordering::SeqCst);
                            let turn = shared.turn(Duration::from_secs(30)).unwrap();
                            waited_max = waited_max.max(all.fetch_add(1, Ordering::SeqCst) - before);
                            std::thread::sleep(Duration::from_millis(1));
                            drop(turn);
                        }
                        waited_max
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        assert!(worst.iter().all(|turns| *turns < EACH), "one waited while others had {worst:?} turns");
    }

    #[test]
    fn a_turn_that_does_not_come_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        let (one, other) = (opened(&path).unwrap(), opened(&path).unwrap());
        let held = one.turn(Duration::ZERO).unwrap();
        assert!(matches!(other.turn(Duration::from_millis(5)), Err(Error::Busy)));
        drop(held);
        assert!(other.turn(Duration::ZERO).is_ok());
    }
}
