//! What SQLite lacks, as plain functions over plain values: [`FUNCTIONS`] lists them, and the store registers them.
//!
//! Null in is null out, and what a function has no answer for is null or false (patterns are checked before they get
//! here). Only casts fail, as PostgreSQL's do: on a value that the caller's request should not have cast. Each function is
//! deterministic.

mod cast;
mod decimal;
mod json;
mod number;
mod pattern;
mod place;

use std::borrow::Cow;

use pintle_model::value::print;

pub(crate) use cast::type_named;
pub use cast::{Failure, castable};
pub use json::sort_key;
pub(crate) use pattern::{WILD_PIECE_MAX, check_like_cost, check_regex};
pub use pattern::{check_like, compile_regex};
pub(crate) use place::cell::centre;
pub(crate) use place::shape::{Box, Shape};

/// The names, as calls of them begin in SQL.
pub(crate) mod name {
    pub(crate) const LIKE: &str = "pintle_like(";
    pub(crate) const ILIKE: &str = "pintle_ilike(";
    pub(crate) const LIKE_FROM: &str = " >= pintle_like_from(";
    pub(crate) const LIKE_TO: &str = " < pintle_like_to(";
    pub(crate) const MATCH: &str = "pintle_match(";
    pub(crate) const IMATCH: &str = "pintle_imatch(";
    pub(crate) const LOWER: &str = "pintle_lower(";
    pub(crate) const UPPER: &str = "pintle_upper(";
    pub(crate) const SUBSTR: &str = "pintle_substr(";
    pub(crate) const ROUNDED: &str = "pintle_rounded(";
    pub(crate) const IN_RANGE: &str = "pintle_in_range(";
    pub(crate) const DENY: &str = "pintle_deny(";
    pub(crate) const GET: &str = "pintle_get(";
    pub(crate) const GET_TEXT: &str = "pintle_get_text(";
    pub(crate) const JSON_KEY: &str = "pintle_json_key(";
    pub(crate) const CONTAINS: &str = "pintle_contains(";
    pub(crate) const ELEMENT: &str = "pintle_element(";
    pub(crate) const CAST: &str = "pintle_cast(";
    pub(crate) const NUMBER_TEXT: &str = "pintle_number_text(";
    pub(crate) const TIMESTAMP_TEXT: &str = "pintle_timestamp_text(";
    pub(crate) const BYTES_TEXT: &str = "pintle_bytes_text(";
    pub(crate) const POINT: &str = "pintle_point(";
    pub(crate) const CELL: &str = "pintle_cell(";
    pub(crate) const DISTANCE: &str = "pintle_distance(";
    pub(crate) const DWITHIN: &str = "pintle_dwithin(";
    pub(crate) const IN_BOX: &str = "pintle_in_box(";
    pub(crate) const IN_SHAPE: &str = "pintle_in_shape(";
    pub(crate) const COVER: &str = "pintle_cover(";
    pub(crate) const COVER_BOX: &str = "pintle_cover_box(";
    pub(crate) const COVER_SHAPE: &str = "pintle_cover_shape(";
    pub(crate) const DAYS_AROUND: &str = "pintle_days_around(";
    pub(crate) const RUN: &str = "pintle_run(";
    pub(crate) const SLOT: &str = "pintle_slot(";
    pub(crate) const NEAR_RUN: &str = "pintle_near_run(";
    pub(crate) const SECONDS_BETWEEN: &str = "pintle_seconds_between(";
}

/// Functions that walk a text or a json from end to end, or hold one against another: nothing can break off a call.
const SLOW: [&str; 14] = [
    name::LIKE,
    name::ILIKE,
    name::MATCH,
    name::IMATCH,
    name::LOWER,
    name::UPPER,
    name::SUBSTR,
    name::GET,
    name::GET_TEXT,
    name::JSON_KEY,
    name::CONTAINS,
    name::ELEMENT,
    name::CAST,
    name::BYTES_TEXT,
];

/// Whether a statement may call a function whose single call may take long. A name in a text of the caller's is no
/// call: those are bound.
pub(crate) fn calls_slow(sql: &str) -> bool {
    sql.contains("pintle_") && SLOW.iter().any(|call| sql.contains(call))
}

