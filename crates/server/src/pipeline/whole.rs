//! A body of JSON: one record, or an array of them.

use bytes::Bytes;
use hyper::StatusCode;
use pintle_pipeline::Answered;
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::batch::{Batch, Counts};
use super::{Posting, failure};
use crate::answer::{self, Answer};
use crate::body::Incoming;
use crate::failure::Failure;
use crate::handle::Ask;
use crate::status::{self, Surface};

/// Records of an array at the most.
const ARRAY_MAX: usize = 10_000;

/// Takes what the body holds.
pub(super) async fn answer(ask: &Ask<'_>, posting: &Posting, body: Incoming) -> Result<Answer, Failure> {
    let body = ask.body(body).await?;
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => many(posting, &body).await,
        _ => one(ask, posting, &body).await,
    }
}

/// One record: 201 with it, 200 where one with its id was there, 202 where it is in the queue, or could not be stored and is kept.
async fn one(ask: &Ask<'_>, posting: &Posting, body: &Bytes) -> Result<Answer, Failure> {
    let Posting { door, asker, .. } = posting;
    let role = asker.caller.role;
    let record = door.read(body, asker).map_err(|fault| ask.fault(fault, Surface::Plain))?;
    match door.one(&record, asker).await.map_err(|error| failure(error, role))? {
        Answered::New(rows) if rows.len > 0 => {
            Ok(answer::json(StatusCode::CREATED, rows.json.slice(1..rows.json.len() - 1)))
        }
        Answered::New(_) if record.counted => Ok(answer::empty(StatusCode::CREATED)),
        // What the caller gave, with what was filled in: the row is no other.
        Answered::New(_) => Ok(answer::json(StatusCode::CREATED, door.json(&record).into())),
        Answered::Accepted => Ok(answer::json(StatusCode::ACCEPTED, door.json(&record).into())),
        Answered::Seen => Ok(answer::json(StatusCode::OK, told(posting, &record, "stored", None))),
        Answered::Dead(error) => {
            let error = status::error(error, Surface::Plain, role).json();
            Ok(answer::json(StatusCode::ACCEPTED, told(posting, &record, "dead", Some(&error))))
        }
    }
}

/// A record's id, and what became of it.
fn told(posting: &Posting, record: &pintle_query::pipeline::Record, word: &str, error: Option<&[u8]>) -> Bytes {
    let mut out = b"{\"id\":".to_vec();
    if posting.door.write_id(record, &mut out) {
        out.push(b',');
    } else {
        out.truncate(1);
    }
    out.extend_from_slice(format!("\"status\":\"{word}\"").as_bytes());
    if let Some(error) = error {
        out.extend_from_slice(b",\"error\":");
        out.extend_from_slice(error);
    }
    out.push(b'}');
    out.into()
}

/// An array: an array of what became of each. 200 where all are stored, 202 where all are in the queue, else 207.
async fn many(posting: &Posting, body: &[u8]) -> Result<Answer, Failure> {
    let Array(records) = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => too_many(),
        _ => Failure::bad_request("the body is no JSON").details(error.to_string()),
    })?;
    let (mut batch, mut counts, mut out) = (Batch::default(), Counts::default(), vec![b'[']);
    for json in records {
        batch.push(posting, Ok(json.get().as_bytes()));
    }
    let taken = posting.take(batch.records(), true).await?;
    batch.tell(posting, taken, &mut counts, |outcome| {
        if outcome.index > 0 {
            out.push(b',');
        }
        outcome.write(&mut out);
    });
    out.push(b']');
    let status = match counts.records {
        all if all == counts.stored => StatusCode::OK,
        all if all == counts.accepted => StatusCode::ACCEPTED,
        _ => StatusCode::MULTI_STATUS,
    };
    Ok(answer::json(status, out.into()))
}

fn too_many() -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, format!("an array holds at most {ARRAY_MAX} records"))
        .hint("send more than that as a stream: a record a line, as application/x-ndjson")
}

/// The elements of an array, if they are not too many: each costs far more than the two bytes that it may be sent in.
struct Array<'b>(Vec<&'b RawValue>);

impl<'b> Deserialize<'b> for Array<'b> {
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Array<'b>, D::Error> {
        struct Elements;

        impl<'b> Visitor<'b> for Elements {
            type Value = Vec<&'b RawValue>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("records")
            }

            fn visit_seq<A: SeqAccess<'b>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut records = Vec::new();
                while let Some(record) = elements.next_element()? {
                    if records.len() == ARRAY_MAX {
                        return Err(A::Error::custom("too many"));
                    }
                    records.push(record);
                }
                Ok(records)
            }
        }

        deserializer.deserialize_seq(Elements).map(Array)
    }
}
