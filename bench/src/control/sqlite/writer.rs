//! The control's writer: one thread, one connection, one commit for all that wait.

use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context, Result};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::super::body::NewItem;
use super::super::location::NewLocation;
use super::{database, locations};

/// Inserts that share a commit at the most.
const BATCH_MAX: usize = 512;

/// What is to be stored.
pub(super) enum New {
    /// With the moment at which it was created.
    Item(NewItem, String),
    Location(NewLocation),
}

/// Why an insert was not kept.
#[derive(Debug)]
pub(super) enum Refused {
    /// One with its key is there.
    Taken,
    Failed(String),
}

struct Job {
    new: New,
    reply: oneshot::Sender<Result<(), Refused>>,
}

/// The way to the thread.
pub(super) struct Writer {
    jobs: Sender<Job>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Writer> {
        let (jobs, waiting) = channel();
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || run(&connection, &waiting))
            .context("cannot start the writer")?;
        Ok(Writer { jobs })
    }

    /// Stores it, and returns once it is durable.
    pub(super) async fn insert(&self, new: New) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        let gone = || Refused::Failed("the writer has ended".to_owned());
        self.jobs.send(Job { new, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn run(connection: &Connection, waiting: &Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    let mut outcomes = Vec::with_capacity(BATCH_MAX);
    while let Ok(first) = waiting.recv() {
        batch.push(first);
        while batch.len() < BATCH_MAX
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        let committed = commit(connection, &batch, &mut outcomes);
        // If not even the transaction began, there are no outcomes.
        outcomes.resize_with(batch.len(), || Ok(()));
        for (job, outcome) in batch.drain(..).zip(outcomes.drain(..)) {
            let outcome = committed.as_ref().map_err(|error| Refused::Failed(error.to_string())).and(outcome);
            // Who asked may have left.
            let _ = job.reply.send(outcome);
        }
    }
}

/// A failed insert leaves nothing behind and does not touch its neighbours: it is one statement.
fn commit(connection: &Connection, batch: &[Job], outcomes: &mut Vec<Result<(), Refused>>) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    outcomes.extend(batch.iter().map(|job| insert(connection, &job.new)));
    let committed = connection.prepare_cached("COMMIT")?.execute([]);
    if committed.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    committed.map(|_| ())
}

fn insert(connection: &Connection, new: &New) -> Result<(), Refused> {
    match new {
        New::Item(item, created) => {
            database::insert(connection, item, created).map_err(|error| match error.sqlite_error_code() {
                Some(ErrorCode::ConstraintViolation) => Refused::Taken,
                _ => Refused::Failed(error.to_string()),
            })
        }
        New::Location(location) => match locations::insert(connection, location) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refused::Taken),
            Err(error) => Err(Refused::Failed(error.to_string())),
        },
    }
}