/// An argument, as SQLite has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arg<'a> {
    /// Null.
    Null,
    /// An integer, or a boolean.
    Integer(i64),
    /// A double.
    Number(f64),
    /// A text, or what is kept as one.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<'a> {
    /// Null.
    Null,
    /// 0 or 1.
    Boolean(bool),
    /// A text, where it can be a piece of an argument.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An integer.
    Integer(i64),
    /// A double.
    Number(f64),
    /// The statement fails.
    Failure(Failure),
}

/// A function to register.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name in SQL.
    pub name: &'static str,
    /// How many arguments it takes.
    pub arity: usize,
    /// Whether the same arguments always give the same: then it may be worked out before any row is looked at.
    pub deterministic: bool,
    /// What it does; called with `arity` arguments.
    pub call: for<'a> fn(&[Arg<'a>]) -> Answer<'a>,
}

const fn function(name: &'static str, arity: usize, call: for<'a> fn(&[Arg<'a>]) -> Answer<'a>) -> Function {
    Function { name, arity, deterministic: true, call }
}

/// Every function that statements for SQLite use.
pub const FUNCTIONS: &[Function] = &[
    function("pintle_like", 2, |args| texts(args, |value, pattern| Answer::Boolean(pattern::like(value, pattern)))),
    function("pintle_ilike", 2, |args| texts(args, |value, pattern| Answer::Boolean(pattern::ilike(value, pattern)))),
    function("pintle_like_from", 1, |args| text(args, |pattern| Answer::Text(pattern::prefix(pattern).into()))),
    function("pintle_like_to", 1, |args| {
        text(args, |pattern| match pattern::prefix_end(pattern) {
            Some(end) => Answer::Text(end.into()),
            // Every blob is above every text.
            None => Answer::Bytes(Vec::new()),
        })
    }),
    function("pintle_match", 2, |args| texts(args, |value, re| Answer::Boolean(pattern::matches(value, re, false)))),
    function("pintle_imatch", 2, |args| texts(args, |value, re| Answer::Boolean(pattern::matches(value, re, true)))),
    function("pintle_lower", 1, |args| text(args, |value| Answer::Text(pattern::lower(value)))),
    function("pintle_upper", 1, |args| text(args, |value| Answer::Text(value.to_uppercase().into()))),
    function("pintle_substr", 3, |args| match args {
        [Arg::Text(text), Arg::Integer(from), Arg::Integer(count)] => Answer::Text(number::substr(text, *from, *count)),
        _ => Answer::Null,
    }),
    function("pintle_rounded", 2, |args| match args {
        [value, Arg::Text(how)] => number::rounded(*value, how),
        _ => Answer::Null,
    }),
    function("pintle_in_range", 2, |args| match args {
        [value, Arg::Text(ty)] => number::in_range(*value, ty),
        _ => Answer::Null,
    }),
    Function { deterministic: false, ..function("pintle_deny", 1, |args| text(args, number::deny)) },
    function("pintle_get", 2, |args| {
        texts(args, |json, steps| json::get(json, steps).map_or(Answer::Null, |found| Answer::Text(found.into())))
    }),
    function("pintle_get_text", 2, |args| {
        texts(args, |json, steps| json::get(json, steps).and_then(json::text).map_or(Answer::Null, Answer::Text))
    }),
    function("pintle_json_key", 1, |args| text(args, |json| json::sort_key(json).map_or(Answer::Null, Answer::Bytes))),
    function("pintle_contains", 2, |args| texts(args, |outer, inner| Answer::Boolean(json::contains(outer, inner)))),
    function("pintle_element", 3, |args| match args {
        [Arg::Text(json), Arg::Text(keys), Arg::Text(wanted)] => Answer::Boolean(json::any_element(json, keys, wanted)),
        _ => Answer::Null,
    }),
    function("pintle_cast", 2, |args| match args {
        [value, Arg::Text(ty)] => cast::cast(*value, ty),
        _ => Answer::Null,
    }),
    function("pintle_number_text", 1, |args| match args {
        [Arg::Number(number)] => printed(|out| print::json_number(out, *number)),
        #[expect(clippy::cast_precision_loss, reason = "a whole number in a column of doubles was one")]
        [Arg::Integer(number)] => printed(|out| print::json_number(out, *number as f64)),
        _ => Answer::Null,
    }),
    function("pintle_timestamp_text", 1, |args| text(args, |stored| Answer::Text(timestamp_text(stored).into()))),
    function("pintle_bytes_text", 1, |args| match args {
        [Arg::Bytes(bytes)] => Answer::Text(bytes_text(bytes).into()),
        _ => Answer::Null,
    }),
    function("pintle_point", 2, |args| match args {
        [longitude, latitude] => place::point_of(*longitude, *latitude),
        _ => Answer::Null,
    }),
    function("pintle_distance", 2, |args| match args {
        [a, b] => place::distance(*a, *b),
        _ => Answer::Null,
    }),
    function("pintle_dwithin", 3, |args| match args {
        [a, b, metres] => place::dwithin(*a, *b, *metres),
        _ => Answer::Null,
    }),
    function("pintle_in_box", 7, place::in_box),
    function("pintle_in_shape", 2, |args| match args {
        [point, shape] => place::in_shape(*point, *shape),
        _ => Answer::Null,
    }),
    function("pintle_cover", 2, |args| match args {
        [point, metres] => place::cover_around(*point, *metres),
        _ => Answer::Null,
    }),
    function("pintle_cover_box", 6, place::cover_box),
    function("pintle_cover_shape", 1, |args| args.first().map_or(Answer::Null, |shape| place::cover_shape(*shape))),
    function("pintle_cell", 1, |args| args.first().map_or(Answer::Null, |point| place::cell_of(*point))),
    function("pintle_days_around", 5, place::near::days_around),
    function("pintle_run", 2, |args| match args {
        [point, metres] => place::near::run(*point, *metres),
        _ => Answer::Null,
    }),
    function("pintle_slot", 2, |args| match args {
        [time, seconds] => place::near::slot(*time, *seconds),
        _ => Answer::Null,
    }),
    function("pintle_near_run", 4, place::near::near_run),
    function("pintle_seconds_between", 2, |args| texts(args, place::near::seconds_between)),
];

fn text<'a>(args: &[Arg<'a>], f: impl FnOnce(&'a str) -> Answer<'a>) -> Answer<'a> {
    match args {
        [Arg::Text(a)] => f(a),
        _ => Answer::Null,
    }
}

