//! Plans and policies on a real SQLite.

mod accepted;
mod forbidden;
mod naive;
mod plans;
mod policies;
mod postgres;

use std::sync::Arc;

use pintle_model::value::print::{stored_date, stored_timestamp, stored_uuid};
use pintle_model::{Model, Role, Type, Value};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value as Sqlite;
use rusqlite::types::ValueRef;

use crate::functions::{Answer, Arg, FUNCTIONS};
use crate::plan::{Inputs, ParamValue, Statement};
use crate::{Dialect, Planner};

/// Reads a manifest that has no mistakes.
fn model(manifest: &str) -> Arc<Model> {
    let (model, diagnostics) = pintle_model::load("pintle.yaml", manifest, &|_| Err("no files here".to_owned()));
    assert_eq!(diagnostics, []);
    Arc::new(model.expect("a model"))
}

fn planner(manifest: &str) -> Planner {
    match Planner::new(model(manifest), Dialect::Sqlite) {
        Ok(planner) => planner,
        Err(diagnostics) => panic!("{diagnostics:#?}"),
    }
}

/// An empty database with the model's tables and the functions that statements use.
pub(crate) fn database(model: &Model) -> Connection {
    let db = Connection::open_in_memory().unwrap();
    for function in FUNCTIONS {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        let arity = i32::try_from(function.arity).unwrap();
        db.create_scalar_function(function.name, arity, flags, move |context| {
            let args: Vec<Arg<'_>> = (0..context.len())
                .map(|n| match context.get_raw(n) {
                    ValueRef::Null => Arg::Null,
                    ValueRef::Integer(n) => Arg::Integer(n),
                    ValueRef::Real(n) => Arg::Number(n),
                    ValueRef::Text(text) => Arg::Text(std::str::from_utf8(text).unwrap()),
                    ValueRef::Blob(bytes) => Arg::Bytes(bytes),
                })
                .collect();
            Ok(match (function.call)(&args) {
                Answer::Null => Sqlite::Null,
                Answer::Boolean(value) => Sqlite::Integer(value.into()),
                Answer::Text(text) => Sqlite::Text(text.into_owned()),
                Answer::Bytes(bytes) => Sqlite::Blob(bytes),
                Answer::Integer(n) => Sqlite::Integer(n),
                Answer::Number(n) => Sqlite::Real(n),
                Answer::Failure(failure) => return Err(rusqlite::Error::UserFunctionError(failure.to_text().into())),
            })
        })
        .unwrap();
    }
    for collection in &model.collections {
        let columns = collection.fields.iter().map(|field| {
            let ty = match field.ty {
                Type::Integer | Type::Boolean => "INTEGER",
                Type::Number => "REAL",
                Type::Bytes => "BLOB",
                _ => "TEXT",
            };
            format!("\"{}\" {ty}{}", field.name, if field.unique { " UNIQUE" } else { "" })
        });
        let key: Vec<String> =
            collection.fields[..collection.key.len].iter().map(|f| format!("\"{}\"", f.name)).collect();
        let columns: Vec<String> = columns.collect();
        let sql = format!(
            "CREATE TABLE \"{}\" ({}, PRIMARY KEY ({})) STRICT",
            collection.name,
            columns.join(", "),
            key.join(", ")
        );
        db.execute_batch(&sql).unwrap();
        for (n, index) in collection.indexes.iter().enumerate() {
            let part = |part| crate::sql::index_part(Dialect::Sqlite, collection, part);
            let parts: Vec<String> = index.parts.iter().map(part).collect();
            let unique = if index.unique { "UNIQUE " } else { "" };
            let name = format!("{}_{n}", collection.name);
            db.execute_batch(&format!(
                "CREATE {unique}INDEX \"{name}\" ON \"{}\" ({})",
                collection.name,
                parts.join(", ")
            ))
            .unwrap();
        }
    }
    db
}

fn bound(value: &Value) -> Sqlite {
    match value {
        Value::Null => Sqlite::Null,
        Value::Text(text) | Value::Json(text) => Sqlite::Text(text.clone()),
        Value::Integer(n) => Sqlite::Integer(*n),
        Value::Number(n) => Sqlite::Real(*n),
        Value::Boolean(b) => Sqlite::Integer((*b).into()),
        Value::Timestamp(micros) => Sqlite::Text(stored_timestamp(*micros).to_string()),
        Value::Date(days) => Sqlite::Text(stored_date(*days).to_string()),
        Value::Uuid(uuid) => Sqlite::Text(stored_uuid(uuid).to_string()),
        Value::Bytes(bytes) => Sqlite::Blob(bytes.clone()),
        Value::Point(_) => Sqlite::Text(value.to_text()),
    }
}

/// Prepares a statement, which must have as many parameters as placeholders.
pub(crate) fn prepare<'a>(db: &'a Connection, statement: &Statement) -> rusqlite::Statement<'a> {
    let prepared = db.prepare(&statement.sql).unwrap_or_else(|error| panic!("{error}: {}", statement.sql));
    assert_eq!(prepared.parameter_count(), statement.params.len(), "{}", statement.sql);
    prepared
}

/// Runs a statement; its rows, each value as SQLite has it.
pub(crate) fn run(db: &Connection, statement: &Statement, inputs: &Inputs, row: &[Value]) -> Vec<Vec<Sqlite>> {
    let mut prepared = prepare(db, statement);
    let params = statement.values(inputs, row).map(|value| match value {
        ParamValue::Null => Sqlite::Null,
        ParamValue::Value(value) => bound(value),
        ParamValue::Text(text) => Sqlite::Text(text.to_owned()),
        ParamValue::Timestamp(micros) => bound(&Value::Timestamp(micros)),
    });
    let width = prepared.column_count();
    let mut rows = prepared.query(rusqlite::params_from_iter(params)).unwrap();
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        all.push((0..width).map(|n| row.get_unwrap(n)).collect());
    }
    all
}

/// How SQLite finds the rows.
fn explained(db: &Connection, statement: &Statement) -> String {
    let mut prepared = db.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.sql)).unwrap();
    let lines =
        prepared.query_map(rusqlite::params_from_iter(statement.params.iter().map(|_| Sqlite::Null)), |row| row.get(3));
    lines.unwrap().map(|line: rusqlite::Result<String>| line.unwrap()).collect::<Vec<_>>().join("; ")
}

const ROLES: [Role; 3] = Role::ALL;
