//! `cargo xtask oracle`: many rounds of the test that holds policies against PostgreSQL's own row-level security.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::run::{self, cargo, say};

/// Runs so many rounds from a seed on. The test says which seed it ends at, and shows the first difference.
pub(crate) fn run(rounds: u64, seed: Option<u64>) -> Result<()> {
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let seed = seed.unwrap_or_else(clock);
    say(&format!("── oracle: {rounds} rounds, from seed {seed} on"));
    let mut test = cargo(&["test", "--package", "pintle-store", "--test", "oracle", "--", "--nocapture"]);
    test.env("PINTLE_ORACLE_ROUNDS", rounds.to_string()).env("PINTLE_ORACLE_SEED", seed.to_string());
    run::run(test)
}
