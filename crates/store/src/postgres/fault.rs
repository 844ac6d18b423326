//! PostgreSQL's errors, told apart by what can be done about them.

use pintle_model::{Collection, Value};
use pintle_query::Write;
use pintle_query::plan::Action;
use tokio_postgres::error::DbError;

use super::connect::told;
use super::names::{Named, Names};
use crate::{Error, fault as shared};

/// The functions of ours that refuse by themselves, with 42501: what they raise comes from here in PostgreSQL's sources.
const RAISED: &str = "exec_stmt_raise";
/// Where PostgreSQL finds that a prepared statement's columns are not what they were. Its words may be in any language.
const REVALIDATED: &str = "RevalidateCachedQuery";

/// What a run that did not end well calls for.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is told to the caller.
    Told(Error),
    /// Another one's change came between, and nothing was done: again, from the start.
    Conflict,
    /// The connection cannot be used any more, and nothing was done on it: again, on another one.
    Unsent(Error),
    /// The connection broke. Whether what was sent was done is not known.
    Broken(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Told(error)
    }
}

impl Fault {
    /// An error of preparing a statement, which changes nothing.
    pub(super) fn of_prepare(error: &tokio_postgres::Error) -> Fault {
        match Fault::general(error) {
            Fault::Broken(error) => Fault::Unsent(error),
            other => other,
        }
    }

    /// An error that has nothing to do with what was written.
    pub(super) fn general(error: &tokio_postgres::Error) -> Fault {
        let Some(said) = error.as_db_error() else { return Fault::of_driver(error) };
        let text = said.message();
        Fault::Told(match said.code().code() {
            "40001" | "40P01" => return Fault::Conflict,
            // A statement that was prepared before a table changed, or on a connection that somebody between has swapped.
            "26000" => return Fault::Unsent(Error::internal(text.to_owned())),
            "0A000" if said.routine() == Some(REVALIDATED) => return Fault::Unsent(Error::internal(text.to_owned())),
            "57014" => Error::Timeout,
            "53100" => Error::Full,
            "53200" | "53300" | "55P03" => Error::Busy,
            "25006" => Error::ReadOnly,
            "42P01" | "42703" | "3F000" => Error::Migration(shared::other_tables(text)),
            "42501" => {
                tracing::error!(error = text, "the database grants its user too little");
                Error::Unavailable(format!("the database grants its user too little: {text}").into())
            }
            // The disk's errors, as PostgreSQL met them.
            code if code.starts_with("58") => Error::Unavailable(text.to_owned().into()),
            code if code.starts_with("57P") || code.starts_with("08") || code == "25P03" => {
                return Fault::Broken(Error::Unavailable(text.to_owned().into()));
            }
            code if code.starts_with("54") => {
                Error::TooLarge("a value, or what is made of several, is larger than the store can hold")
            }
            code if code.starts_with("22") => Error::Constraint { code: data(code), message: text.to_owned() },
            code => Error::internal(format!("{code}: {text}")),
        })
    }

    /// An error of the driver's own: of the connection, but for what it refuses to send or cannot read.
    fn of_driver(error: &tokio_postgres::Error) -> Fault {
        let io = std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>());
        if error.is_closed() || io {
            Fault::Broken(Error::Unavailable(told(error).into()))
        } else {
            Fault::Told(Error::internal(told(error)))
        }
    }

    /// An error of a write's statement; `row` is the row that an insert brought.
    pub(super) fn of_write(error: &tokio_postgres::Error, names: &Names, write: &Write, row: &[Value]) -> Fault {
        let Some(said) = error.as_db_error() else { return Fault::of_driver(error) };
        let model = &names.model;
        let own = model.collection(write.plan.collection);
        // A cascade, or a policy, may have met it elsewhere.
        let table = said.table().unwrap_or(&own.name);
        let name = said.constraint().unwrap_or_default();
        Fault::Told(match said.code().code() {
            "23505" => unique(names, write, row, table, name),
            "23503" | "23001" => foreign_key(names, write, row, table, name),
            "23502" => shared::not_null(table, said.column().unwrap_or_default()),
            "23514" => match names.find(table, name) {
                Some(Named::Check(whole)) => shared::check(table, whole),
                _ => shared::check(table, name),
            },
            // Two rows of a bulk write meet the same one: one after the other they may.
            "21000" => Error::Constraint { code: "21000", message: said.message().to_owned() },
            "42501" if said.routine() == Some(RAISED) => Error::Policy(denied(said, own)),
            _ => return Fault::general(error),
        })
    }
}

/// The table whose policy refuses.
fn denied(said: &DbError, own: &Collection) -> String {
    said.table().unwrap_or(&own.name).to_owned()
}

fn unique(names: &Names, write: &Write, row: &[Value], table: &str, name: &str) -> Error {
    let (Some((_, collection)), Some(Named::Unique(whole, fields))) =
        (names.model.find(table), names.find(table, name))
    else {
        return Error::Unique { constraint: name.to_owned(), fields: Vec::new(), details: None };
    };
    let own = names.model.collection(write.plan.collection).name == collection.name;
    shared::unique(collection, write, if own { row } else { &[] }, whole.clone(), fields.clone())
}

fn foreign_key(names: &Names, write: &Write, row: &[Value], table: &str, name: &str) -> Error {
    let model = &names.model;
    let own = model.collection(write.plan.collection);
    match names.reference(table, name) {
        Some((collection, field)) if write.plan.action != Action::Delete && collection.name == own.name => {
            shared::missing_target(model, collection, field, shared::value_of(own, write, row, &field.name))
        }
        // The table that is named is the one whose rows refer, also where rows of another one were to go.
        Some((collection, field)) => shared::still_referenced(own, collection, field),
        None => Error::ForeignKey {
            message: format!("insert, update or delete on table \"{}\" violates a foreign key constraint", own.name),
            constraint: None,
            details: None,
        },
    }
}

/// A data exception's SQLSTATE, or its class's for one that statements of ours do not raise.
fn data(code: &str) -> &'static str {
    const KNOWN: [&str; 18] = [
        "22001", "22003", "22004", "22007", "22008", "22011", "22012", "22019", "22021", "22023", "22025", "2201B",
        "22P02", "22P03", "22P05", "22030", "22032", "22033",
    ];
    KNOWN.into_iter().find(|known| *known == code).unwrap_or("22000")
}
