//! Copies between two stores: whatever is in the one is in the other, and the proof knows.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::{Arc, LazyLock};

use pintle_model::value::print::stored_uuid;
use pintle_model::{Caller, Role};
use pintle_query::Planner;
use pintle_query::rest::{Asker, Preferences};
use pintle_store::copy::{Copied, Proof, Side, copy, prove};
use pintle_store::{Access, Consent, Location, Store};
use pintle_testbed::Postgres;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Every type as a field, and most as keys; references forwards, to themselves and round.
const MANIFEST: &str = "
pintle: 1
collections:
  everything:
    fields:
      t: text
      i: integer
      n: number
      b: boolean
      ts: timestamp
      d: date
      u: uuid
      j: json
      by: bytes
  by_text: { key: { k: text }, fields: { v: integer } }
  by_uuid: { key: { k: uuid }, fields: { v: integer } }
  by_bytes: { key: { k: bytes }, fields: { v: integer } }
  by_many: { key: { at: timestamp, who: text, n: integer, yes: boolean, day: date }, fields: { v: json } }
  leaves: { fields: { tree: { type: ref, to: trees, required: true } } }
  trees: { fields: { up: { type: ref, to: trees }, best: { type: ref, to: leaves } } }
  boxes: { fields: { inside: { type: ref, to: boxes, required: true }, name: { type: text, unique: true } } }
";

/// A store of its own with the tables of [`MANIFEST`].
struct Place {
    store: Store,
    planner: Planner,
    // Goes with the test.
    _held: Box<dyn std::any::Any>,
}

impl Place {
    fn sqlite() -> Place {
        let folder = tempfile::tempdir().unwrap();
        Place::at(&Location::Sqlite(folder.path().join("data.db")), Box::new(folder))
    }

    fn postgres() -> Place {
        let database = Postgres::shared().database();
        Place::at(&database.url.parse().unwrap(), Box::new(database))
    }

    fn at(location: &Location, held: Box<dyn std::any::Any>) -> Place {
        let (model, mistakes) = pintle_model::load("pintle.yaml", MANIFEST, &|_| Err(String::new()));
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let planner = Planner::new(Arc::new(model.unwrap()), location.dialect()).unwrap();
        let store = Store::open(location, planner.model(), Access::Serve).unwrap();
        store.migrate(Consent::Forward).unwrap();
        Place { store, planner, _held: held }
    }

    fn side(&self) -> Side<'_> {
        Side { store: &self.store, planner: &self.planner }
    }

    fn asker(&self) -> Asker {
        Asker { caller: Arc::new(Caller::of(Role::ServiceRole)), now: 0, new_uuid: uuid::Uuid::now_v7 }
    }

    async fn insert(&self, collection: &str, rows: &Value) {
        let (id, _) = self.planner.model().find(collection).unwrap();
        let body = rows.to_string();
        let planned = self.planner.rest_insert(id, "", body.as_bytes(), &Preferences::default(), &self.asker());
        let Some(write) = planned.unwrap().write else { return };
        self.store.write(write).await.unwrap();
    }

    async fn update(&self, collection: &str, query: &str, change: &Value) {
        let (id, _) = self.planner.model().find(collection).unwrap();
        let body = change.to_string();
        let planned = self.planner.rest_update(id, query, body.as_bytes(), &Preferences::default(), &self.asker());
        self.store.write(planned.unwrap().write.unwrap()).await.unwrap();
    }

    async fn delete(&self, collection: &str, query: &str) {
        let (id, _) = self.planner.model().find(collection).unwrap();
        let planned = self.planner.rest_delete(id, query, &Preferences::default(), &self.asker());
        self.store.write(planned.unwrap().write.unwrap()).await.unwrap();
    }
}

async fn run(source: &Place, target: &Place, overwrite: bool) -> (Copied, Proof) {
    let copied = copy(source.side(), target.side(), overwrite, &mut |_| {}).await.unwrap();
    (copied, prove(source.side(), target.side(), &mut |_| {}).await.unwrap())
}

