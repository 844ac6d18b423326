//! Mutations that wait for the writer, or share a transaction there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pintle_model::CollectionId;
use pintle_query::Write;
use tokio::sync::oneshot;

use super::{Of, tx};
use crate::{Error, Ingested, Tx, Written};

/// Steps of a transaction.
pub(super) trait Steps: Send {
    /// Whether nobody waits for their answer any more.
    fn are_left(&self) -> bool;

    /// Runs them; whether what they did shall be kept. They run again when what they did was lost with the whole batch.
    fn run(&mut self, tx: &mut dyn Tx) -> bool;

    /// Answers what came of them, or the error that kept it from being kept.
    fn answer(self: Box<Self>, failed: Option<Error>);
}

/// What is to be done.
pub(super) enum Job {
    Write(Write, oneshot::Sender<Result<Written, Error>>),
    /// Many rows, each on its own.
    Ingest(Write, oneshot::Sender<Result<Ingested, Error>>),
    Steps(Box<dyn Steps>),
}

impl Job {
    /// Whether it may take long, so that others wait for their turn behind it.
    pub(super) fn is_long(&self) -> bool {
        !matches!(self, Job::Write(..))
    }
}

/// One mutation.
pub(super) struct Item {
    /// The handle that it came by.
    pub(super) of: Arc<Of>,
    pub(super) job: Job,
    /// Once it has run.
    pub(super) outcome: Option<Outcome>,
    _waiting: Waiting,
}

/// Counts one that waits, until it is answered.
pub(super) struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    /// One more; `None` if so many wait already.
    pub(super) fn new(count: &Arc<AtomicUsize>, most: usize) -> Option<Waiting> {
        let waiting = Waiting(Arc::clone(count));
        (waiting.0.fetch_add(1, Ordering::Relaxed) < most).then_some(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What came of a mutation, if its transaction is kept.
pub(super) enum Outcome {
    Write(Result<Written, Error>),
    Ingest(Result<Ingested, Error>),
    /// Steps are to be kept, with what they have written.
    Kept(Vec<CollectionId>),
    /// Nothing of the steps is left: they say why by themselves, or it is this.
    Undone(Option<Error>),
}

impl Item {
    pub(super) fn new(of: &Arc<Of>, job: Job, waiting: Waiting) -> Item {
        Item { of: Arc::clone(of), job, outcome: None, _waiting: waiting }
    }

    /// Whether who asked has left, when nothing has been promised yet.
    pub(super) fn is_left(&self) -> bool {
        match &self.job {
            Job::Write(_, reply) => reply.is_closed(),
            Job::Ingest(_, reply) => reply.is_closed(),
            Job::Steps(steps) => steps.are_left(),
        }
    }

    /// Tells that what it wrote was kept.
    pub(super) fn kept(&self) {
        let changes = &self.of.changes;
        match (&self.job, &self.outcome) {
            (Job::Write(write, _), Some(Outcome::Write(Ok(written)))) if tx::changes(write, written) => {
                changes.changed(changes.of_write(write));
            }
            (Job::Ingest(write, _), Some(Outcome::Ingest(Ok(done)))) if done.stored > 0 => {
                changes.changed(changes.of_write(write));
            }
            (_, Some(Outcome::Kept(changed))) => changes.changed(changed),
            _ => {}
        }
    }

    /// Answers it; `failed` is why its transaction was not kept.
    pub(super) fn answer(self, failed: Option<&Error>) {
        let failed = failed.map(Error::copied);
        match (self.job, self.outcome) {
            (Job::Write(_, reply), Some(Outcome::Write(outcome))) => {
                // An error of its own holds whether the rest was kept or not.
                let _ = reply.send(outcome.and_then(|written| failed.map_or(Ok(written), Err)));
            }
            (Job::Write(_, reply), _) => {
                let _ = reply.send(Err(failed.unwrap_or_else(super::writer::gone)));
            }
            (Job::Ingest(_, reply), Some(Outcome::Ingest(outcome))) => {
                let _ = reply.send(outcome.and_then(|done| failed.map_or(Ok(done), Err)));
            }
            (Job::Ingest(_, reply), _) => {
                let _ = reply.send(Err(failed.unwrap_or_else(super::writer::gone)));
            }
            (Job::Steps(steps), Some(Outcome::Undone(error))) => steps.answer(error),
            (Job::Steps(steps), outcome) => {
                steps.answer(failed.or_else(|| outcome.is_none().then(super::writer::gone)))
            }
        }
    }
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Item")
    }
}

/// How a round through a batch went.
pub(super) enum Round {
    /// All ran.
    Done,
    /// One of them took the whole transaction with it: the others run again.
    Again,
    /// The store cannot keep anything now.
    Failed(Error),
}

/// SQLite has rolled the whole transaction back (a full disk, an I/O error, a statement that took too long). The item at
/// `at` is answered with its error; those before it have lost what they did and run again.
pub(super) fn lost(batch: &mut Vec<Item>, at: usize) -> Round {
    let item = batch.remove(at);
    let error = match &item.outcome {
        Some(Outcome::Write(Err(error)) | Outcome::Ingest(Err(error))) => Some(error),
        _ => None,
    };
    if let Some(error @ (Error::Full | Error::ReadOnly | Error::Unavailable(_))) = error {
        let error = error.copied();
        batch.insert(at, item);
        return Round::Failed(error);
    }
    item.answer(Some(&Error::Timeout));
    for item in &mut batch[..at] {
        // What failed is not run again: nothing of it would be kept.
        if matches!(item.outcome, Some(Outcome::Write(Ok(_)) | Outcome::Ingest(Ok(_)) | Outcome::Kept(_))) {
            item.outcome = None;
        }
    }
    Round::Again
}
