//! Casts that may fail on some row.

use pintle_model::value::print::{stored_date, stored_timestamp, stored_uuid};
use pintle_model::{Type, Value};

use super::{Answer, Arg};

/// Why a statement fails, in PostgreSQL's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// SQLSTATE.
    pub state: &'static str,
    /// What was wrong with which value.
    pub message: String,
}

/// What a failure's text begins with on its way through the database.
const MARK: &str = "pintle-failure ";
/// The SQLSTATEs that a failure can have.
const STATES: [&str; 6] = ["22P02", "22003", "22007", "22008", "42501", "54001"];

impl Failure {
    /// The failure as the text of a database's error.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{MARK}{} {}", self.state, self.message)
    }

    /// Reads what [`Failure::to_text`] wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Failure> {
        let (state, message) = text.strip_prefix(MARK)?.split_once(' ')?;
        let state = STATES.into_iter().find(|known| *known == state)?;
        Some(Failure { state, message: message.to_owned() })
    }
}

/// The type that a cast names, by our own names or by one of SQL's.
pub(crate) fn type_named(word: &str) -> Option<Type> {
    Some(match word.to_ascii_lowercase().as_str() {
        "text" | "varchar" | "character varying" => Type::Text,
        "integer" | "int" | "bigint" | "smallint" | "int2" | "int4" | "int8" => Type::Integer,
        "number" | "float" | "float4" | "float8" | "real" | "double precision" | "numeric" | "decimal" => Type::Number,
        "boolean" | "bool" => Type::Boolean,
        "timestamp" | "timestamptz" | "timestamp with time zone" => Type::Timestamp,
        "date" => Type::Date,
        "uuid" => Type::Uuid,
        "json" | "jsonb" => Type::Json,
        "bytes" | "bytea" => Type::Bytes,
        _ => return None,
    })
}

/// Whether values of a type can be cast to another, if not always.
#[must_use]
pub fn castable(from: Type, to: Type) -> bool {
    if from == Type::Point || to == Type::Point {
        return from == to;
    }
    from == to
        || to == Type::Text
        || matches!((from, to), (Type::Text, _) | (Type::Integer, Type::Number) | (Type::Number, Type::Integer))
}

/// A text or a number as a value of the type of this name, in the store's form.
pub(super) fn cast<'a>(value: Arg<'a>, ty: &str) -> Answer<'a> {
    let Some(ty) = Type::ALL.into_iter().find(|known| known.name() == ty) else { return Answer::Null };
    match value {
        Arg::Text(text) => match ty.read_text(text) {
            Ok(value) => stored(value),
            Err(error) => Answer::Failure(Failure { state: error.kind.sqlstate(), message: error.message }),
        },
        Arg::Number(number) if ty == Type::Integer => integer(number),
        _ => Answer::Null,
    }
}

/// As PostgreSQL: to the nearest, halves to the even one.
fn integer<'a>(number: f64) -> Answer<'a> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let rounded = number.round_ties_even();
    if (-LIMIT..LIMIT).contains(&rounded) {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
        Answer::Integer(rounded as i64)
    } else {
        Answer::Failure(Failure { state: "22003", message: "bigint out of range".to_owned() })
    }
}

fn stored<'a>(value: Value) -> Answer<'a> {
    match value {
        Value::Null => Answer::Null,
        Value::Text(text) | Value::Json(text) => Answer::Text(text.into()),
        Value::Integer(n) => Answer::Integer(n),
        Value::Number(n) => Answer::Number(n),
        Value::Boolean(b) => Answer::Boolean(b),
        Value::Timestamp(micros) => Answer::Text(stored_timestamp(micros).to_string().into()),
        Value::Date(days) => Answer::Text(stored_date(days).to_string().into()),
        Value::Uuid(uuid) => Answer::Text(stored_uuid(&uuid).to_string().into()),
        Value::Bytes(bytes) => Answer::Bytes(bytes),
        Value::Point(_) => Answer::Text(value.to_text().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_value_of_the_type_fails_in_postgres_words() {
        assert_eq!(cast(Arg::Text("17"), "integer"), Answer::Integer(17));
        assert_eq!(cast(Arg::Text("2026-01-02"), "date"), Answer::Text("2026-01-02".into()));
        assert_eq!(cast(Arg::Number(2.5), "integer"), Answer::Integer(2));
        assert!(matches!(cast(Arg::Number(1e300), "integer"), Answer::Failure(Failure { state: "22003", .. })));
        let Answer::Failure(failure) = cast(Arg::Text("abc"), "integer") else { panic!("abc is no integer") };
        assert_eq!(failure.message, "invalid input syntax for type bigint: \"abc\"");
        assert_eq!(Failure::from_text(&failure.to_text()), Some(failure));
        assert_eq!(Failure::from_text("no such column"), None);
    }
}
