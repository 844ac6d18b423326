//! Connections to PostgreSQL: who waits for one, who leaves one, and what happens when they break.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use pintle_model::{CollectionId, Durability, Type};
use pintle_store::{Access, Error, Location, Mode, Store, Tx};
use pintle_testbed::Postgres;
use support::postgres::{self, ASLEEP, CONFIGS, configs, insert, number, open_with, psql, until, update, word};
use support::{Place, read, text};

/// A place whose statements may take so long.
fn place(timeout: Duration) -> Place {
    let mut model = configs();
    model.limits.timeout = timeout;
    postgres::place(model, CONFIGS)
}

const LONG: Duration = Duration::from_secs(30);
/// Over soon, and long enough for a connection or a quick statement on a machine that does much else.
const BRIEF: Duration = Duration::from_secs(1);
fn sleep(seconds: u32) -> pintle_query::Read {
    number(&format!("SELECT 1 FROM pg_sleep({seconds})"))
}

#[tokio::test]
async fn a_session_is_told_what_it_needs() {
    for (durability, commit) in [(Durability::Full, "on"), (Durability::Relaxed, "off")] {
        let mut model = configs();
        model.durability = durability;
        let place = postgres::place(model, "CREATE SCHEMA \"My_App\"");
        // What a person has set for the database gives no statement another meaning.
        for setting in
            ["standard_conforming_strings = off", "transform_null_equals = on", "lock_timeout = 1", "jit = on"]
        {
            let set = "DO $do$ BEGIN EXECUTE format('ALTER DATABASE %I SET SETTING', current_database()); END $do$";
            place.run(&set.replace("SETTING", setting));
        }
        let store = open_with(&place, "?schema=My_App&application_name=a%20name");
        for (setting, value) in [
            ("search_path", "\"My_App_pintle_points\",\"My_App\""),
            ("TimeZone", "UTC"),
            ("DateStyle", "ISO, MDY"),
            ("statement_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "30s"),
            ("default_transaction_isolation", "read committed"),
            ("synchronous_commit", commit),
            ("application_name", "a name"),
            ("standard_conforming_strings", "on"),
            ("transform_null_equals", "off"),
            ("lock_timeout", "0"),
            ("jit", "off"),
        ] {
            let rows = store.read(word(&format!("SELECT current_setting('{setting}')"))).await.unwrap();
            let value = value.replace('"', "\\\"");
            assert_eq!(text(&rows), format!(r#"[{{"t":"{value}"}}]"#), "{setting}");
        }
    }
}

#[tokio::test]
async fn who_finds_no_free_connection_in_time_is_told_that_the_store_is_busy() {
    let place = place(BRIEF);
    let store = open_with(&place, "?connections_max=1");
    let (begun, has_begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel::<()>();
    let holder = tokio::spawn({
        let store = store.clone();
        async move {
            let hold = move |_: &mut dyn Tx| {
                begun.send(()).unwrap();
                may_end.recv().unwrap();
                Ok::<_, Error>(())
            };
            store.transaction(Mode::Read, hold).await
        }
    });
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    assert!(matches!(store.read(number("SELECT 1")).await, Err(Error::Busy)));
    end.send(()).unwrap();
    holder.await.unwrap().unwrap();
    store.read(number("SELECT 1")).await.unwrap();
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_broken_off_and_its_connection_serves_the_next() {
    let place = place(BRIEF);
    let store = open_with(&place, "?connections_max=1");
    let pid = text(&store.read(number("SELECT pg_backend_pid()")).await.unwrap()).to_owned();
    assert!(matches!(store.read(sleep(60)).await, Err(Error::Timeout)));
    assert_eq!(text(&store.read(number("SELECT pg_backend_pid()")).await.unwrap()), pid);
    let slow = store.transaction(Mode::Write, |tx| {
        tx.write(&insert(&[("a", None)]))?;
        let _ = tx.read(&sleep(60));
        tx.write(&insert(&[("b", None)])).map(|_| ())
    });
    assert!(matches!(slow.await, Err(Error::Unavailable(_))));
    let unheard = store.transaction(Mode::Write, |tx| {
        tx.write(&insert(&[("a", None)]))?;
        let _ = tx.read(&sleep(60));
        Ok::<_, Error>(())
    });
    assert!(matches!(unheard.await, Err(Error::Timeout)), "what was not kept is not answered as if it was");
    assert_eq!(psql(&place, "SELECT count(*) FROM configs"), "0");
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_broken_off() {
    let place = place(LONG);
    let store = open_with(&place, "?connections_max=1");
    let asker = tokio::spawn({
        let store = store.clone();
        async move { store.read(sleep(3600)).await }
    });
    until(&place, ASLEEP).await;
    asker.abort();
    until(&place, &format!("SELECT NOT ({})", ASLEEP)).await;
    // The only connection there may be is free again, and in no transaction.
    store.write(insert(&[("a", None)])).await.unwrap();
    assert_eq!(psql(&place, "SELECT count(*) FROM configs"), "1");
}

#[tokio::test]
async fn who_leaves_while_a_table_is_locked_leaves_no_blocked_connection_behind() {
    let place = place(LONG);
    place.run("CREATE TABLE other (name text)");
    let store = open_with(&place, "?connections_max=1");
    let url = &place.database.as_ref().unwrap().url;
    let (locker, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    locker.batch_execute("BEGIN; LOCK TABLE configs").await.unwrap();
    let asker = tokio::spawn({
        let store = store.clone();
        // It is not known yet, and to be understood it needs the table.
        async move { store.read(number("SELECT count(*) FROM configs")).await }
    });
    let blocked =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
    until(&place, blocked).await;
    asker.abort();
    assert!(asker.await.unwrap_err().is_cancelled());
    let other = tokio::time::timeout(LONG / 2, store.read(number("SELECT count(*) FROM other"))).await;
    assert_eq!(text(&other.unwrap().unwrap()), r#"[{"n":0}]"#);
    locker.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn snapshots_whose_answers_take_long_keep_nobody_from_another() {
    let place = place(LONG);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let store = open_with(&place, &format!("?connections_max={}", processors + 1));
    let sleepers: Vec<_> = (0..processors)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.snapshot(false, LONG).await?.unwrap().read(&sleep(3600)).await })
        })
        .collect();
    let all_asleep = ASLEEP.replace("EXISTS (SELECT", &format!("{processors} = (SELECT count(*)"));
    until(&place, &all_asleep).await;
    let quick = async { store.snapshot(false, LONG).await?.unwrap().read(&number("SELECT 1")).await };
    let rows = tokio::time::timeout(LONG / 2, quick).await.unwrap().unwrap().unwrap();
    assert_eq!(text(&rows), r#"[{"n":1}]"#);
    sleepers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn who_finds_no_turn_for_a_snapshot_within_its_time_is_told_that_the_store_is_busy() {
    let place = place(LONG);
    let store = open_with(&place, "?connections_max=1");
    let snapshot = store.snapshot(true, LONG).await.unwrap();
    let begun = Instant::now();
    let late = store.snapshot(false, Duration::from_millis(100)).await;
    assert!(matches!(late, Err(Error::Busy)));
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    drop(snapshot);
    store.snapshot(false, LONG).await.unwrap().unwrap().read(&number("SELECT 1")).await.unwrap();
}

#[tokio::test]
async fn a_transaction_whose_caller_has_left_is_not_kept() {
    let place = place(LONG);
    let store = open_with(&place, "?connections_max=1");
    let (begun, has_begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel::<()>();
    let asker = tokio::spawn({
        let store = store.clone();
        async move {
            let steps = move |tx: &mut dyn Tx| {
                tx.write(&insert(&[("a", None)]))?;
                begun.send(()).unwrap();
                may_end.recv().unwrap();
                Ok::<_, Error>(())
            };
            store.transaction(Mode::Write, steps).await
        }
    });
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    asker.abort();
    assert!(asker.await.unwrap_err().is_cancelled());
    end.send(()).unwrap();
    let rows = store.read(number("SELECT count(*) FROM configs")).await.unwrap();
    assert_eq!(text(&rows), r#"[{"n":0}]"#);
}

#[tokio::test]
async fn a_connection_that_ended_is_replaced_and_the_caller_does_not_notice() {
    let place = place(LONG);
    let store = open_with(&place, "?connections_max=1");
    store.read(number("SELECT 1")).await.unwrap();
    let others = "SELECT bool_and(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert_eq!(psql(&place, others), "t");
    store.read(number("SELECT 1")).await.unwrap();
    // Broken off while it reads: it is asked again.
    store.write(insert(&[("slow", None)])).await.unwrap();
    let reader = tokio::spawn({
        let store = store.clone();
        async move { store.read(number("SELECT count(pg_sleep(3600)) FROM configs WHERE name = 'slow'")).await }
    });
    until(&place, ASLEEP).await;
    psql(&place, "DELETE FROM configs");
    psql(&place, others);
    assert_eq!(text(&reader.await.unwrap().unwrap()), r#"[{"n":0}]"#);
}

#[tokio::test]
async fn a_statement_is_prepared_anew_when_its_table_has_changed() {
    let place = place(LONG);
    let store = open_with(&place, "?connections_max=1");
    let all = || read("SELECT * FROM configs", &[("name", Type::Text)], Vec::new());
    store.write(insert(&[("a", None)])).await.unwrap();
    store.read(all()).await.unwrap();
    psql(&place, "ALTER TABLE configs ADD COLUMN more text");
    assert_eq!(text(&store.read(all()).await.unwrap()), r#"[{"name":"a"}]"#);
    store.write(update("data = '1'")).await.unwrap();
    // A transaction is run again as a whole, and what had begun of it does not stay open, even if its steps then give up.
    psql(&place, "ALTER TABLE configs ADD COLUMN most text");
    let mut attempts = 0;
    let left = store.transaction(Mode::Write, move |tx: &mut dyn Tx| {
        attempts += 1;
        if attempts > 1 {
            return Err(Error::Claimed);
        }
        tx.read(&number("SELECT 1"))?;
        tx.read(&all())
    });
    assert!(matches!(left.await, Err(Error::Claimed)));
    store.write(insert(&[("c", None)])).await.unwrap();
    assert_eq!(psql(&place, "SELECT string_agg(name, ',' ORDER BY name) FROM configs"), "a,c");
    psql(&place, "ALTER TABLE configs RENAME COLUMN rank TO grade");
    assert!(matches!(store.write(insert(&[("b", None)])).await.unwrap_err(), Error::Migration(_)));
}

#[tokio::test]
async fn steps_that_panic_harm_nobody_else() {
    let place = place(LONG);
    let store = open_with(&place, "?connections_max=1");
    let failed: Result<(), Error> = store
        .transaction(Mode::Write, |tx| {
            tx.write(&insert(&[("a", None)]))?;
            panic!("on purpose")
        })
        .await;
    assert!(matches!(failed, Err(Error::Internal(_))));
    assert_eq!(text(&store.read(number("SELECT count(*) FROM configs")).await.unwrap()), r#"[{"n":0}]"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_is_found_again_without_a_restart_of_ours() {
    let mut server = Postgres::start(&[]).unwrap();
    let mut model = configs();
    model.durability = Durability::Full;
    let place = postgres::place_on(&server, model, CONFIGS);
    let store = place.open();
    store.write(insert(&[("a", None)])).await.unwrap();
    let writer = tokio::spawn({
        let store = store.clone();
        async move { store.write(update("data = to_jsonb(pg_sleep(3600)::text)")).await }
    });
    until(&place, ASLEEP).await;
    server.kill();
    let broken = writer.await.unwrap().unwrap_err();
    assert!(matches!(broken, Error::Unavailable(_)), "{broken:?}");
    // While it is away each caller is told at once.
    let begun = Instant::now();
    for _ in 0..1000 {
        let gone = store.read(number("SELECT 1")).await.unwrap_err();
        assert!(matches!(gone, Error::Unavailable(_)), "{gone:?}");
    }
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    assert!(matches!(store.ready().await.unwrap_err(), Error::Unavailable(_)));
    let first = store.changes(CollectionId(0));
    tokio::time::timeout(LONG, async {
        // What was seen last counts for a moment.
        while store.changes(CollectionId(0)) == store.changes(CollectionId(0)) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert!(store.changes(CollectionId(0)) > first, "nothing that is remembered is trusted");
    server.restart();
    let back = async {
        while store.read(number("SELECT 1")).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, back).await.unwrap();
    store.write(insert(&[("b", None)])).await.unwrap();
    assert_eq!(psql(&place, "SELECT string_agg(name, ',' ORDER BY name) FROM configs"), "a,b");
}

#[tokio::test]
async fn a_server_that_cannot_be_worked_with_is_told_in_words() {
    let place = place(LONG);
    let url = &place.database.as_ref().unwrap().url;
    let (server, name) = url.rsplit_once('/').unwrap();
    let latin = format!("{name}_latin");
    psql(&place, &format!("CREATE DATABASE {latin} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"));
    let refused = async |url: &str| match postgres::open(url, &place.model).read(number("SELECT 1")).await {
        Err(Error::Open(told)) => told,
        other => panic!("{other:?}"),
    };
    let told = refused(&format!("{server}/{latin}")).await;
    assert!(told.contains("LATIN1, not UTF8") && told.contains("CREATE DATABASE"), "{told}");
    let told = refused(&format!("{server}/{name}_none")).await;
    assert!(told.contains("does not exist") && told.contains(&format!("/{name}_none")), "{told}");
    psql(&place, &format!("DROP DATABASE {latin} WITH (FORCE)"));
    let wrong: Location = format!("{url}?sslmode=verify-full&sslrootcert=/nowhere.crt").parse().unwrap();
    let told = Store::open(&wrong, &place.model, Access::Serve).unwrap_err().to_string();
    assert!(told.contains("/nowhere.crt") && told.contains("sslrootcert"), "{told}");
}

#[tokio::test]
async fn another_host_is_tried_when_one_does_not_answer() {
    let place = place(LONG);
    let url = place.database.as_ref().unwrap().url.replace("@127.0.0.1", "@127.0.0.1:1,127.0.0.1");
    let store = postgres::open(&format!("{url}?target_session_attrs=read-write"), &Arc::clone(&place.model));
    store.read(number("SELECT 1")).await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_no_writes_any_more_is_left_for_the_one_that_does() {
    let place = place(LONG);
    let read_only = |on: &str| psql(&place, "SELECT current_database()") + " SET default_transaction_read_only = " + on;
    psql(&place, &format!("ALTER DATABASE {}", read_only("on")));
    let store = open_with(&place, "?connections_max=1");
    assert!(matches!(store.write(insert(&[("a", None)])).await, Err(Error::ReadOnly)));
    psql(&place, &format!("BEGIN READ WRITE; ALTER DATABASE {}; COMMIT", read_only("off")));
    store.write(insert(&[("a", None)])).await.unwrap();
}
