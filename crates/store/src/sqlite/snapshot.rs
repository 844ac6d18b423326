//! Several reads of a moment each on one snapshot, where requests are handled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pintle_query::Read;
use tokio::sync::OwnedSemaphorePermit;

use super::connection::Conn;
use super::readers::{MOMENT, Readers, end};
use super::run;
use crate::{Error, Rows};

/// How long all of them may hold up the thread that handles requests, with what is done in between.
const MOMENTS: Duration = Duration::from_millis(4);

/// A snapshot, on a connection of its own.
pub struct Snapshot {
    begun: Instant,
    readers: Arc<Readers>,
    /// There until it is dropped.
    conn: Option<Conn>,
    _may_work: OwnedSemaphorePermit,
}

impl Snapshot {
    pub(super) fn new(readers: Arc<Readers>, conn: Conn, may_work: OwnedSemaphorePermit) -> Snapshot {
        Snapshot { begun: Instant::now(), readers, conn: Some(conn), _may_work: may_work }
    }

    /// As [`crate::Snapshot::read`].
    pub(crate) fn read(&mut self, read: &Read) -> Result<Option<Rows>, Error> {
        // A moment's end cannot break off a call of one of our functions.
        let Some(conn) = self.conn.as_ref().filter(|_| read.plan.inline) else { return Ok(None) };
        let now = Instant::now();
        if now > self.begun + MOMENTS {
            return Ok(None);
        }
        conn.limit.set(Some(now + MOMENT), None);
        match run::read(&conn.db, read) {
            Err(Error::Timeout) => Ok(None),
            outcome => outcome.map(Some),
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        conn.limit.set(None, None);
        // One that does not end would keep an old snapshot: it is closed instead.
        if end(&conn).is_ok() {
            self.readers.give_back(conn);
        }
    }
}
