//! The functions that SQLite lacks: `pintle_query` has their meaning, this registers them.

use pintle_query::functions::{Answer, Arg, FUNCTIONS, Function};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// The most arguments that a function takes.
const ARITY_MAX: usize = 8;

/// Registers every function on a connection.
///
/// # Errors
/// When SQLite refuses one.
pub(super) fn register(db: &Connection) -> rusqlite::Result<()> {
    // Innocuous: they touch nothing but their arguments, so indexes and checks may use them in an untrusted schema.
    let always = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    for function in FUNCTIONS {
        let same = if function.deterministic { FunctionFlags::SQLITE_DETERMINISTIC } else { FunctionFlags::empty() };
        let flags = always | same;
        let arity = i32::try_from(function.arity).unwrap_or(-1);
        db.create_scalar_function(function.name, arity, flags, move |context| call(function, context))?;
    }
    Ok(())
}

fn call(function: &Function, context: &Context<'_>) -> rusqlite::Result<ToSqlOutput<'static>> {
    let mut args = [Arg::Null; ARITY_MAX];
    let Some(args) = args.get_mut(..context.len()) else {
        return Err(rusqlite::Error::UserFunctionError("too many arguments".into()));
    };
    for (index, arg) in args.iter_mut().enumerate() {
        *arg = match context.get_raw(index) {
            ValueRef::Null => Arg::Null,
            ValueRef::Integer(number) => Arg::Integer(number),
            ValueRef::Real(number) => Arg::Number(number),
            // A text that is none (the file was edited by hand) is no value of any type.
            ValueRef::Text(text) => std::str::from_utf8(text).map_or(Arg::Null, Arg::Text),
            ValueRef::Blob(bytes) => Arg::Bytes(bytes),
        };
    }
    Ok(ToSqlOutput::Owned(match (function.call)(args) {
        Answer::Null => Value::Null,
        Answer::Boolean(truth) => Value::Integer(i64::from(truth)),
        Answer::Text(text) => Value::Text(text.into_owned()),
        Answer::Bytes(bytes) => Value::Blob(bytes),
        Answer::Integer(number) => Value::Integer(number),
        Answer::Number(number) => Value::Real(number),
        Answer::Failure(failure) => return Err(rusqlite::Error::UserFunctionError(failure.to_text().into())),
    }))
}
