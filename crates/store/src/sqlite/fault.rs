//! SQLite's errors, told apart by what can be done about them, in PostgreSQL's words.

use pintle_model::{Collection, Model, OnDelete, Value};
use pintle_query::functions::Failure;
use pintle_query::plan::Action;
use pintle_query::{Read, Write};
use rusqlite::{Connection, ErrorCode, ffi};

use super::bind::bind_value;
use crate::migrate::review::quoted;
use crate::{Error, fault as shared, names};

/// An error that has nothing to do with what was written.
pub(super) fn general(error: &rusqlite::Error) -> Error {
    if let Some(text) = missing(error) {
        return Error::Migration(shared::other_tables(text));
    }
    let rusqlite::Error::SqliteFailure(code, message) = error else {
        return Error::internal(error.to_string());
    };
    if let Some(failure) = message.as_deref().and_then(Failure::from_text) {
        if failure.state == "42501" {
            return Error::Policy(failure.message);
        }
        return Error::Constraint { code: failure.state, message: failure.message };
    }
    // What `sum` and `abs` say, the only ones whose whole numbers have an end.
    if message.as_deref() == Some("integer overflow") {
        return Error::Constraint { code: "22003", message: "bigint out of range".to_owned() };
    }
    match code.code {
        ErrorCode::DiskFull => Error::Full,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Error::ReadOnly,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Busy,
        ErrorCode::TooBig => Error::TooLarge("a value, or what is made of several, is larger than the store can hold"),
        ErrorCode::OperationInterrupted => Error::Timeout,
        ErrorCode::SystemIoFailure
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::CannotOpen
        | ErrorCode::OutOfMemory
        | ErrorCode::FileLockingProtocolFailed => Error::Unavailable(error.to_string().into()),
        _ => Error::internal(error.to_string()),
    }
}

/// SQLite's words for a table or a column that a statement names and that is not there. Statements are made from the
/// model, so it is the tables that are others.
fn missing(error: &rusqlite::Error) -> Option<&str> {
    let text = match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg,
        rusqlite::Error::SqliteFailure(_, Some(text)) => text,
        _ => return None,
    };
    let of_schema = text.starts_with("no such column: ")
        || text.starts_with("no such table: ")
        || (text.starts_with("table ") && text.contains(" has no column named "));
    of_schema.then_some(text)
}

/// An error of a write's statement; `row` is the row that an insert brought.
pub(super) fn of_write(error: &rusqlite::Error, db: &Connection, model: &Model, write: &Write, row: &[Value]) -> Error {
    let rusqlite::Error::SqliteFailure(code, message) = error else {
        return general(error);
    };
    let collection = model.collection(write.plan.collection);
    let named = message.as_deref().and_then(|text| text.split_once("failed: ")).map_or("", |(_, named)| named);
    match code.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            unique(collection, write, row, named)
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => foreign_key(db, model, write, row),
        ffi::SQLITE_CONSTRAINT_NOTNULL => {
            // A cascade may have met it in another table.
            let (table, field) = named.split_once('.').unwrap_or((&collection.name, named));
            shared::not_null(table, field)
        }
        ffi::SQLITE_CONSTRAINT_CHECK => shared::check(&collection.name, named),
        _ => general(error),
    }
}

/// An error of a statement of the app's own that writes.
pub(super) fn of_own(error: &rusqlite::Error, db: &Connection, model: &Model, read: &Read) -> Error {
    match shared::written_by(read) {
        Some(write) => of_write(error, db, model, &write, &[]),
        None => general(error),
    }
}

/// `named` is `configs.name` or `tiles.x, tiles.y`, or `index 'NAME'` for an index with paths inside json.
fn unique(collection: &Collection, write: &Write, row: &[Value], named: &str) -> Error {
    if let Some(index) = named.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\'')) {
        return Error::Unique { constraint: index.to_owned(), fields: Vec::new(), details: None };
    }
    let fields: Vec<String> =
        named.split(", ").map(|part| part.rsplit('.').next().unwrap_or(part).to_owned()).collect();
    let constraint = names::unique(collection, &fields.iter().map(String::as_str).collect::<Vec<_>>());
    shared::unique(collection, write, row, constraint, fields)
}

/// SQLite does not say which reference failed, so each is looked at.
fn foreign_key(db: &Connection, model: &Model, write: &Write, row: &[Value]) -> Error {
    let collection = model.collection(write.plan.collection);
    let found = if write.plan.action == Action::Delete {
        referring(model, collection)
    } else {
        missing_target(db, model, collection, write, row)
    };
    found.unwrap_or_else(|| Error::ForeignKey {
        message: format!("insert, update or delete on table \"{}\" violates a foreign key constraint", collection.name),
        constraint: None,
        details: None,
    })
}

fn missing_target(
    db: &Connection,
    model: &Model,
    collection: &Collection,
    write: &Write,
    row: &[Value],
) -> Option<Error> {
    let refs: Vec<_> = collection.fields.iter().filter_map(|f| f.reference.as_ref().map(|r| (f, r))).collect();
    for &(field, reference) in &refs {
        let target = model.collection(reference.collection);
        let value = shared::value_of(collection, write, row, &field.name);
        let absent = match value {
            Some(Value::Null) => false,
            Some(value) => !is_there(db, target, value).unwrap_or(true),
            // What an update sets is not known here; with one reference there is no doubt.
            None => refs.len() == 1,
        };
        if absent {
            return Some(shared::missing_target(model, collection, field, value));
        }
    }
    None
}

fn is_there(db: &Connection, target: &Collection, value: &Value) -> rusqlite::Result<bool> {
    let sql = format!("SELECT 1 FROM {} WHERE {} = ?1", quoted(&target.name), quoted(&target.fields[0].name));
    let mut statement = db.prepare(&sql)?;
    bind_value(&mut statement, 1, value)?;
    Ok(statement.raw_query().next()?.is_some())
}

/// The reference that holds back a removal, if it can be but one: to the collection, or to what goes with it.
fn referring(model: &Model, collection: &Collection) -> Option<Error> {
    let mut going = vec![collection.name.as_str()];
    let mut holding = Vec::new();
    let mut at = 0;
    while let Some(&target) = going.get(at) {
        for other in &model.collections {
            for field in &other.fields {
                let Some(reference) = &field.reference else { continue };
                if model.collection(reference.collection).name != target {
                    continue;
                }
                match reference.on_delete {
                    OnDelete::Restrict => holding.push((other, field)),
                    OnDelete::Cascade if !going.contains(&other.name.as_str()) => going.push(&other.name),
                    OnDelete::Cascade | OnDelete::SetNull => {}
                }
            }
        }
        at += 1;
    }
    match holding.as_slice() {
        [] => None,
        [(other, field)] => Some(shared::still_referenced(collection, other, field)),
        _ => Some(Error::ForeignKey {
            message: format!("update or delete on table \"{}\" violates a foreign key constraint", collection.name),
            details: None,
            constraint: None,
        }),
    }
}
