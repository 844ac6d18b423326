//! `/tiles/{x}/{y}/{n}` visits the rows that it answers, and hardly any other: 331 of 200,000, not the 9,400 of a broad stripe.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use pintle_model::Role;
use pintle_query::plan::Param;
use pintle_query::{Dialect, Planner};
use rusqlite::{Connection, OpenFlags, StatementStatus};
use serde_json::{Value, json};

use super::Game;
use crate::common::{Place, finish, shipped};

/// The world: as wide and as high as this, 200,100 tiles.
const WIDE: i64 = 667;
const HIGH: i64 = 300;
/// What is asked for: so many steps around a place in the middle.
const NEAR: (i64, i64, i64) = (330, 150, 10);

#[tokio::test]
async fn a_look_around_visits_what_it_answers() {
    let game = big_world(Place::Sqlite).await;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = Connection::open_with_flags(Path::new(&game.app.file(".pintle/data.db")), flags).unwrap();
    let steps = |sql: &str, values: &[i64]| {
        let mut statement = db.prepare(sql).unwrap();
        let mut rows = statement.query(rusqlite::params_from_iter(values)).unwrap();
        let mut count = 0;
        while rows.next().unwrap().is_some() {
            count += 1;
        }
        drop(rows);
        (count, statement.get_status(StatementStatus::VmStep))
    };
    // What it takes to read as many rows of one stripe by the same key, and to read a stripe as broad as the look around.
    let stripe = "SELECT x, y, type FROM tiles WHERE x BETWEEN ?1 AND ?2 AND y BETWEEN ?3 AND ?4";
    let (rows, least) = steps("SELECT x, y, type FROM tiles WHERE x = ?1", &[NEAR.0]);
    assert_eq!(rows, HIGH);
    let (_, broad) = steps(stripe, &[NEAR.0 - 10, NEAR.0 + 10, NEAR.1 - 10, NEAR.1 + 10]);
    let (sql, values) = plan(Dialect::Sqlite);
    let (rows, taken) = steps(&sql, &values);
    assert_eq!(rows, 331);
    assert!(taken < 4 * least && taken * 2 < broad, "{taken} steps; the least {least}, a stripe {broad}:\n{sql}");
}

#[tokio::test]
async fn a_look_around_visits_what_it_answers_on_postgres() {
    let game = big_world(Place::Postgres).await;
    let (sql, values) = plan(Dialect::Postgres);
    let types = vec!["bigint"; values.len()].join(", ");
    let values: Vec<String> = values.iter().map(i64::to_string).collect();
    let explain = format!("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE near ({})", values.join(", "));
    let script = format!("ANALYZE tiles; PREPARE near ({types}) AS {sql}; {explain}");
    let mut psql = Command::new("psql");
    let (code, out, err) =
        finish(psql.args(["-qtAX", "-v", "ON_ERROR_STOP=1", "-d", game.app.store()[1], "-c", &script]));
    assert_eq!(code, 0, "{err}");
    let explained: Value = serde_json::from_str(&out).unwrap();
    let plan = &explained[0]["Plan"];
    assert_eq!(plan["Actual Rows"].as_f64(), Some(331.0), "{plan:#}");
    let mut visited = 0.0;
    walk(plan, &mut visited);
    assert!((331.0..=400.0).contains(&visited), "{visited} rows visited:\n{plan:#}");
}

/// Adds up the rows that scans of the table touched, also those that a filter threw away.
fn walk(node: &Value, visited: &mut f64) {
    if node["Relation Name"] == "tiles" {
        let each = |name: &str| node[name].as_f64().unwrap_or(0.0);
        let rows = each("Actual Rows") + each("Rows Removed by Filter") + each("Rows Removed by Index Recheck");
        *visited += rows * each("Actual Loops");
    }
    node["Plans"].as_array().into_iter().flatten().for_each(|below| walk(below, visited));
}

/// The statement of the shipped route as a player's request runs it, with its values in the order of the placeholders.
fn plan(dialect: Dialect) -> (String, Vec<i64>) {
    let folder = shipped("retriever");
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).map_err(|error| error.to_string());
    let (model, mistakes) = pintle_model::load("pintle.yaml", &read("pintle.yaml").unwrap(), &read);
    let planner =
        Planner::new(Arc::new(model.unwrap()), dialect).unwrap_or_else(|wrong| panic!("{mistakes:?} {wrong:?}"));
    let near = planner.model().routes.iter().position(|route| route.path == "/tiles/{x}/{y}/{n}").unwrap();
    let own = planner.route_sql(pintle_model::RouteId(near), Role::Authenticated).unwrap();
    let values = own.plan.rows.params.iter().map(|param| match param {
        Param::Value(nth) => match own.params[*nth].0.as_str() {
            "x" => NEAR.0,
            "y" => NEAR.1,
            _ => NEAR.2,
        },
        other => panic!("{other:?} is nothing that the statement has"),
    });
    (own.plan.rows.sql.clone(), values.collect())
}

/// The app with a world of many tiles, stored through `/rest/v1` by the app's own program.
async fn big_world(place: Place) -> Game {
    let game = Game::on(place);
    let token = game.app.token("loader", "service_role");
    let tiles: Vec<(i64, i64)> = (0..WIDE).flat_map(|x| (0..HIGH).map(move |y| (x, y))).collect();
    for some in tiles.chunks(10_000) {
        let mut body = String::from("[");
        for (x, y) in some {
            let comma = if body.len() > 1 { "," } else { "" };
            write!(body, r#"{comma}{{"x":{x},"y":{y},"type":"Plaine"}}"#).unwrap();
        }
        body.push(']');
        game.server.post("/rest/v1/tiles", body).token(&token).await.has(201);
    }
    let near = game.get(&format!("/tiles/{}/{}/{}", NEAR.0, NEAR.1, NEAR.2)).await.has(200).json();
    assert_eq!(near.as_array().unwrap().len(), 331);
    assert!(near.as_array().unwrap().contains(&json!({ "x": 330, "y": 150, "type": "Plaine" })));
    game
}