/// What differs: name, missing, extra, changed, first key.
fn differences(proof: &Proof) -> Vec<(&str, u64, u64, u64, Option<&str>)> {
    let differ = proof.collections.iter().filter(|proved| !proved.holds());
    differ.map(|p| (p.name.as_str(), p.missing, p.extra, p.changed, p.first.as_deref())).collect()
}

/// Makes each of these a test from each kind of store to each.
macro_rules! between_all_stores {
    (@ $name:ident from $from:ident to $to:ident: $($test:ident),+) => {
        mod $name {
            use super::Place;
            $(#[tokio::test] async fn $test() { super::$test(Place::$from(), Place::$to()).await; })+
        }
    };
    ($($test:ident),+ $(,)?) => {
        between_all_stores!(@ sqlite_to_sqlite from sqlite to sqlite: $($test),+);
        between_all_stores!(@ sqlite_to_postgres from sqlite to postgres: $($test),+);
        between_all_stores!(@ postgres_to_sqlite from postgres to sqlite: $($test),+);
        between_all_stores!(@ postgres_to_postgres from postgres to postgres: $($test),+);
    };
}

between_all_stores!(
    references_arrive_whatever_their_order,
    rows_that_wait_for_each_other_are_refused_by_name,
    what_happened_meanwhile_is_told_and_made_good,
    rows_of_somebody_else_are_kept_and_told,
    what_is_written_over_keeps_its_references,
);

async fn references_arrive_whatever_their_order(source: Place, target: Place) {
    source.insert("trees", &json!([{ "id": 1, "up": null }, { "id": 2, "up": 1 }, { "id": 3, "up": 2 }])).await;
    source.insert("leaves", &json!([{ "id": 7, "tree": 3 }, { "id": 8, "tree": 1 }])).await;
    source.update("trees", "id=eq.1", &json!({ "up": 3, "best": 8 })).await;
    source
        .insert("boxes", &json!([{ "id": 5, "inside": 5 }, { "id": 3, "inside": 5 }, { "id": 9, "inside": 3 }]))
        .await;
    source
        .insert("boxes", &json!([{ "id": 1, "inside": 9 }, { "id": 4, "inside": 1 }, { "id": 2, "inside": 4 }]))
        .await;
    let (copied, proof) = run(&source, &target, false).await;
    assert_eq!((copied.inserted, copied.there, copied.refused.len()), (11, 0, 0));
    assert!(proof.holds(), "{proof:?}");
    // Once more: nothing is left to be done.
    let (copied, proof) = run(&source, &target, false).await;
    assert_eq!((copied.inserted, copied.there, proof.holds()), (0, 11, true));
    // The next counted key is a new one.
    target.insert("trees", &json!([{ "up": 1 }])).await;
    let proof = prove(source.side(), target.side(), &mut |_| {}).await.unwrap();
    assert_eq!(differences(&proof), [("trees", 0, 1, 0, Some("4"))]);
}

async fn rows_that_wait_for_each_other_are_refused_by_name(source: Place, target: Place) {
    source.insert("boxes", &json!([{ "id": 1, "inside": 1 }, { "id": 2, "inside": 1 }])).await;
    source.update("boxes", "id=eq.1", &json!({ "inside": 2 })).await;
    let (copied, proof) = run(&source, &target, false).await;
    assert_eq!((copied.inserted, copied.refused[0].rows), (0, 2));
    assert!(copied.refused[0].why.contains("boxes_inside_fkey"), "{:?}", copied.refused);
    assert_eq!(differences(&proof), [("boxes", 2, 0, 0, Some("1"))]);
}

async fn what_happened_meanwhile_is_told_and_made_good(source: Place, target: Place) {
    let rows: Vec<Value> = (0..2500).map(|n| json!({ "k": format!("k{n:04}"), "v": n })).collect();
    source.insert("by_text", &json!(rows)).await;
    assert!(run(&source, &target, false).await.1.holds());

    // A row before the last one: the next run finds it.
    source.insert("by_text", &json!([{ "k": "k0007½", "v": 7 }, { "k": "é", "v": 8 }])).await;
    let proof = prove(source.side(), target.side(), &mut |_| {}).await.unwrap();
    assert_eq!(differences(&proof), [("by_text", 2, 0, 0, Some("k0007½"))]);
    let (copied, proof) = run(&source, &target, false).await;
    assert_eq!((copied.inserted, copied.there, proof.holds()), (2, 2500, true));

    // Rows that changed or went stay as they are in the target, unless they may be written over.
    source.update("by_text", "k=gte.k2000&k=lt.k2010", &json!({ "v": -1 })).await;
    source.delete("by_text", "k=lt.k1500").await;
    let (copied, proof) = run(&source, &target, false).await;
    assert_eq!((copied.inserted, copied.changed, copied.removed), (0, 0, 0));
    assert_eq!(differences(&proof), [("by_text", 0, 1501, 10, Some("k0000"))]);
    let (copied, proof) = run(&source, &target, true).await;
    assert_eq!((copied.inserted, copied.changed, copied.removed, proof.holds()), (0, 10, 1501, true));
}

async fn rows_of_somebody_else_are_kept_and_told(source: Place, target: Place) {
    source
        .insert("boxes", &json!([{ "id": 1, "inside": 1, "name": "a" }, { "id": 2, "inside": 1, "name": "b" }]))
        .await;
    target.insert("boxes", &json!([{ "id": 7, "inside": 7, "name": "b" }])).await;
    let (copied, proof) = run(&source, &target, false).await;
    assert_eq!(differences(&proof), [("boxes", 1, 1, 0, Some("2"))]);
    assert_eq!((copied.inserted, copied.refused.len()), (1, 1));
    let why = &copied.refused[0].why;
    assert!(why.contains("the row 2: ") && why.contains("Key (name)=(b) already exists."), "{why}");
    let (copied, proof) = run(&source, &target, true).await;
    assert_eq!((copied.removed, proof.holds()), (1, true));

    // As many as the source has, and with a greater key: what is missing is not passed over.
    source.insert("by_text", &json!([{ "k": "a", "v": 1 }])).await;
    target.insert("by_text", &json!([{ "k": "z", "v": 1 }])).await;
    let (copied, proof) = run(&source, &target, false).await;
    assert_eq!((copied.inserted, differences(&proof)), (1, vec![("by_text", 0, 1, 0, Some("z"))]));
}

/// References that are turned round between two copies: whatever stands in the way of a removal goes first.
async fn what_is_written_over_keeps_its_references(source: Place, target: Place) {
    source.insert("trees", &json!([{ "id": 1, "up": null }, { "id": 2, "up": 1 }])).await;
    source.insert("leaves", &json!([{ "id": 1, "tree": 1 }])).await;
    assert!(run(&source, &target, false).await.1.holds());
    source.update("leaves", "id=eq.1", &json!({ "tree": 2 })).await;
    source.update("trees", "id=eq.2", &json!({ "up": null, "best": 1 })).await;
    source.delete("trees", "id=eq.1").await;
    let (copied, proof) = run(&source, &target, true).await;
    assert!(proof.holds(), "{copied:?} {proof:?}");
}

/// Texts with what is odd in SQL, JSON and Unicode.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,3}", "\\PC{0,8}", Just("'\"\\\u{1}\u{7f}\u{10ffff}é".to_owned()), Just("x".repeat(10_000))]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        text().prop_map(Value::from),
        Just(serde_json::from_str("123456789012345678901234567890.1234567890").unwrap()),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-zé \"]{0,4}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn moment() -> impl Strategy<Value = String> {
    let year = prop_oneof![Just(1_u32), Just(9999), 1..9999_u32];
    (year, 1..=12_u32, 1..=28_u32, 0..86_400_u32, 0..1_000_000_u32).prop_map(|(y, m, d, s, micros)| {
        format!("{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}.{micros:06}Z", s / 3600, s / 60 % 60, s % 60)
    })
}

