//! How much work a question is.

use pintle_model::value::print;
use pintle_model::{Role, Value};
use pintle_query::plan::{ParamValue, Read};
use serde_json::Value as Json;

use crate::chance::Chance;
use crate::support::On;
use crate::{App, DAY, FIRST, PEOPLE, Spot, below};

pub(super) async fn the_work_is_that_of_the_answer_and_not_of_what_is_stored(on: On) {
    let app = App::new(on);
    let day = Value::Date(i32::try_from((FIRST + DAY) / DAY).unwrap());
    let values = vec![
        Value::Integer(3),
        day.clone(),
        day,
        Value::Number(12.0),
        Value::Integer(0),
        Value::Null,
        Value::Integer(0),
    ];
    let mut work = Vec::new();
    for days in [6, 36] {
        // The same people at the same places every day.
        let spots = (0..days * 500).map(|id| {
            let (day, n) = (id / 500, id % 500);
            let at = (n * 7919 % 500) as f64;
            let (lon, lat) = (11.0 + (at % 25.0) * 0.0001, 49.0 + (at / 25.0).floor() * 0.0001);
            Spot { id, who: n % PEOPLE, lon, lat, time: FIRST + day * DAY + n * 60_000_000, hidden: false }
        });
        app.fill(&spots.collect::<Vec<_>>());
        let read = app.read("/places/{id}", Role::ServiceRole, values.clone());
        let rows = app.store.read(read.clone()).await.unwrap();
        work.push((rows.len, steps(&app, &read)));
    }
    assert!(work[0].0 > 0 && work[0].0 == work[1].0, "{work:?}");
    assert!(work[1].1 < work[0].1 * 2, "six times the days are as much work: {work:?}");
}

/// Three people who stand at one spot all day, each within some metres: were each place held against each other, ten times the places would be
/// a hundred times the work.
pub(super) async fn a_crowd_that_stands_still_is_little_work(on: On) {
    let app = App::new(on);
    let day = Value::Date(i32::try_from(FIRST / DAY).unwrap());
    let asked = |apart: i64| {
        let (metres, first) = (Value::Number(5.0), Value::Integer(0));
        vec![Value::Integer(1), day.clone(), day.clone(), metres, Value::Integer(apart), Value::Null, first]
    };
    let mut work = Vec::new();
    for count in [600, 6000] {
        let mut chance = Chance::new(7);
        // Some 8 metres in each direction, so that not all are near all.
        let spots = (0..count).map(|id| {
            let off = |chance: &mut Chance| (below(chance, 2001) - 1000) as f64 * 1e-7;
            let (lon, lat) = (11.0 + off(&mut chance), 49.0 + off(&mut chance));
            Spot { id, who: id % 3, lon, lat, time: FIRST + id * DAY / count, hidden: false }
        });
        app.fill(&spots.collect::<Vec<_>>());
        for (path, apart) in [("/places/{id}", 0), ("/soon/{id}", 60)] {
            let read = app.read(path, Role::ServiceRole, asked(apart));
            let rows = app.store.read(read.clone()).await.unwrap();
            let measured = measured(&app, &read);
            work.push((rows.len, measured));
        }
    }
    let [few, few_soon, many, many_soon] = work[..] else { unreachable!() };
    assert_eq!((few.0, many.0), (400, 4000), "the spot is so small that each is near somebody");
    assert!(many_soon.0 > 0, "{work:?}");
    for (few, many) in [(few, many), (few_soon, many_soon)] {
        assert!(many.1 < few.1 * 30, "ten times the places are more than a few times ten times the work: {work:?}");
    }
}

