//! Whatever value a field takes, both stores answer it by the same bytes, when it is written and when it is read.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::sync::Arc;

use pintle_model::{Caller, CollectionId, Role};
use pintle_query::Planner;
use pintle_query::rest::{Asker, Preferences, Return};
use pintle_store::{Consent, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::{On, Place, text};

const THINGS: CollectionId = CollectionId(0);
const APP: &str = r"
pintle: 1
name: test
collections:
  things:
    key: { id: integer }
    fields: { t: text, i: integer, n: number, b: boolean, s: timestamp, d: date, u: uuid, j: json, x: bytes }
";

struct App {
    store: Store,
    planner: Planner,
    _place: Place,
}

impl App {
    fn new(on: On) -> App {
        let (model, _) = pintle_model::load("pintle.yaml", APP, &|_| Err(String::new()));
        let place = Place::on(on, model.unwrap());
        let store = place.open();
        store.migrate(Consent::Forward).unwrap();
        let planner = Planner::new(Arc::clone(&place.model), place.location().dialect()).unwrap();
        App { store, planner, _place: place }
    }

    /// Writes a row, and reads it: both as they are answered.
    async fn there_and_back(&self, id: u32, body: &str) -> Result<(String, String), String> {
        let caller = Arc::new(Caller::of(Role::ServiceRole));
        let asker = Asker { caller, now: 0, new_uuid: uuid::Uuid::now_v7 };
        let prefer = Preferences { returning: Return::Representation, ..Preferences::default() };
        let write = self.planner.rest_insert(THINGS, "", body.as_bytes(), &prefer, &asker);
        let write = write.map_err(|fault| fault.message)?.write.unwrap();
        let written = self.store.write(write).await.map_err(|error| format!("{error:?}"))?;
        let read = self.planner.rest_read(THINGS, &format!("id=eq.{id}"), &Preferences::default(), &asker);
        let rows = self.store.read(read.unwrap().read).await.map_err(|error| format!("{error:?}"))?;
        Ok((text(&written.rows).to_owned(), text(&rows).to_owned()))
    }
}

/// JSON numbers of all kinds, as text.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        (-1_000_000i64..1_000_000, 0u32..12).prop_map(|(n, places)| format!(
            "{:.*}",
            places as usize,
            n as f64 / 10f64.powi(places as i32)
        )),
        any::<i64>().prop_map(|n| n.to_string()),
        proptest::sample::select(vec!["-0.0", "0", "1e15", "1e16", "123456789012345680", "1e-5", "0.0001", "5e-324"])
            .prop_map(str::to_owned),
    ]
}

/// JSON trees, as text.
fn tree() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        number(),
        proptest::sample::select(vec!["1e400", "0.10", "1.50e3", "-1e-30", "12345678901234567890.5"])
            .prop_map(str::to_owned),
        characters().prop_map(|text| serde_json::Value::from(text).to_string()),
        Just("true".to_owned()),
        Just("null".to_owned()),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        let member =
            (characters(), inner.clone()).prop_map(|(key, value)| format!("{}: {value}", serde_json::Value::from(key)));
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(" , "))),
        ]
    })
}

fn characters() -> impl Strategy<Value = String> {
    // NUL is refused by both.
    any::<String>().prop_map(|text| text.replace('\0', "\u{1}"))
}

fn day() -> impl Strategy<Value = String> {
    (1u32..=9999, 1u32..=12, 1u32..=28).prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
}

fn row() -> impl Strategy<Value = [String; 9]> {
    let nullable = |strategy: BoxedStrategy<String>| prop_oneof![6 => strategy, 1 => Just("null".to_owned())];
    let quoted = |strategy: BoxedStrategy<String>| strategy.prop_map(|text| format!("\"{text}\"")).boxed();
    let moment =
        (day(), 0u32..24, 0u32..60, 0u32..60, 0u32..1_000_000).prop_map(|(day, hour, minute, second, micros)| {
            format!("{day}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
        });
    let hex = proptest::collection::vec(any::<u8>(), 0..40)
        .prop_map(|bytes| format!("\\\\x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    (
        nullable(characters().prop_map(|text| serde_json::Value::from(text).to_string()).boxed()),
        nullable(any::<i64>().prop_map(|n| n.to_string()).boxed()),
        nullable(number().boxed()),
        nullable(any::<bool>().prop_map(|truth| truth.to_string()).boxed()),
        nullable(quoted(moment.boxed())),
        nullable(quoted(day().boxed())),
        nullable(quoted(any::<u128>().prop_map(|n| uuid::Uuid::from_u128(n).to_string()).boxed())),
        nullable(tree().boxed()),
        nullable(quoted(hex.boxed())),
    )
        .prop_map(|(t, i, n, b, s, d, u, j, x)| [t, i, n, b, s, d, u, j, x])
}

#[test]
fn both_stores_answer_every_value_by_the_same_bytes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let (sqlite, postgres) = (App::new(On::Sqlite), App::new(On::Postgres));
    let id = std::cell::Cell::new(0);
    let kept = std::cell::Cell::new(0);
    TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() })
        .run(&row(), |values| {
            id.set(id.get() + 1);
            let named: Vec<_> = ["t", "i", "n", "b", "s", "d", "u", "j", "x"].iter().zip(&values).collect();
            let named: Vec<_> = named.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
            let body = format!("{{\"id\": {}, {}}}", id.get(), named.join(", "));
            let on_sqlite = runtime.block_on(sqlite.there_and_back(id.get(), &body));
            let on_postgres = runtime.block_on(postgres.there_and_back(id.get(), &body));
            prop_assert_eq!(&on_sqlite, &on_postgres, "{}", body);
            if let Ok((written, read)) = on_postgres {
                prop_assert_eq!(written, read);
                kept.set(kept.get() + 1);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(kept.get() > 350, "most were taken: {}", kept.get());
}
