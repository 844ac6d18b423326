//! A partition of a pipeline's stream, as a worker takes from it.
//!
//! Whoever takes makes a *consumer*, a reader of the stream with a name of its own. A work queue has one consumer of a partition at a time,
//! so nobody else takes meanwhile, and a new one begins at the first message that was not acknowledged, in the stream's order. From that
//! follows that records are stored in their order whoever takes, and whatever breaks: all that come before one are stored when it is
//! stored. What breaks (a message that does not come, a store or a queue that does not answer) is therefore left, and begun anew. A
//! consumer of a worker that is gone is removed by another worker, or by the server a while later.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::QueueError;
use super::reader::{MESSAGES_MAX, Reader, remove};
use super::stream::{self, Wanted};
use super::worker::Work;

/// How long the server keeps a consumer that asks for nothing, at the least: a worker that stores asks for nothing meanwhile. Of one that
/// is gone others remove it.
const INACTIVE: Duration = Duration::from_secs(600);
/// As many statements as a batch may come to, each with all its time.
const STATEMENTS: u32 = 20;
/// How long the server waits for an acknowledgement. A worker that is gone is noticed in other ways.
const ACK_WAIT: Duration = Duration::from_secs(600);
/// How often it is logged that records wait.
const TOLD: Duration = Duration::from_secs(60);
/// How soon a partition that another worker has is looked at again.
const LOOK: Duration = Duration::from_millis(500);
/// How long is waited after something broke, at first and at the most.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// JetStream's number for a second consumer of a partition.
const NOT_UNIQUE: u64 = 10100;

/// A partition.
#[derive(Debug)]
pub(super) struct Partition {
    work: Arc<Work>,
    at: usize,
    stop: watch::Receiver<bool>,
    /// How many consumers it has made.
    made: u64,
    /// The last message that came.
    last: u64,
    /// Records that are stored at once; fewer where that went wrong.
    chunk: usize,
    /// When it was logged that they wait.
    warned: Option<Instant>,
}

/// Why it is no longer taken from.
#[derive(Debug, thiserror::Error)]
pub(super) enum Left {
    /// It is another worker's, or becomes it.
    #[error("another worker has it")]
    Another,
    /// The worker stops.
    #[error("the worker stops")]
    Stopped,
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("the records could not be stored")]
    Store(#[from] crate::door::Error),
}

impl Partition {
    pub(super) fn new(work: &Arc<Work>, at: usize, stop: watch::Receiver<bool>) -> Partition {
        let chunk = work.planner.model().pipeline(work.id).batch.records;
        Partition { work: Arc::clone(work), at, stop, made: 0, last: 0, chunk, warned: None }
    }

