//! Places, held against the plainest measure that there is: every answer is what a look at each row by a few lines of Rust
//! gives, on both stores, over random rows (all over the Earth, around the poles, over the antimeridian, metres apart) and
//! random questions.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../oracle/chance.rs"]
#[expect(dead_code, reason = "the oracle uses all of it")]
mod chance;
mod found;
mod measure;
mod migrated;
mod moved;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::sync::Arc;

use chance::Chance;
use pintle_model::{Caller, Model, Role};
use pintle_query::rest::{Asker, Preferences};
use pintle_query::{Planner, Read};
use pintle_store::{Consent, Store};
use support::{On, Place};
use world::{Question, World};

const APP: &str = "
pintle: 1
collections:
  halls:
    fields: { at: point }
  locations:
    key: { id: text }
    fields:
      longitude: { type: number, required: true }
      latitude: { type: number, required: true }
      seen: { type: timestamp, required: true }
      position: { type: point, of: [longitude, latitude] }
    indexes: [{ space: position, time: seen }]
";

/// An app on a store.
struct App {
    place: Place,
    store: Store,
    planner: Planner,
}

impl App {
    fn new(on: On, text: &str) -> App {
        App::at(Place::on(on, model(text)))
    }

    fn at(place: Place) -> App {
        let store = place.open();
        store.migrate(Consent::Loss).unwrap();
        let planner = Planner::new(Arc::clone(&place.model), place.location().dialect()).unwrap();
        App { place, store, planner }
    }

    /// The same store with another manifest.
    fn becomes(self, text: &str) -> App {
        drop(self.store);
        App::at(Place { model: Arc::new(model(text)), ..self.place })
    }

    async fn insert(&self, collection: &str, records: &serde_json::Value) {
        let (id, _) = self.planner.model().find(collection).unwrap();
        let (body, asker) = (records.to_string(), asker());
        let write = self.planner.rest_insert(id, "", body.as_bytes(), &Preferences::default(), &asker).unwrap();
        self.store.write(write.write.unwrap()).await.unwrap();
    }

    fn read(&self, collection: &str, query: &str) -> Read {
        let (id, _) = self.planner.model().find(collection).unwrap();
        self.planner.rest_read(id, query, &Preferences::default(), &asker()).unwrap().read
    }

    async fn ask(&self, collection: &str, query: &str) -> Vec<serde_json::Value> {
        let rows = self.store.read(self.read(collection, query)).await.unwrap();
        serde_json::from_slice(&rows.json).unwrap()
    }
}

fn model(text: &str) -> Model {
    let (model, mistakes) = pintle_model::load("pintle.yaml", text, &|_| Err(String::new()));
    assert!(mistakes.is_empty(), "{mistakes:?}");
    model.unwrap()
}

fn asker() -> Asker {
    Asker { caller: Arc::new(Caller::of(Role::ServiceRole)), now: 0, new_uuid: uuid::Uuid::now_v7 }
}

/// Rounds: worlds, and questions in each.
const WORLDS: u64 = 4;
const QUESTIONS: usize = 60;

async fn every_answer_is_that_of_a_look_at_each_row(on: On) {
    let mut found = 0;
    for seed in 1..=WORLDS {
        let mut chance = Chance::new(seed);
        let app = App::new(on, APP);
        let world = World::new(&mut chance);
        app.insert("halls", &world.halls()).await;
        app.insert("locations", &world.locations()).await;
        for _ in 0..QUESTIONS {
            let question = Question::new(&mut chance, &world);
            let wanted = world.answer(&question);
            let (collection, query) = question.asked();
            let rows = app.ask(collection, &format!("select=id&order=id&{query}")).await;
            let ids: Vec<String> = rows.iter().map(|row| row["id"].to_string().replace('"', "")).collect();
            assert_eq!(ids, wanted, "seed {seed}: {collection}?{query}");
            found += ids.len();
        }
    }
    assert!(found > 1000, "the questions find too little: {found}");
}

