//! Routes of proximity, held against the plainest measure that there is: every two places compared, one with the other.
//!
//! Worlds are made from a seed: people around a few spots of the Earth, at times around midnight. `PINTLE_NEAR_ROUNDS` says how many questions, `PINTLE_NEAR_SEED` where to begin.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../oracle/chance.rs"]
#[expect(dead_code, reason = "the oracle uses all of it")]
mod chance;
#[path = "../../src/sqlite/functions.rs"]
mod functions;
#[path = "../support/mod.rs"]
mod support;
mod work;

use std::sync::Arc;
use std::time::Duration;

use chance::Chance;
use geographiclib_rs::{Geodesic, InverseGeodesic as _};
use pintle_model::{Caller, Role, RouteId, Value};
use pintle_query::Planner;
use pintle_query::plan::{Inputs, Read};
use pintle_store::Store;
use serde_json::Value as Json;
use support::{On, Place};
use work::{
    a_crowd_that_stands_still_is_little_work, somebody_who_walks_all_day_is_little_work,
    the_work_is_that_of_the_answer_and_not_of_what_is_stored,
};

support::scenarios_of_places! {
    what_is_near_is_what_a_comparison_of_all_places_finds
    the_work_is_that_of_the_answer_and_not_of_what_is_stored
    a_crowd_that_stands_still_is_little_work
    somebody_who_walks_all_day_is_little_work
}

const DAY: i64 = 86_400_000_000;
/// 2020-03-01.
const FIRST: i64 = 18_322 * DAY;

const APP: &str = r"
pintle: 1
name: near
collections:
  people:
    key: { id: integer }
    fields: { name: text }
    policies: { select: 'true' }
  places:
    key: { id: integer }
    fields:
      who: { type: ref, to: people, required: true }
      lon: { type: number, required: true }
      lat: { type: number, required: true }
      time: { type: timestamp, required: true }
      hidden: { type: boolean, required: true }
      at: { type: point, of: [lon, lat] }
    indexes: [[who, time], { space: at, time: time }]
    policies: { select: not hidden }
  marks:
    key: { id: integer }
    fields:
      who: { type: integer, required: true }
      time: { type: timestamp, required: true }
      at: point
      note: json
    indexes: [[who, time], { space: at, time: time }]
    policies: { select: 'true' }
routes:
  /places/{id}:
    get:
      params: &p { id: integer, from: date, to: date, metres: number, apart: { type: integer, default: 0 } }
      proximity: { in: places, at: at, time: time, who: who, subject: id, from: from, to: to, within: metres, embed: { place: self, person: who } }
  /soon/{id}:
    get:
      params: *p
      proximity: { in: places, at: at, time: time, who: who, subject: id, from: from, to: to, within: metres, apart: apart }
  /pairs/{id}:
    get:
      params: *p
      proximity: { in: places, at: at, time: time, who: who, subject: id, from: from, to: to, within: metres, apart: apart, answer: pairs }
  /subjects/{id}:
    get:
      params: *p
      proximity: { in: places, at: at, time: time, who: who, subject: id, from: from, to: to, within: metres, apart: 10m, answer: subjects, embed: { person: who } }
  /edges:
    get:
      params: { from: timestamp, to: timestamp, metres: number }
      proximity: { in: places, at: at, time: time, who: who, from: from, to: to, within: metres, answer: subjects }
  /marks/{id}:
    get:
      params: { id: integer, from: date, to: date }
      proximity: { in: marks, at: at, time: time, who: who, subject: id, from: from, to: to, within: 20, answer: pairs }
  /around/{id}:
    get:
      params: { id: integer, from: timestamp, to: timestamp, metres: number }
      proximity: { in: marks, at: at, time: time, who: who, subject: id, from: from, to: to, within: metres }
";

#[derive(Debug, Clone)]
struct Spot {
    id: i64,
    who: i64,
    lon: f64,
    lat: f64,
    time: i64,
    hidden: bool,
}

struct App {
    place: Place,
    store: Store,
    planner: Planner,
}

impl App {
    fn new(on: On) -> App {
        let (model, mistakes) = pintle_model::load("pintle.yaml", APP, &|_| Err(String::new()));
        let mut model = model.unwrap_or_else(|| panic!("{mistakes:?}"));
        // What a crowd comes to is much work without optimisation: how much is measured here, and not how long it takes.
        model.limits.timeout = Duration::from_secs(600);
        let place = Place::on(on, model);
        let store = place.open();
        store.migrate(pintle_store::Consent::Forward).unwrap();
        let planner = Planner::new(Arc::clone(&place.model), place.location().dialect()).unwrap();
        App { place, store, planner }
    }

