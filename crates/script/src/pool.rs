//! The instances of one program: those that are idle, and how many there are.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::instance::Instance;

/// How long a call waits for another's instance before it makes one: about what making one takes.
const WAIT: Duration = Duration::from_millis(3);

/// Idle instances; the last used one is taken first.
pub(crate) struct Pool {
    idle: Mutex<Vec<Instance>>,
    returned: Condvar,
}

impl Pool {
    pub(crate) fn new(first: Instance) -> Pool {
        Pool { idle: Mutex::new(vec![first]), returned: Condvar::new() }
    }

    /// An idle instance. `None` when none came back in the time that it takes to make one.
    pub(crate) fn take(&self) -> Option<Instance> {
        let mut idle = self.idle.lock();
        if idle.is_empty() {
            self.returned.wait_for(&mut idle, WAIT);
        }
        idle.pop()
    }

    /// Gives an instance back. More than `most` idle ones are not kept.
    pub(crate) fn put(&self, instance: Instance, most: usize) {
        let mut idle = self.idle.lock();
        if idle.len() < most {
            idle.push(instance);
            self.returned.notify_one();
        } else {
            // Freeing it takes a while.
            drop(idle);
            drop(instance);
        }
    }
}
