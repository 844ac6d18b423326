//! Transactions with steps, as scripts are: how long they may take, and what others feel of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use pintle_model::Type;
use pintle_query::Read;
use pintle_store::{Consent, Error, Mode, Store, Tx};
use support::{On, Place, configs, count, get_config, insert_config, read, text};

fn place(on: On) -> (Place, Store) {
    let place = Place::on(on, configs());
    let store = place.open();
    store.migrate(Consent::Forward).unwrap();
    (place, store)
}

/// A read that takes for ever.
fn endless(on: On) -> Read {
    let sql = match on {
        On::Sqlite => "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        On::Postgres | On::WithoutPostgis => "SELECT count(pg_sleep(3600))",
    };
    read(sql, &[("n", Type::Integer)], Vec::new())
}

async fn steps_that_take_too_long_leave_nothing(on: On) {
    let (_place, store) = place(on);
    for mode in [Mode::Read, Mode::Write] {
        let begun = Instant::now();
        let outcome = store.transaction(mode, move |tx: &mut dyn Tx| {
            tx.limit(Duration::from_millis(100));
            if mode == Mode::Write && on == On::Sqlite {
                tx.write(&insert_config("a", "{}"))?;
            }
            // Nor does it help to go on after it.
            assert!(matches!(tx.read(&endless(on)), Err(Error::Timeout)));
            tx.read(&endless(on))
        });
        assert!(outcome.await.is_err());
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    }
    assert_eq!(count(&store, "configs").await, 0);
}

#[tokio::test]
async fn steps_that_take_too_long_leave_nothing_on_sqlite() {
    steps_that_take_too_long_leave_nothing(On::Sqlite).await;
}

#[tokio::test]
async fn steps_that_take_too_long_leave_nothing_on_postgres() {
    steps_that_take_too_long_leave_nothing(On::Postgres).await;
}

/// Polls once, so that it has handed over what it brings.
async fn begin(future: &mut (impl Future + Unpin)) {
    tokio::select! {
        biased;
        _ = future => panic!("it did not wait"),
        () = std::future::ready(()) => {}
    }
}

/// Steps that have the writer, and keep it until they are told to end.
async fn hold(store: &Store) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Error>>) {
    let (end, ended) = mpsc::channel::<()>();
    let (tell, begun) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    let steps = move |_: &mut dyn Tx| {
        let _ = tell.take().map(|tell| tell.send(()));
        let _ = ended.recv();
        Ok(())
    };
    let store = store.clone();
    let holder = tokio::spawn(async move { store.transaction(Mode::Write, steps).await });
    begun.await.unwrap();
    (end, holder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_waits_behind_one_script_and_not_behind_all() {
    let (_place, store) = place(On::Sqlite);
    let (end, holder) = hold(&store).await;
    // How many scripts found the write when they began.
    let after = Arc::new(AtomicU32::new(0));
    let (tell, begun) = tokio::sync::oneshot::channel();
    let (go, gone) = mpsc::channel::<()>();
    let mut first = Some((tell, gone));
    let mut scripts = Vec::new();
    for n in 0..8 {
        let (after, mut first) = (Arc::clone(&after), first.take());
        let steps = move |tx: &mut dyn Tx| {
            after.fetch_add(u32::try_from(tx.read(&get_config("write"))?.len).unwrap(), Ordering::Relaxed);
            if let Some((tell, gone)) = first.take() {
                tell.send(()).unwrap();
                gone.recv().unwrap();
            }
            // So long that the next batch begins, in which writes come first.
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(30) {
                std::hint::spin_loop();
            }
            tx.write(&insert_config(&format!("script{n}"), "{}"))
        };
        scripts.push(Box::pin(store.transaction(Mode::Write, steps)));
        begin(&mut scripts[n]).await;
    }
    end.send(()).unwrap();
    holder.await.unwrap().unwrap();
    // The write comes when one script is at work, and the others wait.
    begun.await.unwrap();
    let mut write = Box::pin(store.write(insert_config("write", "{}")));
    begin(&mut write).await;
    go.send(()).unwrap();
    write.await.unwrap();
    for script in scripts {
        script.await.unwrap();
    }
    assert_eq!((after.load(Ordering::Relaxed), count(&store, "configs").await), (7, 9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_nobody_waits_for_are_not_begun() {
    let (_place, store) = place(On::Sqlite);
    let (end, holder) = hold(&store).await;
    let left = {
        let store = store.clone();
        async move { store.transaction(Mode::Write, |tx: &mut dyn Tx| tx.write(&insert_config("left", "{}"))).await }
    };
    // Polled once, it has handed its steps over; then it is dropped.
    let mut left = Box::pin(left);
    begin(&mut left).await;
    drop(left);
    end.send(()).unwrap();
    holder.await.unwrap().unwrap();
    store.write(insert_config("after", "{}")).await.unwrap();
    assert_eq!(count(&store, "configs").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_run_again_when_another_one_took_their_batch_with_it() {
    let mut model = configs();
    model.limits.timeout = Duration::from_millis(300);
    let place = Place::new(model);
    let store = place.open();
    store.migrate(Consent::Forward).unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    // Where the first one takes long, as it does without a processor, the second is in the next batch.
    for attempt in 1.. {
        let (end, holder) = hold(&store).await;
        let steps = {
            let runs = Arc::clone(&runs);
            move |tx: &mut dyn Tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                tx.write(&insert_config(&format!("kept{attempt}"), "{}"))
            }
        };
        let mut kept = Box::pin(store.transaction(Mode::Write, steps));
        begin(&mut kept).await;
        // A statement that writes and is broken off ends SQLite's whole transaction.
        let sql = "INSERT INTO configs (name, data) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                   SELECT i, '{}' FROM n";
        let endless = support::write_plan(pintle_query::plan::Action::Update, sql, 0);
        let endless = support::write(endless, Vec::new(), Vec::new());
        let mut lost = Box::pin(store.transaction(Mode::Write, move |tx: &mut dyn Tx| tx.write(&endless)));
        begin(&mut lost).await;
        end.send(()).unwrap();
        holder.await.unwrap().unwrap();
        assert!(matches!(lost.await, Err(Error::Timeout)));
        kept.await.unwrap();
        assert_eq!(count(&store, "configs").await, attempt);
        if runs.swap(0, Ordering::Relaxed) == 2 {
            break;
        }
        assert!(attempt < 20, "it was never run again");
    }
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_steps_before_it() {
    let (_place, store) = place(On::Sqlite);
    let outcome = store.transaction(Mode::Write, |tx: &mut dyn Tx| {
        tx.write(&insert_config("a", "{}"))?;
        assert!(matches!(tx.write(&insert_config("a", "{}")), Err(Error::Unique { .. })));
        let seen = read("SELECT name FROM configs", &[("name", Type::Text)], Vec::new());
        Ok::<_, Error>(text(&tx.read(&seen)?).to_owned())
    });
    assert_eq!(outcome.await.unwrap(), r#"[{"name":"a"}]"#);
}
