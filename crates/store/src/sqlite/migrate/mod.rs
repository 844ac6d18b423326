//! Migrations of a SQLite file: planned and applied in one transaction of its own connection.
//!
//! Two processes may start at once: the second waits for the first's transaction, and then finds nothing to do.

mod convert;
mod ddl;
mod plan;

use std::path::Path;
use std::time::Duration;

use pintle_model::{Model, Type, Value};
use pintle_query::Dialect;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension as _};

use self::ddl::NOW;
use self::plan::Steps;
use super::connection::{self, APPLICATION_ID, Purpose};
use super::fault;
use crate::Error;
use crate::migrate::diff::{diff, other_app};
use crate::migrate::snapshot::Snapshot;
use crate::migrate::{Consent, MigrationPlan};

/// Where each applied model is kept.
const HISTORY: &str = "_pintle_migrations";
/// How long a migration waits for another one: a copy of a large table takes its time.
const BUSY: Duration = Duration::from_secs(120);

/// What the file's tables lack to be the model's. Nothing is changed.
pub(super) fn plan(path: &Path, model: &Model) -> Result<MigrationPlan, Error> {
    let db = connect(path, model)?;
    let wanted = wanted(model);
    if is_current(&db, &wanted.hash())? {
        return Ok(MigrationPlan::default());
    }
    run(&db, "BEGIN")?;
    let plan = make(&db, model, &wanted);
    run(&db, "ROLLBACK")?;
    plan
}

/// Brings the file's tables to the model's state. What was done is returned; an empty plan if they were there already.
pub(super) fn apply(path: &Path, model: &Model, consent: Consent) -> Result<MigrationPlan, Error> {
    let db = connect(path, model)?;
    let wanted = wanted(model);
    if is_current(&db, &wanted.hash())? {
        return Ok(MigrationPlan::default());
    }
    run(&db, "BEGIN IMMEDIATE")?;
    let outcome = apply_inside(&db, model, &wanted, consent);
    match outcome.and_then(|plan| run(&db, "COMMIT").map(|()| plan)) {
        Ok(plan) => Ok(plan),
        Err(error) => {
            if !db.is_autocommit() {
                run(&db, "ROLLBACK")?;
            }
            Err(error)
        }
    }
}

/// What tells the model's tables from another's.
pub(super) fn hash(model: &Model) -> String {
    wanted(model).hash()
}

/// Whether the tables are those of the model with this hash.
pub(super) fn is_current(db: &Connection, hash: &str) -> Result<bool, Error> {
    if !is_ours(db)? {
        return Ok(false);
    }
    let sql = format!("SELECT hash FROM {HISTORY} ORDER BY counter DESC LIMIT 1");
    let last = db.query_row(&sql, [], |row| row.get::<_, String>(0)).optional();
    Ok(last.map_err(|error| fault::general(&error))?.as_deref() == Some(hash))
}

/// Whether Pintle has made this database's tables.
pub(super) fn is_ours(db: &Connection) -> Result<bool, Error> {
    let found = db.query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", [HISTORY], |_| Ok(()));
    found.optional().map(|found| found.is_some()).map_err(|error| fault::general(&error))
}

fn wanted(model: &Model) -> Snapshot {
    Snapshot::of(model, Dialect::Sqlite)
}

fn connect(path: &Path, model: &Model) -> Result<Connection, Error> {
    let db = connection::open(path, Purpose::Write(model.durability))?.db;
    let set_up = || -> rusqlite::Result<()> {
        db.busy_timeout(BUSY)?;
        // Tables are swapped under their references; all of them are checked at the end.
        db.pragma_update(None, "foreign_keys", false)?;
        db.pragma_update(None, "legacy_alter_table", false)?;
        let flags = FunctionFlags::SQLITE_UTF8;
        db.create_scalar_function("pintle_uuid", 0, flags, |_| Ok(uuid::Uuid::now_v7().to_string()))?;
        db.create_scalar_function("pintle_read", 2, flags, |context| {
            let (ty, text): (String, Option<String>) = (context.get(0)?, context.get(1)?);
            Ok(text.and_then(|text| read(&ty, &text)))
        })
    };
    set_up().map_err(|error| fault::general(&error))?;
    Ok(db)
}

