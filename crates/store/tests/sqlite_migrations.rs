//! Migrations of an SQLite file: what only it has.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use pintle_model::Type;
use pintle_store::{Consent, Error};
use support::tables::{index, places, rows, schema};
use support::{Place, collection, configs, field, model};

#[test]
fn an_index_gives_its_rows_in_the_order_of_the_key() {
    for key in [Type::Text, Type::Integer, Type::Uuid] {
        let mut places = collection("places", vec![field("name", key), field("kind", Type::Text)]);
        places.indexes = vec![index(&[1])];
        let place = Place::new(model(vec![places]));
        place.open().migrate(Consent::Forward).unwrap();
        let page = "EXPLAIN QUERY PLAN SELECT * FROM places WHERE kind = 'inn' ORDER BY name LIMIT 3";
        let plan = rows(&place, page);
        assert_eq!(plan.len(), 1, "nothing is sorted: {plan:?}");
        assert!(plan[0].contains("INDEX places_kind_idx (kind=?)"), "{plan:?}");
    }
}

#[test]
fn a_new_model_makes_tables_that_a_person_can_read() {
    let place = Place::new(places());
    let plan = place.open().plan().unwrap();
    assert_eq!(
        plan.sql().next().unwrap(),
        r#"CREATE TABLE "places" (
  "id" INTEGER CONSTRAINT "places_pkey" PRIMARY KEY AUTOINCREMENT,
  "name" TEXT CONSTRAINT "places_name_check" CHECK (length("name") <= 40),
  "level" INTEGER NOT NULL CONSTRAINT "places_level_check" CHECK ("level" >= 0),
  "kind" TEXT DEFAULT 'inn' CONSTRAINT "places_kind_check" CHECK ("kind" IN ('inn', 'o''r')),
  "open" INTEGER CONSTRAINT "places_open_check" CHECK ("open" IN (0, 1)),
  "data" TEXT CONSTRAINT "places_data_check" CHECK (json_valid("data"))
) STRICT"#
    );
    place.open().migrate(Consent::Forward).unwrap();
    assert_eq!(schema(&place).len(), 4);
}

#[tokio::test]
async fn a_store_is_ready_when_its_tables_are_the_models() {
    let place = Place::new(configs());
    let store = place.open();
    assert!(matches!(store.ready().await, Err(Error::Migration(_))));
    store.migrate(Consent::Forward).unwrap();
    store.ready().await.unwrap();
}
