//! Answers as rows.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pintle_model::{Collection, Type, Value};
use pintle_query::rest::{Preferences, Resolution};
use pintle_query::{Read, Write};
use pintle_store::{Error, Tx};
use serde::Deserialize;

use super::{Asked, Digest, Idempotency, KEPT};
use crate::answer::{self, Answer};
use crate::failure::Failure;
use crate::handle::Ask;

/// Stands among the headers of an answer whose body is kept as a field of the type `bytes` is written. No header has such a name.
const BODY_IS: (&str, &str) = (":body", "bytes");

/// A kept answer.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    fingerprint: String,
    status: u16,
    headers: String,
    body: String,
}

/// How a request's answer is found and kept: planned before the transaction, which then only fills in the answer.
pub(super) struct Kept {
    find: Read,
    keep: Write,
    /// Where the status, the headers and the body stand in the row.
    status: usize,
    headers: usize,
    body: usize,
}

impl Kept {
    pub(super) fn new(shared: &Idempotency, ask: &Ask<'_>, asked: &Asked) -> Result<Kept, Failure> {
        let planner = &ask.state.planner;
        let asker = ask.state.asker(Arc::clone(&shared.service));
        let plain = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let query = format!(
            "select=fingerprint,status,headers,body&caller=eq.{}&path=eq.{}&key=eq.{}&created_at=gt.{}",
            plain(&asked.caller),
            plain(&asked.path),
            plain(&asked.key),
            plain(&timestamp(asker.now.saturating_sub(KEPT))),
        );
        let find = planner.rest_read(shared.collection, &query, &Preferences::default(), &asker);
        let row = serde_json::json!({
            "caller": asked.caller,
            "path": asked.path,
            "key": asked.key,
            "fingerprint": pintle_auth::hash_text(&asked.fingerprint),
            "status": 0,
            "headers": "",
            "body": "",
            "created_at": timestamp(asker.now),
        });
        // One that is there is too old, else it would have been found.
        let prefer = Preferences { resolution: Some(Resolution::MergeDuplicates), ..Preferences::default() };
        let keep = planner.rest_insert(shared.collection, "", row.to_string().as_bytes(), &prefer, &asker);
        let keep = keep.map_err(|fault| broken(&fault))?.write.ok_or_else(|| missing("write"))?;
        let collection = planner.model().collection(shared.collection);
        let place = |name: &'static str| place(collection, &keep, name).ok_or_else(|| missing(name));
        let (status, headers, body) = (place("status")?, place("headers")?, place("body")?);
        Ok(Kept { find: find.map_err(|fault| broken(&fault))?.read, keep, status, headers, body })
    }

    /// The answer that is kept, if there is one.
    pub(super) fn find(&self, tx: &mut dyn Tx) -> Result<Option<Row>, Error> {
        let rows = tx.read(&self.find)?;
        let rows: Vec<Row> = serde_json::from_slice(&rows.json).map_err(|error| Error::Internal(error.into()))?;
        Ok(rows.into_iter().next())
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, tx: &mut dyn Tx, answer: &Answer) -> Result<(), Error> {
        let headers = answer.headers().iter();
        let mut headers: Vec<(&str, Cow<'_, str>)> =
            headers.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect();
        let (body, is_text) = body_text(answer::whole(answer).into());
        if !is_text {
            headers.push((BODY_IS.0, BODY_IS.1.into()));
        }
        let headers = serde_json::to_string(&headers).map_err(|error| Error::Internal(error.into()))?;
        let mut keep = self.keep.clone();
        if let [row] = &mut *keep.rows {
            row[self.status] = Value::Integer(answer.status().as_u16().into());
            row[self.headers] = Value::Text(headers);
            row[self.body] = Value::Text(body);
        }
        tx.write(&keep).map(|_| ())
    }
}

impl Row {
    /// Whether it answers the request with this fingerprint.
    pub(super) fn is_of(&self, fingerprint: &Digest) -> bool {
        self.fingerprint == pintle_auth::hash_text(fingerprint)
    }

    /// The answer as it was.
    pub(super) fn answer(self) -> Answer {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let headers: Vec<(String, String)> = serde_json::from_str(&self.headers).unwrap_or_default();
        let is_text = !headers.iter().any(|(name, value)| (name.as_str(), value.as_str()) == BODY_IS);
        let mut answer = answer::bare(status, body_bytes(self.body, is_text).into());
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                answer.headers_mut().append(name, value);
            }
        }
        answer
    }
}

/// A body as a text that every store takes, and whether it is one by itself: PostgreSQL's have no NUL.
fn body_text(body: Vec<u8>) -> (String, bool) {
    match String::from_utf8(body) {
        Ok(text) if !text.contains('\0') => (text, true),
        Ok(text) => (Value::Bytes(text.into()).to_text(), false),
        Err(bytes) => (Value::Bytes(bytes.into_bytes()).to_text(), false),
    }
}

/// A body of its text.
fn body_bytes(text: String, is_text: bool) -> Vec<u8> {
    match Type::Bytes.read_text(&text) {
        Ok(Value::Bytes(bytes)) if !is_text => bytes,
        _ => text.into(),
    }
}

/// A time as parameters and records write it.
pub(super) fn timestamp(moment: i64) -> String {
    Value::Timestamp(moment).to_text()
}

/// Where a field's value stands in the rows of a write.
fn place(collection: &Collection, write: &Write, name: &str) -> Option<usize> {
    let (field, _) = collection.field(name)?;
    write.plan.fields.iter().position(|at| *at == field)
}

/// The collection is ours: what goes wrong there is nobody's mistake but ours.
fn broken(error: &dyn std::error::Error) -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error").because(error)
}

fn missing(what: &str) -> Failure {
    let mut failure = Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
    failure.cause = Some(format!("the plan that keeps an answer has no `{what}`"));
    failure
}
