//! A partition of a pipeline's stream, as a worker takes from it.
//!
//! Whoever takes makes a *consumer*, a reader of the stream with a name of its own. A work queue has one consumer of a partition at a time,
//! so nobody else takes meanwhile, and a new one begins at the first message that was not acknowledged, in the stream's order. From that
//! follows that records are stored in their order whoever takes, and whatever breaks: all that come before one are stored when it is
//! stored. What breaks (a message that does not come, a store or a queue that does not answer) is therefore left, and begun anew. A
//! consumer of a worker that is gone is removed by another worker, or by the server a while later.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::batch::Batch;
use super::stream::{self, Wanted};
use super::worker::Work;
use super::{ANSWER_MAX, JetStream, QueueError};

/// How long a request for messages stands.
const PULL: Duration = Duration::from_secs(2);
/// Messages and bytes that are asked for at a time; one message of the largest kind fits in any case.
const MESSAGES_MAX: usize = 1000;
const BYTES_MAX: usize = 1 << 20;
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

    /// Removes the consumer of this partition that is there, if it is of a worker that is gone, or one that this worker lost.
    async fn remove_left(&self, wanted: &Wanted) -> Result<(), QueueError> {
        let names: Json = self.work.queue.ask(&format!("CONSUMER.NAMES.{}", wanted.name), &Json::Null).await?;
        let presence = &self.work.presence;
        for name in names["consumers"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            let mut parts = name.splitn(3, '-');
            let here = parts.next().is_some_and(|at| at == self.at.to_string());
            let left = parts.next().is_some_and(|worker| worker == presence.id || presence.is_gone(worker));
            if here && left {
                remove(&self.work.queue, &wanted.name, name).await?;
            }
        }
        Ok(())
    }
}

async fn remove(queue: &JetStream, stream: &str, consumer: &str) -> Result<(), QueueError> {
    queue.ask(&format!("CONSUMER.DELETE.{stream}.{consumer}"), &Json::Null).await.map(|_: Json| ())
}

/// A consumer, and what comes by it.
struct Reader {
    queue: JetStream,
    stream: String,
    name: String,
    inbox: String,
    messages: Subscriber,
    breaks: watch::Receiver<u64>,
    /// Messages that were asked for and have not come yet.
    due: usize,
    /// Its next message's number, which tells when one is lost.
    next: u64,
    last: u64,
}

impl Reader {
    async fn open(queue: &JetStream, stream: &str, name: String) -> Result<Reader, QueueError> {
        let inbox = queue.0.client.new_inbox();
        let mut breaks = queue.0.breaks.clone();
        breaks.mark_unchanged();
        let messages = queue.0.client.subscribe(inbox.clone()).await;
        let messages = messages.map_err(|error| QueueError::away(super::reasons(&error)))?;
        let (queue, stream) = (queue.clone(), stream.to_owned());
        Ok(Reader { queue, stream, name, inbox, messages, breaks, due: 0, next: 1, last: 0 })
    }

