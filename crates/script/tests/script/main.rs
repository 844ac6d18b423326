//! Scripts, called as a server calls them, against a host that remembers what it was asked.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod answers;
mod builder;
mod host;
mod isolation;
mod library;
mod limits;
mod mistakes;
mod random;
mod speed;
mod waiting;