fn texts<'a>(args: &[Arg<'a>], f: impl FnOnce(&'a str, &'a str) -> Answer<'a>) -> Answer<'a> {
    match args {
        [Arg::Text(a), Arg::Text(b)] => f(a, b),
        _ => Answer::Null,
    }
}

fn printed<'a>(print: impl FnOnce(&mut Vec<u8>)) -> Answer<'a> {
    let mut out = Vec::new();
    print(&mut out);
    String::from_utf8(out).map_or(Answer::Null, |text| Answer::Text(text.into()))
}

/// A stored timestamp as PostgreSQL casts it to text: `2020-08-15 10:37:06.12+00`.
fn timestamp_text(stored: &str) -> String {
    let body = stored.trim_end_matches('Z');
    let body = if body.contains('.') { body.trim_end_matches('0').trim_end_matches('.') } else { body };
    format!("{}+00", body.replacen('T', " ", 1))
}

fn bytes_text(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(name: &str, args: &[Arg<'a>]) -> Answer<'a> {
        let function = FUNCTIONS.iter().find(|f| f.name == name).expect("such a function");
        assert_eq!(function.arity, args.len());
        (function.call)(args)
    }

    #[test]
    fn null_in_is_null_out() {
        for function in FUNCTIONS {
            assert_eq!((function.call)(&vec![Arg::Null; function.arity]), Answer::Null, "{}", function.name);
        }
    }

    #[test]
    fn casts_to_text_print_as_postgres_does() {
        assert_eq!(call("pintle_number_text", &[Arg::Number(1.0)]), Answer::Text("1".into()));
        assert_eq!(call("pintle_bytes_text", &[Arg::Bytes(&[0, 255])]), Answer::Text("\\x00ff".into()));
        let stored = Arg::Text("2020-08-15T10:37:06.120000Z");
        assert_eq!(call("pintle_timestamp_text", &[stored]), Answer::Text("2020-08-15 10:37:06.12+00".into()));
        let whole = Arg::Text("2020-08-15T10:37:00.000000Z");
        assert_eq!(call("pintle_timestamp_text", &[whole]), Answer::Text("2020-08-15 10:37:00+00".into()));
    }
}
