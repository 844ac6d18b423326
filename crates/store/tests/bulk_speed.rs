//! How fast rows are written in bulk, as a script does it: the new and the known tiles of posts, several writes in one
//! transaction, one post after the other, durably. Run by hand:
//! `cargo test --release -p pintle-store --test bulk_speed -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is run by hand, and prints what it measures")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use pintle_model::{Role, Value};
use pintle_query::request::{Conflict, Returning, WriteShape};
use pintle_query::{Planner, Write, WritePlan};
use pintle_store::{Consent, Error, Mode, Store, Tx};
use support::{On, Place, inputs};

const APP: &str = r"
pintle: 1
name: test
collections:
  tiles:
    key: { x: integer, y: integer }
    fields: { type: text, user: text, date: timestamp }
  places:
    key: { id: integer }
    fields: { level: integer, name: text, x: integer, y: integer, user: text, date: timestamp }
    indexes: [[x, y]]
";

/// Tiles of a post.
const TILES: i64 = 441;
const TIME: Duration = Duration::from_secs(2);

struct App {
    _place: Place,
    store: Store,
    tiles: [(&'static str, Arc<WritePlan>); 3],
    places: Arc<WritePlan>,
}

impl App {
    fn new(on: On, routes: &str) -> App {
        let (model, _) = pintle_model::load("pintle.yaml", &format!("{APP}{routes}"), &|_| Err(String::new()));
        let mut model = model.unwrap();
        model.durability = pintle_model::Durability::Full;
        let place = Place::on(on, model);
        let store = place.open();
        store.migrate(Consent::Forward).unwrap();
        let planner = Planner::new(Arc::clone(&place.model), place.location().dialect()).unwrap();
        let plan = |name: &str, conflict: Option<Conflict>| {
            let (id, collection) = place.model.find(name).unwrap();
            let fields = (0..collection.fields.len()).collect();
            let shape = WriteShape::Insert { fields, conflict, returning: Returning::default() };
            planner.plan_write(id, Role::ServiceRole, shape).unwrap()
        };
        let ignore = Conflict { target: vec![0, 1], set: None, asked: true };
        let merge = Conflict { target: vec![0, 1], set: Some(vec![0, 1, 2, 3, 4]), asked: true };
        let places = plan("places", Some(Conflict { target: vec![0], set: Some((0..7).collect()), asked: true }));
        let tiles = [("insert", None), ("ignore", Some(ignore)), ("merge", Some(merge))];
        App { store, tiles: tiles.map(|(name, conflict)| (name, plan("tiles", conflict))), places, _place: place }
    }

    fn write(plan: &Arc<WritePlan>, rows: Vec<Vec<Value>>) -> Write {
        Write {
            plan: Arc::clone(plan),
            inputs: inputs(vec![]),
            rows,
            single: false,
            max_affected: None,
            rollback: false,
        }
    }
}

/// The tiles around the post's place.
fn tiles(post: i64) -> Vec<Vec<Value>> {
    let text = |text: &str| Value::Text(text.to_owned());
    let tile = |n: i64| {
        let (x, y) = (post * 21 + n % 21, n / 21);
        vec![Value::Integer(x), Value::Integer(y), text("Plaine fleurie"), text("ann"), Value::Timestamp(post)]
    };
    (0..TILES).map(tile).collect()
}

fn places(post: i64, count: i64) -> Vec<Vec<Value>> {
    let text = |text: &str| Value::Text(text.to_owned());
    let place = |n: i64| {
        let id = Value::Integer(post * count + n);
        vec![id, Value::Integer(3), text("Auberge"), Value::Integer(n), Value::Integer(post), text("ann"), Value::Null]
    };
    (0..count).map(place).collect()
}

async fn measured(on: On, routes: &str) {
    let app = App::new(on, routes);
    for (name, plan) in &app.tiles {
        for known in [false, true] {
            if known && *name == "insert" {
                continue;
            }
            let begun = Instant::now();
            let mut posts = 0;
            while begun.elapsed() < TIME {
                let post = if known { posts % 20 } else { posts }
                    + if *name == "merge" { 1_000_000 } else { 0 }
                    + if *name == "insert" { 2_000_000 } else { 0 };
                let writes = [
                    App::write(plan, tiles(post)),
                    App::write(&app.places, places(post, 10)),
                    App::write(&app.places, places(post, 3)),
                    App::write(&app.places, places(post, 1)),
                ];
                let steps = move |tx: &mut dyn Tx| {
                    for write in &writes {
                        tx.write(write)?;
                    }
                    Ok::<_, Error>(())
                };
                app.store.transaction(Mode::Write, steps).await.unwrap();
                posts += 1;
            }
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let rate = (posts * TILES) as f64 / begun.elapsed().as_secs_f64();
            println!("{on:?} {name}, {}: {rate:.0} tiles a second", if known { "known" } else { "new" });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn tiles_a_second_on_sqlite() {
    measured(On::Sqlite, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn tiles_a_second_on_postgres() {
    measured(On::Postgres, "").await;
    println!("with triggers:");
    measured(On::Postgres, "routes: { /t: { get: { sql: 'SELECT x FROM tiles', cache: 30m } } }\n").await;
}
