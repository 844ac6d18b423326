//! How many calls of scripts go abreast where requests are handled.
//!
//! A call computes, waits for the server and computes again. Each is a heap of hundreds of kilobytes, and each connection a process of the
//! server's: with more of them under way than keep the processors at work, each finds the caches full of the others', and all take
//! longer. So there are as many as the server's quickest answers ask for: a turn for each processor where it is near, and more the
//! farther it is. A call whose answer takes long leaves its turn to others.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;

/// For each such time that the quickest answers take, each processor has a turn: about what a call computes, and an answer from a server
/// that is near.
const STEP: Duration = Duration::from_micros(200);
/// Answers after which it is found out anew how quick they are.
const ANSWERS: u32 = 64;

/// The turns.
#[derive(Debug)]
pub(super) struct Abreast {
    turns: Arc<Semaphore>,
    processors: usize,
    most: usize,
    pace: Mutex<Pace>,
}

/// How quick the answers are.
#[derive(Debug)]
struct Pace {
    /// How many turns there are, and how many there should be: those that are too many go as they come back.
    turns: usize,
    wanted: usize,
    answers: u32,
    /// The quickest of these answers, and of those before.
    quickest: Duration,
    before: Duration,
}

impl Abreast {
    /// Turns of at most as many calls as there may be connections.
    pub(super) fn of(connections: usize) -> Abreast {
        let processors = std::thread::available_parallelism().map_or(1, usize::from).min(connections);
        Abreast::new(processors, connections)
    }

    fn new(processors: usize, most: usize) -> Abreast {
        let pace =
            Pace { turns: processors, wanted: processors, answers: 0, quickest: Duration::MAX, before: Duration::MAX };
        Abreast { turns: Arc::new(Semaphore::new(processors)), processors, most, pace: Mutex::new(pace) }
    }

    /// Waits for a turn, as long as it takes.
    pub(super) async fn next(self: &Arc<Abreast>) -> Result<Turn, Error> {
        let permit = Arc::clone(&self.turns).acquire_owned().await.map_err(Error::internal)?;
        Ok(Turn { abreast: Arc::clone(self), permit: Some(permit) })
    }

    /// An answer took so long: how many turns there should be may be another number now.
    fn answered(&self, after: Duration) {
        let pace = &mut *self.pace.lock();
        pace.quickest = pace.quickest.min(after);
        pace.answers += 1;
        if pace.answers < ANSWERS {
            return;
        }
        let steps = pace.quickest.min(pace.before).as_micros().div_ceil(STEP.as_micros());
        let wanted = usize::try_from(steps).unwrap_or(self.most).saturating_mul(self.processors);
        pace.wanted = wanted.clamp(self.processors, self.most);
        if pace.wanted > pace.turns {
            self.turns.add_permits(pace.wanted - pace.turns);
            pace.turns = pace.wanted;
        } else {
            pace.turns -= self.turns.forget_permits(pace.turns - pace.wanted);
        }
        (pace.before, pace.quickest, pace.answers) = (pace.quickest, Duration::MAX, 0);
    }
}

/// A turn, until it is left or dropped.
#[derive(Debug)]
pub(super) struct Turn {
    abreast: Arc<Abreast>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// An answer took so long.
    pub(super) fn answered(&self, after: Duration) {
        self.abreast.answered(after);
    }

    /// Leaves it to others.
    pub(super) fn leave(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let pace = &mut *self.abreast.pace.lock();
        // One that is given back goes to whoever waits, so while somebody does none is ever free to be taken away.
        if pace.turns > pace.wanted {
            permit.forget();
            pace.turns -= 1;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;

    fn answers(abreast: &Abreast, each: Duration) -> usize {
        (0..ANSWERS).for_each(|_| abreast.answered(each));
        abreast.turns.available_permits()
    }

    #[test]
    fn there_are_as_many_turns_as_the_way_to_the_server_is_long() {
        let abreast = Abreast::new(2, 16);
        assert_eq!(abreast.turns.available_permits(), 2);
        assert_eq!(answers(&abreast, Duration::from_micros(150)), 2);
        let far = Duration::from_micros(900);
        assert_eq!(answers(&abreast, far), 2, "some were quick a moment ago");
        assert_eq!(answers(&abreast, far), 10);
        assert_eq!(answers(&abreast, Duration::from_secs(1)), 10);
        assert_eq!(answers(&abreast, Duration::from_secs(1)), 16, "as many as there may be connections");
        abreast.answered(Duration::ZERO);
        assert_eq!(answers(&abreast, far), 2, "one was quick");
    }

    #[tokio::test]
    async fn turns_that_are_taken_are_given_up_when_they_come_back() {
        let abreast = Arc::new(Abreast::new(1, 4));
        answers(&abreast, Duration::from_secs(1));
        let mut taken: Vec<_> = join_all((0..4).map(|_| abreast.next())).await;
        let mut waits = Box::pin(abreast.next());
        assert!((&mut waits).now_or_never().is_none());
        answers(&abreast, Duration::ZERO);
        taken.truncate(1);
        assert!((&mut waits).now_or_never().is_none(), "one has a turn, and there is one");
        drop(taken);
        drop(waits.await);
        assert_eq!(abreast.turns.available_permits(), 1);
    }
}
