//! A consumer of a partition, and what comes by it.
//!
//! What is to come is asked for: so many messages, within a while. A server forgets such a request when the while is over, and not each
//! of its versions tells: one that is busy with messages may not. So where nothing comes for half of that, the next request is sent. What
//! came and was not taken yet is not asked for beyond: memory is bounded by it.

use std::time::Duration;

use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::batch::Batch;
use super::{JetStream, QueueError};

/// How long a request for messages stands, and after how long the next one is sent where nothing is here.
const PULL: Duration = Duration::from_secs(4);
const AGAIN: Duration = Duration::from_secs(2);
/// How many requests may be without any answer: the second one comes when the first ends.
const SILENT_MAX: u32 = 4;
/// Messages and bytes that are asked for at a time; one message of the largest kind fits in any case.
pub(super) const MESSAGES_MAX: usize = 1000;
const BYTES_MAX: usize = 1 << 20;

pub(super) async fn remove(queue: &JetStream, stream: &str, consumer: &str) -> Result<(), QueueError> {
    queue.ask(&format!("CONSUMER.DELETE.{stream}.{consumer}"), &Json::Null).await.map(|_: Json| ())
}

/// The only one who reads by a consumer.
pub(super) struct Reader {
    queue: JetStream,
    stream: String,
    name: String,
    inbox: String,
    messages: Subscriber,
    breaks: watch::Receiver<u64>,
    /// The last request's number, when it was sent, and how many of the messages that it asks for have not come since.
    asked: (u64, Instant),
    due: usize,
    /// How many requests were sent since anything came.
    silent: u32,
    /// Its next message's number, which tells when one is lost.
    next: u64,
    last: u64,
}

impl Reader {
    pub(super) async fn open(queue: &JetStream, stream: &str, name: String) -> Result<Reader, QueueError> {
        let inbox = queue.0.client.new_inbox();
        let mut breaks = queue.0.breaks.clone();
        breaks.mark_unchanged();
        let messages = queue.0.client.subscribe(format!("{inbox}.*")).await;
        let messages = messages.map_err(|error| QueueError::away(super::reasons(&error)))?;
        let (queue, stream) = (queue.clone(), stream.to_owned());
        let asked = (0, Instant::now());
        Ok(Reader { queue, stream, name, inbox, messages, breaks, asked, due: 0, silent: 0, next: 1, last: 0 })
    }

    /// Asks for messages, unless some are to come still.
    pub(super) async fn pull(&mut self) -> Result<(), QueueError> {
        if self.due > 0 {
            return Ok(());
        }
        self.ask().await
    }

    async fn ask(&mut self) -> Result<(), QueueError> {
        let number = self.asked.0;
        if self.silent == SILENT_MAX {
            return Err(QueueError::away("the queue was silent"));
        }
        let client = &self.queue.0.client;
        let bytes = BYTES_MAX.max(client.max_payload() + (64 << 10));
        let expires = u64::try_from(PULL.as_nanos()).unwrap_or(u64::MAX);
        let ask = json!({ "batch": MESSAGES_MAX, "max_bytes": bytes, "expires": expires });
        let at = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.stream, self.name);
        let sent = client.publish_with_reply(at, self.answers_to(number + 1), ask.to_string().into()).await;
        sent.map_err(|error| QueueError::away(super::reasons(&error)))?;
        (self.asked, self.due, self.silent) = ((number + 1, Instant::now()), MESSAGES_MAX, self.silent + 1);
        Ok(())
    }

    /// Where the end of a request is told.
    fn answers_to(&self, number: u64) -> String {
        format!("{}.{number}", self.inbox)
    }

    /// What comes next, up to so many records, or as many as come within this time of the first. Empty where nothing came for a while.
    pub(super) async fn batch(&mut self, records: usize, wait: Duration) -> Result<Batch, QueueError> {
        let mut batch = Batch::default();
        let mut until = None;
        while batch.records() < records && batch.bytes() < BYTES_MAX {
            self.pull().await?;
            let again = self.asked.1 + AGAIN;
            let next = self.messages.next();
            let message = tokio::select! {
                biased;
                _ = self.breaks.changed() => return Err(QueueError::away("the connection to the queue broke")),
                message = tokio::time::timeout_at(until.map_or(again, |until| again.min(until)), next) => message,
            };
            match message {
                Err(_) if until.is_none_or(|until| until <= Instant::now()) => break,
                // It is time to ask again: nothing is here.
                Err(_) => self.ask().await?,
                Ok(None) => return Err(QueueError::away("the queue was left")),
                Ok(Some(message)) if message.status.is_none() => {
                    self.take(message, &mut batch)?;
                    until.get_or_insert_with(|| Instant::now() + wait);
                }
                Ok(Some(status)) => self.ended(&status)?,
            }
        }
        Ok(batch)
    }

    /// A request for messages has ended. What stood before the last one may do so at any time.
    fn ended(&mut self, status: &Message) -> Result<(), QueueError> {
        self.silent = 0;
        let last = status.subject.as_str() == self.answers_to(self.asked.0);
        told(status, !last || self.due < MESSAGES_MAX)?;
        if last {
            self.due = 0;
        }
        Ok(())
    }

    /// Puts a message into the batch, if it is the one behind the last.
    fn take(&mut self, message: Message, batch: &mut Batch) -> Result<(), QueueError> {
        let place = message.reply.as_deref().and_then(place);
        let Some((of_stream, of_consumer)) = place else { return Err(QueueError::away("a message has no number")) };
        if of_consumer != self.next || of_stream <= self.last {
            return Err(QueueError::away("a message was lost"));
        }
        (self.next, self.last, self.due) = (of_consumer + 1, of_stream, self.due.saturating_sub(1));
        self.silent = 0;
        batch.push(of_stream, message);
        Ok(())
    }

    /// Tells the stream that these are done with; it removes them then. The last one is answered, and with it all before it.
    pub(super) async fn acknowledge(&self, batch: Batch) -> Result<(), QueueError> {
        let mut answers = batch.answers();
        let Some(last) = answers.pop() else { return Ok(()) };
        for reply in answers {
            let sent = self.queue.0.client.publish(reply, Bytes::new()).await;
            sent.map_err(|error| QueueError::away(super::reasons(&error)))?;
        }
        self.queue.confirm(last).await
    }

    pub(super) async fn close(mut self) {
        // Who reads no more asks for no more; where this does not arrive the server removes it by itself.
        let _ = self.messages.unsubscribe().await;
        let _ = remove(&self.queue, &self.stream, &self.name).await;
    }
}

/// Whether a request for messages, upon which some came or none, has ended as it should.
fn told(message: &Message, came: bool) -> Result<(), QueueError> {
    let status = message.status.map_or(0, |status| status.as_u16());
    let words = message.description.as_deref().unwrap_or_default();
    match status {
        404 | 408 => Ok(()),
        // It has delivered all the bytes that it may.
        409 if came && words.contains("MaxBytes") || words.contains("Batch Completed") => Ok(()),
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
