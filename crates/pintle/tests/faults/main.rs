//! What is left when things go wrong under the real binary: killed processes, full disks, stores that cannot be written.
//! The promise is the same everywhere: what was answered is there, once and whole; what was not may be there, but whole.

#![expect(clippy::expect_used, reason = "a test's way to fail")]
#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

#[path = "../common/mod.rs"]
mod common;

mod client;
mod drain;
mod idempotency;
mod ingest;
mod kill;
mod kills;
mod log_size;
mod nats;
mod postgres;
mod record;
mod room;
mod services;
mod sync;
