//! Backup and restore: whole or not at all, under load, and never in the place of something else.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pintle_store::backup::{Progress, Stage};
use pintle_store::{Error, Location, backup, restore};
use support::{Place, configs, count, get_config, insert_config, insert_configs, text};

fn quiet(_: Progress) {}

fn message(outcome: Result<impl std::fmt::Debug, Error>) -> String {
    match outcome {
        Err(Error::Backup(message)) => message,
        other => panic!("not refused: {other:?}"),
    }
}

/// A store with `rows` configs named n0 and so on.
async fn filled(rows: usize) -> (Place, pintle_store::Store) {
    let place = Place::new(configs());
    let store = place.open();
    store.migrate(pintle_store::Consent::Forward).unwrap();
    let data = format!("[\"{}\"]", "x".repeat(400));
    let names: Vec<String> = (0..rows).map(|n| format!("n{n}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), data.as_str())).collect();
    store.write(insert_configs(&all)).await.unwrap();
    (place, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_writes_is_one_moment_of_the_data() {
    let (place, store) = filled(20_000).await;
    let target = place.folder.path().join("copy.db");
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) {
                // Two rows that belong together.
                let (a, b) = (format!("pair{written}a"), format!("pair{written}b"));
                store.write(insert_configs(&[(&a, "[]"), (&b, "[]")])).await.unwrap();
                written += 1;
            }
            written
        })
    };
    let (location, to) = (place.location(), target.clone());
    let reports = tokio::task::spawn_blocking(move || {
        let mut reports = Vec::new();
        backup(&location, &to, &mut |progress| reports.push(progress)).unwrap();
        reports
    });
    let reports = reports.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() > 0);

    let copied: Vec<_> = reports.iter().filter(|report| report.stage == Stage::Copy).collect();
    assert!(copied.len() > 1 && copied.windows(2).all(|two| two[0].done < two[1].done), "{reports:?}");
    assert!(copied.last().is_some_and(|last| last.done == last.total));
    let copy = rusqlite::Connection::open(&target).unwrap();
    let odd: i64 = copy
        .query_row("SELECT count(*) FROM (SELECT 1 FROM configs WHERE name LIKE 'pair%' GROUP BY substr(name, 1, length(name) - 1) HAVING count(*) <> 2)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(odd, 0);
    let left: Vec<_> = std::fs::read_dir(place.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("copy.db"))
        .collect();
    assert_eq!(left, ["copy.db"], "one file, nothing beside it");
}

#[tokio::test]
async fn a_restore_brings_the_data_back_and_keeps_what_was_there() {
    let (place, store) = filled(3).await;
    let target = place.folder.path().join("copy.db");
    backup(&place.location(), &target, &mut quiet).unwrap();
    store.write(insert_config("later", "[]")).await.unwrap();
    assert!(message(restore(&place.location(), &target, &mut quiet)).ends_with(": stop the server, then restore"));
    drop(store);
    let restored = restore(&place.location(), &target, &mut quiet).unwrap();
    let store = place.open();
    assert_eq!(count(&store, "configs").await, 3);
    store.ready().await.unwrap();
    store.write(insert_config("again", "[1]")).await.unwrap();
    assert!(text(&store.read(get_config("again")).await.unwrap()).contains("[1]"));
    drop(store);

    let before = restored.before.unwrap();
    let kept = rusqlite::Connection::open(&before).unwrap();
    let rows: i64 = kept.query_row("SELECT count(*) FROM configs", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 4);
}

#[tokio::test]
async fn a_log_that_a_kill_left_behind_does_not_get_into_the_restored_data() {
    let (place, store) = filled(3).await;
    let target = place.folder.path().join("copy.db");
    backup(&place.location(), &target, &mut quiet).unwrap();
    store.write(insert_config("later", "[]")).await.unwrap();
    // As after `kill -9`: the database and its log, copied while both are open.
    let killed = tempfile::tempdir().unwrap();
    for name in ["data.db", "data.db-wal"] {
        std::fs::copy(place.folder.path().join(name), killed.path().join(name)).unwrap();
    }
    let location = Location::Sqlite(killed.path().join("data.db"));
    let restored = restore(&location, &target, &mut quiet).unwrap();
    let rows = |path: &std::path::Path| -> i64 {
        let db = rusqlite::Connection::open(path).unwrap();
        db.query_row("SELECT count(*) FROM configs", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(rows(&killed.path().join("data.db")), 3);
    assert_eq!(rows(&restored.before.unwrap()), 4, "what was in the log is kept too");
}

#[tokio::test]
async fn a_restore_where_nothing_was_makes_the_store() {
    let (place, _store) = filled(2).await;
    let target = place.folder.path().join("copy.db");
    backup(&place.location(), &target, &mut quiet).unwrap();
    let elsewhere = Place::new((*place.model).clone());
    let location = Location::Sqlite(elsewhere.folder.path().join("new/data.db"));
    assert_eq!(restore(&location, &target, &mut quiet).unwrap().before, None);
    let store = pintle_store::Store::open(&location, &place.model, pintle_store::Access::Serve).unwrap();
    assert_eq!(count(&store, "configs").await, 2);
}

#[tokio::test]
async fn nothing_is_overwritten_that_is_no_backup() {
    let (place, _store) = filled(1).await;
    let shopping = place.folder.path().join("shopping.txt");
    std::fs::write(&shopping, "milk").unwrap();
    assert!(message(backup(&place.location(), &shopping, &mut quiet)).contains("is no backup of Pintle's"));
    assert_eq!(std::fs::read_to_string(&shopping).unwrap(), "milk");
    assert!(message(backup(&place.location(), &place.path(), &mut quiet)).contains("is the database itself"));
    assert!(message(restore(&place.location(), &place.path(), &mut quiet)).contains("is the database itself"));
    let nowhere = place.folder.path().join("no/such/folder/copy.db");
    assert!(message(backup(&place.location(), &nowhere, &mut quiet)).contains("is there such a folder?"));
}

#[tokio::test]
async fn what_is_no_sound_backup_is_not_restored() {
    let (place, store) = filled(2000).await;
    let target = place.folder.path().join("copy.db");
    backup(&place.location(), &target, &mut quiet).unwrap();
    drop(store);
    let sound = std::fs::read(&target).unwrap();
    let try_with = |bytes: &[u8]| {
        std::fs::write(&target, bytes).unwrap();
        message(restore(&place.location(), &target, &mut quiet))
    };
    assert!(try_with(b"milk").contains("is no database of Pintle's"));
    assert!(try_with(&sound[..sound.len() / 2]).contains("is damaged"), "cut short");
    let mut scratched = sound.clone();
    let middle = sound.len() / 2 / 4096 * 4096;
    scratched[middle..middle + 4096].fill(0x5a);
    assert!(try_with(&scratched).contains("is damaged"), "a page overwritten");
    std::fs::remove_file(&target).unwrap();
    rusqlite::Connection::open(&target).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(message(restore(&place.location(), &target, &mut quiet)).contains("is no database of Pintle's"));
    let missing = place.folder.path().join("missing.db");
    assert!(message(restore(&place.location(), &missing, &mut quiet)).contains("there is no file"));
    assert_eq!(count(&place.open(), "configs").await, 2000, "the data is as it was");
}
