//! Which plans took longer than a moment when they were last tried where requests are handled.
//!
//! A hint and no more: places are few and plans share them, so one that is forgotten is tried again, at the cost of a
//! moment. Now and then a plan that is remembered is tried again too, since other values or fewer rows may have made it quick.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Plans that can be remembered at a time.
const PLACES: usize = 64;
/// One in so many reads by a remembered plan tries again.
const TRY_EACH: usize = 32;

/// Remembers slow plans, by their address.
#[derive(Debug)]
pub(super) struct SlowPlans {
    places: [AtomicUsize; PLACES],
    asked: AtomicUsize,
}

impl SlowPlans {
    pub(super) fn new() -> SlowPlans {
        SlowPlans { places: [const { AtomicUsize::new(0) }; PLACES], asked: AtomicUsize::new(1) }
    }

    /// Whether a read by this plan should not be tried as a quick one.
    pub(super) fn has<P>(&self, plan: &P) -> bool {
        self.place(plan).load(Ordering::Relaxed) == address(plan)
            && !self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(TRY_EACH)
    }

    /// Remembers how a read by this plan went.
    pub(super) fn note<P>(&self, plan: &P, slow: bool) {
        let place = self.place(plan);
        let known = place.load(Ordering::Relaxed) == address(plan);
        if slow != known {
            place.store(if slow { address(plan) } else { 0 }, Ordering::Relaxed);
        }
    }

    fn place<P>(&self, plan: &P) -> &AtomicUsize {
        // Neighbours in memory lie at least this far apart.
        &self.places[(address(plan) / size_of::<P>().max(1)) % PLACES]
    }
}

fn address<P>(plan: &P) -> usize {
    std::ptr::from_ref(plan).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_plan_is_known_until_it_was_quick() {
        let (slow, plans) = (SlowPlans::new(), [7_u64, 8]);
        assert!(!slow.has(&plans[0]));
        slow.note(&plans[0], true);
        assert!(slow.has(&plans[0]));
        assert!(!slow.has(&plans[1]));
        slow.note(&plans[1], false);
        assert!(slow.has(&plans[0]), "another plan's quick read changes nothing");
        slow.note(&plans[0], false);
        assert!(!slow.has(&plans[0]));
    }

    #[test]
    fn a_slow_plan_is_tried_again_now_and_then() {
        let (slow, plan) = (SlowPlans::new(), 7_u64);
        slow.note(&plan, true);
        let tries = (0..TRY_EACH * 3).filter(|_| !slow.has(&plan)).count();
        assert_eq!(tries, 3);
    }
}
