//! `kill -9` of PostgreSQL, or of one of two servers, while records pour in by a pipeline whose queue is the store itself.

use crate::kills::survives;

#[test]
fn when_the_store_or_a_server_is_killed_every_answered_record_is_stored_once_and_in_order() {
    survives(None);
}
