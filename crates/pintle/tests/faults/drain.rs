//! SIGTERM in the middle of a write load.

use super::client::Client;
use super::record::{self, Writers};

#[test]
fn a_stopped_server_answers_what_it_has_and_loses_nothing() {
    let (app, token) = record::app();
    for round in 0..5 {
        let mut server = app.serve();
        let writers = Writers::start(&server, &token, round, 8);
        writers.wait_for(40);
        server.signal("TERM");
        assert_eq!(server.wait(), Some(0), "{}", server.log());
        let answered = writers.join();
        let server = app.serve();
        let found = Client::of(&server, &token).list(&format!("/records?round={round}"));
        record::check(&found, &answered);
        // It ended between requests, not amid them: nothing was written that nobody heard of.
        assert_eq!(found.len(), answered.len(), "writes were kept whose answers were cut off");
    }
}
