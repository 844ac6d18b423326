//! Reads whose rows are handed on as lines: each keeps a connection and a snapshot at the pace of whoever takes them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use crate::Error;

/// Of how many connections one may be kept by lines.
const SHARE: usize = 4;
/// How long a read waits for its turn. It keeps no connection meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a piece waits to be taken.
const STALL_MAX: Duration = Duration::from_secs(10);

/// The turns of such reads, so that they leave most connections to others. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    /// Some of as many `connections`, and at least one.
    pub(crate) fn of(connections: usize) -> Turns {
        Turns(Arc::new(Semaphore::new((connections / SHARE).max(1))))
    }

    /// A turn, until it is dropped.
    ///
    /// # Errors
    /// When none becomes free in a moment.
    pub(crate) async fn next(&self) -> Result<OwnedSemaphorePermit, Error> {
        let turn = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        turn.map_err(|_| Error::Crowded)?.map_err(Error::internal)
    }
}

/// Hands a piece of lines on.
///
/// # Errors
/// When nobody takes it in time, or by `due`.
pub(crate) async fn hand_on(pieces: &mpsc::Sender<Bytes>, piece: Bytes, due: Instant) -> Result<(), Error> {
    let due = due.min(Instant::now() + STALL_MAX);
    timeout_at(due, pieces.send(piece)).await.ok().and_then(Result::ok).ok_or(Error::Timeout)
}
