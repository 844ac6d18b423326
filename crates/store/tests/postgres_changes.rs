//! What one process writes, others hear of.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::time::Duration;

use pintle_model::CollectionId;
use pintle_query::Write;
use pintle_query::plan::Action;
use pintle_store::{Consent, Store};
use support::postgres::psql;
use support::tables::with;
use support::{On, Place, write_plan};
use tokio_postgres::NoTls;

const APP: &str = r#"
pintle: 1
name: test
collections:
  towns:
    key: { id: integer }
    policies: { select: 'exists (select id from streets where streets.town = towns.id)' }
  streets:
    key: { id: integer }
    fields: { town: { type: ref, to: towns, on_delete: cascade } }
    policies: { select: "true" }
  shops: { key: { id: integer } }
"#;

/// Answers are kept of all three.
const CACHED: &str = "routes:
  /streets: { get: { sql: 'SELECT id FROM streets WHERE town IN (SELECT id FROM towns)', cache: 30m } }
  /shops: { get: { sql: 'SELECT id FROM shops', cache: 30m } }
";
/// Of one; the policy of that looks into another.
const ONE_CACHED: &str = "routes:
  /towns: { get: { sql: 'SELECT id FROM towns', cache: 30m } }
  /shops: { get: { sql: 'SELECT id FROM shops' } }
";

/// The triggers that write to the log.
const TRIGGERS: &str = "SELECT count(*) FROM pg_trigger WHERE tgfoid = '_pintle_changed()'::regprocedure";

fn model(routes: &str) -> pintle_model::Model {
    let (model, mistakes) = pintle_model::load("pintle.yaml", &format!("{APP}{routes}"), &|_| Err(String::new()));
    let messages: Vec<_> = mistakes.iter().map(|mistake| &mistake.message).collect();
    model.unwrap_or_else(|| panic!("{messages:?}"))
}

/// A database, and two stores on it.
fn place(routes: &str) -> (Place, [Store; 2]) {
    let place = Place::on(On::Postgres, model(routes));
    let stores = [place.open(), place.open()];
    stores[0].migrate(Consent::Forward).unwrap();
    (place, stores)
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

async fn soon(so: impl Fn() -> bool, what: &str) {
    let wait = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("never so: {what}"));
}

/// Waits until a collection's number holds.
async fn settled(store: &Store, collection: CollectionId) -> u64 {
    soon(|| store.changes(collection) == store.changes(collection), "the number holds").await;
    store.changes(collection)
}

/// Waits until the number is another one that holds.
async fn hears(store: &Store, collection: CollectionId, before: u64, what: &str) -> u64 {
    soon(|| store.changes(collection) != before && store.changes(collection) == store.changes(collection), what).await;
    store.changes(collection)
}

