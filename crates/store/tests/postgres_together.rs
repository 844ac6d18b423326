//! Rows of several callers that share a statement on PostgreSQL: each is answered for itself.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::future::{FutureExt, join, join_all};
use pintle_model::{Caller, Role, Type, Value};
use pintle_query::plan::{Action, Apart, Column, Param, Statement};
use pintle_query::{Write, WritePlan};
use pintle_store::{Error, Mode, Store, Tx, Written};
use support::postgres::{self, CONFIGS, configs, insert, psql};
use support::{Place, text, write, write_plan};
use tokio::sync::oneshot;

type Outcome = Result<Written, Error>;

/// In which transaction a row was written, beside it.
fn place() -> Place {
    let place = postgres::place(configs(), CONFIGS);
    psql(&place, "ALTER TABLE configs ADD COLUMN writer xid8 DEFAULT pg_current_xact_id()");
    place
}

/// What stores one config whose data is its writer's user id, unless one of its name is there and (`once`) is left as it is.
fn plan(once: bool) -> Arc<WritePlan> {
    let conflict = if once { " ON CONFLICT (name) DO NOTHING" } else { "" };
    let one = "INSERT INTO configs (name, data, rank) VALUES ($1::text, to_jsonb($3::text), $2::int8)";
    let many = "INSERT INTO configs (name, data, rank) SELECT name, to_jsonb($3::text), rank \
                FROM unnest($1::text[], $2::int8[]) AS r (name, rank)";
    let mut plan = write_plan(
        if once { Action::Upsert } else { Action::Insert },
        &format!("{one}{conflict} RETURNING name, rank"),
        2,
    );
    plan.write.params.push(Param::Uid);
    plan.columns = vec![Column::new("name", Type::Text), Column::new("rank", Type::Integer)];
    plan.bulk = Some(Statement {
        sql: format!("{many}{conflict} RETURNING name, rank, name"),
        params: vec![Param::Rows(0), Param::Rows(1), Param::Uid],
    });
    plan.apart = Some(if once { vec![Apart { at: 0, ty: Type::Text }] } else { Vec::new() });
    Arc::new(plan)
}

/// One config, written by this user.
fn by(user: &str, plan: &Arc<WritePlan>, name: &str, rank: Option<i64>) -> Write {
    let mut write = write(
        WritePlan::clone(plan),
        Vec::new(),
        vec![vec![Value::Text(name.to_owned()), rank.map_or(Value::Null, Value::Integer)]],
    );
    write.plan = Arc::clone(plan);
    write.inputs.caller = Arc::new(Caller { user: Some(user.to_owned()), ..Caller::of(Role::Authenticated) });
    write
}

/// All at once: two begin, and the others wait for them.
async fn all(store: &Store, writes: impl IntoIterator<Item = Write>) -> Vec<Outcome> {
    join_all(writes.into_iter().map(|write| store.write(write))).await
}

