//! The keys of routes, and of what stands beside them: scripts, pages, credentials.

use super::Form::{
    self, Any, Choice, Count, Duration, FetchTarget, JsonSchema, List, Map, Name, Object, Path, Scalar, Size, Switch,
    Text, Variable, VariableName,
};
use super::{Empty, NONE, Table, may, must};

/// The types that a parameter may have.
pub(crate) const PARAM_TYPES: &[&str] =
    &["text", "integer", "number", "boolean", "timestamp", "date", "uuid", "json", "bytes", "point"];

pub(crate) const PLACES: &[&str] = &["path", "query", "header"];
pub(crate) const ACCESS: &[&str] = &["optional", "required", "service_role"];
pub(crate) const PROXIMITY_SHAPES: &[&str] = &["places", "pairs", "subjects"];
pub(crate) const SHAPES: &[&str] = &["rows", "row", "value"];

pub(crate) static ROUTE_PATH: Table = Table {
    of: "a path",
    entries: &[
        may("get", Object(&ROUTE), "What answers `GET`, and `HEAD`. It only reads."),
        may("post", Object(&ROUTE), "What answers `POST`."),
        may("put", Object(&ROUTE), "What answers `PUT`."),
        may("patch", Object(&ROUTE), "What answers `PATCH`."),
        may("delete", Object(&ROUTE), "What answers `DELETE`."),
    ],
};

pub(crate) static ROUTE: Table = Table {
    of: "a route",
    entries: &[
        may("summary", Text, "One line for the documentation."),
        may("description", Text, "More of it."),
        may(
            "auth",
            Choice(ACCESS),
            "Who may call: `optional` (anybody, the default), `required` (who is known) or `service_role`.",
        ),
        may(
            "as",
            Choice(&["service_role"]),
            "`service_role`: it reads and writes past all policies. Without it: under the caller's policies.",
        ),
        may(
            "params",
            Map(&PARAM_FORM),
            "What it takes beside the body, each by its name: a type, or a map of options. Each name in the path's braces \
             stands here.",
        ),
        may(
            "body",
            JsonSchema,
            "The JSON Schema that the body must satisfy, or the path of a file with it. SQL has the body as `:body`.",
        ),
        may(
            "sql",
            Any(&[Text, Object(&SQL)]),
            "What answers: a file that ends with `.sql`, or the SQL itself, or a map with one text for each store.",
        ),
        may("script", Text, "What answers: the path of an ES module, relative to the app's folder."),
        may("proximity", Object(&PROXIMITY), "What answers: who or what came near whom, in space and time."),
        may(
            "result",
            Choice(SHAPES),
            "For SQL: `rows` (all of them, the default), `row` (the first; 404 without one) or `value` (its first column).",
        ),
        may("response", JsonSchema, "For a script: what its answer looks like, for the documentation."),
        may(
            "cache",
            Duration,
            "For `get`: how long an answer is kept, 1s to 24h. It is dropped when what it read is written.",
        ),
    ],
};

/// A parameter's type alone, or all its options.
pub(crate) static PARAM_FORM: Form = Any(&[Choice(PARAM_TYPES), Object(&PARAM)]);

pub(crate) static PARAM: Table = Table {
    of: "a parameter",
    entries: &[
        must("type", Choice(PARAM_TYPES), "The parameter's type."),
        may(
            "in",
            Choice(PLACES),
            "Where it stands. A name in the path's braces stands in the `path`, any other in the `query` string unless it \
             says `header`; `_` in the name of a header stands for `-`.",
        ),
        may(
            "required",
            Switch,
            "Whether a request without it is refused. One in the path always is required. Default: false.",
        ),
        may("default", Form::Anything, "The value when none is given."),
        may("enum", List(&Form::Anything, Empty::Refused), "The only values that are allowed."),
        may("pattern", Text, "For text: a regular expression as JSON Schema has it, which must match somewhere."),
        may("minimum", Scalar, "For integer, number, timestamp and date: the least value."),
        may("maximum", Scalar, "For integer, number, timestamp and date: the greatest value."),
        may("minLength", Count(0, u64::MAX), "The least length: characters of a text, bytes of bytes."),
        may("maxLength", Count(0, u64::MAX), "The greatest length: characters of a text, bytes of bytes."),
        may("description", Text, "What it means, for the documentation."),
    ],
};

