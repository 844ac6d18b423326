//! The planner's SQL on a real PostgreSQL: every statement is accepted, and finds what SQLite's finds.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod accepted;
mod regex;
mod same;
mod server;
#[path = "../support/mod.rs"]
mod support;
