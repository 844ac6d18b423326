//! Reads on one snapshot from where requests are handled, so that no thread waits for their answers.
//!
//! One read that is one statement has a snapshot by itself. Several are a transaction, as those of [`super::tx`] are.

use std::pin::pin;
use std::time::Duration;

use pintle_query::Read;
use tokio::time::{Instant, timeout, timeout_at};

use super::abreast::Turn;
use super::fault::Fault;
use super::pool::Lease;
use super::read;
use super::tx::{FIRST_READ, STEP};
use crate::{Error, Rows};

/// For how long a call that waits for an answer keeps others from theirs.
const MOMENT: Duration = Duration::from_millis(2);

/// A snapshot.
pub struct Snapshot {
    lease: Lease,
    /// Left once an answer took long.
    turn: Turn,
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
    pub(super) fn new(lease: Lease, turn: Turn, due: Instant, several: bool) -> Snapshot {
        Snapshot { lease, turn, due, several, asked: false, begun: false, lost: false }
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
        let asked = Instant::now();
        let outcome = {
            let mut answer = pin!(timeout_at(self.due, read::read(&mut self.lease, read, around)));
            match timeout(MOMENT, &mut answer).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    self.turn.leave();
                    answer.await
                }
            }
        };
        if matches!(outcome, Ok(Ok(_))) {
            self.turn.answered(asked.elapsed());
        }
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