pub(crate) static PROXIMITY: Table = Table {
    of: "`proximity`",
    entries: &[
        must("in", Name, "The collection whose rows are places at a time."),
        must("at", Name, "Its point. It has an index together with `time`."),
        must("time", Name, "Its field of type timestamp that says when."),
        must("who", Name, "Its field that says whose place it is: a ref, or another required field."),
        may(
            "subject",
            Name,
            "The parameter that names the subject, a value of `who`. Without it: all against all, each two of them once.",
        ),
        must("from", Name, "The parameter that says from when on: a date or a timestamp."),
        must("to", Name, "The parameter that says until when. A date's whole day is included."),
        must(
            "within",
            Any(&[Name, Scalar]),
            "How near, in metres: a parameter of type number, or a number. At most 100000.",
        ),
        may(
            "apart",
            Any(&[Name, Duration]),
            "At most so long between the two: a parameter (an integer of seconds), or a time such as `15m`. Without it: any \
             two times of the range.",
        ),
        may(
            "answer",
            Choice(PROXIMITY_SHAPES),
            "`places` (each place of another that is near, once; the default), `pairs` (each two places, with the metres and \
             seconds between them) or `subjects` (each other once, with count, first, last and nearest).",
        ),
        may(
            "embed",
            Map(&Name),
            "What else the answer's objects hold, by names: a ref of the place, for the record that it refers to; `self`, for the \
             place itself, which then stands in no other way.",
        ),
    ],
};

pub(crate) static SQL: Table = Table {
    of: "`sql`",
    entries: &[
        must("sqlite", Text, "What SQLite runs: a file that ends with `.sql`, or the SQL itself."),
        must("postgres", Text, "What PostgreSQL runs: a file that ends with `.sql`, or the SQL itself."),
    ],
};

pub(crate) static SCRIPTS: Table = Table {
    of: "`scripts`",
    entries: &[
        may(
            "environment",
            List(&VariableName, Empty::Allowed),
            "The variables of the environment that scripts see: `env.NAME`. Each can be given as a file, too: `NAME_FILE`.",
        ),
        may(
            "fetch",
            List(&FetchTarget, Empty::Allowed),
            "Where `fetch` may go: origins such as `https://api.example.com`, or `${env:NAME}`, a variable that holds a URL.",
        ),
        may("limits", Object(&SCRIPT_LIMITS), "What a call may take."),
    ],
};

pub(crate) static SCRIPT_LIMITS: Table = Table {
    of: "limits of scripts",
    entries: &[
        may("read_time", Duration, "How long a `GET` may run, 10ms to 1m. Default: 5s."),
        may(
            "write_time",
            Duration,
            "How long a call of another method may run, 10ms to 10s. Default: 250ms on SQLite, where all other writes wait for it, \
             and `read_time` on PostgreSQL.",
        ),
        may("memory", Size, "Bytes of memory, 1MiB to 1GiB. Default: 64MiB."),
        may("stack", Size, "Bytes of stack, 64KiB to 1MiB. Default: 256KiB."),
    ],
};

/// A folder alone, or with the place where it is served, or `none`.
pub(crate) const PUBLIC_FORM: Form = Any(&[Choice(NONE), Text, Object(&PUBLIC)]);

pub(crate) static PUBLIC: Table = Table {
    of: "`public`",
    entries: &[
        must("folder", Text, "The folder of pages, relative to the app's."),
        may("at", Any(&[Path, Choice(&["/"])]), "Where it is served: `/app`. Default: `/`."),
        may(
            "content_security_policy",
            Text,
            "What pages may do, as the header of this name says it. Default: load and ask what comes from the app itself, no \
             scripts and styles inside the HTML.",
        ),
        may(
            "fallback",
            Text,
            "The page that is answered where none is, `index.html`, for apps of a single page. Default: none, so 404.",
        ),
    ],
};

pub(crate) static AUTH: Table = Table {
    of: "`auth`",
    entries: &[
        may(
            "tokens",
            Variable,
            "Tokens beside Pintle's own: `${env:NAME}`, a variable that holds a JSON object of tokens and users, \
             `{\"TOKEN\": \"user\"}`. A file with it may be named by `NAME_FILE`.",
        ),
        may("basic", Switch, "Whether `Authorization: Basic TOKEN` is taken, too. Default: false."),
    ],
};