    /// Puts these in the place of what was there.
    fn fill(&self, spots: &[Spot]) {
        let people: Vec<String> = (0..PEOPLE).map(|n| format!("({n}, 'p{n}')")).collect();
        let stored = |time: i64| {
            let mut json = Vec::new();
            Value::Timestamp(time).write_json(&mut json);
            let text = String::from_utf8(json).unwrap().replace('"', "");
            let (whole, part) = text.trim_end_matches("+00:00").split_at(19);
            format!("'{whole}.{:0<6}Z'", part.trim_start_matches('.'))
        };
        let truth = |hidden: bool| {
            if self.place.database.is_some() { hidden.to_string() } else { u8::from(hidden).to_string() }
        };
        let places = spots.iter().map(|s| {
            format!("({}, {}, {:?}, {:?}, {}, {})", s.id, s.who, s.lon, s.lat, stored(s.time), truth(s.hidden))
        });
        let at = |s: &Spot| match &self.place.database {
            Some(_) => format!("ST_MakePoint({:?}, {:?})::geography", s.lon, s.lat),
            None => format!(r#"'{{"type":"Point","coordinates":[{},{}]}}'"#, s.lon, s.lat),
        };
        let marks = spots.iter().map(|s| format!("({}, {}, {}, {})", s.id, s.who, stored(s.time), at(s)));
        let lines = [places.collect::<Vec<_>>(), marks.collect()];
        self.run("DELETE FROM places; DELETE FROM marks; DELETE FROM people");
        self.run(&format!("INSERT INTO people (id, name) VALUES {}", people.join(", ")));
        for (table, rows) in ["places (id, who, lon, lat, time, hidden)", "marks (id, who, time, at)"].iter().zip(lines)
        {
            for some in rows.chunks(500) {
                self.run(&format!("INSERT INTO {table} VALUES {}", some.join(", ")));
            }
        }
        self.run("ANALYZE");
    }

    fn run(&self, sql: &str) {
        if self.place.database.is_some() {
            return self.place.run(sql);
        }
        self.by_hand().execute_batch(sql).unwrap();
    }

    /// SQLite beside the store, with the functions that its indexes need.
    fn by_hand(&self) -> rusqlite::Connection {
        let db = self.place.by_hand();
        functions::register(&db).unwrap();
        db
    }

    fn read(&self, path: &str, role: Role, values: Vec<Value>) -> Read {
        let at = self.planner.model().routes.iter().position(|route| route.path == path).unwrap();
        let plan = self.planner.route_sql(RouteId(at), role).unwrap();
        let caller = Arc::new(Caller { user: Some("ann".to_owned()), ..Caller::of(role) });
        Read { plan: Arc::clone(&plan.plan), inputs: Inputs { values, caller, now: 0 } }
    }

    async fn ask(&self, path: &str, role: Role, values: Vec<Value>) -> Vec<Json> {
        let rows = self.store.read(self.read(path, role, values)).await.unwrap();
        serde_json::from_slice(&rows.json).unwrap()
    }
}

const PEOPLE: i64 = 7;

/// A number from 0 to below `end`.
fn below(chance: &mut Chance, end: usize) -> i64 {
    i64::try_from(chance.below(end)).unwrap()
}

/// Where people are.
const AROUND: [(f64, f64); 9] = [
    (11.08, 49.42),
    (0.0, 0.0),
    (180.0, 12.0),
    (-180.0, 12.0),
    (30.0, 89.9999),
    (-100.0, -89.9999),
    (-70.0, 64.0),
    // From the first of them more than half of all longitudes is within 25 km, and not all, across the 180th meridian too.
    (170.0, 89.717),
    (-170.0, 89.864),
];

fn world(chance: &mut Chance) -> Vec<Spot> {
    let spots = (0..200).map(|id| {
        let (lon, lat) = *chance.pick(&AROUND);
        let spread = |chance: &mut Chance| (below(chance, 2001) - 1000) as f64 / 1000.0;
        // Some tens of metres, at the poles all around, near them some kilometres.
        let wide = match lat.abs() {
            89.9.. => 180.0,
            89.0.. => 40.0,
            lat => 0.0004 / lat.to_radians().cos(),
        };
        let mut lon: f64 = lon + wide * spread(chance);
        if lon > 180.0 {
            lon -= 360.0;
        } else if lon < -180.0 {
            lon += 360.0;
        }
        let lat = (lat + 0.0003 * spread(chance)).clamp(-90.0, 90.0);
        let day = below(chance, 4);
        let second = below(chance, 3600) - 1800;
        let time = FIRST + day * DAY + second * 1_000_000 + below(chance, 3) * 333_333;
        let who = below(chance, 7);
        Spot { id, who, lon, lat, time, hidden: chance.percent(10) }
    });
    spots.collect()
}

struct Question {
    subject: Option<i64>,
    from: i64,
    to: i64,
    metres: f64,
    apart: Option<i64>,
    sees_all: bool,
}

fn metres(a: &Spot, b: &Spot) -> f64 {
    Geodesic::wgs84().inverse(a.lat, a.lon, b.lat, b.lon)
}

impl Question {
    fn pairs<'s>(&self, spots: &'s [Spot]) -> Vec<(&'s Spot, &'s Spot)> {
        let seen = |s: &&Spot| (self.sees_all || !s.hidden) && (self.from..=self.to).contains(&s.time);
        let mut pairs = Vec::new();
        for a in spots.iter().filter(seen) {
            for b in spots.iter().filter(seen) {
                let whose = self.subject.map_or(a.who < b.who, |subject| a.who == subject && b.who != subject);
                let soon =
                    self.apart.is_none_or(|apart| a.time.abs_diff(b.time) <= u64::try_from(apart * 1_000_000).unwrap());
                if whose && soon && metres(a, b) <= self.metres {
                    pairs.push((a, b));
                }
            }
        }
        pairs.sort_by_key(|(a, b)| (a.time, a.id, b.time, b.id));
        pairs
    }
}

