//! Connections: how the server is reached, and what every session is told.

use std::fmt::Write as _;
use std::time::Duration;

use pintle_model::Durability;
use tokio::task::AbortHandle;
use tokio_postgres::{CancelToken, Client, Config, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::names::points_schema;
use super::tls;
use crate::{Error, PostgresUrl};

/// The oldest PostgreSQL whose SQL is the one that is written.
const VERSION_MIN: u32 = 15;
/// What greeting and signing in may take, beside reaching the host.
const GREETING: Duration = Duration::from_secs(2);

/// Asks a session for some of what it was told: if these hold, the others do, for they came together. A time is told with a
/// unit, and an interval reads it.
const SETTINGS: &str = "SELECT current_setting('search_path'), current_setting('TimeZone'), \
     (extract(epoch FROM current_setting('statement_timeout')::interval) * 1000)::int8";

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Requests, each of which may take so long.
    Requests(Duration, Durability),
    /// The store's own, as long as it takes.
    Own,
}

impl Purpose {
    /// How long a statement may take; 0 if as long as it must.
    fn timeout(self) -> Duration {
        match self {
            Purpose::Requests(timeout, _) => timeout,
            Purpose::Own => Duration::ZERO,
        }
    }
}

/// Makes connections of one kind.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    /// Where it connects to, without secrets.
    shown: String,
    /// What some of a session's settings must be, in the order of [`SETTINGS`].
    wanted: [(&'static str, String); 3],
    /// How long making one may take.
    limit: Duration,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

/// A connection of one's own, outside the pool, whose statements take as long as they must. Its session speaks UTC and
/// ISO, and finds tables in the app's schema.
///
/// # Errors
/// When the server does not answer or refuses.
pub(super) async fn connect(url: &PostgresUrl) -> Result<Client, Error> {
    Ok(Connector::new(url, Purpose::Own)?.connect().await?.0)
}

impl Connector {
    /// Makes connections to the server at `url`.
    ///
    /// # Errors
    /// When the certificates that it names cannot be read.
    pub(super) fn new(url: &PostgresUrl, purpose: Purpose) -> Result<Connector, Error> {
        Ok(Connector::with(url, purpose, tls::make(url.trust())?))
    }

    /// Makes connections to the same server, for another purpose.
    pub(super) fn also(&self, url: &PostgresUrl, purpose: Purpose) -> Connector {
        Connector::with(url, purpose, self.tls.clone())
    }

    fn with(url: &PostgresUrl, purpose: Purpose, tls: MakeRustlsConnect) -> Connector {
        let mut config = url.config().clone();
        let hosts = config.get_hosts().len().max(config.get_hostaddrs().len()).max(1);
        let each = config.get_connect_timeout().copied().unwrap_or_default();
        let limit = each * u32::try_from(hosts).unwrap_or(u32::MAX) + GREETING;
        let options = options(config.get_options(), url.schema(), purpose);
        config.options(options);
        let wanted = [
            ("search_path", search_path(url.schema(), purpose)),
            ("TimeZone", "UTC".to_owned()),
            ("statement_timeout", purpose.timeout().as_millis().to_string()),
        ];
        Connector { config, tls, shown: url.to_string(), wanted, limit }
    }

    /// Connects, and looks whether the server is one that can be worked with. The handle ends the connection at once.
    ///
    /// # Errors
    /// When it does not answer in time, or refuses.
    pub(super) async fn connect(&self) -> Result<(Client, AbortHandle), Error> {
        let made = tokio::time::timeout(self.limit, self.greeted()).await;
        made.map_err(|_| self.gone(&format!("no answer within {} s", self.limit.as_secs())))?
    }

    async fn greeted(&self) -> Result<(Client, AbortHandle), Error> {
        let made = self.config.connect(self.tls.clone()).await;
        let (client, connection) = made.map_err(|error| self.refused(&error))?;
        self.check(connection.parameter("server_version"), connection.parameter("server_encoding"))?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %told(&error), "a connection to the database ended");
            }
        });
        self.check_settings(&client).await?;
        Ok((client, task.abort_handle()))
    }

    /// Asks the server to break off what runs on a connection.
    pub(super) async fn cancel(&self, token: &CancelToken) {
        let asked = tokio::time::timeout(self.limit, token.cancel_query(self.tls.clone())).await;
        if !matches!(asked, Ok(Ok(()))) {
            tracing::debug!("a statement could not be broken off");
        }
    }

    fn check(&self, version: Option<&str>, encoding: Option<&str>) -> Result<(), Error> {
        let version = version.unwrap_or("unknown");
        let digits = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        if digits.parse::<u32>().is_ok_and(|major| major < VERSION_MIN) {
            return Err(Error::Open(format!(
                "{} is PostgreSQL {version}: Pintle needs {VERSION_MIN} or newer",
                self.shown
            )));
        }
        match encoding {
            Some("UTF8") | None => Ok(()),
            Some(other) => Err(Error::Open(format!(
                "the encoding of the database {} is {other}, not UTF8: make it with `CREATE DATABASE … ENCODING 'UTF8' \
                 TEMPLATE template0`",
                self.shown
            ))),
        }
    }

    /// Looks whether the session has what it was told: a pooler between may drop it and say nothing.
    async fn check_settings(&self, client: &Client) -> Result<(), Error> {
        let found = client.simple_query(SETTINGS).await.map_err(|error| self.refused(&error))?;
        let row = found.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        for (at, (name, wanted)) in self.wanted.iter().enumerate() {
            let found = row.and_then(|row| row.get(at)).unwrap_or_default();
            if found != wanted {
                return Err(self.unsettled(&format!("`{name}` is `{found}`, not `{wanted}`")));
            }
        }
        Ok(())
    }

    fn unsettled(&self, reason: &str) -> Error {
        Error::Open(format!(
            "{} does not take the settings that every session begins with ({reason}). A pooler such as PgBouncer drops or \
             refuses them: connect to PostgreSQL itself, or through a pooler that passes `options` on",
            self.shown
        ))
    }

    fn refused(&self, error: &tokio_postgres::Error) -> Error {
        // Who signs in, and to which database, is for those to settle who run it; all else may pass.
        match error.code().map(|state| state.code()) {
            Some(code) if code.starts_with("28") || code == "3D000" => {
                Error::Open(format!("{} refuses: {}", self.shown, told(error)))
            }
            // What a pooler says to a parameter that it does not know; PostgreSQL takes `options`.
            Some("08P01") => self.unsettled(&told(error)),
            _ => self.gone(&told(error)),
        }
    }

    fn gone(&self, reason: &str) -> Error {
        Error::Unavailable(format!("{}: {reason}", self.shown).into())
    }
}

