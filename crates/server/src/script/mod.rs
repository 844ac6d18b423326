//! Routes that a script answers.
//!
//! 1. [`call`] puts together what the call needs, before any store hears of it: the request as the script sees it, its limits.
//! 2. [`Work::steps`] is the call, inside one transaction, for which [`host`] is the world outside. PostgreSQL may run it
//!    again: what an attempt has logged, wants to send and answers goes with it, and only that of the last one counts.
//!    A call that only reads and waits for an answer from elsewhere holds no transaction meanwhile, and goes on in another one.
//!    One that reads little is run where its request is handled, if it can be ([`quick`]).
//! 3. After the commit its log is written, what it sends goes to the [`outbox`], and its answer to the caller.
//! 4. What went wrong is a [`failure`].

mod call;
mod failure;
pub(crate) mod fetch;
mod host;
pub(crate) mod outbox;
mod quick;
mod response;
mod sql;

use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;
use pintle_model::CollectionId;
use pintle_script::{Brought, Fetched, Response, Step, Waiting};
use pintle_store::{Error, Mode, Tx};

use self::call::{Gone, Work};
use self::host::{Data, Said, World};
pub(crate) use self::quick::Habits;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::handle::Ask;
use crate::route::{Call, Told};

/// Runs the route's script.
pub(crate) async fn answer(ask: &Ask<'_>, call: &Call<'_>) -> Result<Told, Failure> {
    let work = Arc::new(Work::of(ask, call)?);
    // Dropped with the request, when its caller leaves or its time is over: the script then ends too.
    let _asking = Gone::when_dropped(&work.gone);
    if !work.writes {
        return work.run().await;
    }
    // In a task of its own: what was kept must also be sent, whoever still waits for the answer, and also while the server stops.
    let posting = work.outbox.posting().await;
    let run = async move {
        let told = work.run().await;
        drop(posting);
        told
    };
    tokio::spawn(run)
        .await
        .unwrap_or_else(|error| Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error").because(&error)))
}

/// What a call came to.
enum Ended {
    /// The request had been answered before, under its `Idempotency-Key`.
    Earlier(Result<Answer, Failure>),
    Made(Made),
    Waits(Paused),
}

/// An answer, with what was said beside it.
struct Made {
    answer: Answer,
    said: Said,
}

/// A call that waits for an answer from elsewhere.
struct Paused {
    waiting: Waiting,
    said: Said,
    /// When the script's time is over.
    due: Instant,
}

/// Why nothing of a call is kept, with what it had said until then.
struct Refused {
    why: Why,
    said: Box<Said>,
}

#[derive(Debug)]
enum Why {
    /// The store's, while the script waited for it.
    Store(Error),
    /// The store's, before the script began or once it had ended.
    Around(Error),
    Script(pintle_script::Failure),
    /// It answers what is no answer.
    Answer(String),
    /// It would wait for an answer from elsewhere, and too many do.
    Crowded,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused { why: Why::Around(error), said: Box::default() }
    }
}

impl Work {
    async fn run(self: Arc<Work>) -> Result<Told, Failure> {
        if let Some(made) = Box::pin(self.quick()).await {
            return self.told(made);
        }
        let mode = if self.writes { Mode::Write } else { Mode::Read };
        let mut from = None;
        loop {
            let (work, begins) = (Arc::clone(&self), from.is_none());
            let mut from_there = from.take();
            let steps = move |tx: &mut dyn Tx| match from_there.take() {
                // What a call did after it waited cannot be done again.
                None if !begins => Err(Error::Busy.into()),
                from => work.steps(tx, from),
            };
            match self.store.transaction(mode, steps).await {
                Ok(Ended::Waits(paused)) => from = Some(self.wait(paused).await),
                Ok(Ended::Earlier(earlier)) => return Ok(Told { answer: earlier?, reads: Vec::new() }),
                Ok(Ended::Made(made)) => return self.told(Ok(made)),
                Err(refused) => return self.told(Err(refused)),
            }
        }
    }

    /// Waits for the answer from elsewhere.
    async fn wait(&self, mut paused: Paused) -> (Paused, Fetched) {
        let fetched = match paused.said.waits.take() {
            Some((request, _place)) => self.fetcher.fetch(request, paused.due).await,
            None => Err("nothing was asked for".to_owned()),
        };
        (paused, fetched.map_or_else(Fetched::Failed, Fetched::Answer))
    }

    /// One attempt of the call, or its next part.
    fn steps(&self, tx: &mut dyn Tx, from: Option<(Paused, Fetched)>) -> Result<Ended, Refused> {
        if self.gone.is_set() {
            return Err(Error::Timeout.into());
        }
        if let Some(repeat) = &self.repeat
            && let Some(earlier) = repeat.earlier(tx)?
        {
            return Ok(Ended::Earlier(earlier));
        }
        let now = Instant::now();
        let due = from.as_ref().map_or(now + self.time, |(paused, _)| paused.due);
        // A statement that takes too long is broken off too: the script's own clock only looks between its steps.
        tx.limit(due.saturating_duration_since(now));
        let mut world = World { work: self, data: Data::Steps(tx), said: Said::default() };
        let called = match from {
            None => self.engine.begin(&self.program, &self.request, self.time, &mut world),
            Some((Paused { waiting, said, .. }, fetched)) => {
                world.said = said;
                self.engine.go_on(waiting, Brought::Fetched(fetched), &mut world)
            }
        };
        let World { data, said, .. } = world;
        let made = match called {
            Ok(Step::Waits(waiting)) => return Ok(Ended::Waits(Paused { waiting, said, due })),
            Ok(Step::Done(response)) => self.made(Ok(response), said)?,
            Err(failure) => self.made(Err(failure), said)?,
        };
        if let (Some(repeat), Data::Steps(tx)) = (&self.repeat, data) {
            repeat.keep(tx, &made.answer)?;
        }
        Ok(Ended::Made(made))
    }

    /// What a call came to that has ended.
    fn made(&self, called: Result<Response, pintle_script::Failure>, mut said: Said) -> Result<Made, Refused> {
        let why = match (said.ended.take(), called) {
            (Some(why), _) => why,
            (None, Err(failure)) => Why::Script(failure),
            (None, Ok(response)) => match response::answer(response) {
                Ok(answer) => return Ok(Made { answer, said }),
                Err(reason) => Why::Answer(reason),
            },
        };
        Err(Refused { why, said: Box::new(said) })
    }

    /// What is told of a call, once it is kept.
    fn told(&self, made: Result<Made, Refused>) -> Result<Told, Failure> {
        match made {
            Ok(Made { answer, mut said }) => {
                self.outbox.post(std::mem::take(&mut said.letters), &self.id);
                Ok(Told { answer, reads: self.say(said) })
            }
            Err(Refused { why, said }) => {
                let reads = self.say(*said);
                Ok(Told { answer: failure::told(why, self)?, reads })
            }
        }
    }

    /// Writes the log of a call; which collections it has read.
    fn say(&self, said: Said) -> Vec<CollectionId> {
        said.log.write(&self.id, self.program.path());
        said.reads.into_iter().collect()
    }
}