/// One who walks for hours past others, each of whom only one of the walker's places tells whether they are near: they must not be looked for among
/// all of them.
pub(super) async fn somebody_who_walks_all_day_is_little_work(on: On) {
    let app = App::new(on);
    let day = Value::Date(i32::try_from(FIRST / DAY).unwrap());
    let mut work = Vec::new();
    for count in [300, 3000] {
        let spots = (0..2 * count).map(|id| {
            // The walker makes a metre at a time; beside the way, some 4.5 metres off, stands one at each.
            let (metre, beside) = (id / 2, id % 2);
            let (lon, lat) = (11.0 + metre as f64 * 1.4e-5, 49.0 + beside as f64 * 4.0e-5);
            Spot { id, who: beside, lon, lat, time: FIRST + metre * DAY / count, hidden: false }
        });
        app.fill(&spots.collect::<Vec<_>>());
        let values = [Value::Integer(0), day.clone(), day.clone(), Value::Number(5.0), Value::Integer(0)];
        let values = values.into_iter().chain([Value::Null, Value::Integer(0)]);
        let read = app.read("/places/{id}", Role::ServiceRole, values.collect());
        let rows = app.store.read(read.clone()).await.unwrap();
        work.push((rows.len, measured(&app, &read)));
    }
    assert_eq!((work[0].0, work[1].0), (300, 3000), "each is near the walker");
    assert!(work[1].1 < work[0].1 * 20, "ten times the way is more than a few times ten times the work: {work:?}");
}

/// What a statement does: the instructions of SQLite's machine, or the pages that PostgreSQL looks at.
fn steps(app: &App, read: &Read) -> u64 {
    let number = |plan: &Json, name: &str| plan[name].as_u64().unwrap();
    match explained(app, read) {
        Some(plan) => number(&plan, "Shared Hit Blocks") + number(&plan, "Shared Read Blocks"),
        None => instructions(app, read),
    }
}

/// What a statement does: the instructions of SQLite's machine, or the rows that PostgreSQL looks at.
fn measured(app: &App, read: &Read) -> u64 {
    fn rows(plan: &Json) -> u64 {
        let number = |name: &str| plan[name].as_f64().unwrap_or(0.0);
        let all = number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Join Filter");
        let below = plan["Plans"].as_array().into_iter().flatten().map(rows).sum::<u64>();
        (all * number("Actual Loops")) as u64 + below
    }
    explained(app, read).map_or_else(|| instructions(app, read), |plan| rows(&plan))
}

fn instructions(app: &App, read: &Read) -> u64 {
    let db = app.by_hand();
    let mut statement = db.prepare(&read.plan.rows.sql).unwrap();
    for (at, value) in read.plan.rows.values(&read.inputs, &[]).enumerate() {
        statement.raw_bind_parameter(at + 1, bound(value)).unwrap();
    }
    let mut rows = statement.raw_query();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    u64::try_from(statement.get_status(rusqlite::StatementStatus::VmStep)).unwrap()
}

/// PostgreSQL's plan, with what it did.
fn explained(app: &App, read: &Read) -> Option<Json> {
    let database = app.place.database.as_ref()?;
    let mut text = read.plan.rows.sql.clone();
    for (at, value) in read.plan.rows.values(&read.inputs, &[]).enumerate().collect::<Vec<_>>().into_iter().rev() {
        text = text.replace(&format!("${}", at + 1), &quoted(value));
    }
    let told = database.psql(&format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}"));
    let told: Json = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"));
    Some(told[0]["Plan"].clone())
}

fn bound(value: ParamValue<'_>) -> rusqlite::types::Value {
    match value {
        ParamValue::Value(Value::Integer(number)) => (*number).into(),
        ParamValue::Value(Value::Number(number)) => (*number).into(),
        ParamValue::Value(Value::Date(day)) => (*print::stored_date(*day)).to_owned().into(),
        _ => rusqlite::types::Value::Null,
    }
}

fn quoted(value: ParamValue<'_>) -> String {
    match value {
        ParamValue::Value(Value::Integer(number)) => number.to_string(),
        ParamValue::Value(Value::Number(number)) => number.to_string(),
        ParamValue::Value(Value::Date(day)) => format!("'{}'", &*print::stored_date(*day)),
        _ => "NULL".to_owned(),
    }
}
