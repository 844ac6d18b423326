//! The instances of one program: those that are idle, and how many there are.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::instance::Instance;

/// How long a call waits for another's instance when there are as many as are kept: longer than calls take that only compute, so
/// that a crowd of those shares what there is, and shorter than those take that wait for others.
const WAIT: Duration = Duration::from_millis(20);

/// The instances that there are.
pub(crate) struct Pool {
    instances: Mutex<Instances>,
    returned: Condvar,
}

struct Instances {
    /// The last used one is taken first: its memory is still near.
    idle: Vec<Instance>,
    /// All that there are, also those that are in use.
    count: usize,
}

impl Pool {
    pub(crate) fn new(first: Instance) -> Pool {
        Pool { instances: Mutex::new(Instances { idle: vec![first], count: 1 }), returned: Condvar::new() }
    }

    /// An idle instance, if there is one.
    pub(crate) fn idle(&self) -> Option<Instance> {
        self.instances.lock().idle.pop()
    }

    /// An idle instance. `None`: the caller makes one, and gives that back, or says that it could not.
    pub(crate) fn take(&self, most: usize) -> Option<Instance> {
        let mut instances = self.instances.lock();
        if instances.idle.is_empty() && instances.count >= most {
            self.returned.wait_while_for(&mut instances, |instances| instances.idle.is_empty(), WAIT);
        }
        let idle = instances.idle.pop();
        instances.count += usize::from(idle.is_none());
        idle
    }

    /// An instance that is in use waits for others: it does not count meanwhile, so that nobody waits for it.
    pub(crate) fn away(&self) {
        self.instances.lock().count -= 1;
    }

    /// An instance that waited is in use again.
    pub(crate) fn back(&self) {
        self.instances.lock().count += 1;
    }

    /// Gives an instance back, or says that there is one less. More than `most` are not kept.
    pub(crate) fn put(&self, instance: Option<Instance>, most: usize) {
        let mut instances = self.instances.lock();
        let beyond = match instance {
            Some(instance) if instances.count <= most => {
                instances.idle.push(instance);
                None
            }
            gone => {
                instances.count -= 1;
                gone
            }
        };
        self.returned.notify_one();
        drop(instances);
        // Freeing it takes a while.
        drop(beyond);
    }
}
