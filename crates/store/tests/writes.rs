//! Writes: each on its own, all of them together in one commit, none of them in part.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use pintle_model::{Type, Value};
use pintle_query::plan::{Action, Column, Param, Sort, Statement};
use pintle_store::{Error, Mode, Store};
use support::{Place, configs, count, get_config, insert_config, insert_configs, read, text, write, write_plan};

fn place() -> (Place, Store) {
    let place = Place::new(configs());
    let store = place.open();
    store.migrate(pintle_store::Consent::Forward).unwrap();
    (place, store)
}

#[tokio::test]
async fn what_was_written_is_answered_and_read_back() {
    let (_place, store) = place();
    let written = store.write(insert_config("Nanette", r#"[{"id": 2687}]"#)).await.unwrap();
    assert_eq!(text(&written.rows), r#"[{"name":"Nanette","data":[{"id": 2687}]}]"#);
    assert_eq!((written.affected, written.inserted), (1, 1));
    let rows = store.read(get_config("Nanette")).await.unwrap();
    assert_eq!(text(&rows), r#"[{"name":"Nanette","data":[{"id": 2687}]}]"#);
    assert_eq!(rows.len, 1);
    assert_eq!(store.read(get_config("nobody")).await.unwrap().len, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_share_commits_and_each_gets_its_own_answer() {
    let (_place, store) = place();
    let tasks: Vec<_> = (0..400)
        .map(|n| {
            let store = store.clone();
            // Every fourth name is taken twice.
            let name = format!("n{}", if n % 4 == 3 { n - 1 } else { n });
            tokio::spawn(async move { store.write(insert_config(&name, "[]")).await })
        })
        .collect();
    let (mut stored, mut refused) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => stored += 1,
            Err(Error::Unique { .. }) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((stored, refused), (300, 100));
    assert_eq!(count(&store, "configs").await, 300);
}

#[tokio::test]
async fn a_taken_name_is_told_in_postgresqls_words() {
    let (_place, store) = place();
    store.write(insert_config("Nanette", "[]")).await.unwrap();
    let Err(Error::Unique { constraint, fields, details }) = store.write(insert_config("Nanette", "[]")).await else {
        panic!("the name is taken");
    };
    assert_eq!(constraint, "configs_pkey");
    assert_eq!(fields, ["name"]);
    assert_eq!(details.as_deref(), Some("Key (name)=(Nanette) already exists."));
}

#[tokio::test]
async fn one_bad_row_keeps_its_neighbours_out_too() {
    let (_place, store) = place();
    store.write(insert_config("b", "[]")).await.unwrap();
    let error = store.write(insert_configs(&[("a", "[]"), ("b", "[]"), ("c", "[]")])).await.unwrap_err();
    assert!(matches!(error, Error::Unique { .. }), "{error:?}");
    assert_eq!(count(&store, "configs").await, 1);
}

#[tokio::test]
async fn a_defect_is_no_fault_of_a_row() {
    let (place, store) = place();
    place.run(
        "CREATE TRIGGER broken BEFORE INSERT ON configs WHEN new.name = 'b' BEGIN SELECT RAISE(ABORT, 'broken'); END",
    );
    let plan = write_plan(Action::Insert, "INSERT INTO configs (name, data) VALUES (?1, ?2)", 2);
    let row = |name: &str| vec![Value::Text(name.to_owned()), Value::Json("[]".to_owned())];
    let error = store.ingest(write(plan.clone(), Vec::new(), ["a", "b"].map(row).to_vec())).await.unwrap_err();
    assert!(matches!(error, Error::Internal(_)), "{error:?}");
    // Nobody is told of the row before it, so it is not there.
    let done = store.ingest(write(plan, Vec::new(), ["a", "a", "c"].map(row).to_vec())).await.unwrap();
    assert_eq!((done.stored, done.refused.len(), done.refused[0].at), (2, 1, 1));
}

#[tokio::test]
async fn a_check_of_the_database_is_told() {
    let (_place, store) = place();
    let error = store.write(insert_config("a", "no json")).await.unwrap_err();
    assert_eq!(error.to_string(), "new row for relation \"configs\" violates check constraint \"configs_data_check\"");
}

#[tokio::test]
async fn a_policy_that_speaks_against_it_stops_the_write_before_it_is_made() {
    let (_place, store) = place();
    let mut refused = insert_config("a", "[]");
    let plan = std::sync::Arc::get_mut(&mut refused.plan).unwrap();
    plan.check = Some(Statement { sql: "SELECT 1 WHERE ?1 = 'a'".to_owned(), params: vec![Param::Row(0)] });
    let allowed = {
        let mut other = refused.clone();
        other.rows[0][0] = Value::Text("b".to_owned());
        other
    };
    assert!(matches!(store.write(refused).await, Err(Error::Policy(table)) if table == "configs"));
    store.write(allowed).await.unwrap();
    assert_eq!(count(&store, "configs").await, 1);
}

#[tokio::test]
async fn a_verdict_over_the_stored_row_rolls_it_back() {
    let (_place, store) = place();
    for (verdict, kept) in [("'no' = 'yes'", 0), ("NULL", 0), ("true", 1)] {
        let sql = format!("INSERT INTO configs (name, data) VALUES (?1, ?2) RETURNING {verdict}");
        let mut plan = write_plan(Action::Insert, &sql, 2);
        plan.verdicts = 1;
        let row = vec![Value::Text("a".to_owned()), Value::Json("[]".to_owned())];
        let outcome = store.write(write(plan, Vec::new(), vec![row])).await;
        assert_eq!(matches!(outcome, Err(Error::Policy(_))), kept == 0, "{verdict}: {outcome:?}");
        assert_eq!(count(&store, "configs").await, kept);
    }
}

#[tokio::test]
async fn single_and_max_affected_roll_back_what_is_too_much() {
    let (_place, store) = place();
    store.write(insert_configs(&[("a", "[]"), ("b", "[]")])).await.unwrap();
    let delete = |sql: &str| write(write_plan(Action::Delete, sql, 0), Vec::new(), Vec::new());
    let mut all = delete("DELETE FROM configs");
    all.single = true;
    assert!(matches!(store.write(all).await, Err(Error::NotSingle(2))));
    let mut none = delete("DELETE FROM configs WHERE name = 'z'");
    none.single = true;
    assert!(matches!(store.write(none).await, Err(Error::NotSingle(0))));
    let mut most = delete("DELETE FROM configs");
    most.max_affected = Some(1);
    assert!(matches!(store.write(most).await, Err(Error::MaxAffected(2))));
    assert_eq!(count(&store, "configs").await, 2);
    let mut one = delete("DELETE FROM configs WHERE name = 'a'");
    one.single = true;
    assert_eq!(store.write(one).await.unwrap().affected, 1);
    assert_eq!(count(&store, "configs").await, 1);
}

#[tokio::test]
async fn tx_rollback_answers_as_if_and_keeps_nothing() {
    let (_place, store) = place();
    let mut tried = insert_config("a", "[1]");
    tried.rollback = true;
    let written = store.write(tried).await.unwrap();
    assert_eq!(text(&written.rows), r#"[{"name":"a","data":[1]}]"#);
    assert_eq!(count(&store, "configs").await, 0);
}

#[tokio::test]
async fn an_upsert_tells_new_rows_from_changed_ones() {
    let (_place, store) = place();
    store.write(insert_config("a", "[]")).await.unwrap();
    let mut plan = write_plan(
        Action::Upsert,
        "INSERT INTO configs (name, data) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET data = excluded.data",
        2,
    );
    plan.probe =
        Some(Statement { sql: "SELECT 1 FROM configs WHERE name = ?1".to_owned(), params: vec![Param::Row(0)] });
    let row = |name: &str| vec![Value::Text(name.to_owned()), Value::Json("[2]".to_owned())];
    let written = store.write(write(plan, Vec::new(), vec![row("a"), row("b")])).await.unwrap();
    assert_eq!((written.affected, written.inserted), (2, 1));
}

#[tokio::test]
async fn a_representation_comes_in_the_order_that_was_asked_for() {
    let (_place, store) = place();
    let mut insert = insert_configs(&[("b", "[1]"), ("a", "[2]"), ("c", "[0]")]);
    let plan = std::sync::Arc::get_mut(&mut insert.plan).unwrap();
    plan.write.sql.push_str(", name");
    plan.sort = vec![Sort { descending: true, nulls_first: false }];
    let written = store.write(insert).await.unwrap();
    assert_eq!(text(&written.rows), r#"[{"name":"c","data":[0]},{"name":"b","data":[1]},{"name":"a","data":[2]}]"#);
    assert_eq!(&text(&written.rows)[written.rows.last_row..], r#"{"name":"a","data":[2]}]"#);
}

#[tokio::test]
async fn a_transaction_keeps_all_of_its_steps_or_none() {
    let (_place, store) = place();
    let failed: Result<(), Error> = store
        .transaction(Mode::Write, |tx| {
            tx.write(&insert_config("a", "[]"))?;
            assert_eq!(tx.read(&get_config("a"))?.len, 1);
            Err(Error::Busy)
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(count(&store, "configs").await, 0);
    let len = store
        .transaction(Mode::Write, |tx| {
            tx.write(&insert_config("a", "[]"))?;
            let twice = tx.write(&insert_configs(&[("b", "[]"), ("a", "[]")]));
            assert!(twice.is_err(), "a step that fails leaves nothing, and the others stand");
            Ok::<_, Error>(tx.read(&get_config("a"))?.len)
        })
        .await;
    assert_eq!(len.unwrap(), 1);
    assert_eq!(count(&store, "configs").await, 1);
}

#[tokio::test]
async fn a_write_whose_answer_is_too_large_leaves_nothing_behind() {
    let (_place, store) = place();
    let data = format!("\"{}\"", "x".repeat(64 << 20));
    let (large, small) = tokio::join!(store.write(insert_config("a", &data)), store.write(insert_config("b", "[]")));
    assert!(matches!(large, Err(Error::TooLarge(_))), "{large:?}");
    small.unwrap();
    assert_eq!(count(&store, "configs").await, 1);
}

#[tokio::test]
async fn steps_that_panic_harm_nobody_else() {
    let (_place, store) = place();
    let outcome: Result<(), Error> = store
        .transaction(Mode::Write, |tx| {
            tx.write(&insert_config("a", "[]"))?;
            panic!("a defect");
        })
        .await;
    assert!(matches!(outcome, Err(Error::Internal(_))), "{outcome:?}");
    store.write(insert_config("b", "[]")).await.unwrap();
    assert_eq!(count(&store, "configs").await, 1);
}

#[tokio::test]
async fn a_probe_does_not_wait_behind_reads() {
    let (_place, store) = place();
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (end, ended) = tokio::sync::watch::channel(());
    // More than there are readers, so that some wait.
    let readers = 2 * std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let reads: Vec<_> = (0..readers)
        .map(|_| {
            let (store, begun, mut ended) = (store.clone(), begun.clone(), ended.clone());
            let handle = tokio::runtime::Handle::current();
            tokio::spawn(async move {
                let steps = move |_: &mut dyn pintle_store::Tx| {
                    begun.send(()).unwrap();
                    handle.block_on(ended.changed()).unwrap();
                    Ok::<(), Error>(())
                };
                store.transaction(Mode::Read, steps).await
            })
        })
        .collect();
    for _ in 0..readers / 2 {
        has_begun.recv().await.unwrap();
    }

    store.ready().await.unwrap();

    end.send(()).unwrap();
    for read in reads {
        read.abort();
    }
}

#[tokio::test]
async fn a_read_transaction_sees_one_snapshot_and_cannot_write() {
    let (_place, store) = place();
    let other = store.clone();
    let handle = tokio::runtime::Handle::current();
    let seen: Result<(u64, u64), Error> = store
        .transaction(Mode::Read, move |tx| {
            let before = tx.read(&get_config("a"))?.len;
            handle.block_on(other.write(insert_config("a", "[]")))?;
            assert!(matches!(tx.write(&insert_config("b", "[]")), Err(Error::ReadOnly)));
            Ok((before, tx.read(&get_config("a"))?.len))
        })
        .await;
    assert_eq!(seen.unwrap(), (0, 0));
    assert_eq!(store.read(get_config("a")).await.unwrap().len, 1);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_stopped_and_its_neighbours_are_not() {
    let mut model = configs();
    model.limits.timeout = std::time::Duration::from_millis(500);
    let place = Place::new(model);
    let store = place.open();
    store.migrate(pintle_store::Consent::Forward).unwrap();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let outcome = store.read(read(endless, &[("n", Type::Integer)], Vec::new())).await;
    assert!(matches!(outcome, Err(Error::Timeout)), "{outcome:?}");
    let slow = format!("INSERT INTO configs (name, data) VALUES (?1, ({endless}))");
    let slow = write(write_plan(Action::Insert, &slow, 1), Vec::new(), vec![vec![Value::Text("slow".to_owned())]]);
    let (first, slow, last) = tokio::join!(
        store.write(insert_config("first", "[]")),
        store.write(slow),
        store.write(insert_config("last", "[]"))
    );
    first.unwrap();
    last.unwrap();
    assert!(matches!(slow, Err(Error::Timeout)), "{slow:?}");
    assert_eq!(count(&store, "configs").await, 2);
}

#[tokio::test]
async fn an_answer_that_cannot_be_made_leaves_nothing_stored_and_its_neighbours_are_kept() {
    let (_place, store) = place();
    let mut defect = insert_config("defect", "[]");
    let plan = std::sync::Arc::get_mut(&mut defect.plan).unwrap();
    plan.columns = vec![Column::new("name", Type::Boolean), Column::new("data", Type::Json)];
    let (first, defect, last) = tokio::join!(
        store.write(insert_config("first", "[]")),
        store.write(defect),
        store.write(insert_config("last", "[]"))
    );
    assert!(matches!(defect, Err(Error::Internal(_))), "{defect:?}");
    first.unwrap();
    last.unwrap();
    assert_eq!(count(&store, "configs").await, 2);
}

#[tokio::test]
async fn steps_after_one_that_took_too_long_are_not_kept_on_their_own() {
    let mut model = configs();
    model.limits.timeout = std::time::Duration::from_millis(500);
    let place = Place::new(model);
    let store = place.open();
    store.migrate(pintle_store::Consent::Forward).unwrap();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let slow = format!("INSERT INTO configs (name, data) VALUES ('slow', ({endless}))");
    let slow = write(write_plan(Action::Insert, &slow, 0), Vec::new(), vec![Vec::new()]);
    let outcome: Result<(), Error> = store
        .transaction(Mode::Write, move |tx| {
            tx.write(&insert_config("before", "[]"))?;
            assert!(matches!(tx.write(&slow), Err(Error::Timeout)));
            // Steps may well go on after an error.
            assert!(tx.write(&insert_config("after", "[]")).is_err());
            Ok(())
        })
        .await;
    assert!(outcome.is_err());
    assert_eq!(count(&store, "configs").await, 0);
}
