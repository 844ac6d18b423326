//! `kill -9` in the middle of a write load.

use super::client::Client;
use super::record::{self, Writers};

/// How often the process is killed.
const ROUNDS: usize = 50;
const WRITERS: usize = 8;

#[test]
fn a_killed_server_has_every_answered_write_once_and_none_in_part() {
    let (app, token) = record::app();
    let mut all = 0;
    let mut server = app.serve();
    for round in 0..ROUNDS {
        let writers = Writers::start(&server, &token, round, WRITERS);
        // Another moment each time, from the first answers on.
        writers.wait_for(1 + round * 7 % 90);
        server.kill();
        let answered = writers.join();
        all += answered.len();
        server = app.serve();
        let found = Client::of(&server, &token).list(&format!("/records?round={round}"));
        record::check(&found, &answered);
    }
    // Nothing of an earlier round went away later.
    let found = Client::of(&server, &token).list("/records");
    record::check(&found, &Default::default());
    assert!(found.len() >= all, "answered writes lost: {} of {all}", all - found.len());
}