/// An error with its reasons, since the driver's own says only "error connecting to server".
pub(super) fn told(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(reason) = source {
        let _ = write!(text, ": {reason}");
        source = reason.source();
    }
    text
}

/// Where a session finds names: in the app's schema, and where there is no PostGIS in the one that stands in for it. Requests look there
/// first, so that nothing changes for them where somebody makes PostGIS beside it; the store makes tables in the app's.
fn search_path(schema: &str, purpose: Purpose) -> String {
    let points = points_schema(schema);
    match purpose {
        Purpose::Requests(..) => format!("\"{points}\",\"{schema}\""),
        Purpose::Own => format!("\"{schema}\",\"{points}\""),
    }
}

/// The session's settings, as the server's command line has them. Those in the URL come first: ours hold.
fn options(given: Option<&str>, schema: &str, purpose: Purpose) -> String {
    let mut options = given.map_or_else(String::new, |given| format!("{given} "));
    let path = search_path(schema, purpose);
    let _ = write!(options, "-c search_path={path} -c statement_timeout={}", purpose.timeout().as_millis());
    // What a person may have set for a role or a database, and what would then give a statement another meaning.
    for setting in [
        "TimeZone=UTC",
        "DateStyle=ISO,MDY",
        "IntervalStyle=postgres",
        "bytea_output=hex",
        "extra_float_digits=1",
        "standard_conforming_strings=on",
        "backslash_quote=safe_encoding",
        "transform_null_equals=off",
        "array_nulls=on",
        "quote_all_identifiers=off",
        "row_security=on",
        "lock_timeout=0",
        "client_min_messages=warning",
        "default_transaction_isolation=read\\ committed",
        // A plan's cost grows with its tables, also where its work does not: code that is compiled for one execution and thrown away costs a
        // hundred milliseconds.
        "jit=off",
    ] {
        let _ = write!(options, " -c {setting}");
    }
    match purpose {
        Purpose::Own => options.push_str(" -c idle_in_transaction_session_timeout=0"),
        Purpose::Requests(timeout, durability) => {
            let milliseconds = timeout.as_millis();
            let commit = match durability {
                Durability::Full => "on",
                Durability::Relaxed => "off",
            };
            let _ = write!(options, " -c synchronous_commit={commit}");
            // A transaction's steps have the same time for all they do; this is for a process that hangs.
            let _ = write!(options, " -c idle_in_transaction_session_timeout={milliseconds}");
        }
    }
    options
}