/// Writes of these names that were all polled once, so that two are at work and the others wait for them.
fn begun<'s>(
    store: &'s Store,
    plan: &Arc<WritePlan>,
    names: &[&str],
) -> Vec<impl Future<Output = Outcome> + Unpin + 's> {
    let begin = |name: &&str| {
        let mut write = Box::pin(store.write(by("u", plan, name, None)));
        assert!(write.as_mut().now_or_never().is_none(), "{name} is stored at once");
        write
    };
    names.iter().map(begin).collect()
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Ok(written) => format!("{} {}", written.affected, text(&written.rows)),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn rows_that_wait_are_one_transaction_and_each_is_answered_for_itself() {
    let (place, plan) = (place(), plan(true));
    let store = place.open();
    let first = store.write(by("u", &plan, "there", Some(9))).await;
    assert_eq!(shown(&first), r#"1 [{"name":"there","rank":9}]"#);
    // The fourth is there already, and the sixth comes twice.
    let names = ["a", "b", "c", "there", "d", "e", "e", "f"];
    let outcomes = all(&store, names.iter().zip(0..).map(|(name, rank)| by("u", &plan, name, Some(rank)))).await;
    let shown: Vec<_> = outcomes.iter().map(shown).collect();
    let new = |name: &str, rank: i64| format!(r#"1 [{{"name":"{name}","rank":{rank}}}]"#);
    let seen = "0 []".to_owned();
    assert_eq!(
        shown,
        [new("a", 0), new("b", 1), new("c", 2), seen.clone(), new("d", 4), new("e", 5), seen, new("f", 7)]
    );
    let writers = "SELECT count(DISTINCT writer) FROM configs WHERE name IN ('c', 'd', 'e', 'f')";
    assert_eq!(psql(&place, writers), "1");
}

#[tokio::test]
async fn a_row_that_is_refused_costs_those_beside_it_nothing_on_postgres() {
    let (place, plan) = (place(), plan(false));
    let store = place.open();
    // One that is there, not one that is still being stored: for that a row waits, and when it takes long it is tried alone.
    store.write(by("u", &plan, "there", Some(9))).await.unwrap();
    let rows = [("a", 0), ("b", 1), ("c", 2), ("d", -3), ("e", 4), ("there", 5), ("f", 4), ("g", 7), ("h", 8)];
    let outcomes = all(&store, rows.map(|(name, rank)| by("u", &plan, name, Some(rank)))).await;
    let refused: Vec<_> = (0..).zip(&outcomes).filter(|(_, outcome)| outcome.is_err()).map(|(at, _)| at).collect();
    // Of the two with a rank of 4 the first is stored.
    assert_eq!(refused, [3, 5, 6]);
    assert!(matches!(&outcomes[3], Err(Error::Constraint { code: "23514", .. })), "{:?}", outcomes[3]);
    let taken = |at: usize| match &outcomes[at] {
        Err(Error::Unique { fields, .. }) => fields.join(" "),
        other => panic!("{other:?}"),
    };
    assert_eq!([taken(5), taken(6)], ["name", "rank"]);
    assert_eq!(psql(&place, "SELECT string_agg(name, '' ORDER BY name) FROM configs"), "abceghthere");
}

#[tokio::test]
async fn rows_of_callers_who_are_others_to_a_policy_share_nothing_on_postgres() {
    let (place, plan) = (place(), plan(true));
    let store = place.open();
    let rows = (0..12).map(|n| (["ada", "bea"][n % 2], format!("n{n}")));
    let outcomes = all(&store, rows.map(|(user, name)| by(user, &plan, &name, None))).await;
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|written| written.affected == 1)));
    let users = "SELECT string_agg(name || '=' || (data #>> '{}'), ' ' ORDER BY substr(name, 2)::int) FROM configs";
    let expected: Vec<_> = (0..12).map(|n| format!("n{n}={}", ["ada", "bea"][n % 2])).collect();
    assert_eq!(psql(&place, users), expected.join(" "));
    // Of either the first two, and then all the others.
    assert_eq!(psql(&place, "SELECT count(DISTINCT writer) FROM configs"), "6");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_holds_one_row_up_does_not_hold_up_those_beside_it_on_postgres() {
    let (place, plan) = (place(), plan(true));
    let store = place.open();
    let (ready, is_ready) = oneshot::channel();
    let (go, gone) = mpsc::channel::<()>();
    let mut ready = Some(ready);
    let holder = store.transaction(Mode::Write, move |tx: &mut dyn Tx| {
        tx.write(&insert(&[("held", None)]))?;
        ready.take().into_iter().for_each(|ready| ready.send(()).unwrap());
        gone.recv().unwrap();
        Ok::<_, Error>(())
    });
    let others = async {
        is_ready.await.unwrap();
        let mut writes = begun(&store, &plan, &["a", "b", "held", "c", "d"]);
        let held = writes.remove(2);
        for outcome in join_all(writes).await {
            assert_eq!(outcome.unwrap().affected, 1);
        }
        // Only now does the lock go.
        go.send(()).unwrap();
        assert_eq!(held.await.unwrap().affected, 0);
    };
    let (held, ()) = tokio::time::timeout(Duration::from_secs(60), join(holder, others)).await.unwrap();
    held.unwrap();
}

#[tokio::test]
async fn a_row_for_which_nobody_waits_any_more_is_not_stored_on_postgres() {
    let (place, plan) = (place(), plan(true));
    let store = place.open();
    let mut writes = begun(&store, &plan, &["a", "b", "left", "c"]);
    drop(writes.remove(2));
    for outcome in join_all(writes).await {
        assert_eq!(outcome.unwrap().affected, 1);
    }
    assert_eq!(psql(&place, "SELECT string_agg(name, '' ORDER BY name) FROM configs"), "abc");
}

