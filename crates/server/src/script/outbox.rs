//! What scripts send after their commit: in the background, for each origin one after another in the order of the commits, once.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Client, Request};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;

/// Letters that may wait for an origin: a minute of a busy app's. One more is not sent, and the log says so.
const WAITING_MAX: usize = 1000;

/// What is given to them in any case when the server stops.
const DRAIN_TIME_MIN: Duration = Duration::from_secs(1);

/// A request that is ready to go.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) client: Client,
    pub(super) request: Request,
    /// Where to.
    pub(super) origin: String,
    /// How long its answer is waited for.
    pub(super) time: Duration,
}

/// A letter with the id of the request that it comes from.
type Posted = (String, Letter);

/// What waits to be sent. Shared by the states of a server: a changed app goes on with it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queues: Mutex<HashMap<String, Sender<Posted>>>,
    at_work: Mutex<JoinSet<()>>,
}

impl Outbox {
    /// Takes letters, to be sent soon.
    pub(super) fn post(&self, letters: Vec<Letter>, id: &str) {
        if letters.is_empty() {
            return;
        }
        let mut queues = self.queues.lock();
        for letter in letters {
            let origin = letter.origin.clone();
            let queue = queues.entry(origin).or_insert_with(|| {
                let (queue, posted) = mpsc::channel(WAITING_MAX);
                self.at_work.lock().spawn(deliver(posted));
                queue
            });
            if let Err(error) = queue.try_send((id.to_owned(), letter)) {
                let (id, letter) = error.into_inner();
                tracing::error!(id, origin = letter.origin, "a script's request is not sent: too many wait already");
            }
        }
    }

    /// Sends what waits, for at most `time` or a second. Nothing may be posted any more.
    pub(crate) async fn drain(&self, time: Duration) {
        self.queues.lock().clear();
        let mut at_work = std::mem::take(&mut *self.at_work.lock());
        let all = async { while at_work.join_next().await.is_some() {} };
        if tokio::time::timeout(time.max(DRAIN_TIME_MIN), all).await.is_err() {
            tracing::error!("what scripts wanted to send was not sent in time, and is given up");
            at_work.shutdown().await;
        }
    }
}

/// Sends to one origin, one after another, until there is nothing more to come.
async fn deliver(mut posted: Receiver<Posted>) {
    while let Some((id, letter)) = posted.recv().await {
        let (origin, time) = (letter.origin.clone(), letter.time);
        match tokio::time::timeout(time, letter.answer()).await {
            Ok(Ok(answer)) if answer.status < 400 => {
                tracing::debug!(id, origin, status = answer.status, "a script's request was answered");
            }
            Ok(Ok(answer)) => tracing::warn!(id, origin, status = answer.status, "a script's request was refused"),
            Ok(Err(reason)) => tracing::warn!(id, origin, reason, "a script's request came to nothing"),
            Err(_) => {
                tracing::warn!(id, origin, time_ms = time.as_millis(), "a script's request was not answered in time")
            }
        }
    }
}
