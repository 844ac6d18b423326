//! Many rows in one write: what comes of them is what comes of one after the other, on both stores.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::sync::Arc;

use pintle_model::{Caller, Role, Value};
use pintle_query::request::{Conflict, Returning, SelectItem, Target, WriteShape};
use pintle_query::{Planner, Write};
use pintle_store::{Consent, Error, Mode, Store, Tx, Written};
use support::{On, Place, inputs, text};

const APP: &str = r"
pintle: 1
name: test
collections:
  tiles:
    key: { x: integer, y: integer }
    fields: { kind: { type: text, required: true }, level: { type: integer, minimum: 0 } }
    policies: { select: 'true', insert: level > 1, update: level > 2 }
  people:
    key: { id: { type: integer, generated: true } }
    fields: { name: text, friend: { type: ref, to: people }, x: integer }
  named:
    key: { id: { type: integer, generated: true } }
    fields: { name: { type: text, unique: true }, level: integer }
  things:
    key: { id: integer }
    fields: { t: text, n: number, b: boolean, at: timestamp, d: date, j: json, raw: bytes, u: uuid }
  owned:
    key: { id: integer }
    fields: { of: { type: ref, to: things }, after: integer }
    policies:
      select: 'true'
      insert: after is null or exists (select from owned o where o.id = owned.after)
";

struct App {
    place: Place,
    store: Store,
    planner: Planner,
}

impl App {
    fn new(on: On) -> App {
        let (model, mistakes) = pintle_model::load("pintle.yaml", APP, &|_| Err(String::new()));
        let messages: Vec<_> = mistakes.iter().map(|mistake| &mistake.message).collect();
        let place = Place::on(on, model.unwrap_or_else(|| panic!("{messages:?}")));
        let store = place.open();
        store.migrate(Consent::Forward).unwrap();
        let planner = Planner::new(Arc::clone(&place.model), place.location().dialect()).unwrap();
        App { place, store, planner }
    }

    /// Rows of these fields, each value as in a URL, `null` for null. With `merge`, those that are there are changed, or
    /// left.
    fn rows(&self, role: Role, collection: &str, fields: &[&str], merge: Option<bool>, rows: &[&str]) -> Write {
        let (id, found) = self.place.model.find(collection).unwrap();
        let places: Vec<usize> = fields.iter().map(|name| found.field(name).unwrap().0).collect();
        let value = |(at, text): (usize, &str)| match text {
            "null" => Value::Null,
            text => found.fields[places[at]].ty.read_text(text).unwrap(),
        };
        let rows = rows.iter().map(|row| row.split(' ').enumerate().map(value).collect()).collect();
        let item = |(at, field): (usize, &pintle_model::Field)| SelectItem {
            target: Target::field(at),
            name: field.name.clone(),
            cast: None,
        };
        let select = found.fields.iter().enumerate().map(item).collect();
        let returning = Returning { select, order: Vec::new(), strip_nulls: false };
        let conflict = merge.map(|merge| Conflict {
            target: (0..found.key.len).collect(),
            set: merge.then(|| places.clone()),
            asked: true,
        });
        let shape = WriteShape::Insert { fields: places, conflict, returning };
        let plan = self.planner.plan_write(id, role, shape).unwrap();
        let inputs = pintle_query::plan::Inputs { caller: Arc::new(Caller::of(role)), ..inputs(Vec::new()) };
        Write { plan, inputs, rows, single: false, max_affected: None, rollback: false }
    }

    async fn tiles(&self, role: Role, merge: Option<bool>, rows: &[&str]) -> Result<Written, Error> {
        self.store.write(self.rows(role, "tiles", &["x", "y", "kind", "level"], merge, rows)).await
    }

    /// The rows of `named` that are told, each as its key and its name.
    async fn named(&self, fields: &[&str], merge: Option<bool>, rows: &[&str]) -> Vec<String> {
        let mut write = self.rows(Role::ServiceRole, "named", fields, None, rows);
        if let Some(merge) = merge {
            let (id, _) = self.place.model.find("named").unwrap();
            let set = merge.then(|| vec![2]);
            let conflict = Some(Conflict { target: vec![1], set, asked: true });
            let item = |at, name: &str| SelectItem { target: Target::field(at), name: name.to_owned(), cast: None };
            let returning = Returning { select: vec![item(0, "id"), item(1, "name")], ..Returning::default() };
            let fields = write.plan.fields.clone();
            let shape = WriteShape::Insert { fields, conflict, returning };
            write.plan = self.planner.plan_write(id, Role::ServiceRole, shape).unwrap();
        }
        let rows = self.store.write(write).await.unwrap().rows;
        let rows: Vec<serde_json::Value> = serde_json::from_str(text(&rows)).unwrap();
        rows.iter().map(|row| format!("{} {}", row["id"], row["name"].as_str().unwrap_or("-"))).collect()
    }

    async fn count(&self, collection: &str) -> i64 {
        support::count(&self.store, collection).await
    }
}

