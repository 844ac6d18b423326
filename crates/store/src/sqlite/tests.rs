//! What only shows from inside: a disk that SQLite itself finds full.

use std::sync::Arc;

use pintle_model::{Durability, Value};
use pintle_query::Write;
use pintle_query::plan::{Action, Inputs, Param, Statement, WritePlan};

use super::Of;
use super::connection::{self, Purpose};
use super::wal::Wal;
use super::writer::Writer;
use crate::Error;

fn write(action: Action, sql: &str, row: Vec<Value>) -> Write {
    let params = (0..row.len()).map(Param::Row).collect();
    let plan = WritePlan {
        collection: pintle_model::CollectionId(0),
        action,
        fields: Vec::new(),
        check: None,
        probe: None,
        write: Statement { sql: sql.to_owned(), params },
        bulk: None,
        apart: None,
        locks: Vec::new(),
        tells_new: false,
        verdicts: 0,
        columns: Vec::new(),
        sort: Vec::new(),
        strip_nulls: false,
    };
    let caller = Arc::new(pintle_model::Caller::of(pintle_model::Role::ServiceRole));
    let inputs = Inputs { values: Vec::new(), caller, now: 0 };
    Write { plan: Arc::new(plan), inputs, rows: vec![row], single: false, max_affected: None, rollback: false }
}

fn insert(name: &str) -> Write {
    let row = vec![Value::Text(name.to_owned()), Value::Text("x".repeat(3000))];
    write(Action::Insert, "INSERT INTO t (name, data) VALUES (?1, ?2)", row)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_forgotten_when_there_is_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut conn = connection::open(&path, Purpose::Write(Durability::Relaxed)).unwrap();
    conn.db.execute_batch("CREATE TABLE t (name TEXT PRIMARY KEY, data TEXT) STRICT").unwrap();
    conn.db.pragma_update_and_check(None, "max_page_count", 40, |_| Ok(())).unwrap();
    let (model, _) = pintle_model::load(
        "pintle.yaml",
        "pintle: 1\nname: test\ncollections: { t: { key: { name: text }, fields: { data: text } } }",
        &|_| Err(String::new()),
    );
    let wal = Wal::watch(&mut conn.db, super::beside(&path, "-wal")).unwrap();
    let of = Of::new(&Arc::new(model.unwrap()), &Arc::default());
    let writer = Arc::new(Writer::start(conn, wal, Arc::clone(of.changes.numbers()), None).unwrap());
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let (writer, of) = (Arc::clone(&writer), Arc::clone(&of));
            tokio::spawn(async move { writer.write(&of, insert(&format!("n{n}"))).await })
        })
        .collect();
    let (mut stored, mut full) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => stored += 1,
            Err(Error::Full) => full += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(stored + full, 64);
    assert!(full > 0);
    let reader = connection::open(&path, Purpose::Read).unwrap();
    let count = || -> i64 { reader.db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap() };
    assert_eq!(count(), stored, "all that was answered, and nothing else");
    writer.write(&of, write(Action::Delete, "DELETE FROM t", Vec::new())).await.unwrap();
    writer.write(&of, insert("again")).await.unwrap();
    assert_eq!(count(), 1);
}
