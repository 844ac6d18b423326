//! Throwaway servers for tests and benchmarks: started on a free port of loopback, in a temporary folder, and gone with
//! whoever started them, however that ends.
//!
//! [`Postgres::shared`] is the server of a whole test run: `cargo xtask test` starts one and names it in
//! [`SHARED`]; a test that is run by itself starts its own. Each test takes a [`Database`] of its own on it. A test that
//! kills its server, or needs other settings, starts one with [`Postgres::start`].
//!
//! [`Nats`] is a server of NATS JetStream.
//!
//! [`Port`] is one to start a server of one's own at.
//!
//! [`Browser`] is Chromium without a window, for tests of pages.

pub mod browser;
mod nats;
mod port;
mod postgres;
mod started;

pub use browser::{Browser, Page};
pub use nats::Nats;
pub use port::Port;
pub use postgres::{Database, NONE, Postgres, SHARED};
