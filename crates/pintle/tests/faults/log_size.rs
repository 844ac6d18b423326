//! The write-ahead log under writes and reads that do not end.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::client::Client;
use super::record;

/// What is written in all: more than the bound.
const WRITTEN_MIB: u64 = 100;
/// The log may be this long; without care it would be longer than all that is written.
const BOUND_MIB: u64 = 64;

#[test]
fn the_write_ahead_log_stays_bounded_while_others_read() {
    let (app, token) = record::app();
    let server = app.serve();
    let log = app.file(".pintle/data.db-wal");
    let log_mib = || std::fs::metadata(&log).map_or(0, |file| file.len() >> 20);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let mut client = Client::of(&server, &token);
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    client.list("/rest/v1/records?select=name&limit=200");
                }
            });
        }
        let mut client = Client::of(&server, &token);
        let payload = "x".repeat(1 << 13);
        let mut longest = 0;
        for request in 0..WRITTEN_MIB * 2 {
            let rows = (0..64).map(|n| {
                let name = format!("{request}-{n}");
                json!({ "name": name, "round": request, "batch": "b", "payload": payload, "checksum": 0 })
            });
            let (status, text) = client.post("/rest/v1/records", &rows.collect::<Value>()).expect("an answer");
            assert_eq!(status, 201, "{text}");
            longest = longest.max(log_mib());
        }
        done.store(true, Ordering::Relaxed);
        assert!(longest > 0, "the log was not where this test looked");
        assert!(longest <= BOUND_MIB, "the log grew to {longest} MiB");
    });
}
