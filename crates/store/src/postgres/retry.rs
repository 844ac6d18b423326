//! How often, and after which pause, what another one's change came between is run again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// How often a write, or a transaction, is run again.
pub(super) const RETRIES: u32 = 3;
/// The longest pause before the first of them; each later one may be five times as long. The last is for a machine so busy
/// that the other one does not get on either.
const PAUSE_MICROS: u64 = 10_000;

/// The pause before the next attempt, never the same for two that met.
pub(super) fn pause(attempts: u32) -> Duration {
    let most = PAUSE_MICROS * 5_u64.pow(attempts.min(RETRIES));
    Duration::from_micros(most / 2 + RandomState::new().build_hasher().finish() % (most / 2))
}