/// A text as another type's stored value; `None` if it is none of it.
fn read(ty: &str, text: &str) -> Option<rusqlite::types::Value> {
    use rusqlite::types::Value as Stored;
    let ty = Type::ALL.into_iter().find(|known| known.name() == ty)?;
    let value = match ty.read_text(text).ok()? {
        Value::Null => Stored::Null,
        Value::Text(text) | Value::Json(text) => Stored::Text(text),
        Value::Integer(number) => Stored::Integer(number),
        Value::Number(number) => Stored::Real(number),
        Value::Boolean(truth) => Stored::Integer(i64::from(truth)),
        Value::Timestamp(micros) => Stored::Text(pintle_model::value::print::stored_timestamp(micros).to_string()),
        value @ (Value::Date(_) | Value::Uuid(_) | Value::Point(_)) => Stored::Text(value.to_text()),
        Value::Bytes(bytes) => Stored::Blob(bytes),
    };
    Some(value)
}

/// The model that was applied last, and its hash.
fn applied(db: &Connection) -> Result<Option<(String, Snapshot)>, Error> {
    if !is_ours(db)? {
        return Ok(None);
    }
    let last = db
        .query_row(&format!("SELECT hash, model FROM {HISTORY} ORDER BY counter DESC LIMIT 1"), [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .optional()
        .map_err(|error| fault::general(&error))?;
    let Some((hash, model)) = last else { return Ok(None) };
    let snapshot = serde_json::from_str(&model).map_err(|error| {
        Error::Migration(format!(
            "the last model in `{HISTORY}` cannot be read ({error}): was it applied by a newer Pintle?"
        ))
    })?;
    Ok(Some((hash, snapshot)))
}

/// The plan, made inside a transaction.
fn make(db: &Connection, model: &Model, wanted: &Snapshot) -> Result<MigrationPlan, Error> {
    let last = applied(db)?;
    let first = last.is_none();
    let (hash, old) = last.unwrap_or_default();
    let differences = diff(&old, wanted, model);
    let mut plan = Steps::plan(db, &old, &differences).map_err(|error| fault::general(&error))?;
    plan.first = first;
    plan.other_app = other_app(&old, wanted, &differences);
    if hash != wanted.hash() && is_ours(db)? {
        let sql = format!("SELECT count(*) FROM {HISTORY} WHERE hash = ?1");
        let times: i64 =
            db.query_row(&sql, [wanted.hash()], |row| row.get(0)).map_err(|error| fault::general(&error))?;
        plan.older = times > 0;
    }
    Ok(plan)
}

fn apply_inside(db: &Connection, model: &Model, wanted: &Snapshot, consent: Consent) -> Result<MigrationPlan, Error> {
    if is_current(db, &wanted.hash())? {
        return Ok(MigrationPlan::default());
    }
    let plan = make(db, model, wanted)?;
    plan.check(consent)?;
    let made = |error: rusqlite::Error, sql: &str| match fault::general(&error) {
        Error::Internal(_) | Error::Migration(_) => {
            Error::Migration(format!("the tables cannot be changed: {error}, by\n{sql}"))
        }
        other => other,
    };
    if !is_ours(db)? {
        mark(db).map_err(|error| fault::general(&error))?;
    }
    for sql in plan.sql() {
        db.execute_batch(sql).map_err(|error| made(error, sql))?;
    }
    references_hold(db)?;
    let sql: Vec<_> = plan.sql().collect();
    db.execute(
        &format!("INSERT INTO {HISTORY} (hash, applied_at, sql, model) VALUES (?1, {NOW}, ?2, ?3)"),
        [wanted.hash(), sql.join(";\n"), wanted.to_json()],
    )
    .map_err(|error| fault::general(&error))?;
    Ok(plan)
}

/// Makes the file Pintle's: its mark in the header, and the table of history.
fn mark(db: &Connection) -> rusqlite::Result<()> {
    let taken: i32 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if taken == 0 {
        db.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    db.execute_batch(&format!(
        "CREATE TABLE {HISTORY} (
  counter INTEGER PRIMARY KEY AUTOINCREMENT,
  hash TEXT NOT NULL,
  applied_at TEXT NOT NULL,
  sql TEXT NOT NULL,
  model TEXT NOT NULL CHECK (json_valid(model))
) STRICT"
    ))
}

fn references_hold(db: &Connection) -> Result<(), Error> {
    let found = db
        .query_row(
            "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 LIMIT 1",
            [],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)),
        )
        .optional()
        .map_err(|error| fault::general(&error))?;
    match found {
        None => Ok(()),
        Some((table, parent, rows)) => Err(Error::Migration(format!(
            "the tables cannot be changed: {rows} rows of `{table}` would point at nothing in `{parent}`"
        ))),
    }
}

fn run(db: &Connection, sql: &str) -> Result<(), Error> {
    db.execute_batch(sql).map_err(|error| fault::general(&error))
}
