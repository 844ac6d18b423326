//! `pintle kubernetes`: the manifests that it writes, held against Kubernetes' own schemas, and started on this machine.

#![expect(clippy::expect_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

#[path = "../common/mod.rs"]
mod common;

mod folder;
mod manifests;
mod parts;
mod replay;
mod secrets;
