//! What is near is found by the index: the work does not grow with the table.

use rusqlite::StatementStatus;
use rusqlite::functions::FunctionFlags;
use serde_json::json;

use pintle_query::functions::{Answer, Arg, FUNCTIONS};
use pintle_query::plan::ParamValue;

use crate::support::On;
use crate::{APP, App};

/// Rows: a venue of a hundred metres, over twenty days.
const ROWS: usize = 6000;

async fn filled(on: On) -> App {
    let app = App::new(on, APP);
    for part in 0..ROWS / 1000 {
        let rows = part * 1000..(part + 1) * 1000;
        let place = |n: usize| (11.0 + (n * 7919 % 1000) as f64 * 1.0e-6, 48.0 + (n * 104_729 % 1009) as f64 * 1.0e-6);
        let location = |n: usize| {
            let (longitude, latitude) = place(n);
            let seen = format!("2026-11-{:02}T10:00:00Z", 1 + n * 20 / ROWS);
            json!({ "id": format!("{n:05}"), "longitude": longitude, "latitude": latitude, "seen": seen })
        };
        let hall = |n: usize| json!({ "at": { "longitude": place(n).0, "latitude": place(n).1 } });
        app.insert("locations", &rows.clone().map(location).collect()).await;
        app.insert("halls", &rows.map(hall).collect()).await;
    }
    app
}

/// Questions with a small answer, and the index that serves each.
const QUESTIONS: [(&str, &str, &str); 4] = [
    ("halls", "select=id&at=dwithin.(11.0005,48.0005,2)", "halls_at_idx"),
    ("halls", "select=id&at=bbox.(11.0005,48.0005,11.00053,48.00053)", "halls_at_idx"),
    (
        "locations",
        "select=id&position=dwithin.(11.0005,48.0005,5)&seen=gte.2026-11-03&seen=lt.2026-11-04",
        "locations_position_seen_idx",
    ),
    ("locations", "select=id&position=dwithin.(11.0005,48.0005,1)", "locations_position_seen_idx"),
];

#[tokio::test]
async fn on_sqlite_the_index_finds_what_is_near() {
    let app = filled(On::Sqlite).await;
    let db = app.place.by_hand();
    register(&db);
    for (collection, query, index) in QUESTIONS {
        let read = app.read(collection, query);
        let plan = explained(&db, &read.plan.rows.sql);
        assert!(plan.contains(index) && !plan.contains("SCAN locations") && !plan.contains("SCAN halls"), "{plan}");
        let mut statement = db.prepare(&read.plan.rows.sql).unwrap();
        for (n, value) in read.plan.rows.values(&read.inputs, &[]).enumerate() {
            let ParamValue::Value(value) = value else { panic!("{value:?}") };
            let bound: rusqlite::types::Value = match value {
                pintle_model::Value::Number(number) => (*number).into(),
                pintle_model::Value::Integer(number) => (*number).into(),
                pintle_model::Value::Timestamp(at) => {
                    pintle_model::value::print::stored_timestamp(*at).to_string().into()
                }
                other => other.to_text().into(),
            };
            statement.raw_bind_parameter(n + 1, bound).unwrap();
        }
        let mut rows = statement.raw_query();
        let mut count = 0;
        while rows.next().unwrap().is_some() {
            count += 1;
        }
        drop(rows);
        let steps = statement.get_status(StatementStatus::VmStep);
        assert!(count > 0, "{query} finds nothing");
        // A look at every row takes some ten steps for each.
        assert!(steps < 12_000, "{query}: {count} rows in {steps} steps\n{plan}");
    }
}

#[tokio::test]
async fn on_postgres_the_index_finds_what_is_near() {
    let app = filled(On::Postgres).await;
    let database = app.place.database.as_ref().unwrap();
    database.psql("ANALYZE");
    for (collection, query, index) in QUESTIONS {
        let read = app.read(collection, query);
        let mut sql = read.plan.rows.sql.clone();
        for (n, value) in read.plan.rows.values(&read.inputs, &[]).enumerate().collect::<Vec<_>>().into_iter().rev() {
            let ParamValue::Value(value) = value else { panic!("{value:?}") };
            let text = match value {
                pintle_model::Value::Point(point) => {
                    let text = format!("ST_AsBinary('POINT({} {})'::geography)", point.longitude, point.latitude);
                    sql = sql.replace(&format!("${}", n + 1), &text);
                    continue;
                }
                other => other.to_text(),
            };
            sql = sql.replace(&format!("${}", n + 1), &format!("'{text}'"));
        }
        let plan = database.psql(&format!("EXPLAIN {sql}"));
        assert!(plan.contains(index), "{query}\n{sql}\n{plan}");
    }
}

fn explained(db: &rusqlite::Connection, sql: &str) -> String {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        lines.push(row.get::<_, String>(3).unwrap());
    }
    lines.join("\n")
}

/// The functions that statements call, as the store registers them.
fn register(db: &rusqlite::Connection) {
    for function in FUNCTIONS {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS | FunctionFlags::SQLITE_DETERMINISTIC;
        let arity = i32::try_from(function.arity).unwrap();
        db.create_scalar_function(function.name, arity, flags, move |context| {
            use rusqlite::types::{Value, ValueRef};
            let args: Vec<Arg<'_>> = (0..context.len())
                .map(|at| match context.get_raw(at) {
                    ValueRef::Null => Arg::Null,
                    ValueRef::Integer(number) => Arg::Integer(number),
                    ValueRef::Real(number) => Arg::Number(number),
                    ValueRef::Text(text) => Arg::Text(std::str::from_utf8(text).unwrap()),
                    ValueRef::Blob(bytes) => Arg::Bytes(bytes),
                })
                .collect();
            Ok(match (function.call)(&args) {
                Answer::Boolean(truth) => Value::Integer(truth.into()),
                Answer::Text(text) => Value::Text(text.into_owned()),
                Answer::Bytes(bytes) => Value::Blob(bytes),
                Answer::Integer(number) => Value::Integer(number),
                Answer::Number(number) => Value::Real(number),
                Answer::Null | Answer::Failure(_) => Value::Null,
            })
        })
        .unwrap();
    }
}
