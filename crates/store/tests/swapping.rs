//! An open store gets another model while requests go on.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::sync::Arc;
use std::sync::mpsc;

use pintle_model::{CollectionId, Durability, Model, Type, Value};
use pintle_query::plan::Action;
use pintle_store::{Access, Consent, Mode, Store, Tx};
use support::{On, Place, collection, field, model, read, text, write, write_plan};

/// `places`, with a level or without.
fn places(level: bool) -> Model {
    let mut fields = vec![field("name", Type::Text)];
    fields.extend(level.then(|| field("level", Type::Integer)));
    model(vec![collection("places", fields)])
}

fn insert(sql: &str, row: Vec<Value>) -> pintle_query::Write {
    write(write_plan(Action::Insert, sql, row.len()), Vec::new(), vec![row])
}

fn name(name: &str) -> Value {
    Value::Text(name.to_owned())
}

async fn a_changed_model_drops_no_request(on: On) {
    let place = Place::on(on, places(false));
    let first = if on == On::Sqlite { "?1" } else { "$1::text" };
    let plain = format!("INSERT INTO places (name) VALUES ({first})");
    let old = place.open();
    old.migrate(Consent::Forward).unwrap();
    old.write(insert(&plain, vec![name("a")])).await.unwrap();
    // A request that began before goes on until after.
    let ((begun, has_begun), (swapped, has_swapped)) = (mpsc::channel(), mpsc::channel());
    let names = || read("SELECT name FROM places ORDER BY name", &[("name", Type::Text)], Vec::new());
    let request = tokio::spawn({
        let old = old.clone();
        let steps = move |tx: &mut dyn Tx| {
            let before = text(&tx.read(&names())?).to_owned();
            begun.send(()).unwrap();
            if on == On::Sqlite {
                has_swapped.recv().unwrap();
            }
            Ok::<_, pintle_store::Error>((before, text(&tx.read(&names())?).to_owned()))
        };
        async move { old.transaction(Mode::Read, steps).await }
    });
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();

    let mut next = places(true);
    (next.durability, next.limits.timeout) = (Durability::Full, std::time::Duration::from_secs(7));
    let next = Arc::new(next);
    let new = old.with_model(&next).unwrap();
    let done = tokio::task::spawn_blocking({
        let new = new.clone();
        move || new.migrate(Consent::Forward).unwrap()
    });
    assert!(!done.await.unwrap().steps.is_empty());
    new.ready().await.unwrap();
    old.ready().await.unwrap_err();
    let second = if on == On::Sqlite { "?1, ?2" } else { "$1::text, $2::int8" };
    let with_level = format!("INSERT INTO places (name, level) VALUES ({second})");
    new.write(insert(&with_level, vec![name("b"), Value::Integer(7)])).await.unwrap();
    let _ = swapped.send(());
    let (before, after) = request.await.unwrap().unwrap();
    assert_eq!((before.as_str(), after), (r#"[{"name":"a"}]"#, before.clone()), "one snapshot");

    // The old handle still writes, and both hear of it.
    let numbers = [old.changes(CollectionId(0)), new.changes(CollectionId(0))];
    old.write(insert(&plain, vec![name("c")])).await.unwrap();
    assert!(old.changes(CollectionId(0)) > numbers[0] && new.changes(CollectionId(0)) > numbers[1]);
    drop(old);
    let all = read("SELECT name, level FROM places ORDER BY name", &[("n", Type::Text), ("l", Type::Integer)], vec![]);
    let rows = new.read(all).await.unwrap();
    assert_eq!(text(&rows), r#"[{"n":"a","l":null},{"n":"b","l":7},{"n":"c","l":null}]"#);
    if on == On::Sqlite {
        assert!(Store::open(&place.location(), &next, Access::Serve).is_err(), "the file is still served");
        drop(new);
        Store::open(&place.location(), &next, Access::Serve).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_model_drops_no_request_on_sqlite() {
    a_changed_model_drops_no_request(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_model_drops_no_request_on_postgres() {
    a_changed_model_drops_no_request(On::Postgres).await;
}

#[tokio::test]
async fn a_model_that_is_refused_leaves_the_numbers_of_the_one_before_as_exact_as_they_were() {
    let both = |level| {
        let mut both = places(level);
        both.collections.push(collection("people", vec![field("name", Type::Text)]));
        both
    };
    let place = Place::on(On::Sqlite, both(true));
    let store = place.open();
    store.migrate(Consent::Forward).unwrap();
    let with_level = "INSERT INTO places (name, level) VALUES (?1, ?2)";
    store.write(insert(with_level, vec![name("z"), Value::Integer(7)])).await.unwrap();
    let refused = store.with_model(&Arc::new(both(false))).unwrap();
    refused.migrate(Consent::Forward).unwrap_err();
    // One that is never migrated either, since something else of its app cannot be served.
    drop(store.with_model(&Arc::new(both(true))).unwrap());

    let [of_places, of_people] = [0, 1].map(|at| store.changes(CollectionId(at)));
    store.write(insert("INSERT INTO places (name) VALUES (?1)", vec![name("a")])).await.unwrap();
    assert_ne!(store.changes(CollectionId(0)), of_places);
    assert_eq!(store.changes(CollectionId(1)), of_people, "only places were written");
}
