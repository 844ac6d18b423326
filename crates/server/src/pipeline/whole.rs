//! A body of JSON: one record, or an array of them.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::Incoming;
use pintle_pipeline::Answered;
use serde_json::value::RawValue;

use super::batch::{Batch, Counts, Form};
use super::{Posting, failure};
use crate::answer::{self, Answer};
use crate::failure::Failure;
use crate::handle::Ask;
use crate::status::{self, Surface};

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
    let Posting { door, asker } = posting;
    let role = asker.caller.role;
    let record = door.read(body, asker).map_err(|fault| ask.fault(fault, Surface::Plain))?;
    match door.one(&record, asker).await.map_err(|error| failure(error, role))? {
        Answered::New(rows) if rows.len > 0 => {
            Ok(answer::json(StatusCode::CREATED, rows.json.slice(1..rows.json.len() - 1)))
        }
        Answered::New(_) if record.counted => Ok(answer::empty(StatusCode::CREATED)),
        // What the caller gave, with what was filled in: the row itself it may not see.
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
    let records: Vec<&RawValue> = serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request("the body is no JSON").details(error.to_string()))?;
    let (mut batch, mut counts, mut out) = (Batch::default(), Counts::default(), vec![b'[']);
    for (index, json) in (0..).zip(records) {
        batch.push(posting, index, json.get().as_bytes());
    }
    let taken = posting.door.take(batch.records(), &posting.asker).await;
    let taken = taken.map_err(|error| failure(error, posting.asker.caller.role))?;
    batch.write(posting, taken, Form::Array, &mut counts, &mut out);
    out.push(b']');
    let status = match counts.records {
        all if all == counts.stored => StatusCode::OK,
        all if all == counts.accepted => StatusCode::ACCEPTED,
        _ => StatusCode::MULTI_STATUS,
    };
    Ok(answer::json(status, out.into()))
}
