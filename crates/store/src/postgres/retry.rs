//! How often, and after which pause, what another one's change came between is run again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// How often a write, or a transaction, is run again.
pub(super) const RETRIES: u32 = 3;

/// The pause before the next attempt: a few milliseconds, more after each, and never the same for two that met.
pub(super) fn pause(attempts: u32) -> Duration {
    let most_micros = 5_000_u64 << attempts.min(4);
    Duration::from_micros(RandomState::new().build_hasher().finish() % most_micros)
}
