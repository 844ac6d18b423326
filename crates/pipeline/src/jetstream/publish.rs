//! Publishing: what a door takes goes into the stream, and is answered when the stream has it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use pintle_model::PipelineId;
use pintle_query::pipeline::Record;
use pintle_query::rest::Asker;
use pintle_query::{Fault, FaultKind, Planner};
use serde::Deserialize;
use tokio::time::Instant;

use super::message::{Message, PARTITIONS, messages};
use super::stream::Stream;
use super::{ANSWER_MAX, JetStream, QueueError};
use crate::dead::DeadLetters;
use crate::door::Error;
use crate::letter::Sender;
use crate::metrics::Metrics;
use crate::storing::Storing;

/// How long who can wait does so: for room, or for the queue to answer again.
const PATIENCE: Duration = Duration::from_secs(30);
/// How soon it is tried again.
const PAUSE: Duration = Duration::from_millis(50);
/// JetStream's number for what a stream does not keep, and what it says where that is for its bound.
const NOT_KEPT: u64 = 10077;
const TOO_MANY: &str = "maximum messages exceeded";
/// Bytes of a message that are not a record's: who sent it.
const AROUND: usize = 64 << 10;
/// A record of so many bytes fits into any message.
const SMALL: usize = 1 << 10;

/// The way into the stream of a pipeline.
#[derive(Debug)]
pub(crate) struct Publisher {
    queue: JetStream,
    stream: Arc<Stream>,
    planner: Arc<Planner>,
    id: PipelineId,
    dead: Arc<DeadLetters>,
    metrics: Arc<Metrics>,
}

/// JetStream has a message.
#[derive(Debug, Deserialize)]
struct Kept {
    #[expect(dead_code, reason = "an answer without it is no acknowledgement")]
    seq: u64,
}

impl Publisher {
    pub(crate) fn new(queue: &JetStream, storing: &Storing, metrics: &Arc<Metrics>) -> Publisher {
        let (planner, id) = (&storing.planner, storing.id);
        Publisher {
            dead: Arc::clone(&storing.dead),
            stream: queue.stream(planner.model(), id),
            queue: queue.clone(),
            planner: Arc::clone(planner),
            id,
            metrics: Arc::clone(metrics),
        }
    }

    /// Whether a message can hold the record, which came in so many bytes.
    pub(crate) fn fits(&self, record: &Record, bytes: usize) -> Result<(), Fault> {
        let most = self.most();
        if bytes <= SMALL || self.planner.pipeline_json(self.id, record).len() <= most {
            return Ok(());
        }
        Err(Fault::new(
            FaultKind::Body,
            format!("the record has more than {most} bytes, which is what the queue takes"),
        ))
    }

    /// Bytes of records that a message may have.
    fn most(&self) -> usize {
        match self.queue.0.client.max_payload() {
            // The server has not said it.
            0 => usize::MAX,
            payload => payload - AROUND.min(payload / 4),
        }
    }

    /// Publishes records: those that belong together in their order. The patient wait for room.
    pub(crate) async fn take(&self, records: &[Record], asker: &Asker, patient: bool) -> Result<(), Error> {
        let begun = Instant::now();
        let until = begun + if patient { PATIENCE } else { ANSWER_MAX };
        let count = records.len() as u64;
        // What a worker takes it keeps in any case, so the bound of the dead letters holds here.
        if self.dead.is_full(asker) {
            self.metrics.turned_away.increment(count);
            return Err(Error::Letters(self.planner.model().pipeline(self.id).dead_letters.records));
        }
        let flying = loop {
            match self.stream.room(count) {
                Ok(flying) => break flying,
                Err(_) if patient && Instant::now() < until => tokio::time::sleep(PAUSE).await,
                Err(waiting) => {
                    self.metrics.turned_away.increment(count);
                    return Err(Error::Full(waiting));
                }
            }
        };
        let all = messages(&self.planner, self.id, &Sender::of(&asker.caller), records, self.most());
        let alone = all.len() == 1 && !patient;
        let mut by_partition = [const { Vec::new() }; PARTITIONS];
        for message in all {
            by_partition[message.partition].push(message);
        }
        let wanted = self.stream.wanted();
        // One after the other in each, so that none is in the stream before one that came earlier.
        let partitions = by_partition.into_iter().filter(|messages| !messages.is_empty()).map(async |messages| {
            for Message { partition, records, json } in messages {
                let subject = format!("{}.{partition}.{records}", wanted.subject);
                self.publish(&subject, json.into(), if alone { begun } else { until }, patient).await?;
            }
            Ok(())
        });
        let outcome: Result<(), QueueError> = join_all(partitions).await.into_iter().collect();
        match outcome {
            Ok(()) => {
                flying.arrived();
                self.metrics.accepted.increment(count);
                Ok(())
            }
            Err(error) if error.is_full() => {
                self.metrics.turned_away.increment(count);
                Err(Error::Full(count))
            }
            Err(error) => Err(Error::Queue(error)),
        }
    }

    async fn publish(&self, subject: &str, json: Bytes, until: Instant, patient: bool) -> Result<(), QueueError> {
        loop {
            let kept: Result<Kept, QueueError> = match self.stream.good() {
                Ok(()) => self.queue.request(subject.to_owned(), json.clone()).await,
                Err(error) => Err(error),
            };
            match kept {
                Ok(_) => return Ok(()),
                // What came with it may be kept already, so it is worth a while.
                Err(error)
                    if Instant::now() < until && (error.is_full() || error.passes() || patient && !error.told) =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl QueueError {
    /// JetStream itself says that it cannot now.
    fn passes(&self) -> bool {
        self.code != 0 && !self.told
    }

    fn is_full(&self) -> bool {
        self.code == NOT_KEPT && self.message.contains(TOO_MANY)
    }
}
