//! Messages that are stored together.

use std::sync::Arc;

use async_nats::{Message, Subject};
use pintle_model::{Caller, Role};
use pintle_query::pipeline::Record;
use pintle_query::rest::Asker;
use pintle_store::Error as StoreError;
use serde_json::value::RawValue;

use super::QueueError;
use super::message::{Unread, Waiting};
use super::worker::Work;
use crate::door::Error;
use crate::letter::Sender;

/// How often a record is tried alone that the store, though it answers, calls an error of its own, or takes too long for.
const ALONE_MAX: u32 = 3;
/// How fast fewer are tried at once.
const FEWER: usize = 4;

/// Messages in the order of the stream.
#[derive(Debug, Default)]
pub(super) struct Batch {
    messages: Vec<(u64, Message)>,
    records: usize,
    bytes: usize,
}

/// Records of one sender, one behind the other.
struct Run {
    sender: Sender,
    asker: Asker,
    records: Vec<Record>,
}

impl Batch {
    pub(super) fn push(&mut self, number: u64, message: Message) {
        self.records += super::stream::records_of(&message.subject) as usize;
        self.bytes += message.payload.len();
        self.messages.push((number, message));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn records(&self) -> usize {
        self.records
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn first(&self) -> u64 {
        self.messages.first().map_or(0, |(number, _)| *number)
    }

    pub(super) fn last(&self) -> u64 {
        self.messages.last().map_or(0, |(number, _)| *number)
    }

    /// How many there are up to this one.
    pub(super) fn until(&self, last: u64) -> u64 {
        self.messages.iter().filter(|(number, _)| *number <= last).count() as u64
    }

    /// Where to tell of each that it is done with.
    pub(super) fn answers(self) -> Vec<Subject> {
        self.messages.into_iter().filter_map(|(_, message)| message.reply).collect()
    }

    /// Stores what they hold, in its order; what cannot be stored is kept with the reason.
    pub(super) async fn store(&self, work: &Work, chunk: &mut usize) -> Result<(), Error> {
        let mut open: Option<Run> = None;
        for (number, message) in &self.messages {
            let Waiting { sender, records, .. } = match Waiting::read(&message.payload) {
                Ok(waiting) => waiting,
                Err(Unread::Newer) => {
                    let what =
                        "a message was written by a newer version of Pintle: it waits for a worker of that version";
                    return Err(Error::Queue(QueueError::told(what)));
                }
                Err(Unread::Foreign) => {
                    keep_foreign(work, *number, message).await?;
                    continue;
                }
            };
            if open.as_ref().is_none_or(|run| run.sender != sender) {
                let run = open.replace(Run { asker: asker(&sender), sender, records: Vec::new() });
                store(work, run, chunk).await?;
            }
            for json in records {
                let Some(run) = &mut open else { continue };
                match work.planner.pipeline_again(work.id, json.get(), &run.asker) {
                    Ok(record) => run.records.push(record),
                    Err(fault) => keep(work, run, json, &fault.to_string()).await?,
                }
            }
        }
        store(work, open, chunk).await
    }
}

fn asker(sender: &Sender) -> Asker {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    Asker { caller: Arc::new(sender.clone().caller()), now, new_uuid: uuid::Uuid::now_v7 }
}

/// Keeps what a message says, as text, and of nobody.
async fn keep_foreign(work: &Work, number: u64, message: &Message) -> Result<(), Error> {
    // Of what no text has, and of what PostgreSQL's JSON has not.
    let text = String::from_utf8_lossy(&message.payload).replace('\0', "\u{fffd}");
    let json = serde_json::Value::String(text).to_string();
    let error =
        StoreError::Constraint { code: "22P02", message: "the message of the queue is none of Pintle's".to_owned() };
    work.storing.keep_unread(&json, &error, &asker(&Sender::of(&Caller::of(Role::Anon)))).await?;
    work.unreadable.increment(1);
    let (subject, bytes) = (message.subject.as_str(), message.payload.len());
    tracing::error!(subject, number, bytes, "a message of the queue is none of Pintle's: it is kept as a dead letter");
    Ok(())
}

/// Keeps a record that is none of the collection's any more.
async fn keep(work: &Work, run: &Run, json: &RawValue, fault: &str) -> Result<(), Error> {
    // Or not yet: a worker whose model is newer can read it.
    work.store.ready().await?;
    let error = StoreError::Constraint { code: "22P02", message: fault.to_owned() };
    work.storing.keep_unread(json.get(), &error, &run.asker).await
}

/// Stores the records of a run, `chunk` of them at a time: fewer where the store cannot, so that one that is to blame is found.
async fn store(work: &Work, run: Option<Run>, chunk: &mut usize) -> Result<(), Error> {
    let Some(Run { asker, mut records, .. }) = run else { return Ok(()) };
    // Who sent them has lost the right meanwhile.
    if let Err(fault) = work.planner.pipeline_open(work.id, asker.caller.role) {
        let error = StoreError::Constraint { code: "42501", message: fault.to_string() };
        for record in &records {
            work.storing.keep(record, &error, &asker).await?;
        }
        return Ok(());
    }
    let mut alone = 0;
    while !records.is_empty() {
        let rest = records.split_off(records.len().min((*chunk).max(1)));
        let count = records.len();
        // Kept for another try where this one fails.
        let spare = (count == 1).then(|| records.clone());
        match (work.storing.all(records, &asker).await, spare) {
            (Ok(_), _) => {
                records = rest;
                alone = 0;
                *chunk = (*chunk * 2).min(work.planner.model().pipeline(work.id).batch.records);
            }
            (Err(Error::Store(error @ (StoreError::Internal(_) | StoreError::Timeout))), Some(spare))
                if work.store.ready().await.is_ok() =>
            {
                alone += 1;
                if alone < ALONE_MAX {
                    records = spare;
                    records.extend(rest);
                    continue;
                }
                for record in &spare {
                    work.storing.keep(record, &error, &asker).await?;
                }
                (records, alone) = (rest, 0);
            }
            (Err(error), _) => {
                *chunk = count.div_ceil(FEWER);
                return Err(error);
            }
        }
    }
    Ok(())
}