async fn rows_that_are_there_are_merged_or_left_and_counted(on: On) {
    let app = App::new(on);
    let new = app.tiles(Role::ServiceRole, None, &["1 1 a 1", "1 2 b 2", "2 1 c null"]).await.unwrap();
    assert_eq!((new.affected, new.inserted), (3, 3));
    assert_eq!(
        text(&new.rows),
        r#"[{"x":1,"y":1,"kind":"a","level":1},{"x":1,"y":2,"kind":"b","level":2},{"x":2,"y":1,"kind":"c","level":null}]"#
    );
    let left = app.tiles(Role::ServiceRole, Some(false), &["1 1 z 9", "3 3 d 4", "3 3 e 5", "2 1 z 9"]).await.unwrap();
    assert_eq!((left.affected, left.inserted, text(&left.rows)), (1, 1, r#"[{"x":3,"y":3,"kind":"d","level":4}]"#));
    let merged = app.tiles(Role::ServiceRole, Some(true), &["1 1 f 6", "4 4 g 7"]).await.unwrap();
    assert_eq!((merged.affected, merged.inserted), (2, 1));
    // Twice the same: the last one counts.
    let twice = app.tiles(Role::ServiceRole, Some(true), &["5 5 h 1", "5 5 i 2", "1 1 j 3"]).await.unwrap();
    assert_eq!((twice.affected, twice.inserted), (3, 1));
    assert!(text(&twice.rows).ends_with(r#"{"x":5,"y":5,"kind":"i","level":2},{"x":1,"y":1,"kind":"j","level":3}]"#));
    assert_eq!(app.count("tiles").await, 6);
}

async fn a_row_that_is_refused_is_named_and_nothing_of_the_others_stays(on: On) {
    let app = App::new(on);
    app.tiles(Role::ServiceRole, None, &["7 7 a 5", "8 8 a 1"]).await.unwrap();
    let taken = app.tiles(Role::ServiceRole, None, &["1 1 a 1", "7 7 b 2", "1 3 c 3"]).await.unwrap_err();
    let Error::Unique { constraint, details, .. } = taken else { panic!("{taken:?}") };
    assert_eq!((constraint.as_str(), details.as_deref()), ("tiles_pkey", Some("Key (x, y)=(7, 7) already exists.")));
    let checked = app.tiles(Role::ServiceRole, None, &["1 1 a 1", "1 2 b -1"]).await.unwrap_err();
    assert!(matches!(&checked, Error::Constraint { code: "23514", .. }), "{checked:?}");
    let missing = app.tiles(Role::ServiceRole, None, &["1 1 a 1", "1 2 null 1"]).await.unwrap_err();
    assert!(matches!(&missing, Error::Constraint { code: "23502", .. }), "{missing:?}");
    for (merge, rows) in [
        (None, ["1 1 a 2", "1 2 b 1"]),
        (Some(true), ["1 1 a 3", "8 8 b 3"]),
        (Some(true), ["1 1 a 3", "7 7 b 2"]),
        (Some(false), ["7 7 a 3", "1 2 b 1"]),
    ] {
        let refused = app.tiles(Role::Authenticated, merge, &rows).await;
        assert!(matches!(&refused, Err(Error::Policy(table)) if table == "tiles"), "{rows:?}: {refused:?}");
    }
    let things = |rows: &[&str]| app.store.write(app.rows(Role::ServiceRole, "owned", &["id", "of"], None, rows));
    let orphan = things(&["1 null", "2 9"]).await.unwrap_err();
    let Error::ForeignKey { details, .. } = orphan else { panic!("{orphan:?}") };
    assert_eq!(details.as_deref(), Some("Key (of)=(9) is not present in table \"things\"."));
    assert_eq!((app.count("tiles").await, app.count("owned").await), (2, 0));
    // Inside a transaction the steps before it stay, and those after it go on.
    let first = app.rows(Role::ServiceRole, "tiles", &["x", "y", "kind"], None, &["1 1 a", "1 2 b"]);
    let second = app.rows(Role::ServiceRole, "tiles", &["x", "y", "kind"], None, &["1 3 a", "7 7 b"]);
    let third = app.rows(Role::ServiceRole, "tiles", &["x", "y", "kind"], Some(true), &["1 3 a", "1 3 b"]);
    let steps = move |tx: &mut dyn Tx| {
        assert!(matches!(tx.write(&second), Err(Error::Unique { .. })));
        tx.write(&first)?;
        assert!(matches!(tx.write(&second), Err(Error::Unique { .. })));
        tx.write(&third)
    };
    assert_eq!(app.store.transaction(Mode::Write, steps).await.unwrap().affected, 2);
    assert_eq!(app.count("tiles").await, 5);
}

async fn what_a_row_may_owe_to_one_before_it_is_seen_as_one_after_the_other(on: On) {
    let app = App::new(on);
    let people = |rows: &[&str]| app.store.write(app.rows(Role::ServiceRole, "people", &["id", "friend"], None, rows));
    people(&["1 null", "2 1", "3 3"]).await.unwrap();
    assert!(matches!(people(&["4 5", "5 null"]).await, Err(Error::ForeignKey { .. })), "its friend comes later");
    let owned = |rows: &[&str]| app.store.write(app.rows(Role::Authenticated, "owned", &["id", "after"], None, rows));
    owned(&["1 null", "2 1", "3 2"]).await.unwrap();
    assert!(matches!(owned(&["5 4", "4 null"]).await, Err(Error::Policy(_))));
}

async fn counted_keys_go_on_behind_given_ones(on: On) {
    let app = App::new(on);
    let people = |rows: &[&str]| app.store.write(app.rows(Role::ServiceRole, "people", &["id", "name"], None, rows));
    let written = people(&["null a", "10 b", "null c"]).await.unwrap();
    let keys: Vec<&str> =
        text(&written.rows).split("\"id\":").skip(1).map(|row| row.split(',').next().unwrap()).collect();
    assert_eq!(keys, ["1", "10", "11"]);
    let plain = app.rows(Role::ServiceRole, "people", &["name"], None, &["d", "e"]);
    let written = app.store.write(plain).await.unwrap();
    assert!(text(&written.rows).contains("\"id\":12") && text(&written.rows).contains("\"id\":13"));
}

async fn rows_come_back_and_are_counted_as_they_came(on: On) {
    let app = App::new(on);
    let tiles = app.tiles(Role::ServiceRole, None, &["3 1 a 1", "1 1 b 2", "2 1 c 3"]).await.unwrap();
    let places = |written: &Written| {
        let rows: Vec<serde_json::Value> = serde_json::from_str(text(&written.rows)).unwrap();
        rows.iter().map(|row| row["x"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(places(&tiles), [3, 1, 2]);
    let merged = app.tiles(Role::ServiceRole, Some(true), &["4 1 a 1", "3 1 a 1", "0 1 a 1", "2 1 c 3"]).await.unwrap();
    assert_eq!(places(&merged), [4, 3, 0, 2]);
    let left = app.tiles(Role::ServiceRole, Some(false), &["9 1 a 1", "3 1 a 1", "7 1 a 1", "8 1 c 3"]).await.unwrap();
    assert_eq!(places(&left), [9, 7, 8], "without the one that was there");
    assert_eq!(app.named(&["name"], None, &["c", "null", "a", "b", "null"]).await, ["1 c", "2 -", "3 a", "4 b", "5 -"]);
    assert_eq!(app.named(&["name", "level"], Some(true), &["z 1", "b 2", "y 3"]).await.len(), 3);
    let left = app.named(&["name", "level"], Some(false), &["x 1", "null 2", "a 2", "w 3", "null 4"]).await;
    let names: Vec<&str> = left.iter().map(|row| row.split_once(' ').unwrap().1).collect();
    assert_eq!(names, ["x", "-", "w", "-"]);
    assert!(left.is_sorted_by_key(|row| row.split_once(' ').unwrap().0.parse::<i64>().unwrap()), "{left:?}");
    let given = app.named(&["id", "name"], None, &["60 f", "null g", "50 h", "null i"]).await;
    assert_eq!(given, ["60 f", "61 g", "50 h", "62 i"]);
}

/// Two who bring the same rows in different orders must not wait for each other.
#[tokio::test]
async fn many_rows_go_in_in_one_order_on_postgres() {
    let app = App::new(On::Postgres);
    app.tiles(Role::ServiceRole, Some(true), &["3 1 a 1", "1 2 b 2", "2 1 c 3", "1 1 d 4"]).await.unwrap();
    app.named(&["name"], None, &["c", "a", "b"]).await;
    let stored = |sql: &str| support::postgres::psql(&app.place, sql);
    assert_eq!(stored("SELECT string_agg(kind, '' ORDER BY ctid) FROM tiles"), "dbca");
    assert_eq!(stored("SELECT string_agg(name, '' ORDER BY ctid) FROM named"), "abc");
}

async fn every_type_arrives_in_bulk(on: On) {
    let app = App::new(on);
    let fields = ["id", "t", "n", "b", "at", "d", "j", "raw", "u"];
    let full =
        r#"é"\ 1.5 true 2020-08-15T10:37:06.12Z 2020-08-15 {"a":[1,"{"]} \x00ff a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"#;
    let rows = [format!("1 {full}"), format!("2{}", " null".repeat(8)), format!("3 {full}")];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let written = app.store.write(app.rows(Role::ServiceRole, "things", &fields, None, &rows)).await.unwrap();
    let said = text(&written.rows).to_owned();
    let one = app.rows(Role::ServiceRole, "things", &fields, None, &[&format!("4 {full}")]);
    let one = text(&app.store.write(one).await.unwrap().rows).trim_matches(['[', ']']).replace("\"id\":4", "\"id\":1");
    assert!(said.starts_with(&format!("[{one},{{\"id\":2,\"t\":null")), "{said}");
    assert_eq!(written.affected, 3);
}

support::scenarios! {
    rows_that_are_there_are_merged_or_left_and_counted
    a_row_that_is_refused_is_named_and_nothing_of_the_others_stays
    what_a_row_may_owe_to_one_before_it_is_seen_as_one_after_the_other
    counted_keys_go_on_behind_given_ones
    every_type_arrives_in_bulk
    rows_come_back_and_are_counted_as_they_came
}
