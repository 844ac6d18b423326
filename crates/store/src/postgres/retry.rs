//! How often, and after which pause, what another one's change came between is run again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// How often a write, or a transaction, is run again. With three, one in ten of sixteen that add to the same row side by side gave up.
pub(super) const RETRIES: u32 = 10;
/// How often a transaction is run side by side with others that are run again.
pub(super) const MET_MAX: u32 = 2;
/// The longest pause before the first of them; the next two may be five times as long each, for those that come when many others do
/// or the machine is busy.
const PAUSE_MICROS: u64 = 10_000;
/// How often the pause grows.
const GROWS: u32 = 2;

/// The pause before the next attempt, never the same for two that met.
pub(super) fn pause(attempts: u32) -> Duration {
    let most = PAUSE_MICROS * 5_u64.pow(attempts.min(GROWS));
    Duration::from_micros(most / 2 + RandomState::new().build_hasher().finish() % (most / 2))
}
