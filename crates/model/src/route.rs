//! Routes: endpoints of the app's own, answered by SQL, by a script, or by what was near what.

use std::sync::Arc;
use std::time::Duration;

use crate::{Field, ProximityAnswer, Role, Schema, SourceFile, Span};

/// A route's place in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub usize);

/// One method at one path.
#[derive(Debug, Clone)]
pub struct Route {
    /// The path as the manifest has it, with parameters in braces: `/tiles/{x}/{y}/{n}`.
    pub path: String,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`. A `GET` also answers `HEAD`, and only reads.
    pub method: &'static str,
    /// One line for the documentation.
    pub summary: Option<String>,
    /// More of it.
    pub description: Option<String>,
    /// Who may call.
    pub access: RouteAccess,
    /// Under whose policies it reads and writes: the caller's (`None`), or this role's.
    pub acts_as: Option<Role>,
    /// What it takes beside the body, in the manifest's order.
    pub params: Vec<RouteParam>,
    /// What its body must be; `None` for a `sql` route is no body, for a script any.
    pub body: Option<Schema>,
    /// What answers.
    pub answer: RouteAnswer,
    /// What a script's answer looks like, for the documentation.
    pub response: Option<Schema>,
    /// How long an answer is kept, unless what it read is written before.
    pub cache: Option<Duration>,
    /// Where the manifest says `cache`; `span` where it does not.
    pub cache_span: Span,
    /// Where the method stands in the manifest.
    pub span: Span,
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RouteAccess {
    /// Anybody.
    #[default]
    Optional,
    /// Who is known: any role but `anon`; others get 401.
    Required,
    /// `service_role` alone; others get 403.
    ServiceRole,
}

/// A parameter of a route. Its `field` says name, type, bounds, default and whether it is required, as in a collection.
#[derive(Debug, Clone)]
pub struct RouteParam {
    /// Where it stands in the request.
    pub place: ParamPlace,
    /// What it may be.
    pub field: Field,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamPlace {
    /// In the path, in braces: always required.
    Path,
    /// In the query string.
    Query,
    /// A header; `_` in its name stands for `-`.
    Header,
}

/// What answers a route.
#[derive(Debug, Clone)]
pub enum RouteAnswer {
    /// A statement.
    Sql(SqlAnswer),
    /// A script.
    Script(ScriptFile),
    /// Who or what was near whom.
    Proximity(ProximityAnswer),
}

/// A statement and the shape of its answer.
#[derive(Debug, Clone)]
pub struct SqlAnswer {
    /// What SQLite runs; the same as `postgres` unless the manifest gives two.
    pub sqlite: SqlText,
    /// What PostgreSQL runs.
    pub postgres: SqlText,
    /// What of the result is answered.
    pub shape: ResultShape,
}

/// SQL as it stands in a file: the whole of one, or a piece of the manifest.
#[derive(Debug, Clone)]
pub struct SqlText {
    /// The statement.
    pub text: String,
    /// The file that it stands in.
    pub file: Arc<SourceFile>,
    /// Where in it.
    pub span: Span,
}

/// What of a result is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResultShape {
    /// All rows, as an array of objects.
    #[default]
    Rows,
    /// The first row as an object; without one: 404.
    Row,
    /// The first column of the first row, as it is; without a row: 404.
    Value,
}

/// An ES module of the app's folder.
#[derive(Debug, Clone)]
pub struct ScriptFile {
    /// The file; its path is relative to the app's folder, with `/`: `routes/view.js`.
    pub file: Arc<SourceFile>,
    /// Where the manifest names it.
    pub span: Span,
}

/// What scripts may do beyond the app's data; nothing unless the manifest says so.
#[derive(Debug, Clone, Default)]
pub struct Scripts {
    /// The variables of the environment that scripts see in `env`, by name.
    pub environment: Vec<String>,
    /// Where `fetch` may go: origins (`https://api.example.com`), or variables that hold a URL of one.
    pub fetch: Vec<FetchTarget>,
    /// The limits of a call.
    pub limits: ScriptLimits,
}

/// Where `fetch` may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchTarget {
    /// `https://api.example.com`, with a port where it is not the scheme's.
    Origin(String),
    /// `${env:NAME}`: the origin of the URL in that variable; nothing while it is not set.
    Variable(String),
}

/// What a call of a script may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptLimits {
    /// How long a call that only reads may run, with its reads. Default 5 s.
    pub read_time: Duration,
    /// How long a call that writes may run, with its reads and writes. Default: [`ScriptLimits::ALONE_TIME`] where all other writes wait
    /// for it, which is on SQLite, else `read_time`.
    pub write_time: Option<Duration>,
    /// Bytes of memory. Default 64 MiB.
    pub memory_bytes: u64,
    /// Bytes of stack. Default 256 KiB.
    pub stack_bytes: u64,
}

impl ScriptLimits {
    /// How long a call may hold up all other writes unless the manifest says more.
    pub const ALONE_TIME: Duration = Duration::from_millis(250);
}

impl Default for ScriptLimits {
    fn default() -> ScriptLimits {
        ScriptLimits {
            read_time: Duration::from_secs(5),
            write_time: None,
            memory_bytes: 64 << 20,
            stack_bytes: 256 << 10,
        }
    }
}

/// The folder of pages. A model has none where the manifest says `public: none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages {
    /// The folder, relative to the app's: `public`.
    pub folder: String,
    /// Where it is served, without a slash at the end: the empty text is `/`.
    pub at: String,
    /// What its pages may do, as the header `Content-Security-Policy` says it; `None` is the strict one.
    pub content_security_policy: Option<String>,
    /// The page for what is not there, relative to the folder: for those that find their way by scripts.
    pub fallback: Option<String>,
    /// Whether the manifest says so. When it does not, `public` is served at `/` only if there is such a folder.
    pub given: bool,
    /// Where the manifest says so; empty when it does not.
    pub span: Span,
}

/// Credentials beside Pintle's own tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The variable of the environment that holds a JSON object of tokens and whom they stand for: `{"TOKEN": "user"}`.
    pub tokens: Option<String>,
    /// Whether `Authorization: Basic TOKEN` is taken too.
    pub basic: bool,
}
