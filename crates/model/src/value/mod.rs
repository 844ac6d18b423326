//! The catalogue of types: how each is read from text and from JSON, and how it is printed. The same on every store.
//!
//! A value comes in by [`Type::read_text`] (a URL) or [`Type::read_json`] (a body), which refuse what is none of the
//! type. It goes out by [`print`](mod@print), which also works on the forms that a store keeps, without a [`Value`] in between.

mod jsonb;
mod number;
mod point;
pub mod print;
mod read;
mod scan;
#[cfg(test)]
mod tests;
mod time;

use std::fmt;

pub use point::Point;

/// A type of the manifest. Names on the wire and in errors are PostgreSQL's ([`Type::pg_name`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// Characters; no NUL.
    Text,
    /// 64 bits, signed.
    Integer,
    /// A double; no NaN, no infinity.
    Number,
    /// True or false.
    Boolean,
    /// A moment, to the microsecond, years 1 to 9999.
    Timestamp,
    /// A day, years 1 to 9999.
    Date,
    /// A UUID.
    Uuid,
    /// Any JSON, kept in jsonb's form.
    Json,
    /// Bytes, written `\x…` in hex.
    Bytes,
    /// A place on Earth, by longitude and latitude.
    Point,
}

impl Type {
    /// Every type.
    pub const ALL: [Type; 10] = [
        Type::Text,
        Type::Integer,
        Type::Number,
        Type::Boolean,
        Type::Timestamp,
        Type::Date,
        Type::Uuid,
        Type::Json,
        Type::Bytes,
        Type::Point,
    ];

    /// The name in a manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Boolean => "boolean",
            Type::Timestamp => "timestamp",
            Type::Date => "date",
            Type::Uuid => "uuid",
            Type::Json => "json",
            Type::Bytes => "bytes",
            Type::Point => "point",
        }
    }

    /// PostgreSQL's name, as its errors and casts have it.
    #[must_use]
    pub fn pg_name(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Integer => "bigint",
            Type::Number => "double precision",
            Type::Boolean => "boolean",
            Type::Timestamp => "timestamp with time zone",
            Type::Date => "date",
            Type::Uuid => "uuid",
            Type::Json => "jsonb",
            Type::Bytes => "bytea",
            Type::Point => "geography",
        }
    }

    /// Reads a value as it stands in a URL: `17`, `2026-01-02`, `\x00ff`.
    ///
    /// # Errors
    /// When the text is no value of this type, with PostgreSQL's words and SQLSTATE.
    pub fn read_text(self, text: &str) -> Result<Value, ValueError> {
        read::text(self, text)
    }

    /// Reads a value from its JSON text (one complete JSON value, as `serde_json::value::RawValue` has it).
    /// `null` is [`Value::Null`] for every type; a null inside a json value stays JSON's.
    /// Json is normalised to jsonb's form; `depth` bounds its nesting (an array in an array is two levels).
    ///
    /// A text must be a JSON string, and so must a timestamp, date, uuid and bytes. Integers, numbers and booleans may
    /// also be strings that hold one, as PostgreSQL takes them.
    ///
    /// # Errors
    /// When the value is none of this type.
    pub fn read_json(self, json: &str, depth: u32) -> Result<Value, ValueError> {
        read::json(self, json, depth)
    }
}

/// A value, on its way to or from a store. Each store writes it in its own form.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value, of any type.
    Null,
    /// text
    Text(String),
    /// integer
    Integer(i64),
    /// number: finite, and never -0
    Number(f64),
    /// boolean
    Boolean(bool),
    /// timestamp: microseconds since 1970-01-01T00:00:00Z
    Timestamp(i64),
    /// date: days since 1970-01-01
    Date(i32),
    /// uuid
    Uuid(uuid::Uuid),
    /// json: its text in jsonb's form
    Json(String),
    /// bytes
    Bytes(Vec<u8>),
    /// point
    Point(Point),
}

/// Why a text or JSON is no value of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// What PostgreSQL would call it.
    pub kind: ValueErrorKind,
    /// PostgreSQL's words: `invalid input syntax for type bigint: "abc"`.
    pub message: String,
    /// What would be right, where that is not plain.
    pub hint: Option<String>,
}

/// PostgreSQL's SQLSTATE of a bad value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueErrorKind {
    /// 22P02
    Syntax,
    /// 22007
    DatetimeSyntax,
    /// 22008
    DatetimeRange,
    /// 22003
    NumberRange,
    /// Nested more deeply than the limit allows.
    TooDeep,
}

impl ValueErrorKind {
    /// The SQLSTATE; 54001 (statement too complex) stands for nesting.
    #[must_use]
    pub fn sqlstate(self) -> &'static str {
        match self {
            ValueErrorKind::Syntax => "22P02",
            ValueErrorKind::DatetimeSyntax => "22007",
            ValueErrorKind::DatetimeRange => "22008",
            ValueErrorKind::NumberRange => "22003",
            ValueErrorKind::TooDeep => "54001",
        }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}