    /// Takes from it whenever it may, until the worker stops.
    pub(super) async fn run(mut self) {
        let mut pause = PAUSE;
        while !*self.stop.borrow() {
            if !self.work.share.take() {
                self.rest(LOOK).await;
                continue;
            }
            let (left, worked) = self.hold().await;
            if !matches!(left, Left::Another) {
                self.work.share.leave();
            }
            if worked {
                pause = PAUSE;
            }
            match left {
                Left::Another => self.rest(LOOK).await,
                Left::Stopped => return,
                broken @ (Left::Queue(_) | Left::Store(_)) => {
                    self.tell(&broken, pause);
                    self.rest(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    fn tell(&mut self, broken: &Left, pause: Duration) {
        let reason = super::reasons(broken);
        let pipeline = &self.work.planner.model().pipeline(self.work.id).name;
        // What passes at once is nothing to look after, and a queue that does not answer is told once, where it is looked at.
        let told = matches!(broken, Left::Queue(error) if !error.told);
        if pause >= 2 * PAUSE && !told && self.warned.is_none_or(|at| at.elapsed() > TOLD) {
            self.warned = Some(Instant::now());
            tracing::warn!(pipeline, partition = self.at, reason, "the queue's records wait");
        } else {
            tracing::debug!(pipeline, partition = self.at, reason, "begun anew");
        }
    }

    async fn rest(&mut self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = self.stop.changed() => {}
        }
    }

    /// Takes from it as long as nothing is against it; also tells whether anything was stored.
    async fn hold(&mut self) -> (Left, bool) {
        let wanted = self.work.stream.wanted();
        if let Err(other) = self.work.fits().await {
            return (other.into(), false);
        }
        let mut reader = match self.reader(&wanted).await {
            Ok(Some(reader)) => reader,
            Ok(None) => {
                self.work.share.leave();
                return (Left::Another, false);
            }
            Err(error) => return (error.into(), false),
        };
        let mut worked = false;
        let left = loop {
            if self.work.share.leave_more() {
                break Left::Another;
            }
            match self.step(&mut reader).await {
                Ok(some) => worked |= some,
                Err(left) => break left,
            }
        };
        reader.close().await;
        (left, worked)
    }

    /// Stores a batch, if one comes within a while.
    async fn step(&mut self, reader: &mut Reader) -> Result<bool, Left> {
        let limits = &self.work.planner.model().pipeline(self.work.id).batch;
        let (records, wait) = (limits.records, limits.wait);
        let batch = tokio::select! {
            batch = reader.batch(records, wait) => batch?,
            _ = self.stop.changed() => return Err(Left::Stopped),
        };
        self.work.fits().await?;
        if batch.is_empty() {
            return Ok(false);
        }
        // Meanwhile the next ones come.
        reader.pull().await?;
        let first = batch.first();
        if first <= self.last {
            self.work.again.increment(batch.until(self.last));
        }
        self.last = batch.last().max(self.last);
        batch.store(&self.work, &mut self.chunk).await?;
        reader.acknowledge(batch).await?;
        Ok(true)
    }

    /// A reader from the first message on; nothing where another worker has one.
    async fn reader(&mut self, wanted: &Wanted) -> Result<Option<Reader>, QueueError> {
        self.work.stream.good()?;
        let (queue, filter) = (&self.work.queue, stream::filter(wanted, self.at));
        self.made += 1;
        let name = format!("{}-{}-{}", self.at, self.work.presence.id, self.made);
        let limit = self.work.planner.model().limits.timeout;
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let config = json!({ "stream_name": wanted.name, "config": {
            "name": name,
            "filter_subject": filter,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "replay_policy": "instant",
            "ack_wait": nanos(ACK_WAIT),
            "max_deliver": -1,
            "max_ack_pending": MESSAGES_MAX * 4,
            "inactive_threshold": nanos(INACTIVE.max(limit * STATEMENTS)),
        }});
        let at = format!("CONSUMER.CREATE.{}.{name}.{filter}", wanted.name);
        match queue.ask::<Json>(&at, &config).await {
            Ok(_) => Reader::open(queue, &wanted.name, name).await.map(Some),
            Err(error) if error.code == NOT_UNIQUE => {
                self.remove_left(wanted).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes the consumer of this partition that is there, if it is of a worker that is gone, or one that this worker lost. Warns of one
    /// that no worker made.
    async fn remove_left(&mut self, wanted: &Wanted) -> Result<(), QueueError> {
        let names: Json = self.work.queue.ask(&format!("CONSUMER.NAMES.{}", wanted.name), &Json::Null).await?;
        let presence = &self.work.presence;
        for name in names["consumers"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            match maker(name) {
                Some((at, worker)) if at == self.at && (worker == presence.id || presence.is_gone(worker)) => {
                    remove(&self.work.queue, &wanted.name, name).await?;
                }
                None if self.warned.is_none_or(|at| at.elapsed() > TOLD) => {
                    self.warned = Some(Instant::now());
                    let (stream, partition) = (&wanted.name, self.at);
                    let help = "remove it: while it is there no worker can take what it takes";
                    tracing::warn!(
                        stream,
                        partition,
                        consumer = name,
                        help,
                        "a consumer of the stream is no worker's: records may wait for it"
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Of which partition, and of which worker, a consumer of this name is.
fn maker(name: &str) -> Option<(usize, &str)> {
    let mut parts = name.splitn(3, '-');
    let (at, worker, made) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
    let right = worker.len() == 32 && made.parse::<u64>().is_ok();
    right.then_some((at, worker))
}