fn bytes() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<u8>(), 0..6)
        .prop_map(|bytes| bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}")))
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![prop::num::f64::NORMAL, prop::num::f64::SUBNORMAL, Just(0.0), Just(-0.0), Just(f64::MAX), Just(5e-324)]
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -3..3_i64]
}

fn uuid() -> impl Strategy<Value = String> {
    any::<u128>().prop_map(|bits| stored_uuid(&uuid::Uuid::from_u128(bits)).to_string())
}

/// Rows for each collection.
fn rows() -> impl Strategy<Value = Vec<(&'static str, Vec<Value>)>> {
    use prop::collection::{btree_set, vec};
    let maybe = |value: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 4 => value];
    let everything = (
        maybe(text().prop_map(Value::from).boxed()),
        maybe(integer().prop_map(Value::from).boxed()),
        maybe(number().prop_map(Value::from).boxed()),
        maybe(any::<bool>().prop_map(Value::from).boxed()),
        maybe(moment().prop_map(Value::from).boxed()),
        maybe(moment().prop_map(|moment| Value::from(&moment[..10])).boxed()),
        maybe(uuid().prop_map(Value::from).boxed()),
        maybe(json_value().boxed()),
        maybe(bytes().prop_map(Value::from).boxed()),
    )
        .prop_map(|(t, i, n, b, ts, d, u, j, by)| {
            json!({ "t": t, "i": i, "n": n, "b": b, "ts": ts, "d": d, "u": u, "j": j, "by": by })
        });
    let by = |keys: BoxedStrategy<String>| {
        btree_set(keys, 0..12).prop_map(|keys| keys.into_iter().map(|key| json!({ "k": key, "v": 1 })).collect())
    };
    let many = (prop_oneof![Just("2026-01-01T00:00:00Z".to_owned()), moment()], "[ab]?", -1..2_i64, any::<bool>());
    let by_many = btree_set((many, 1..4_u8), 0..20).prop_map(|keys| {
        let row = |((at, who, n, yes), day): ((String, String, i64, bool), u8)| {
            json!({ "at": at, "who": who, "n": n, "yes": yes, "day": format!("2026-01-0{day}"), "v": [who] })
        };
        keys.into_iter().map(row).collect::<Vec<Value>>()
    });
    let parts = (
        vec(everything, 0..12),
        by(text().prop_filter("a key of few bytes", |text| text.len() < 1000).boxed()),
        by(uuid().boxed()),
        by(bytes().boxed()),
        by_many,
    );
    parts.prop_map(|(everything, text, uuid, bytes, many)| {
        let named = [("everything", everything), ("by_text", text), ("by_uuid", uuid), ("by_bytes", bytes)];
        named.into_iter().chain([("by_many", many)]).collect()
    })
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());

/// There and back again: the copy of the copy has the same checksums.
fn there_and_back(rows: &[(&str, Vec<Value>)], source: &Place, middle: &Place, back: &Place) {
    RUNTIME.block_on(async {
        for (collection, rows) in rows {
            source.insert(collection, &json!(rows)).await;
        }
        let there = run(source, middle, false).await.1;
        assert!(there.holds(), "{:?}", differences(&there));
        let again = run(middle, back, false).await.1;
        assert!(again.holds(), "{:?}", differences(&again));
        let sums = |proof: &Proof| proof.collections.iter().map(|p| p.source.clone()).collect::<Vec<_>>();
        assert_eq!(sums(&there), sums(&again));
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn random_rows_of_every_type_go_there_and_back(rows in rows()) {
        let _inside = RUNTIME.enter();
        there_and_back(&rows, &Place::sqlite(), &Place::postgres(), &Place::sqlite());
    }
}
