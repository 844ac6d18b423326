//! What writers on PostgreSQL cannot do side by side is run again; tokens that another process changes are heard of.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use pintle_query::plan::Action;
use pintle_store::{Consent, Error, Mode, Tx};
use support::postgres::{self, CONFIGS, configs, insert, number, psql, update};
use support::{On, Place, text};

fn place() -> Place {
    postgres::place(
        configs(),
        &format!(
            "{CONFIGS}; CREATE FUNCTION conflict() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'on purpose'; END $$"
        ),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_do_not_go_together_run_one_after_the_other() {
    let place = place();
    let store = place.open();
    let (attempts, meet) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)));
    // Each writes what it has counted: one after the other they count 0 and 1.
    let counting = |name: &'static str| {
        let (attempts, meet) = (Arc::clone(&attempts), Arc::clone(&meet));
        let mut first = true;
        store.transaction(Mode::Write, move |tx: &mut dyn Tx| {
            attempts.fetch_add(1, Ordering::Relaxed);
            let rows = tx.read(&number("SELECT count(*) FROM configs"))?;
            let found: i64 = text(&rows).trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
            if std::mem::take(&mut first) {
                meet.wait();
            }
            tx.write(&insert(&[(name, Some(found))]))?;
            Ok::<_, Error>(())
        })
    };
    let (a, b) = tokio::join!(counting("a"), counting("b"));
    a.unwrap();
    b.unwrap();
    assert_eq!(psql(&place, "SELECT string_agg(rank::text, ',' ORDER BY rank) FROM configs"), "0,1");
    assert!(attempts.load(Ordering::Relaxed) > 2, "one was run again");
}

#[tokio::test]
async fn sixteen_that_count_in_the_same_row_all_get_on_in_the_end() {
    let place = place();
    let store = place.open();
    store.write(insert(&[("a", Some(0))])).await.unwrap();
    let counting = (0..16).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..4 {
                let counted = store.transaction(Mode::Write, |tx: &mut dyn Tx| {
                    tx.read(&number("SELECT rank FROM configs"))?;
                    tx.write(&update("rank = rank + 1"))?;
                    Ok::<_, Error>(())
                });
                counted.await.unwrap();
            }
        })
    });
    for task in counting.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(psql(&place, "SELECT rank FROM configs"), "64");
}

#[tokio::test]
async fn who_always_meets_another_is_told_that_the_store_is_busy() {
    let place = place();
    let store = place.open();
    let mut attempts = 0;
    let (tell, told) = mpsc::channel();
    let busy: Result<(), Error> = store
        .transaction(Mode::Write, move |tx: &mut dyn Tx| {
            attempts += 1;
            tell.send(attempts).unwrap();
            // Steps may hide why they failed.
            tx.read(&number("SELECT conflict()")).map_err(|_| Error::ReadOnly)?;
            Ok(())
        })
        .await;
    assert!(matches!(busy, Err(Error::Busy)), "{busy:?}");
    assert_eq!(told.iter().last(), Some(11), "ten times more");
    let hidden = store.transaction(Mode::Write, |tx: &mut dyn Tx| {
        let _ = tx.read(&number("SELECT conflict()"));
        Ok::<_, Error>(())
    });
    assert!(matches!(hidden.await, Err(Error::Busy)));
    store.write(insert(&[("a", None)])).await.unwrap();
    assert!(matches!(store.write(update("rank = conflict()")).await, Err(Error::Busy)));
    store.write(update("rank = 7")).await.unwrap();
}