#[tokio::test]
async fn a_row_without_what_tells_it_apart_is_new_beside_one_that_is_there_on_postgres() {
    let (place, mut plan) = (place(), WritePlan::clone(&plan(true)));
    // What is there is told by the rank, which a row need not have.
    let by_rank = |sql: &str| sql.replace("ON CONFLICT (name)", "ON CONFLICT (rank)");
    plan.write.sql = by_rank(&plan.write.sql);
    let bulk = plan.bulk.as_mut().unwrap();
    bulk.sql = by_rank(&bulk.sql).replace("rank, name", "rank, rank");
    plan.apart = Some(vec![Apart { at: 1, ty: Type::Integer }]);
    let plan = Arc::new(plan);
    let store = place.open();
    store.write(by("u", &plan, "there", Some(1))).await.unwrap();
    let rows =
        [("a", Some(2)), ("b", Some(3)), ("c", None), ("d", Some(1)), ("e", None), ("f", Some(4)), ("g", Some(4))];
    let outcomes = all(&store, rows.map(|(name, rank)| by("u", &plan, name, rank))).await;
    let affected: Vec<_> = outcomes.into_iter().map(|outcome| outcome.unwrap().affected).collect();
    assert_eq!(affected, [1, 1, 1, 0, 1, 1, 0]);
}

#[tokio::test]
async fn what_was_stored_though_it_cannot_be_told_apart_fails_nobody_on_postgres() {
    let (place, plan) = (place(), plan(true));
    // A name that the database writes in another way than it was given.
    psql(
        &place,
        "CREATE FUNCTION renamed() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN NEW.name := replace(NEW.name, 'x', 'X'); RETURN NEW; END $$; \
         CREATE TRIGGER renamed BEFORE INSERT ON configs FOR EACH ROW EXECUTE FUNCTION renamed()",
    );
    let store = place.open();
    // One that is there, not one that is still being stored: for that a row waits, and when it takes long it is tried alone.
    store.write(by("u", &plan, "there", None)).await.unwrap();
    let outcomes = all(&store, ["a", "b", "x", "c", "there", "d"].map(|name| by("u", &plan, name, None))).await;
    let affected: Vec<_> = outcomes.into_iter().map(|outcome| outcome.unwrap().affected).collect();
    assert_eq!(affected, [1, 1, 0, 1, 0, 1]);
    assert_eq!(psql(&place, "SELECT string_agg(name, '' ORDER BY name) FROM configs"), "Xabcdthere");
}

#[tokio::test]
async fn where_many_rows_are_refused_there_are_hardly_more_statements_than_rows_on_postgres() {
    let (place, plan) = (place(), plan(false));
    // Each statement tries one row, which is refused.
    psql(&place, "CREATE SEQUENCE tries; ALTER TABLE configs ADD COLUMN try bigint DEFAULT nextval('tries')");
    let store = place.open();
    let names: Vec<_> = (0..130).map(|n| format!("n{n}")).collect();
    let outcomes = all(&store, names.iter().map(|name| by("u", &plan, name, Some(-1)))).await;
    for outcome in outcomes {
        assert!(matches!(outcome, Err(Error::Constraint { code: "23514", .. })), "{outcome:?}");
    }
    let tries: u32 = psql(&place, "SELECT last_value FROM tries").parse().unwrap();
    assert!((130..=150).contains(&tries), "{tries}");
}

#[tokio::test]
async fn a_row_that_takes_too_long_or_cannot_be_sent_fails_alone_on_postgres() {
    let mut model = configs();
    model.limits.timeout = Duration::from_secs(2);
    let (place, plan) = (postgres::place(model, CONFIGS), plan(true));
    psql(
        &place,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF NEW.name = 'slow' THEN PERFORM pg_sleep(60); END IF; RETURN NEW; END $$; \
         CREATE TRIGGER slow BEFORE INSERT ON configs FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    let store = place.open();
    let outcomes = all(&store, ["a", "b", "c", "slow", "d"].map(|name| by("u", &plan, name, None))).await;
    let shown: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().map(|written| written.affected)).collect();
    assert!(matches!(shown[..], [Ok(1), Ok(1), Ok(1), Err(Error::Timeout), Ok(1)]), "{shown:?}");

    let rows = ["e", "f", "g", "unsent", "h"].map(|name| {
        let mut write = by("u", &plan, name, None);
        if name == "unsent" {
            write.rows[0][1] = Value::Text("many".to_owned());
        }
        write
    });
    let outcomes = all(&store, rows).await;
    let shown: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().map(|written| written.affected)).collect();
    assert!(matches!(shown[..], [Ok(1), Ok(1), Ok(1), Err(Error::Constraint { .. }), Ok(1)]), "{shown:?}");
}

#[tokio::test]
async fn all_that_wait_are_told_the_same_of_tables_that_are_others_on_postgres() {
    let (place, plan) = (place(), plan(true));
    let store = place.open();
    psql(&place, "ALTER TABLE configs RENAME COLUMN rank TO place");
    let outcomes = all(&store, ["a", "b", "c", "d", "e"].map(|name| by("u", &plan, name, None))).await;
    for outcome in outcomes {
        assert!(matches!(outcome, Err(Error::Migration(_))), "{outcome:?}");
    }
}
