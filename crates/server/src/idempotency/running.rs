//! Keys whose requests are at work in this process.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Digest;

/// The keys at work. As many as there are requests, which connections bound.
#[derive(Debug, Default, Clone)]
pub(super) struct Running(Arc<Mutex<HashSet<Digest>>>);

/// A key at work, until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    all: Running,
    id: Digest,
}

impl Running {
    /// Begins with a key; nothing if another request has it.
    pub(super) fn begin(&self, id: Digest) -> Option<Held> {
        self.0.lock().insert(id).then(|| Held { all: self.clone(), id })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.0.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_by_one_at_a_time() {
        let running = Running::default();
        let held = running.begin([1; 32]);
        assert!(held.is_some());
        assert!(running.begin([1; 32]).is_none());
        assert!(running.begin([2; 32]).is_some());
        drop(held);
        assert!(running.begin([1; 32]).is_some());
    }
}
