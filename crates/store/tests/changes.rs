//! Numbers that tell when a collection was written.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use pintle_model::CollectionId;
use pintle_query::Write;
use pintle_query::plan::Action;
use pintle_store::{Access, Consent, Error, Mode, Store, Tx};
use support::{On, Place, write_plan};

const APP: &str = r"
pintle: 1
name: test
collections:
  towns: { key: { id: integer }, fields: { name: text } }
  streets: { key: { id: integer }, fields: { town: { type: ref, to: towns, on_delete: cascade } } }
  houses: { key: { id: integer }, fields: { street: { type: ref, to: streets, on_delete: set_null } } }
  people: { key: { id: integer }, fields: { house: { type: ref, to: houses, on_delete: cascade } } }
  shops: { key: { id: integer }, fields: { town: { type: ref, to: towns } } }
";

const NAMES: [&str; 5] = ["towns", "streets", "houses", "people", "shops"];

fn place(on: On) -> (Place, Store) {
    let (model, mistakes) = pintle_model::load("pintle.yaml", APP, &|_| Err(String::new()));
    let messages: Vec<_> = mistakes.iter().map(|mistake| &mistake.message).collect();
    let place = Place::on(on, model.unwrap_or_else(|| panic!("{messages:?}")));
    let store = place.open();
    store.migrate(Consent::Forward).unwrap();
    (place, store)
}

fn id(place: &Place, name: &str) -> CollectionId {
    place.model.find(name).unwrap().0
}

fn write(place: &Place, action: Action, collection: &str, sql: &str) -> Write {
    let mut plan = write_plan(action, sql, 0);
    plan.collection = id(place, collection);
    let rows = if action == Action::Insert { vec![Vec::new()] } else { Vec::new() };
    support::write(plan, Vec::new(), rows)
}

fn numbers(place: &Place, store: &Store) -> Vec<u64> {
    NAMES.iter().map(|name| store.changes(id(place, name))).collect()
}

/// The collections whose numbers are others now.
fn moved(place: &Place, store: &Store, before: &[u64]) -> Vec<&'static str> {
    let now = numbers(place, store);
    NAMES.into_iter().zip(before.iter().zip(now)).filter(|(_, (before, now))| *before != now).map(|(n, _)| n).collect()
}

async fn only_what_was_written_moves(on: On) {
    let (place, store) = place(on);
    let town = write(&place, Action::Insert, "towns", "INSERT INTO towns (id) VALUES (1)");
    let before = numbers(&place, &store);
    assert_eq!(moved(&place, &store, &before), [""; 0]);
    store.write(town.clone()).await.unwrap();
    assert_eq!(moved(&place, &store, &before), ["towns"]);

    let before = numbers(&place, &store);
    assert!(matches!(store.write(town.clone()).await, Err(Error::Unique { .. })));
    store.write(write(&place, Action::Update, "towns", "UPDATE towns SET name = 'x' WHERE id = 7")).await.unwrap();
    let undone = Write { rollback: true, ..write(&place, Action::Delete, "towns", "DELETE FROM towns") };
    assert_eq!(store.write(undone).await.unwrap().affected, 1);
    assert_eq!(moved(&place, &store, &before), [""; 0], "nothing was written");

    store.write(write(&place, Action::Delete, "towns", "DELETE FROM towns")).await.unwrap();
    assert_eq!(moved(&place, &store, &before), ["towns", "streets", "houses"], "and where its cascades may reach");
    let before = numbers(&place, &store);
    store.write(write(&place, Action::Insert, "houses", "INSERT INTO houses (id) VALUES (1)")).await.unwrap();
    store.write(write(&place, Action::Delete, "houses", "DELETE FROM houses")).await.unwrap();
    assert_eq!(moved(&place, &store, &before), ["houses", "people"]);
}

async fn a_transaction_moves_what_it_keeps(on: On) {
    let (place, store) = place(on);
    let town = write(&place, Action::Insert, "towns", "INSERT INTO towns (id) VALUES (1)");
    let shop = write(&place, Action::Insert, "shops", "INSERT INTO shops (id, town) VALUES (1, 1)");
    let before = numbers(&place, &store);
    let steps = {
        let (town, shop) = (town.clone(), shop.clone());
        move |tx: &mut dyn Tx| {
            tx.write(&town)?;
            tx.write(&shop)?;
            Err::<(), _>(Error::Claimed)
        }
    };
    assert!(matches!(store.transaction(Mode::Write, steps).await, Err(Error::Claimed)));
    assert_eq!(moved(&place, &store, &before), [""; 0]);
    let steps = move |tx: &mut dyn Tx| {
        tx.write(&town)?;
        assert!(matches!(tx.write(&town), Err(Error::Unique { .. })));
        tx.write(&shop)
    };
    store.transaction(Mode::Write, steps).await.unwrap();
    assert_eq!(moved(&place, &store, &before), ["towns", "shops"]);
}

#[tokio::test]
async fn only_what_was_written_moves_on_sqlite() {
    only_what_was_written_moves(On::Sqlite).await;
}

#[tokio::test]
async fn a_transaction_moves_what_it_keeps_on_sqlite() {
    a_transaction_moves_what_it_keeps(On::Sqlite).await;
}

#[tokio::test]
async fn a_migration_moves_all() {
    let (place, store) = place(On::Sqlite);
    let before = numbers(&place, &store);
    store.migrate(Consent::Forward).unwrap();
    assert_eq!(moved(&place, &store, &before), NAMES);
}

#[tokio::test]
async fn what_another_process_writes_right_after_the_store_is_opened_is_seen() {
    let (place, store) = place(On::Sqlite);
    drop(store);
    let store = place.open();
    let before = numbers(&place, &store);
    let other = Store::open(&place.location(), &place.model, Access::Beside).unwrap();
    other.write(write(&place, Action::Insert, "towns", "INSERT INTO towns (id) VALUES (1)")).await.unwrap();
    let begun = std::time::Instant::now();
    while moved(&place, &store, &before) != NAMES {
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "it is never seen");
        tokio::task::yield_now().await;
    }
}
