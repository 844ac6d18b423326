//! The connection of a migration: one at a time in a schema, with no limit on a statement's time, and none waits long for
//! a lock that others would have to wait behind.

use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::extensions;
use crate::migrate::review::{quoted, text_literal};
use crate::postgres::connect;
use crate::{Error, PostgresUrl};

/// How long a migration waits for another one, and for locks that others hold.
const BUSY: Duration = Duration::from_secs(120);
/// How often another migration's end is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// How long one waits for a table's lock. Whoever comes later waits behind it, so it is short; then others have a turn.
const LOCK_TIMEOUT: &str = "500ms";
/// The others' turn.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a connection that is being made is waited for, before another one is made.
const EARLY: Duration = Duration::from_secs(1);

/// A connection that is made while a server makes itself ready, so that its migration need not wait for one.
pub(in crate::postgres) type Early = JoinHandle<Result<Client, Error>>;

/// Begins to make one, where a runtime has threads for it: whoever migrates holds up the one that it is called on.
pub(in crate::postgres) fn early(url: &PostgresUrl) -> Option<Early> {
    let runtime = Handle::try_current().ok().filter(|at| at.runtime_flavor() == RuntimeFlavor::MultiThread)?;
    let url = url.clone();
    Some(runtime.spawn(async move { connect::connect(&url).await }))
}

/// The connection.
pub(super) struct Session {
    client: Client,
    /// The schema that the app's tables are in.
    pub(super) schema: String,
}

impl Session {
    /// Connects, if that was not done before. The connection's settings are those that every one of ours is told.
    pub(super) async fn open(url: &PostgresUrl, early: Option<Early>) -> Result<Session, Error> {
        let made = match early {
            Some(mut early) => {
                let made = timeout(EARLY, &mut early).await;
                // The server may allow no second one beside it.
                early.abort();
                made.ok().and_then(Result::ok).and_then(Result::ok)
            }
            None => None,
        };
        let client = match made {
            Some(client) if !client.is_closed() => client,
            _ => connect::connect(url).await?,
        };
        Ok(Session { client, schema: url.schema().to_owned() })
    }

