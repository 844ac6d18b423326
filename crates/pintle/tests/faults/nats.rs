//! `kill -9` of a server, a worker, NATS or PostgreSQL while records pour in by the queue NATS JetStream.

use pintle_testbed::Nats;

use crate::kills::survives;

#[test]
fn whatever_is_killed_on_the_way_to_postgres_every_answered_record_is_stored_once_and_in_order() {
    survives(Some(Nats::start().unwrap_or_else(|error| panic!("{error:#}"))));
}
