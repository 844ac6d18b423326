//! A call that reads little, run where its request is handled: to hand it to a thread that may wait, and back, takes longer than it.
//!
//! 1. It runs up to its first question to the data, stops, and goes on with the answer; nobody waits in between.
//! 2. Whatever does not fit (it computes for longer than a moment, asks for something elsewhere, asks again where nobody expected that) is
//!    given up, without anything having come of it, and the whole call is run as any other.
//! 3. What a script did is remembered, so that this is seldom.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pintle_script::{Brought, Ended, Failure, Step};
use pintle_store::Snapshot;

use super::call::Work;
use super::host::{Asked, Data, Said, World};
use super::{Made, Refused, Why};

/// How long a script may hold up the thread that handles requests, by what the clock on the wall says.
const MOMENT: Duration = Duration::from_millis(5);
/// One in so many calls of a script that did not fit tries again.
const TRY_EACH: u32 = 32;
/// So many calls in a row do not fit before the next are not tried: one alone may have waited for a processor that others had.
const MISSES: u32 = 3;

/// What a script's calls did: hints for the next.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    /// One asked for data more than once.
    several: AtomicBool,
    /// So many calls in a row did not fit.
    misses: AtomicU32,
    /// So many calls are not tried here.
    others: AtomicU32,
}

impl Habits {
    fn fits(&self) -> bool {
        let less = |others: u32| others.checked_sub(1);
        self.others.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err()
    }

    fn did_fit(&self) {
        if self.misses.load(Ordering::Relaxed) > 0 {
            self.misses.store(0, Ordering::Relaxed);
        }
    }

    fn does_not_fit(&self) {
        if self.misses.fetch_add(1, Ordering::Relaxed) >= MISSES - 1 {
            self.others.store(TRY_EACH - 1, Ordering::Relaxed);
        }
    }
}

impl Work {
    /// Runs the call. `None`: it did not fit, and is as if it had not begun.
    pub(super) async fn quick(&self) -> Option<Result<Made, Refused>> {
        if self.writes || self.repeat.is_some() || !self.habits.fits() {
            return None;
        }
        let several = self.habits.several.load(Ordering::Relaxed);
        let mut snapshot = match self.store.snapshot(several, self.time).await {
            Ok(snapshot) => snapshot?,
            Err(error) => return Some(Err(error.into())),
        };
        self.parts(&mut snapshot, several).await
    }

    /// The call's parts; whether there may be `several` reads was said.
    async fn parts(&self, snapshot: &mut Snapshot, several: bool) -> Option<Result<Made, Refused>> {
        let due = Instant::now() + self.time;
        let begin = |world: &mut World<'_>| self.engine.begin_at_once(&self.program, &self.request, MOMENT, world);
        let (begun, mut said, mut asked) = self.part(Said::default(), begin);
        // Without an instance that is ready, one is made elsewhere.
        let mut called = begun?;
        let mut first = true;
        loop {
            let mut waiting = match called {
                Err(Failure::Time { .. }) => {
                    self.habits.does_not_fit();
                    return None;
                }
                Ok(Step::Waits(waiting)) => waiting,
                Ok(Step::Done(response)) => {
                    self.habits.did_fit();
                    return Some(self.made(Ok(response), said));
                }
                Err(failure) => return Some(self.made(Err(failure), said)),
            };
            let read = match &asked {
                Some(Asked::Look(look)) => &look.read,
                Some(Asked::Statement(read)) => &**read,
                None => {
                    self.habits.does_not_fit();
                    return None;
                }
            };
            if !first {
                self.habits.several.store(true, Ordering::Relaxed);
            }
            let found = match snapshot.read(read).await {
                Ok(Some(rows)) => Ok(rows),
                Ok(None) => {
                    if first || several {
                        self.habits.does_not_fit();
                    }
                    return None;
                }
                Err(error) => Err(error),
            };
            first = false;
            if Instant::now() >= due {
                return Some(Err(Refused { why: Why::Store(pintle_store::Error::Timeout), said: Box::new(said) }));
            }
            let question = asked.take()?;
            let go_on = |world: &mut World<'_>| {
                let answer = world.found(&question, found)?;
                waiting.may_take(MOMENT);
                Ok::<_, Ended>(self.engine.go_on(waiting, Brought::Found(answer), world))
            };
            let went_on;
            (went_on, said, asked) = self.part(said, go_on);
            called = went_on.unwrap_or(Err(Failure::Ended));
        }
    }

    /// A part of the call: what it came to, what was said so far, and for what it has stopped.
    fn part<T>(&self, said: Said, run: impl FnOnce(&mut World<'_>) -> T) -> (T, Said, Option<Asked>) {
        let mut world = World { work: self, data: Data::Stops(None), said };
        let came_to = run(&mut world);
        let asked = match world.data {
            Data::Stops(asked) => asked,
            Data::Steps(_) => None,
        };
        (came_to, world.said, asked)
    }
}
