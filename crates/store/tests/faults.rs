//! A disk that is full, a file that cannot grow, a log that readers hold up: a clear error, and nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use pintle_model::{Durability, Type};
use pintle_store::{Error, Location, Store};
use support::{Place, configs, insert_config, read, text};

/// Set in the process that may not write files beyond a size.
const LIMITED: &str = "PINTLE_TEST_LIMITED";

/// Under `ulimit -f`, writes beyond the limit fail as on a disk that is full, only with another error number.
#[test]
fn a_commit_that_cannot_be_kept_is_told_to_all_who_wait_and_the_next_one_works() {
    let exe = std::env::current_exe().unwrap();
    // 2048 blocks of 512 bytes. The signal that would end the process is ignored, so that the write fails instead.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -S -f 2048; exec \"$0\" --exact under_a_limit --ignored --nocapture"])
        .arg(exe)
        .env(LIMITED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test above, in a process of its own"]
async fn under_a_limit() {
    assert!(std::env::var_os(LIMITED).is_some(), "not by hand");
    let mut model = configs();
    model.durability = Durability::Full;
    let place = Place::new(model);
    let store = place.open();
    store.migrate(pintle_store::Consent::Forward).unwrap();
    let data = format!("[\"{}\"]", "x".repeat(20_000));
    let mut kept = BTreeSet::new();
    let mut failures = 0;
    for round in 0..12 {
        let writes = (0..16).map(|n| {
            let (store, name, data) = (store.clone(), format!("n{round}-{n}"), data.clone());
            tokio::spawn(async move { (store.write(insert_config(&name, &data)).await, name) })
        });
        for write in writes.collect::<Vec<_>>() {
            match write.await.unwrap() {
                (Ok(_), name) => drop(kept.insert(name)),
                (Err(Error::Full | Error::Unavailable(_)), _) => failures += 1,
                (Err(error), _) => panic!("{error:?}"),
            }
        }
    }
    assert!(failures > 0, "the limit was never met");
    assert!(!kept.is_empty(), "nothing was ever stored");
    // All that was answered is there, and nothing else.
    assert_eq!(names(&store).await, kept);
    // Room is made, and the next write is stored.
    let pid = std::process::id().to_string();
    assert!(Command::new("prlimit").args(["--fsize=unlimited:", "--pid", &pid]).status().unwrap().success());
    store.write(insert_config("after", &data)).await.unwrap();
    kept.insert("after".to_owned());
    drop(store);
    assert_eq!(names(&place.open()).await, kept);
}

async fn names(store: &Store) -> BTreeSet<String> {
    let rows = store.read(read("SELECT name FROM configs", &[("name", Type::Text)], Vec::new())).await.unwrap();
    let text = text(&rows).trim_matches(['[', ']']);
    text.split(',')
        .filter(|row| !row.is_empty())
        .map(|row| row.trim_start_matches("{\"name\":\"").trim_end_matches("\"}").to_owned())
        .collect()
}

fn log_bytes(place: &Place) -> u64 {
    let log = place.folder.path().join("data.db-wal");
    std::fs::metadata(log).map_or(0, |file| file.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_bounded_though_reads_never_pause() {
    let place = Place::new(configs());
    let store = place.open();
    store.migrate(pintle_store::Consent::Forward).unwrap();
    let data = format!("[\"{}\"]", "x".repeat(100_000));
    store.write(insert_config("same", &data)).await.unwrap();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                // Some milliseconds each, overlapping, so that at no moment nobody reads.
                let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
                            SELECT count(*) FROM n, configs";
                // One plan for all, as a server keeps it.
                let slow = read(slow, &[("n", Type::Integer)], Vec::new());
                loop {
                    store.read(slow.clone()).await.unwrap();
                }
            })
        })
        .collect();
    let replace = || {
        let sql = "UPDATE configs SET data = json_quote(hex(randomblob(50000)))";
        support::write(support::write_plan(pintle_query::plan::Action::Update, sql, 0), Vec::new(), Vec::new())
    };
    let mut longest = 0;
    // 2,500 writes of 100 kB each are 250 MB of log.
    for _ in 0..2500 {
        store.write(replace()).await.unwrap();
        longest = longest.max(log_bytes(&place));
    }
    for reader in readers {
        reader.abort();
    }
    // From 128 MiB on the writer waits for readers, however busy the machine is.
    assert!(longest < 160 << 20, "the log grew to {longest} bytes");
}

#[tokio::test]
async fn a_value_that_somebody_broke_by_hand_is_an_error_of_that_read_alone() {
    let place = Place::new(configs());
    let store = place.open();
    store.migrate(pintle_store::Consent::Forward).unwrap();
    store.write(insert_config("sound", "[]")).await.unwrap();
    place.run("PRAGMA ignore_check_constraints = ON; INSERT INTO configs VALUES ('broken', CAST(x'ff' AS TEXT))");
    let broken = store.read(support::get_config("broken")).await;
    assert!(matches!(broken, Err(Error::Internal(_))), "{broken:?}");
    assert_eq!(store.read(support::get_config("sound")).await.unwrap().len, 1);
}

#[tokio::test]
async fn a_damaged_file_is_told_and_does_not_end_the_process() {
    let place = Place::new(configs());
    {
        let store = place.open();
        store.migrate(pintle_store::Consent::Forward).unwrap();
        for n in 0..200 {
            store.write(insert_config(&format!("n{n}"), &format!("[\"{}\"]", "x".repeat(500)))).await.unwrap();
        }
    }
    let mut bytes = std::fs::read(place.path()).unwrap();
    let from = 4 * 4096;
    bytes[from..].fill(0x5a);
    std::fs::write(place.path(), bytes).unwrap();
    let store = Store::open(&Location::Sqlite(place.path()), &place.model, pintle_store::Access::Serve).unwrap();
    let all = store.read(read("SELECT name FROM configs", &[("name", Type::Text)], Vec::new())).await;
    assert!(matches!(all, Err(Error::Unavailable(_))), "{all:?}");
}
