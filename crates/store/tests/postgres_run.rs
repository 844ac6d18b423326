//! Plans on PostgreSQL: what each does, and what it leaves when it fails.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use pintle_model::{Type, Value};
use pintle_query::plan::{Action, Column};
use pintle_store::{Error, Mode};
use support::postgres::{self, CONFIGS, configs, insert, number, open_with, psql, update};
use support::{Place, read, text, write, write_plan};

fn place() -> Place {
    postgres::place(configs(), CONFIGS)
}

#[tokio::test]
async fn a_write_is_read_back_and_a_list_counts_on_the_same_snapshot() {
    let place = place();
    let store = place.open();
    let written = store.write(insert(&[("a", Some(1))])).await.unwrap();
    assert_eq!((text(&written.rows), written.affected, written.inserted), (r#"[{"name":"a","rank":1}]"#, 1, 1));
    let many = store.write(insert(&[("b", None), ("c", Some(3))])).await.unwrap();
    assert_eq!((text(&many.rows), many.affected), (r#"[{"name":"b","rank":null},{"name":"c","rank":3}]"#, 2));
    let mut list = read(
        "SELECT name, rank FROM configs WHERE name > $1::text ORDER BY name LIMIT 1",
        &[("name", Type::Text), ("rank", Type::Integer)],
        vec![Value::Text("a".to_owned())],
    );
    let plan = std::sync::Arc::get_mut(&mut list.plan).unwrap();
    plan.count = Some(pintle_query::Statement {
        sql: "SELECT count(*) FROM configs WHERE name > $1::text".to_owned(),
        params: plan.rows.params.clone(),
    });
    plan.strip_nulls = true;
    let rows = store.read(list).await.unwrap();
    assert_eq!((text(&rows), rows.len, rows.total), (r#"[{"name":"b"}]"#, 1, Some(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_and_their_count_agree_while_others_write() {
    let place = place();
    let store = place.open();
    let mut list = read("SELECT name FROM configs", &[("name", Type::Text)], Vec::new());
    let plan = std::sync::Arc::get_mut(&mut list.plan).unwrap();
    plan.count = Some(pintle_query::Statement { sql: "SELECT count(*) FROM configs".to_owned(), params: Vec::new() });
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 0..300 {
                store.write(insert(&[(&format!("n{n}"), None)])).await.unwrap();
            }
        }
    });
    let (mut least, mut most) = (u64::MAX, 0);
    while !writer.is_finished() {
        let rows = store.read(list.clone()).await.unwrap();
        assert_eq!(Some(rows.len), rows.total);
        (least, most) = (least.min(rows.len), most.max(rows.len));
    }
    writer.await.unwrap();
    assert!(least < most, "rows came in between");
}

#[tokio::test]
async fn what_fails_leaves_nothing_behind() {
    let place = place();
    let store = place.open();
    store.write(insert(&[("a", Some(1))])).await.unwrap();
    // The last of many rows, behind those that are sent together.
    let names: Vec<String> = (0..300).map(|n| format!("n{n}")).collect();
    let mut rows: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
    rows.push(("a", None));
    let failed = store.write(insert(&rows)).await.unwrap_err();
    let Error::Unique { constraint, fields, details } = &failed else { panic!("{failed:?}") };
    assert_eq!((constraint.as_str(), &fields[..]), ("configs_pkey", &["name".to_owned()][..]));
    assert_eq!(details.as_deref(), Some("Key (name)=(a) already exists."));
    assert_eq!(psql(&place, "SELECT count(*) FROM configs"), "1");
    rows.pop();
    assert_eq!(store.write(insert(&rows)).await.unwrap().affected, 300);

    let mut many = update("data = '[]'");
    many.max_affected = Some(300);
    assert!(matches!(store.write(many).await.unwrap_err(), Error::MaxAffected(301)));
    let mut single = update("data = '[]'");
    single.single = true;
    assert!(matches!(store.write(single).await.unwrap_err(), Error::NotSingle(301)));
    let mut undone = update("data = '[]'");
    undone.rollback = true;
    assert_eq!(store.write(undone).await.unwrap().affected, 301);
    assert_eq!(psql(&place, "SELECT count(*) FROM configs WHERE data = '[]'"), "0");
    assert_eq!(store.write(update("data = '[]'")).await.unwrap().affected, 301);
    assert_eq!(psql(&place, "SELECT count(*) FROM configs WHERE data = '[]'"), "301");
}

#[tokio::test]
async fn an_upsert_tells_new_rows_from_changed_ones() {
    let place = place();
    let store = place.open();
    store.write(insert(&[("a", None)])).await.unwrap();
    let mut plan = write_plan(
        Action::Upsert,
        "INSERT INTO configs (name, data) VALUES ($1::text, $2::jsonb) ON CONFLICT (name) DO UPDATE SET data = excluded.data \
         RETURNING (xmax = 0), name",
        2,
    );
    plan.tells_new = true;
    plan.columns = vec![Column::new("name", Type::Text)];
    let row = |name: &str| vec![Value::Text(name.to_owned()), Value::Json("1".to_owned())];
    let done = store.write(write(plan, Vec::new(), vec![row("a"), row("b")])).await.unwrap();
    assert_eq!((text(&done.rows), done.affected, done.inserted), (r#"[{"name":"a"},{"name":"b"}]"#, 2, 1));
}

#[tokio::test]
async fn a_transaction_keeps_all_or_nothing_and_a_failed_step_takes_back_itself_only() {
    let place = place();
    let store = place.open();
    let failed = store.transaction(Mode::Write, |tx| {
        tx.write(&insert(&[("z", None)]))?;
        tx.read(&number("SELECT 1/0"))
    });
    assert!(matches!(failed.await, Err(Error::Constraint { code: "22012", .. })));
    assert_eq!(psql(&place, "SELECT count(*) FROM configs"), "0");
    let counted = store
        .transaction(Mode::Write, |tx| {
            tx.write(&insert(&[("a", Some(1))]))?;
            assert!(matches!(tx.write(&insert(&[("b", None), ("a", None)])), Err(Error::Unique { .. })));
            assert!(tx.read(&number("SELECT 1/0")).is_err());
            tx.write(&insert(&[("c", None)]))?;
            Ok::<_, Error>(text(&tx.read(&number("SELECT count(*) FROM configs"))?).to_owned())
        })
        .await
        .unwrap();
    assert_eq!(counted, r#"[{"n":2}]"#);
    assert_eq!(psql(&place, "SELECT string_agg(name, ',' ORDER BY name) FROM configs"), "a,c");
    let tried = store.transaction(Mode::Write, |tx| {
        let as_if = pintle_query::Write { rollback: true, ..insert(&[("d", None)]) };
        assert_eq!(tx.write(&as_if)?.affected, 1);
        tx.write(&insert(&[("e", None)]))?;
        assert_eq!(tx.write(&as_if)?.affected, 1);
        Ok::<_, Error>(())
    });
    tried.await.unwrap();
    assert_eq!(psql(&place, "SELECT string_agg(name, ',' ORDER BY name) FROM configs"), "a,c,e");
    psql(&place, "DELETE FROM configs WHERE name = 'e'");
    let failed: Result<(), Error> = store
        .transaction(Mode::Write, |tx| {
            tx.write(&insert(&[("d", None)]))?;
            Err(Error::Busy)
        })
        .await;
    assert!(matches!(failed, Err(Error::Busy)));
    let refused = store.transaction(Mode::Read, |tx| tx.write(&insert(&[("e", None)])).map(|_| ())).await;
    assert!(matches!(refused, Err(Error::ReadOnly)));
    assert_eq!(psql(&place, "SELECT count(*) FROM configs"), "2");
}

#[tokio::test]
async fn a_statement_of_the_app_s_own_that_reads_cannot_write_whatever_it_calls() {
    let place = place();
    place.run(
        "CREATE FUNCTION sly() RETURNS bigint LANGUAGE sql VOLATILE AS \
         $$INSERT INTO configs (name, data) VALUES ('sly', '1'); SELECT pg_backend_pid()::bigint$$",
    );
    let store = open_with(&place, "?connections_max=1");
    let own = |sql: &str| {
        let mut read = number(sql);
        std::sync::Arc::get_mut(&mut read.plan).unwrap().own = true;
        read
    };
    let pid = text(&store.read(own("SELECT pg_backend_pid()::bigint")).await.unwrap()).to_owned();
    let refused = store.read(own("SELECT sly()")).await.unwrap_err();
    assert!(matches!(refused, Error::Internal(_)) && format!("{refused:?}").contains("read-only"), "{refused:?}");
    let refused = store.transaction(Mode::Read, move |tx| tx.read(&own("SELECT sly()"))).await.unwrap_err();
    assert!(matches!(refused, Error::Internal(_)), "{refused:?}");
    // The connection is no other, takes what it is sent, and keeps no transaction open.
    assert_eq!(text(&store.read(number("SELECT pg_backend_pid()::bigint")).await.unwrap()), pid);
    store.write(insert(&[("a", None)])).await.unwrap();
    assert_eq!(psql(&place, "SELECT string_agg(name, ',') FROM configs"), "a");
}

#[tokio::test]
async fn ready_tells_whether_the_tables_are_the_model_s() {
    let place = place();
    let store = place.open();
    assert!(matches!(store.ready().await.unwrap_err(), Error::Migration(_)));
    place.run(
        "CREATE TABLE _pintle_migrations (counter bigint, hash text, finished_at timestamptz); \
         INSERT INTO _pintle_migrations VALUES (1, 'another', now())",
    );
    assert!(matches!(store.ready().await.unwrap_err(), Error::Migration(_)));
}