#[tokio::test]
async fn what_another_store_writes_is_heard_of_and_nothing_else() {
    let (place, [ours, other]) = place(CACHED);
    let [towns, streets, shops] = ["towns", "streets", "shops"].map(|name| id(&place, name));
    let before = (settled(&ours, towns).await, settled(&ours, streets).await, settled(&ours, shops).await);
    for sql in ["INSERT INTO towns VALUES (1), (2)", "INSERT INTO streets VALUES (1, 1)"] {
        let collection = if sql.contains("streets") { "streets" } else { "towns" };
        other.write(write(&place, Action::Insert, collection, sql)).await.unwrap();
    }
    let heard = hears(&ours, towns, before.0, "an insert").await;
    let streets_heard = hears(&ours, streets, before.1, "an insert beside it").await;
    // What changes no row is nothing to hear of; what comes after it is.
    other.write(write(&place, Action::Update, "towns", "UPDATE towns SET id = 3 WHERE id = 7")).await.unwrap();
    place.run("INSERT INTO towns VALUES (1) ON CONFLICT DO NOTHING; DELETE FROM streets WHERE id = 9");
    other.write(write(&place, Action::Delete, "towns", "DELETE FROM towns WHERE id = 1")).await.unwrap();
    hears(&ours, streets, streets_heard, "a cascade").await;
    let heard = hears(&ours, towns, heard, "a delete").await;
    place.run("TRUNCATE towns CASCADE");
    hears(&ours, towns, heard, "what a person does").await;
    assert_eq!(ours.changes(shops), before.2, "nothing was written there");
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_heard_of_when_it_does() {
    let (place, [ours, other]) = place(CACHED);
    let [towns, shops] = ["towns", "shops"].map(|name| id(&place, name));
    let (client, connection) = tokio_postgres::connect(&place.database.as_ref().unwrap().url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let mut before = settled(&ours, towns).await;
    for round in 0..3 {
        client.batch_execute(&format!("BEGIN; INSERT INTO towns VALUES ({round})")).await.unwrap();
        for shop in 0..3 {
            // Others write and are heard of meanwhile.
            let heard = settled(&ours, shops).await;
            let sql = format!("INSERT INTO shops VALUES ({})", round * 3 + shop);
            other.write(write(&place, Action::Insert, "shops", &sql)).await.unwrap();
            hears(&ours, shops, heard, "a quick one").await;
        }
        assert_eq!(ours.changes(towns), before, "nobody can see it yet");
        client.batch_execute("COMMIT").await.unwrap();
        before = hears(&ours, towns, before, "a late one").await;
    }
    client.batch_execute("BEGIN; INSERT INTO towns VALUES (7); ROLLBACK").await.unwrap();
    let heard = settled(&ours, shops).await;
    other.write(write(&place, Action::Insert, "shops", "INSERT INTO shops VALUES (99)")).await.unwrap();
    hears(&ours, shops, heard, "the last").await;
    assert_eq!(ours.changes(towns), before, "what was taken back has changed nothing");
}

#[tokio::test]
async fn a_watcher_that_was_cut_off_trusts_nothing_from_before() {
    let (place, [ours, _]) = place(CACHED);
    let towns = id(&place, "towns");
    for round in 0..3 {
        let before = settled(&ours, towns).await;
        // Both happen between two looks, or not: whichever, it is heard of.
        psql(
            &place,
            &format!(
                "INSERT INTO towns VALUES ({round}); DELETE FROM _pintle_changed; SELECT count(pg_terminate_backend(pid)) FROM \
                 pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_visible_in_snapshot%' AND pid <> \
                 pg_backend_pid()"
            ),
        );
        hears(&ours, towns, before, "what happened while nobody looked").await;
    }
}

#[tokio::test]
async fn only_what_a_cached_route_may_read_is_watched_and_all_else_is_always_new() {
    let (place, [ours, other]) = place("");
    let [towns, tokens] = ["towns", "_pintle_tokens"].map(|name| id(&place, name));
    settled(&ours, tokens).await;
    assert_ne!(ours.changes(towns), ours.changes(towns), "nothing tells of it");
    assert_eq!(psql(&place, TRIGGERS), "4");

    // The app gains its first cached route: the tables are the same, what Pintle keeps beside them is not.
    let place = with(place, model(ONE_CACHED));
    let cached = ours.with_model(&place.model).unwrap();
    let plan = cached.migrate(Consent::Forward).unwrap();
    assert_eq!(plan.to_string(), "~ functions of Pintle's own\n");
    assert!(cached.migrate(Consent::Forward).unwrap().is_empty());
    let watched = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = '_pintle_changed()'::regprocedure ORDER BY 1";
    assert_eq!(
        psql(&place, watched),
        "_pintle_tokens\nstreets\ntowns",
        "neither shops, of which no answer is kept, nor all"
    );
    let before = settled(&cached, towns).await;
    other.write(write(&place, Action::Insert, "towns", "INSERT INTO towns VALUES (1)")).await.unwrap();
    hears(&cached, towns, before, "a write by the model without it").await;

    // The older model's start takes nothing away; who asks for it does, and then the newer one's start brings it back.
    assert!(other.migrate(Consent::Forward).unwrap().is_empty());
    settled(&cached, towns).await;
    other.migrate(Consent::Lossless).unwrap();
    assert_eq!(psql(&place, TRIGGERS), "4");
    soon(|| cached.changes(towns) != cached.changes(towns), "nothing tells of it").await;
    cached.migrate(Consent::Forward).unwrap();
    settled(&cached, towns).await;
    place.run("ALTER TABLE towns DISABLE TRIGGER USER");
    soon(|| cached.changes(towns) != cached.changes(towns), "nothing tells of it any more").await;
}

#[tokio::test]
async fn a_database_of_the_version_that_counted_tokens_is_brought_along() {
    let (place, [ours, _]) = place("");
    place.run(
        "DROP FUNCTION _pintle_changed CASCADE; DROP TABLE _pintle_changed; CREATE TABLE _pintle_changes (counter bigint NOT NULL);
         INSERT INTO _pintle_changes VALUES (0);
         CREATE FUNCTION _pintle_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
         BEGIN UPDATE _pintle_changes SET counter = counter + 1; RETURN NULL; END $$;
         CREATE TRIGGER _pintle_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON _pintle_tokens
         FOR EACH STATEMENT EXECUTE FUNCTION _pintle_changed();
         UPDATE _pintle_migrations SET system = 'earlier'",
    );
    let tokens = id(&place, "_pintle_tokens");
    soon(|| ours.changes(tokens) != ours.changes(tokens), "the log is gone").await;
    let plan = ours.migrate(Consent::Forward).unwrap();
    assert_eq!(plan.to_string(), "~ functions of Pintle's own\n");
    let before = settled(&ours, tokens).await;
    place.run("INSERT INTO _pintle_tokens (name, hash, role) VALUES ('a', '\\x00', 'authenticated')");
    hears(&ours, tokens, before, "a token").await;
    assert_eq!(psql(&place, "SELECT to_regclass('_pintle_changes') IS NULL"), "t");
}