#[tokio::test]
async fn a_later_step_that_meets_another_leaves_no_transaction_open() {
    let place = place();
    let store = postgres::open_with(&place, "?connections_max=1");
    for meetings in [1, u32::MAX] {
        let mut attempts = 0;
        let met = store.transaction(Mode::Write, move |tx: &mut dyn Tx| {
            tx.read(&number("SELECT count(*) FROM configs"))?;
            attempts += 1;
            tx.read(&number(if attempts <= meetings { "SELECT conflict()" } else { "SELECT 1" }))
        });
        let met = met.await;
        assert_eq!(met.is_ok(), meetings == 1, "{met:?}");
        // On the same connection, and seen by others: it is kept.
        store.write(insert(&[(&meetings.to_string(), None)])).await.unwrap();
        let kept = format!("SELECT count(*) FROM configs WHERE name = '{meetings}'");
        assert_eq!(psql(&place, &kept), "1", "after {meetings} meetings");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_wait_for_each_other_are_both_made() {
    let place = place();
    let store = place.open();
    for round in 0..20 {
        let (a, b) = (format!("a{round}"), format!("b{round}"));
        let (forth, back) = ([(a.as_str(), None), (b.as_str(), None)], [(b.as_str(), None), (a.as_str(), None)]);
        // One of them has both, the other meets what is taken: never a deadlock that a caller hears of.
        let (one, other) = tokio::join!(store.write(insert(&forth)), store.write(insert(&back)));
        let taken = [one, other].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert!(matches!(&taken[..], [Error::Unique { .. }]), "{taken:?}");
    }
    assert_eq!(psql(&place, "SELECT count(*) FROM configs"), "40");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_has_one_holder_at_a_time_and_the_next_sees_what_it_kept() {
    let place = place();
    let (store, other) = (place.open(), place.open());
    for number_held in [5, i64::MIN] {
        let (begun, has_begun) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let name = format!("n{number_held}");
        let holder = tokio::spawn({
            let (store, name) = (store.clone(), name.clone());
            async move {
                let steps = move |tx: &mut dyn Tx| {
                    begun.send(()).unwrap();
                    may_end.recv().unwrap();
                    tx.write(&insert(&[(&name, None)])).map(|_| ())
                };
                store.transaction(Mode::Claim(number_held), steps).await
            }
        });
        tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
        let look = || {
            let sql = format!("SELECT count(*) FROM configs WHERE name = '{name}'");
            move |tx: &mut dyn Tx| tx.read(&number(&sql)).map(|rows| text(&rows).to_owned())
        };
        assert!(matches!(other.transaction(Mode::Claim(number_held), look()).await, Err(Error::Claimed)));
        other.transaction(Mode::Claim(number_held ^ 1), look()).await.unwrap();
        end.send(()).unwrap();
        holder.await.unwrap().unwrap();
        assert_eq!(other.transaction(Mode::Claim(number_held), look()).await.unwrap(), r#"[{"n":1}]"#);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_whose_holder_failed_is_free_when_that_is_told() {
    let place = place();
    let (store, other) = (place.open(), place.open());
    for _ in 0..100 {
        let failing = |tx: &mut dyn Tx| tx.read(&number("SELECT 1 / (count(*) - count(*)) FROM configs")).map(drop);
        assert!(store.transaction(Mode::Claim(5), failing).await.is_err());
        other.transaction(Mode::Claim(5), |_: &mut dyn Tx| Ok::<_, Error>(())).await.unwrap();
    }
}

#[tokio::test]
async fn what_another_process_does_to_tokens_is_heard_of() {
    let (model, _) =
        pintle_model::load("pintle.yaml", "pintle: 1\nname: test\ncollections: {}\n", &|_| Err(String::new()));
    let place = Place::on(On::Postgres, model.unwrap());
    let store = place.open();
    let (tokens, _) = place.model.find("_pintle_tokens").unwrap();
    assert_ne!(store.changes(tokens), store.changes(tokens), "before there is anything to look at, nothing is trusted");
    assert!(matches!(store.ready().await.unwrap_err(), Error::Migration(_)));
    store.migrate(Consent::Forward).unwrap();
    store.ready().await.unwrap();
    let settled = async {
        loop {
            let version = store.changes(tokens);
            tokio::task::yield_now().await;
            if store.changes(tokens) == version {
                return version;
            }
        }
    };
    let version = tokio::time::timeout(Duration::from_secs(30), settled).await.unwrap();
    for sql in [
        "INSERT INTO _pintle_tokens (name, hash, role) VALUES ('a', '\\x00', 'authenticated')",
        "TRUNCATE _pintle_tokens",
    ] {
        let before = store.changes(tokens);
        place.run(sql);
        let heard = async {
            while store.changes(tokens) == before {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), heard).await.unwrap_or_else(|_| panic!("not heard of: {sql}"));
    }
    assert!(store.changes(tokens) > version);
    // What this process writes is known at once.
    let sql = "INSERT INTO _pintle_tokens (name, hash, role) SELECT name, decode(md5(name), 'hex'), 'authenticated' FROM \
               (SELECT gen_random_uuid()::text) AS new(name)";
    let mut plan = support::write_plan(Action::Insert, sql, 0);
    plan.collection = tokens;
    let insert = support::write(plan, Vec::new(), vec![Vec::new()]);
    let before = store.changes(tokens);
    store.write(insert.clone()).await.unwrap();
    let then = store.changes(tokens);
    assert!(then > before);
    store.transaction(Mode::Write, move |tx: &mut dyn Tx| tx.write(&insert)).await.unwrap();
    assert!(store.changes(tokens) > then);
    place.run("UPDATE _pintle_migrations SET hash = 'another'");
    assert!(matches!(store.ready().await.unwrap_err(), Error::Migration(_)));
}
