//! Routes that a script answers.
//!
//! 1. [`call`] puts together what the call needs, before any store hears of it: the request as the script sees it, its limits.
//! 2. [`Work::steps`] is the call, inside one transaction, for which [`host`] is the world outside. PostgreSQL may run it
//!    again: what an attempt has logged, wants to send and answers goes with it, and only that of the last one counts.
//! 3. After the commit its log is written, what it sends goes to the [`outbox`], and its answer to the caller.
//! 4. What went wrong is a [`failure`].

mod call;
mod failure;
pub(crate) mod fetch;
mod host;
pub(crate) mod outbox;
mod response;
mod sql;

use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;
use pintle_model::CollectionId;
use pintle_store::{Error, Mode, Tx};

use self::call::{Gone, Work};
use self::host::{Said, World};
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
    Made(Answer, Said),
}

/// Why nothing of a call is kept, with what it had said until then.
struct Refused {
    why: Why,
    said: Box<Said>,
}

enum Why {
    Store(Error),
    Script(pintle_script::Failure),
    /// It answers what is no answer.
    Answer(String),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused { why: Why::Store(error), said: Box::default() }
    }
}

impl Work {
    async fn run(self: Arc<Work>) -> Result<Told, Failure> {
        let mode = if self.writes { Mode::Write } else { Mode::Read };
        let work = Arc::clone(&self);
        let ended = self.store.transaction(mode, move |tx| work.steps(tx)).await;
        match ended {
            Ok(Ended::Earlier(earlier)) => Ok(Told { answer: earlier?, reads: Vec::new() }),
            Ok(Ended::Made(answer, mut said)) => {
                self.outbox.post(std::mem::take(&mut said.letters), &self.id);
                Ok(Told { answer, reads: self.say(said) })
            }
            Err(Refused { why, said }) => {
                let reads = self.say(*said);
                Ok(Told { answer: failure::told(why, &self)?, reads })
            }
        }
    }

    /// One attempt of the call.
    fn steps(&self, tx: &mut dyn Tx) -> Result<Ended, Refused> {
        if self.gone.is_set() {
            return Err(Error::Timeout.into());
        }
        if let Some(repeat) = &self.repeat
            && let Some(earlier) = repeat.earlier(tx)?
        {
            return Ok(Ended::Earlier(earlier));
        }
        // A statement that takes too long is broken off too: the script's own clock only looks between its steps.
        tx.limit(self.time);
        let mut world = World { work: self, tx, due: Instant::now() + self.time, said: Said::default() };
        let called = self.engine.call(&self.program, &self.request, self.time, &mut world);
        let World { tx, mut said, .. } = world;
        let refused = |why, said| Err(Refused { why, said: Box::new(said) });
        let response = match (said.ended.take(), called) {
            (Some(error), _) => return refused(Why::Store(error), said),
            (None, Err(failure)) => return refused(Why::Script(failure), said),
            (None, Ok(response)) => response,
        };
        let answer = match response::answer(response) {
            Ok(answer) => answer,
            Err(reason) => return refused(Why::Answer(reason), said),
        };
        if let Some(repeat) = &self.repeat {
            repeat.keep(tx, &answer)?;
        }
        Ok(Ended::Made(answer, said))
    }

    /// Writes the log of a call; which collections it has read.
    fn say(&self, said: Said) -> Vec<CollectionId> {
        said.log.write(&self.id, self.program.path());
        said.reads.into_iter().collect()
    }
}