    /// Asks for messages, unless some are to come still.
    async fn pull(&mut self) -> Result<(), QueueError> {
        if self.due > 0 {
            return Ok(());
        }
        let client = &self.queue.0.client;
        let bytes = BYTES_MAX.max(client.max_payload() + (64 << 10));
        let expires = u64::try_from(PULL.as_nanos()).unwrap_or(u64::MAX);
        let ask = json!({ "batch": MESSAGES_MAX, "max_bytes": bytes, "expires": expires });
        let at = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.stream, self.name);
        let sent = client.publish_with_reply(at, self.inbox.clone(), ask.to_string().into()).await;
        sent.map_err(|error| QueueError::away(super::reasons(&error)))?;
        self.due = MESSAGES_MAX;
        Ok(())
    }

    /// What comes next, up to so many records, or as many as come within this time of the first. Empty where nothing came for a while.
    async fn batch(&mut self, records: usize, wait: Duration) -> Result<Batch, QueueError> {
        let mut batch = Batch::default();
        let mut until = None;
        while batch.records() < records && batch.bytes() < BYTES_MAX {
            self.pull().await?;
            let next = self.messages.next();
            let message = tokio::select! {
                biased;
                _ = self.breaks.changed() => return Err(QueueError::away("the connection to the queue broke")),
                message = tokio::time::timeout_at(until.unwrap_or_else(|| Instant::now() + PULL + ANSWER_MAX), next) => message,
            };
            match message {
                Err(_) if until.is_some() => break,
                Err(_) => return Err(QueueError::away("the queue was silent")),
                Ok(None) => return Err(QueueError::away("the queue was left")),
                Ok(Some(message)) if message.status.is_none() => {
                    self.take(message, &mut batch)?;
                    until.get_or_insert_with(|| Instant::now() + wait);
                }
                Ok(Some(status)) => {
                    let came = std::mem::take(&mut self.due) < MESSAGES_MAX;
                    if told(&status, came)? && batch.is_empty() {
                        break;
                    }
                }
            }
        }
        Ok(batch)
    }

    /// Puts a message into the batch, if it is the one behind the last.
    fn take(&mut self, message: Message, batch: &mut Batch) -> Result<(), QueueError> {
        let place = message.reply.as_deref().and_then(place);
        let Some((of_stream, of_consumer)) = place else { return Err(QueueError::away("a message has no number")) };
        if of_consumer != self.next || of_stream <= self.last {
            return Err(QueueError::away("a message was lost"));
        }
        (self.next, self.last, self.due) = (of_consumer + 1, of_stream, self.due.saturating_sub(1));
        batch.push(of_stream, message);
        Ok(())
    }

    /// Tells the stream that these are done with; it removes them then. The last one is answered, and with it all before it.
    async fn acknowledge(&self, batch: Batch) -> Result<(), QueueError> {
        let mut answers = batch.answers();
        let Some(last) = answers.pop() else { return Ok(()) };
        for reply in answers {
            let sent = self.queue.0.client.publish(reply, Bytes::new()).await;
            sent.map_err(|error| QueueError::away(super::reasons(&error)))?;
        }
        self.queue.confirm(last).await
    }

    async fn close(mut self) {
        // Who reads no more asks for no more; where this does not arrive the server removes it by itself.
        let _ = self.messages.unsubscribe().await;
        let _ = remove(&self.queue, &self.stream, &self.name).await;
    }
}

/// Whether a request for messages, upon which some came or none, has ended since there are none.
fn told(message: &Message, came: bool) -> Result<bool, QueueError> {
    let status = message.status.map_or(0, |status| status.as_u16());
    let words = message.description.as_deref().unwrap_or_default();
    match status {
        404 | 408 => Ok(true),
        // It has delivered all the bytes that it may.
        409 if came && words.contains("MaxBytes") || words.contains("Batch Completed") => Ok(false),
        409 if words.contains("MaxBytes") => Err(QueueError::told("a message is larger than NATS' `max_payload`")
            .help("raise `max_payload` to what it was when the message came")),
        _ => Err(QueueError::away(format!("the consumer is gone: {status} {words}"))),
    }
}

/// A message's number in the stream and in the consumer, which the subject of its acknowledgement ends with:
/// `$JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.DELIVERED.STREAM_NUMBER.CONSUMER_NUMBER.TIME.PENDING[.TOKEN]`
fn place(reply: &str) -> Option<(u64, u64)> {
    let parts: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
    let first = if parts.len() == 7 { 3 } else { 5 };
    Some((parts.get(first)?.parse().ok()?, parts.get(first + 1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_messages_numbers_are_read_from_both_forms_of_its_subject() {
        assert_eq!(place("$JS.ACK.pintle-a-b.0-c-1.1.57.3.1700000000000000000.12"), Some((57, 3)));
        assert_eq!(place("$JS.ACK.hub.HASH.pintle-a-b.0-c-1.1.57.3.1700000000000000000.12.token"), Some((57, 3)));
        assert_eq!(place("_INBOX.1"), None);
    }
}