async fn what_is_near_is_what_a_comparison_of_all_places_finds(on: On) {
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (rounds, first) = (setting("PINTLE_NEAR_ROUNDS").unwrap_or(60), setting("PINTLE_NEAR_SEED").unwrap_or(1));
    let app = App::new(on);
    let mut found = 0;
    for seed in first..first + rounds.div_ceil(20) {
        let mut chance = Chance::new(seed);
        let spots = world(&mut chance);
        app.fill(&spots);
        for _ in 0..20 {
            found += ask_everything(&app, &mut chance, &spots, seed).await;
        }
    }
    assert!(found as u64 > rounds, "most questions find nothing: {found}");
}

/// Asks each of the routes the same question; how many pairs there are.
async fn ask_everything(app: &App, chance: &mut Chance, spots: &[Spot], seed: u64) -> usize {
    let day = |n: i64| Value::Date(i32::try_from((FIRST + n * DAY) / DAY).unwrap());
    let (begin, days) = (below(chance, 4) - 1, below(chance, 3));
    let subject = below(chance, 7);
    let within = *chance.pick(&[0.0, 5.0, 17.5, 60.0, 25_000.0]);
    let apart = *chance.pick(&[0, 60, 1800, 86_400]);
    let role = if chance.percent(50) { Role::Authenticated } else { Role::ServiceRole };
    let question = |apart| Question {
        subject: Some(subject),
        from: FIRST + begin * DAY,
        to: FIRST + (begin + days + 1) * DAY - 1,
        metres: within,
        apart,
        sees_all: role == Role::ServiceRole,
    };
    let paged = [Value::Null, Value::Integer(0)];
    let values = |more: &[Value]| [more, &paged].concat();
    let asked =
        values(&[Value::Integer(subject), day(begin), day(begin + days), Value::Number(within), Value::Integer(apart)]);
    let about = format!("seed {seed}: {asked:?} as {role:?}");

    let pairs = question(None).pairs(spots);
    let mut places: Vec<(i64, i64)> = pairs.iter().map(|(_, b)| (b.time, b.id)).collect();
    places.sort_unstable();
    places.dedup();
    let wanted: Vec<i64> = places.iter().map(|(_, id)| *id).collect();
    let told = app.ask("/places/{id}", role, asked.clone()).await;
    assert_eq!(told.iter().map(|row| id(&row["place"])).collect::<Vec<_>>(), wanted, "{about}");
    assert!(told.iter().all(|row| row["person"]["id"] == row["place"]["who"]), "{about}");
    let mut page = asked.clone();
    (page[5], page[6]) = (Value::Integer(3), Value::Integer(2));
    let told = app.ask("/places/{id}", role, page).await;
    let wanted: Vec<i64> = wanted.into_iter().skip(2).take(3).collect();
    assert_eq!(told.iter().map(|row| id(&row["place"])).collect::<Vec<_>>(), wanted, "{about}");

    let soon = question(Some(apart)).pairs(spots);
    let mut places: Vec<(i64, i64)> = soon.iter().map(|(_, b)| (b.time, b.id)).collect();
    places.sort_unstable();
    places.dedup();
    let told = app.ask("/soon/{id}", role, asked.clone()).await;
    assert_eq!(
        told.iter().map(id).collect::<Vec<_>>(),
        places.iter().map(|(_, id)| *id).collect::<Vec<_>>(),
        "{about}"
    );
    let told = app.ask("/pairs/{id}", role, asked.clone()).await;
    let both: Vec<(i64, i64)> = told.iter().map(|row| (id(&row["subject"]), id(&row["other"]))).collect();
    assert_eq!(both, soon.iter().map(|(a, b)| (a.id, b.id)).collect::<Vec<_>>(), "{about}");
    for (row, (a, b)) in told.iter().zip(&soon) {
        assert!((row["metres"].as_f64().unwrap() - metres(a, b)).abs() < 0.002, "{about}: {row}");
        let seconds = a.time.abs_diff(b.time) as f64 / 1e6;
        assert!((row["seconds"].as_f64().unwrap() - seconds).abs() < 1e-7, "{about}: {row}");
    }

    let soon = question(Some(600)).pairs(spots);
    let told = app.ask("/subjects/{id}", role, asked.clone()).await;
    let counts: Vec<(i64, i64)> =
        told.iter().map(|row| (row["other"].as_i64().unwrap(), row["count"].as_i64().unwrap())).collect();
    assert_eq!(counts, counted(soon.iter().map(|(_, b)| b.who)), "{about}");

    let edges = Question { subject: None, ..question(None) };
    let asked = values(&[Value::Timestamp(edges.from), Value::Timestamp(edges.to), Value::Number(within)]);
    let told = app.ask("/edges", role, asked).await;
    let of = |row: &Json, name: &str| row[name].as_i64().unwrap();
    let told: Vec<((i64, i64), i64)> =
        told.iter().map(|row| ((of(row, "subject"), of(row, "other")), of(row, "count"))).collect();
    assert_eq!(told, counted(edges.pairs(spots).iter().map(|(a, b)| (a.who, b.who))), "{about}");

    let near = Question { metres: 20.0, sees_all: true, ..question(None) };
    let told = app.ask("/marks/{id}", role, values(&[Value::Integer(subject), day(begin), day(begin + days)])).await;
    let both: Vec<(i64, i64)> = told.iter().map(|row| (id(&row["subject"]), id(&row["other"]))).collect();
    assert_eq!(both, near.pairs(spots).iter().map(|(a, b)| (a.id, b.id)).collect::<Vec<_>>(), "{about}");
    ask_around(app, chance, spots, &Question { sees_all: true, ..question(None) }, &about).await;
    pairs.len()
}

