//! What a script reaches outside itself.

use std::time::Duration;

use bytes::Bytes;

/// The world of one call. Its methods are called one at a time, between steps of the script, in the order in which the script
/// asked; a method may block. [`Ended`] ends the script there and then, and the call gives [`Failure::Ended`](crate::Failure::Ended).
pub trait Host {
    /// `db.from(…)`: a request to the data API. `None`: the call stops here until [`Engine::go_on`](crate::Engine::go_on) brings the
    /// answer.
    fn database(&mut self, request: &DbRequest) -> Result<Option<DbAnswer>, Ended>;
    /// `db.sql(…)`: a statement with named parameters (`:name`); `params` is a JSON object of their values. `None`: as above.
    fn sql(&mut self, text: &str, params: &Bytes) -> Result<Option<DbAnswer>, Ended>;
    /// `fetch(…)`.
    fn fetch(&mut self, request: FetchRequest) -> Result<Fetched, Ended>;
    /// `log.…(…)`, `console.…(…)`.
    fn log(&mut self, level: Level, message: &str);
    /// Fills `bytes` with what nobody can guess. Asked once a call, for the seed of all that is random in it.
    fn random(&mut self, bytes: &mut [u8]);
}

/// The host's word that a call must end: its reason stays with the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended;

/// A request to the data API, in PostgREST's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbRequest {
    /// `GET`, `HEAD`, `POST`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The collection, as the script wrote it.
    pub collection: String,
    /// The query string: `select=id,name&level=gte.3`.
    pub query: String,
    /// The header `Prefer`; empty without one.
    pub prefer: String,
    /// Whether one row is wanted: the answer is then an object, or PGRST116 (`Accept: application/vnd.pgrst.object+json`).
    pub single: bool,
    /// The rows to write, as JSON.
    pub body: Option<Bytes>,
}

/// The answer to a [`DbRequest`] or a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbAnswer {
    /// The status that the data API would give, or 500 where the mistake is the script's own, whatever it was called with: nobody catches it, it
    /// is [`Failure::Thrown`](crate::Failure::Thrown).
    pub status: u16,
    /// JSON: the rows, or from 400 on the error object; may be empty.
    pub body: Bytes,
    /// How many rows there are, where `count` was asked for.
    pub count: Option<u64>,
}

/// What `fetch` is asked to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// The method, in capitals.
    pub method: String,
    /// The URL, as the script wrote it.
    pub url: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Bytes>,
    /// How long the script wants to wait at most; the host may have a lower bound.
    pub timeout: Option<Duration>,
}

/// What became of a [`FetchRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It was answered.
    Answer(FetchAnswer),
    /// It is sent after the commit: the script gets null.
    AfterCommit,
    /// It was refused or came to nothing: the script's promise is rejected with this message.
    Failed(String),
    /// The call stops here, and holds nothing of its host's, until [`Engine::go_on`](crate::Engine::go_on) brings what became of it.
    Waits,
}

/// What a call that waits goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brought {
    /// The answer of its app's data.
    Found(DbAnswer),
    /// What became of its `fetch`.
    Fetched(Fetched),
}

/// An answer from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `log.debug`, `console.debug`.
    Debug,
    /// `log.info`, `console.log`, `console.info`.
    Info,
    /// `log.warn`, `console.warn`.
    Warn,
    /// `log.error`, `console.error`.
    Error,
}