async fn distances_are_told_and_ordered_to_a_tenth_of_a_micrometre(on: On) {
    let mut chance = Chance::new(7);
    let app = App::new(on, APP);
    let world = World::new(&mut chance);
    app.insert("halls", &world.halls()).await;
    for _ in 0..20 {
        let from = world.somewhere(&mut chance);
        let (longitude, latitude) = from;
        let distance = format!("at.distance({longitude},{latitude})");
        let rows = app.ask("halls", &format!("select=at,metres:{distance}&order={distance},id")).await;
        let told: Vec<f64> = rows.iter().map(|row| row["metres"].as_f64().unwrap()).collect();
        assert!(told.is_sorted(), "{told:?}");
        for row in &rows {
            let at = (row["at"]["coordinates"][0].as_f64().unwrap(), row["at"]["coordinates"][1].as_f64().unwrap());
            let (told, wanted) = (row["metres"].as_f64().unwrap(), measure::metres(from, at));
            assert!((told - wanted).abs() < 1.0e-7, "{from:?} {at:?}: {told} {wanted}");
        }
    }
}

/// What has one meaning on a ball and two on a map, or on the map's edge alone: random rows do not meet it.
async fn a_polygon_reaches_the_180th_meridian_and_the_poles_by_all_of_their_names(on: On) {
    let app = App::new(on, APP);
    let places = [
        (180.0, 10.0),
        (-180.0, 10.0),
        (180.0, 9.0),
        (-180.0, 11.0),
        (-180.0, 11.5),
        (0.0, 90.0),
        (-77.0, 90.0),
        (180.0, 90.0),
        (-77.0, 89.9),
        (0.0, -90.0),
        (179.5, 10.0),
        (-179.5, 10.0),
        (-180.0, 0.0),
    ];
    let rows = places
        .map(|(longitude, latitude)| serde_json::json!({ "at": { "longitude": longitude, "latitude": latitude } }));
    app.insert("halls", &rows.into_iter().collect()).await;
    for (coordinates, wanted) in [
        ("[[[179,9],[180,9],[180,11],[179,11],[179,9]]]", vec![1, 2, 3, 4, 11]),
        ("[[[-179,9],[-180,9],[-180,11],[-179,11],[-179,9]]]", vec![1, 2, 3, 4, 12]),
        ("[[[180,10],[179,5],[179,15],[180,10]]]", vec![1, 2, 11]),
        ("[[[-10,80],[10,80],[10,90],[-10,90],[-10,80]]]", vec![6, 7, 8]),
        ("[[[50,80],[60,80],[55,90],[50,80]]]", vec![6, 7, 8]),
        ("[[[50,-80],[60,-80],[55,-90],[50,-80]]]", vec![10]),
        ("[[[-180,-90],[180,-90],[180,90],[-180,90],[-180,-90]]]", (1..=13).collect()),
        // Its hole leaves of the meridian what it does not reach.
        (
            "[[[170,-20],[180,-20],[180,20],[170,20],[170,-20]],[[175,-5],[180,0],[175,5],[175,-5]]]",
            vec![1, 2, 3, 4, 5, 11, 13],
        ),
    ] {
        let polygon = format!("{{\"type\":\"Polygon\",\"coordinates\":{coordinates}}}");
        let rows = app.ask("halls", &format!("select=id&order=id&at=within.{polygon}")).await;
        let ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, wanted, "{coordinates}");
    }
    let over = r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[9,0],[9,9],[0,9],[0,0]]],[[[170,8],[180,8],[180,12],[170,12],[170,8]]],[[[175,9],[180,9],[180,11],[175,9]]]]}"#;
    let rows = app.ask("halls", &format!("select=id&order=id&at=not.within.{over}")).await;
    assert_eq!(rows.len(), 7, "parts that lie upon one another are one: {rows:?}");
}

support::scenarios_of_places! {
    a_polygon_reaches_the_180th_meridian_and_the_poles_by_all_of_their_names
    every_answer_is_that_of_a_look_at_each_row
    distances_are_told_and_ordered_to_a_tenth_of_a_micrometre
}
