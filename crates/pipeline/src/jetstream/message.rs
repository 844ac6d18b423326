//! What waits in a stream: records of one sender and one partition, in the order in which they came.
//!
//! A record's partition is the hash of its `order` field's value (of its id, where there is none), so records that belong together are in one
//! partition. What one message holds is kept as a whole or not at all, so their order holds where a queue refuses or breaks.

use pintle_model::{PipelineId, Value};
use pintle_query::Planner;
use pintle_query::pipeline::Record;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::letter::Sender;

/// How many partitions a pipeline has: what may be stored side by side. Another number would put what belongs together apart.
pub(super) const PARTITIONS: usize = 8;
/// Records of a message at the most.
pub(super) const RECORDS_MAX: usize = 256;
/// Bytes of its records at the most, unless one alone has more.
const BYTES_MAX: usize = 256 << 10;

/// Records on their way into the stream.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) partition: usize,
    pub(super) records: u64,
    pub(super) json: Vec<u8>,
}

/// How messages are written: another number where that changes.
const VERSION: u32 = 1;

/// A message, as it is read again.
#[derive(Debug, Deserialize)]
pub(super) struct Waiting<'m> {
    version: u32,
    pub(super) sender: Sender,
    #[serde(borrow)]
    pub(super) records: Vec<&'m RawValue>,
}

/// Why a message cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// A newer Pintle wrote it, and can read it.
    Newer,
    /// It is none of Pintle's.
    Foreign,
}

impl Waiting<'_> {
    pub(super) fn read(payload: &[u8]) -> Result<Waiting<'_>, Unread> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        match serde_json::from_slice::<Waiting<'_>>(payload) {
            Ok(waiting) if waiting.version == VERSION => Ok(waiting),
            _ => match serde_json::from_slice(payload) {
                Ok(Version { version }) if version > VERSION => Err(Unread::Newer),
                _ => Err(Unread::Foreign),
            },
        }
    }
}

/// Puts records into messages: those of a partition in their order. A message has no more than so many bytes of records, unless one alone has more.
pub(super) fn messages(
    planner: &Planner,
    id: PipelineId,
    sender: &Sender,
    records: &[Record],
    most: usize,
) -> Vec<Message> {
    let most = most.min(BYTES_MAX);
    let pipeline = planner.model().pipeline(id);
    let sender = serde_json::to_string(sender).unwrap_or_default();
    let (mut done, mut open) = (Vec::new(), [const { None::<Message> }; PARTITIONS]);
    for record in records {
        let order: Vec<&Value> = match pipeline.order {
            Some(field) => record.value(field).into_iter().collect(),
            None => pipeline.id.iter().filter_map(|field| record.value(*field)).collect(),
        };
        let partition = partition(&order);
        let json = planner.pipeline_json(id, record);
        let full = |message: &Message| message.records >= RECORDS_MAX as u64 || message.json.len() + json.len() > most;
        if open[partition].as_ref().is_some_and(full) {
            done.extend(open[partition].take().map(Message::closed));
        }
        let message = open[partition].get_or_insert_with(|| Message {
            partition,
            records: 0,
            json: format!("{{\"version\":{VERSION},\"sender\":{sender},\"records\":[").into_bytes(),
        });
        if message.records > 0 {
            message.json.push(b',');
        }
        message.json.extend_from_slice(json.as_bytes());
        message.records += 1;
    }
    done.extend(open.into_iter().flatten().map(Message::closed));
    done
}

impl Message {
    fn closed(mut self) -> Message {
        self.json.extend_from_slice(b"]}");
        self
    }
}

/// Where records with these values go: FNV-1a, mixed once more since short texts change few of its bits. It is the same wherever and whenever
/// it is computed.
fn partition(values: &[&Value]) -> usize {
    let mut text = Vec::new();
    for value in values {
        value.write_json(&mut text);
        text.push(0);
    }
    let hash = text
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((mixed >> 33) as usize) % PARTITIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_newer_pintle_is_told_from_what_is_none() {
        let of = |version: u32| {
            format!(r#"{{"version":{version},"sender":{{"role":"anon","user":null,"claims":{{}}}},"records":[1]}}"#)
        };
        assert_eq!(Waiting::read(of(VERSION).as_bytes()).unwrap().records.len(), 1);
        assert_eq!(Waiting::read(of(VERSION + 1).as_bytes()).unwrap_err(), Unread::Newer);
        for foreign in ["no JSON", "{}", &of(0), r#"{"version":1}"#] {
            assert_eq!(Waiting::read(foreign.as_bytes()).unwrap_err(), Unread::Foreign, "{foreign}");
        }
    }

    #[test]
    fn partitions_are_those_of_every_version_and_all_are_used() {
        let of = |value: i64| partition(&[&Value::Integer(value)]);
        assert_eq!([1, 2, 3, 4, 5].map(of), [6, 6, 2, 1, 6]);
        let mut counts = [0; PARTITIONS];
        for value in 0..8000 {
            counts[of(value)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }
}
