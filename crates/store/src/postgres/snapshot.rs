//! Reads on one snapshot from where requests are handled, so that no thread waits for their answers.
//!
//! One read that is one statement has a snapshot by itself. Several are a transaction, as those of [`super::tx`] are.

use pintle_query::Read;
use tokio::time::{Instant, timeout_at};

use super::fault::Fault;
use super::pool::Lease;
use super::read;
use super::tx::{FIRST_READ, STEP};
use crate::{Error, Rows};

/// A snapshot.
pub struct Snapshot {
    lease: Lease,
    /// When all must be read.
    due: Instant,
    /// Several reads may come.
    several: bool,
    /// The first one was sent.
    asked: bool,
    /// The transaction has begun.
    begun: bool,
    /// It cannot go on, and the connection is looked after when it is given back.
    lost: bool,
}

impl Snapshot {
    pub(super) fn new(lease: Lease, due: Instant, several: bool) -> Snapshot {
        Snapshot { lease, due, several, asked: false, begun: false, lost: false }
    }

    /// As [`crate::Snapshot::read`].
    pub(crate) async fn read(&mut self, read: &Read) -> Result<Option<Rows>, Error> {
        if self.lost {
            return Err(Error::Unavailable("the transaction has ended".into()));
        }
        if self.asked && !self.several {
            return Ok(None);
        }
        self.asked = true;
        let around = self.several.then_some(if self.begun { STEP } else { FIRST_READ });
        let outcome = timeout_at(self.due, read::read(&mut self.lease, read, around)).await;
        // After an error: whether what it began was taken back.
        let undone = self.lease.idle;
        self.begun |= self.several && matches!(outcome, Ok(Ok(_)));
        if self.begun {
            self.lease.idle = false;
        }
        match outcome {
            Ok(Ok(rows)) => Ok(Some(rows)),
            Ok(Err(Fault::Told(error))) => {
                self.lost = matches!(error, Error::Timeout) || !undone;
                Err(error)
            }
            Ok(Err(Fault::Conflict | Fault::Unsent(_) | Fault::Broken(_))) => {
                self.lost = true;
                Ok(None)
            }
            Err(_) => {
                self.lost = true;
                Err(Error::Timeout)
            }
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // There is nothing to keep, so nobody waits for its end.
        if self.begun && !self.lost {
            self.lease.leave();
        }
    }
}
