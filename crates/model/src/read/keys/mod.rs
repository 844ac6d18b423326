//! Every key of a manifest with its meaning: the one table that the reader checks keys against and that the JSON Schema
//! is made of.

mod aliases;
mod field;
mod pipeline;
mod route;
mod service;

use Form::{Any, Choice, Count, Duration, List, Map, Name, Object, Origin, Path, Routes, Scalar, Size, Switch, Text};
pub(crate) use aliases::{ALIASES, LATER, TYPE_ALIASES};
pub(crate) use field::{FIELD, FIELD_FORM, INDEX, SPACE, TYPES};
pub(crate) use pipeline::{BATCH, DEAD_LETTERS, PIPELINE, PIPELINE_LIMITS};
use route::PUBLIC_FORM;
pub(crate) use route::{
    ACCESS, AUTH, PARAM, PARAM_TYPES, PLACES, PROXIMITY, PROXIMITY_SHAPES, PUBLIC, ROUTE, ROUTE_PATH, SCRIPT_LIMITS,
    SCRIPTS, SHAPES, SQL,
};
pub(crate) use service::{SERVICE, SERVICE_NAME_MAX};

/// What may stand at a key.
#[derive(Debug)]
pub(crate) enum Form {
    /// The format's version: 1.
    Format,
    /// A text.
    Text,
    /// A text, or a number or boolean that is taken as it is written.
    Scalar,
    /// The name of a collection or field.
    Name,
    /// The name of an app.
    AppName,
    /// `true` or `false`.
    Switch,
    /// An integer in this range.
    Count(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Bytes with a unit: `1MiB`.
    Size,
    /// A time with a unit: `30s`.
    Duration,
    /// A path of a URL.
    Path,
    /// The origin of a web page.
    Origin,
    /// `${env:NAME}`
    Variable,
    /// The name of a variable of the environment.
    VariableName,
    /// An origin of http or https, or `${env:NAME}`.
    FetchTarget,
    /// No value.
    Nothing,
    /// Any value.
    Anything,
    /// A JSON Schema, or the path of a file with one.
    JsonSchema,
    /// A list, and whether it may be empty.
    List(&'static Form, Empty),
    /// Names and what they stand for; nothing at all is an empty one.
    Map(&'static Form),
    /// Paths with parameters, and what stands at them; nothing at all is an empty one.
    Routes(&'static Form),
    /// Names of services, and what each exposes.
    Services(&'static Form),
    /// A map with fixed keys.
    Object(&'static Table),
    /// Any of these.
    Any(&'static [Form]),
}

/// Whether a list may hold nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    Allowed,
    Refused,
}

/// The keys that a map may have.
#[derive(Debug)]
pub(crate) struct Table {
    /// What has these keys, for messages: ``a field``.
    pub(crate) of: &'static str,
    pub(crate) entries: &'static [Entry],
}

/// A key.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: &'static str,
    pub(crate) required: bool,
    pub(crate) form: Form,
    pub(crate) doc: &'static str,
}

const fn may(key: &'static str, form: Form, doc: &'static str) -> Entry {
    Entry { key, required: false, form, doc }
}

const fn must(key: &'static str, form: Form, doc: &'static str) -> Entry {
    Entry { key, required: true, form, doc }
}

pub(crate) const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];
/// What Pintle itself answers, with all below.
pub(crate) const RESERVED: &[&str] = &["/health", "/metrics", "/openapi.json", "/docs", "/rest/v1", "/auth/v1"];
pub(crate) const NONE: &[&str] = &["none"];
pub(crate) const ROWS_MAX: u64 = 1_000_000_000;
pub(crate) const DEPTH_MAX: u64 = 120;

pub(crate) static APP: Table = Table {
    of: "a manifest",
    entries: &[
        must("pintle", Form::Format, "The version of the manifest's format: 1."),
        may("name", Form::AppName, "The app's name: letters, digits, `-` and `_`. Default: `app`."),
        may("description", Text, "What the app is for: the first paragraph of its documentation."),
        may("version", Scalar, "The version of the app that its documentation shows. Default: `1`."),
        may(
            "collections",
            Map(&Object(&COLLECTION)),
            "The app's tables, each by its name, which is also its place under `/rest/v1`.",
        ),
        may(
            "routes",
            Routes(&Object(&ROUTE_PATH)),
            "Endpoints of the app's own, by their paths: `/tiles/{x}/{y}`. What stands in braces is a parameter.",
        ),
        may("pipelines", Map(&Object(&PIPELINE)), "Durable ways in for many records, each by its name."),
        may(
            "services",
            Form::Services(&Object(&SERVICE)),
            "Parts of the app that can be served on their own, by their names. Without it: one, with all of the app.",
        ),
        may("scripts", Object(&SCRIPTS), "What scripts may do beyond the app's data. Without it: nothing."),
        may(
            "seed",
            Text,
            "The path of an ES module that makes the app's sample data, for `pintle seed`; relative to the app's folder.",
        ),
        may(
            "public",
            PUBLIC_FORM,
            "The folder of the app's pages: its path, or a map with `folder` and `at`, or `none`. Without it: the folder \
             `public`, if there is one.",
        ),
        may("auth", Object(&AUTH), "Credentials beside Pintle's own tokens."),
        may("cors", Object(&CORS), "Which web pages of other origins may call. Without it: none."),
        may(
            "limits",
            Object(&LIMITS),
            "What a request may ask for at the most. What is more is refused with a clear error.",
        ),
        may(
            "durability",
            Choice(&["full", "relaxed"]),
            "When a write is answered. `full` (default): after its sync, so it survives a power cut. `relaxed`: after its \
             commit, so a power cut may lose the last moments; a crash of the process does not.",
        ),
    ],
};

pub(crate) static COLLECTION: Table = Table {
    of: "a collection",
    entries: &[
        may("description", Text, "What it holds, for the documentation."),
        may(
            "key",
            Map(&FIELD_FORM),
            "The fields that tell one row from another: `{ name: text }` is given by the caller, `{ id: { type: integer, \
             generated: true } }` is counted, `{ id: { type: uuid, generated: true } }` is a UUID of version 7. Several \
             entries make a composite key in this order. Default: `id`, a counted integer.",
        ),
        may("fields", Map(&FIELD_FORM), "The other fields, each by its name: a type, or a map of options."),
        may(
            "indexes",
            List(&Any(&[List(&Text, Empty::Refused), Object(&INDEX), Object(&SPACE)]), Empty::Allowed),
            "Indexes: each a list of `field`, `field desc` or `field->inner->>key`, or a map with `fields` and `unique`, or \
             with `space` and `time`. Unique fields, refs and points have theirs already.",
        ),
        may(
            "policies",
            Any(&[Object(&POLICIES), Form::Nothing]),
            "Who may do what. An action without a policy is denied to all but `service_role`.",
        ),
        may(
            "rest",
            Any(&[Path, Object(&REST)]),
            "Where the collection answers as plain resources: list, create, get, replace, patch, delete.",
        ),
        may("renamed_from", Name, "The collection's earlier name, so that its table is renamed and keeps its rows."),
    ],
};

pub(crate) static POLICIES: Table = Table {
    of: "`policies`",
    entries: &[
        may("select", Scalar, "Which rows may be read: a boolean SQL expression over the row and the caller."),
        may("insert", Scalar, "What a new row must satisfy."),
        may(
            "update",
            Any(&[Scalar, Object(&UPDATE)]),
            "Which rows may be changed, and what they must satisfy afterwards: one expression for both, or a map of two.",
        ),
        may("delete", Scalar, "Which rows may be deleted."),
    ],
};

pub(crate) static UPDATE: Table = Table {
    of: "an update policy",
    entries: &[
        must("using", Scalar, "Which rows may be changed."),
        may("check", Scalar, "What they must satisfy afterwards. Default: the same as `using`."),
    ],
};

pub(crate) static REST: Table = Table {
    of: "`rest`",
    entries: &[
        must("path", Path, "The path of the list: `/api/persons`."),
        may("methods", List(&Choice(METHODS), Empty::Refused), "The methods that are answered. Default: all five."),
        may(
            "limit",
            Any(&[Count(1, ROWS_MAX), Choice(NONE), Object(&LIMIT)]),
            "How many records a list holds: a number, `none` (all), or a map with `default` and `max`. Default: 1000 for both.",
        ),
    ],
};

pub(crate) static LIMIT: Table = Table {
    of: "`limit`",
    entries: &[
        may(
            "default",
            Any(&[Count(1, ROWS_MAX), Choice(NONE)]),
            "How many records a list holds unless the caller says. Default: 1000, or `max` if that is less.",
        ),
        may(
            "max",
            Any(&[Count(1, ROWS_MAX), Choice(NONE)]),
            "How many a caller may ask for. Default: 1000, or `default` if that is more.",
        ),
    ],
};

pub(crate) static CORS: Table = Table {
    of: "`cors`",
    entries: &[
        must("origins", List(&Origin, Empty::Refused), "Origins such as `https://example.com`; `*` alone is any."),
        may("credentials", Switch, "Whether cookies and the like may be sent; not together with `*`. Default: false."),
        may("max_age", Duration, "How long a browser may keep the answer to its preflight: `10m`."),
    ],
};

pub(crate) static LIMITS: Table = Table {
    of: "`limits`",
    entries: &[
        may("body", Size, "Bytes of a body, at most 1GiB. Default: 1MiB."),
        may("url", Size, "Bytes of a URL, 256B to 60KiB. Default: 8KiB."),
        may("depth", Count(1, DEPTH_MAX), "Levels of arrays and objects in a body. Default: 32."),
        may(
            "rows",
            Any(&[Count(1, ROWS_MAX), Choice(NONE)]),
            "Rows that one answer of `/rest/v1` may hold. Default: none, which is any number.",
        ),
        may("timeout", Duration, "How long a request may take, 100ms to 1h. Default: 30s."),
        may("cache", Size, "Bytes that kept answers of routes may take together, up to 64GiB. Default: 64MiB."),
    ],
};
