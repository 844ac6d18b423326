//! A connection beside the pool's: probes use it, so that they wait behind no request, and a watcher, which tells when
//! another process has changed tokens.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio_postgres::Client;

use super::connect::{Connector, told};
use super::migrate::{self, WATCHED};
use crate::Error;
use crate::changes::Numbers;

/// How often the counter of changes is read.
const LOOK: Duration = Duration::from_millis(250);
/// How long what was read counts; two looks may fail.
const FRESH: Duration = Duration::from_millis(750);
/// How long a look may take.
const LOOK_TIME_MAX: Duration = Duration::from_secs(1);
/// How long a probe may take.
const PROBE_TIME_MAX: Duration = Duration::from_secs(2);
/// A trigger on the table of tokens adds to it.
const COUNTER: &str = "SELECT counter FROM _pintle_changes";

/// The connection, and what it has told.
#[derive(Debug)]
pub(super) struct Watch {
    connector: Connector,
    side: tokio::sync::Mutex<Option<Side>>,
    /// What it moves.
    numbers: Arc<Numbers>,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug)]
struct Side {
    client: Client,
    task: AbortHandle,
}

impl Drop for Side {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The counter as it was read last.
#[derive(Debug, Clone, Copy)]
struct Seen {
    counter: i64,
    at: Instant,
}

impl Watch {
    /// Nothing is connected yet.
    pub(super) fn new(connector: Connector, numbers: Arc<Numbers>) -> Arc<Watch> {
        Arc::new(Watch { connector, side: tokio::sync::Mutex::new(None), numbers, seen: Mutex::new(None) })
    }

    /// Looks again and again, until the store is closed.
    pub(super) fn start(self: &Arc<Watch>) {
        // Without a runtime it cannot tell, and says so.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Whether it is known what other processes have done to this collection.
    pub(super) fn knows(&self, name: &str) -> bool {
        name == WATCHED && self.seen.lock().is_some_and(|seen| seen.at.elapsed() < FRESH)
    }

    /// Whether the server answers soon, and its tables are those of the model with this hash.
    pub(super) async fn ready(&self, wanted: &str) -> Result<(), Error> {
        let current = self.ask(PROBE_TIME_MAX, async |client| migrate::is_current(client, wanted).await).await?;
        if current {
            Ok(())
        } else {
            Err(Error::Migration(
                "the tables are not this model's: another version of the app changed them, or is about to".to_owned(),
            ))
        }
    }

    async fn look(&self) -> Result<(), Error> {
        let at = Instant::now();
        let counter = self.ask(LOOK_TIME_MAX, async |client| {
            let row = client.query_one(COUNTER, &[]).await.map_err(|error| Error::Unavailable(told(&error).into()))?;
            row.try_get(0).map_err(Error::internal)
        });
        let counter = counter.await?;
        let mut seen = self.seen.lock();
        if seen.is_none_or(|seen| seen.counter != counter) {
            self.numbers.changed(WATCHED);
        }
        *seen = Some(Seen { counter, at });
        Ok(())
    }

    /// Asks on the connection, which is made if there is none, and closed when it does not answer in time.
    async fn ask<T>(
        &self,
        limit: Duration,
        question: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let asked = async {
            let mut slot = self.side.lock().await;
            // Taken out meanwhile: whoever leaves while it is asked leaves none.
            let side = match slot.take().filter(|side| !side.client.is_closed()) {
                Some(side) => side,
                None => {
                    let (client, task) = self.connector.connect().await?;
                    Side { client, task }
                }
            };
            let answer = question(&side.client).await;
            if !side.client.is_closed() {
                *slot = Some(side);
            }
            answer
        };
        let late = |_| Error::Unavailable(format!("no answer within {} s", limit.as_secs()).into());
        tokio::time::timeout(limit, asked).await.map_err(late)?
    }
}

async fn watch(watch: Weak<Watch>) {
    let mut every = tokio::time::interval(LOOK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let Some(watch) = watch.upgrade() else { return };
        if let Err(error) = watch.look().await {
            tracing::debug!(%error, "changes of tokens cannot be seen");
        }
    }
}