    /// Makes this the only migration of the schema, until the connection ends. It is tried again and again: a statement
    /// that waited for it inside PostgreSQL would keep the other one's indexes from being made.
    pub(super) async fn alone(&self) -> Result<(), Error> {
        let name = text_literal(&format!("pintle migrations of {}", self.schema));
        let until = patience();
        let sql = format!("SELECT pg_try_advisory_lock(hashtextextended({name}, 0))");
        loop {
            if self.client.query_one(&sql, &[]).await.map_err(failed)?.get(0) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(Error::Migration(format!(
                    "another process has been changing the tables of schema `{}` for more than {} s: wait for it, and start \
                     again",
                    self.schema,
                    BUSY.as_secs()
                )));
            }
            sleep(LOOK).await;
        }
    }

    /// Runs statements.
    pub(super) async fn run(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await.map_err(failed)
    }

    /// Rows of what this session asks.
    pub(super) async fn query(&self, sql: &str) -> Result<Vec<Row>, Error> {
        self.client.query(sql, &[]).await.map_err(|error| self.because(error, sql))
    }

    /// One row of a table that need not be there, which is asked for without being prepared: one round trip.
    pub(super) async fn at_once(&self, sql: &str) -> Result<Option<Row>, Error> {
        match self.client.query_typed_opt(sql, &[]).await {
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(None),
            row => row.map_err(|error| self.because(error, sql)),
        }
    }

    /// One row, with parameters.
    pub(super) async fn one(
        &self,
        sql: &str,
        params: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        self.client.query_opt(sql, params).await.map_err(|error| self.because(error, sql))
    }

    /// The only value of the only row.
    pub(super) async fn count(&self, sql: &str) -> Result<u64, Error> {
        let row = self.client.query_one(sql, &[]).await.map_err(|error| self.because(error, sql))?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
    }

    /// Whether a schema is there.
    pub(super) async fn has_schema(&self, name: &str) -> Result<bool, Error> {
        let sql = "SELECT count(*) FROM pg_namespace WHERE nspname = ";
        Ok(self.count(&format!("{sql}{}", text_literal(name))).await? > 0)
    }

    /// Begins a transaction that waits for no lock for long.
    pub(super) async fn begin(&self) -> Result<(), Failed> {
        self.step(&format!("BEGIN; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")).await
    }

    /// Takes a transaction back. Returns, after a pause, when it may be tried again.
    ///
    /// # Errors
    /// Why it failed, otherwise.
    pub(super) async fn roll_back(&self, failed: Failed, until: Instant) -> Result<(), Error> {
        let _ = self.client.batch_execute("ROLLBACK").await;
        match failed {
            Failed::Told(error) => Err(error),
            Failed::Sql(error, _) if is_locked(&error) && Instant::now() < until => {
                sleep(PAUSE).await;
                Ok(())
            }
            Failed::Sql(error, sql) => Err(self.because(error, &sql)),
        }
    }

    /// A statement of a transaction.
    pub(super) async fn step(&self, sql: &str) -> Result<(), Failed> {
        self.client.batch_execute(sql).await.map_err(|error| Failed::Sql(error, sql.to_owned()))
    }

    /// Runs one statement by itself. One that nobody has to wait behind waits as long as it must; another is tried again
    /// while others hold its lock.
    pub(super) async fn patiently(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let blocks = !sql.contains(" CONCURRENTLY ") && !sql.contains(" VALIDATE CONSTRAINT ");
        if !blocks {
            return self.client.batch_execute(sql).await;
        }
        let until = Instant::now() + BUSY;
        loop {
            self.client.batch_execute(&format!("SET lock_timeout = '{LOCK_TIMEOUT}'")).await?;
            let done = self.client.batch_execute(sql).await;
            self.client.batch_execute("SET lock_timeout = 0").await?;
            match done {
                Err(error) if is_locked(&error) && Instant::now() < until => sleep(PAUSE).await,
                done => return done,
            }
        }
    }

    /// An error with the statement that it came from.
    pub(super) fn because(&self, error: tokio_postgres::Error, sql: &str) -> Error {
        if is_locked(&error) {
            return Error::Migration(format!(
                "the tables cannot be changed: others read or write them without end (see pg_stat_activity), and keep this \
                 from its lock:\n{sql}"
            ));
        }
        let forbidden = error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
        if let Some(what) = extensions::forbidden(sql).filter(|_| forbidden) {
            return Error::Migration(what);
        }
        match failed(error) {
            Error::Internal(source) if forbidden => Error::Migration(format!(
                "the tables cannot be changed: {source}. The user of the store's URL must own them, and may create others: \
                 GRANT USAGE, CREATE ON SCHEMA {} TO that user",
                quoted(&self.schema)
            )),
            Error::Internal(source) => Error::Migration(format!("the tables cannot be changed: {source}, by\n{sql}")),
            other => other,
        }
    }
}

/// Until when locks that others hold are waited for.
pub(super) fn patience() -> Instant {
    Instant::now() + BUSY
}

/// Why a transaction did not go on.
pub(super) enum Failed {
    /// A statement failed.
    Sql(tokio_postgres::Error, String),
    /// It is not to be done.
    Told(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Told(error)
    }
}

/// Whether others hold what it needs: later it may go.
fn is_locked(error: &tokio_postgres::Error) -> bool {
    [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED].iter().any(|state| error.code() == Some(state))
}

/// Whether rows are against it.
pub(super) fn is_data(error: &tokio_postgres::Error) -> bool {
    let states = [
        SqlState::UNIQUE_VIOLATION,
        SqlState::CHECK_VIOLATION,
        SqlState::NOT_NULL_VIOLATION,
        SqlState::FOREIGN_KEY_VIOLATION,
    ];
    states.iter().any(|state| error.code() == Some(state))
}

/// An error that is not of a statement's making.
pub(super) fn failed(error: tokio_postgres::Error) -> Error {
    let gone = ["08", "53", "57", "58"];
    let gone = error.code().is_none_or(|code| gone.iter().any(|class| code.code().starts_with(class)));
    let text = connect::told(&error);
    if gone { Error::Unavailable(text.into()) } else { Error::internal(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_early_connection_that_does_not_come_is_not_made_any_more() {
        let nobody: PostgresUrl = "postgres://u@127.0.0.1:1/db".parse().unwrap();
        let (held, gone) = tokio::sync::oneshot::channel::<()>();
        let early = tokio::spawn(async move {
            let _held = held;
            std::future::pending().await
        });
        assert!(matches!(Session::open(&nobody, Some(early)).await, Err(Error::Unavailable(_))));
        assert!(timeout(EARLY, gone).await.unwrap().is_err());
    }
}
