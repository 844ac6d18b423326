//! Migrations of a PostgreSQL schema: what only a server has.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::sync::Arc;

use pintle_model::{DefaultValue, Index, IndexPart, KeyOrigin, Model, OnDelete, Type, Value};
use pintle_store::{Access, Consent, Store};
use pintle_testbed::{Database, Postgres};
use support::tables::{index, reference};
use support::{collection, field, model};

fn open(database: &Database, model: &Model) -> Store {
    Store::open(&database.url.parse().unwrap(), &Arc::new(model.clone()), Access::Serve).unwrap()
}

/// Every kind of field and constraint.
fn everything() -> Model {
    let mut level = field("level", Type::Integer);
    level.required = true;
    level.minimum = Some(Value::Integer(0));
    level.description = Some("How high it's built".to_owned());
    let mut kind = field("kind", Type::Text);
    kind.choices = vec![Value::Text("inn".to_owned()), Value::Text("o'r".to_owned())];
    kind.default = Some(DefaultValue::Literal(Value::Text("inn".to_owned())));
    let mut name = field("name", Type::Text);
    name.unique = true;
    name.max_length = Some(40);
    let mut at = field("at", Type::Timestamp);
    at.default = Some(DefaultValue::Now);
    let mut tag = field("tag", Type::Uuid);
    tag.default = Some(DefaultValue::Uuid);
    let mut hash = field("hash", Type::Bytes);
    hash.min_length = Some(2);
    let mut places = collection(
        "places",
        vec![
            field("id", Type::Integer),
            name,
            level,
            kind,
            field("open", Type::Boolean),
            field("data", Type::Json),
            field("x", Type::Number),
            at,
            field("day", Type::Date),
            tag,
            hash,
            reference("next", 0, OnDelete::SetNull),
        ],
    );
    places.description = Some("Where one can go".to_owned());
    places.key.origin = KeyOrigin::Counted;
    places.indexes = vec![
        index(&[2, 3]),
        Index {
            parts: vec![IndexPart { field: 5, path: vec!["a".to_owned(), "b".to_owned()], descending: true }],
            unique: false,
        },
    ];
    model(vec![places])
}

#[test]
fn a_new_model_makes_tables_that_a_person_can_read() {
    let database = Postgres::shared().database();
    let store = open(&database, &everything());
    let plan = store.plan().unwrap();
    assert_eq!(store.migrate(Consent::Forward).unwrap(), plan);
    assert_eq!(database.psql("SELECT count(*) FROM pg_indexes WHERE tablename = 'places'"), "5");
    assert_eq!(database.psql("SELECT counter FROM _pintle_migrations WHERE finished_at IS NOT NULL"), "1");
    assert!(store.migrate(Consent::Forward).unwrap().is_empty());
    assert!(store.plan().unwrap().is_empty());
}
