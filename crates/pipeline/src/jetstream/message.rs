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
const RECORDS_MAX: usize = 256;
/// Bytes of its records at the most, unless one alone has more.
const BYTES_MAX: usize = 256 << 10;

/// Records on their way into the stream.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) partition: usize,
    pub(super) records: u64,
    pub(super) json: Vec<u8>,
}

/// A message, as it is read again.
#[derive(Debug, Deserialize)]
pub(super) struct Waiting<'m> {
    pub(super) sender: Sender,
    #[serde(borrow)]
    pub(super) records: Vec<&'m RawValue>,
}

/// Puts records into messages: those of a partition in their order.
pub(super) fn messages(planner: &Planner, id: PipelineId, sender: &Sender, records: &[Record]) -> Vec<Message> {
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
        let full =
            |message: &Message| message.records >= RECORDS_MAX as u64 || message.json.len() + json.len() > BYTES_MAX;
        if open[partition].as_ref().is_some_and(full) {
            done.extend(open[partition].take().map(Message::closed));
        }
        let message = open[partition].get_or_insert_with(|| Message {
            partition,
            records: 0,
            json: format!("{{\"sender\":{sender},\"records\":[").into_bytes(),
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