/// Asks the route whose collection has a point and no numbers, from within a day until within another.
async fn ask_around(app: &App, chance: &mut Chance, spots: &[Spot], whole: &Question, about: &str) {
    let part = |chance: &mut Chance, end: i64| end + (below(chance, 7200) - 3600) * 1_000_000;
    let around = Question { from: part(chance, whole.from), to: part(chance, whole.to), ..*whole };
    let asked = [
        Value::Integer(around.subject.unwrap()),
        Value::Timestamp(around.from),
        Value::Timestamp(around.to),
        Value::Number(around.metres),
        Value::Null,
        Value::Integer(0),
    ];
    let told = app.ask("/around/{id}", Role::ServiceRole, asked.to_vec()).await;
    let mut places: Vec<(i64, i64)> = around.pairs(spots).iter().map(|(_, b)| (b.time, b.id)).collect();
    places.sort_unstable();
    places.dedup();
    let wanted: Vec<i64> = places.iter().map(|(_, id)| *id).collect();
    assert_eq!(told.iter().map(id).collect::<Vec<_>>(), wanted, "{about}, from {} to {}", around.from, around.to);
}

fn id(json: &Json) -> i64 {
    json["id"].as_i64().unwrap()
}

/// How often each is there, in order.
fn counted<T: Ord + Copy>(of: impl Iterator<Item = T>) -> Vec<(T, i64)> {
    let mut counts = std::collections::BTreeMap::new();
    of.for_each(|one| *counts.entry(one).or_insert(0) += 1);
    counts.into_iter().collect()
}
