//! A connection beside the pool's: probes use it, so that they wait behind no request, and a watcher, which tells what
//! other processes have written.
//!
//! 1. Each look asks for the log's rows whose transactions the last look's snapshot did not see, and for its own snapshot.
//! 2. What a look cannot be sure of has changed: all on a new connection, all after a pause.
//! 3. Between looks that succeed, and for collections that write to the log, numbers hold; else each is a new one.
//! 4. The log does not say whose write it was, so what this process wrote moves a number again at the next look: what was kept
//!    meanwhile is made once more than needed, and never once too seldom.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio_postgres::Client;

use super::connect::{Connector, told};
use super::migrate::{self, TOLD};
use crate::Error;
use crate::changes::Numbers;

/// How often the log is read.
const LOOK: Duration = Duration::from_millis(250);
/// How long what was read counts; two looks may fail.
const FRESH: Duration = Duration::from_millis(750);
/// How long a look may take.
const LOOK_TIME_MAX: Duration = Duration::from_secs(1);
/// How long a probe may take.
const PROBE_TIME_MAX: Duration = Duration::from_secs(2);
/// How old a row of the log is at least when it is deleted.
const KEPT: Duration = Duration::from_secs(60);
/// The longest pause after which a look still finds all: what was committed since is not deleted yet.
const PAUSE_SECONDS_MAX: f64 = 30.0;
/// Deletes what was committed when this snapshot was taken.
const CLEAN: &str = "DELETE FROM _pintle_changed WHERE pg_visible_in_snapshot(transaction, $1::text::pg_snapshot)";

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
    last: Option<Look>,
    /// A snapshot, and since when it is one.
    old: Option<(String, Instant)>,
}

/// What a look found.
#[derive(Debug)]
struct Look {
    /// What it saw, as PostgreSQL writes it.
    snapshot: String,
    /// The server's clock, in seconds. Ours stands still while the machine sleeps.
    at: f64,
    /// When the server started: another one counts transactions for itself.
    server: String,
    /// Those that have changed since the last one.
    changed: Vec<String>,
    /// Those whose changes are told.
    told: HashSet<String>,
}

impl Drop for Side {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The last look that succeeded.
#[derive(Debug)]
struct Seen {
    /// When it began.
    at: Instant,
    /// The collections whose changes are told.
    told: HashSet<String>,
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
        let seen = self.seen.lock();
        seen.as_ref().is_some_and(|seen| seen.at.elapsed() < FRESH && seen.told.contains(name))
    }

    /// Whether the server answers soon, and its tables are those of the model with this hash.
    pub(super) async fn ready(&self, wanted: &str) -> Result<(), Error> {
        let current = self.ask(PROBE_TIME_MAX, async |side| migrate::is_current(&side.client, wanted).await).await?;
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
        let told = self.ask(LOOK_TIME_MAX, async |side| side.look(&self.numbers).await).await?;
        *self.seen.lock() = Some(Seen { at, told });
        Ok(())
    }

    /// Asks on the connection, which is made if there is none, and closed when it does not answer in time.
    async fn ask<T>(
        &self,
        limit: Duration,
        question: impl AsyncFnOnce(&mut Side) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let asked = async {
            let mut slot = self.side.lock().await;
            // Taken out meanwhile: whoever leaves while it is asked leaves none.
            let mut side = match slot.take().filter(|side| !side.client.is_closed()) {
                Some(side) => side,
                None => {
                    let (client, task) = self.connector.connect().await?;
                    Side { client, task, last: None, old: None }
                }
            };
            let answer = question(&mut side).await;
            if !side.client.is_closed() {
                *slot = Some(side);
            }
            answer
        };
        let late = |_| Error::Unavailable(format!("no answer within {} s", limit.as_secs()).into());
        tokio::time::timeout(limit, asked).await.map_err(late)?
    }
}

impl Side {
    /// Moves the numbers of what has changed since the last look. The collections whose changes are told.
    async fn look(&mut self, numbers: &Numbers) -> Result<HashSet<String>, Error> {
        let now = self.read().await?;
        let since = self.last.as_ref().filter(|last| {
            let pause = now.at - last.at;
            now.server == last.server && (0.0..PAUSE_SECONDS_MAX).contains(&pause)
        });
        if since.is_none() || now.changed.iter().any(String::is_empty) {
            numbers.all_changed();
        } else {
            now.changed.iter().for_each(|name| numbers.changed(name));
        }
        let told = now.told.clone();
        self.clean(&now).await?;
        self.last = Some(now);
        Ok(told)
    }

    async fn read(&self) -> Result<Look, Error> {
        let sql = format!(
            "SELECT pg_current_snapshot()::text, extract(epoch FROM clock_timestamp())::float8, \
             pg_postmaster_start_time()::text, ARRAY(SELECT DISTINCT collection FROM _pintle_changed WHERE transaction >= \
             pg_snapshot_xmin($1::text::pg_snapshot) AND NOT pg_visible_in_snapshot(transaction, $1::text::pg_snapshot)), \
             ARRAY({TOLD})"
        );
        let since = self.last.as_ref().map(|last| &last.snapshot);
        let row = self.client.query_one(&sql, &[&since]).await.map_err(unavailable)?;
        let told: Vec<String> = row.try_get(4).map_err(Error::internal)?;
        Ok(Look {
            snapshot: row.try_get(0).map_err(Error::internal)?,
            at: row.try_get(1).map_err(Error::internal)?,
            server: row.try_get(2).map_err(Error::internal)?,
            changed: row.try_get(3).map_err(Error::internal)?,
            told: told.into_iter().collect(),
        })
    }

    /// Deletes rows that every look has seen that has not paused for too long.
    async fn clean(&mut self, now: &Look) -> Result<(), Error> {
        match &self.old {
            Some((_, at)) if at.elapsed() < KEPT => return Ok(()),
            Some((snapshot, _)) if self.last.as_ref().is_some_and(|last| last.server == now.server) => {
                self.client.execute(CLEAN, &[snapshot]).await.map_err(unavailable)?;
            }
            _ => {}
        }
        self.old = Some((now.snapshot.clone(), Instant::now()));
        Ok(())
    }
}

fn unavailable(error: tokio_postgres::Error) -> Error {
    Error::Unavailable(told(&error).into())
}

async fn watch(watch: Weak<Watch>) {
    let mut every = tokio::time::interval(LOOK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let Some(watch) = watch.upgrade() else { return };
        if let Err(error) = watch.look().await {
            tracing::debug!(%error, "changes by other processes cannot be seen");
        }
    }
}
