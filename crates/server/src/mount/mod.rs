//! Mounts: collections as plain resources.

mod change;
mod create;
mod get;
mod list;
mod refused;

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use pintle_store::Rows;

use crate::answer::{self, Answer};
use crate::body::{self, Incoming};
use crate::etag;
use crate::failure::Failure;
use crate::handle::Ask;
use crate::percent;
use crate::routes::Mounted;

const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Answers at the list's address.
pub(crate) async fn list(ask: Ask<'_>, mounted: &Mounted, body: Incoming) -> Result<Answer, Failure> {
    match *method(&ask, mounted)? {
        Method::GET | Method::HEAD => list::answer(ask, mounted).await,
        Method::POST => create::answer(ask, mounted, body).await,
        _ => Ok(answer::options(mounted.allow.clone())),
    }
}

/// Answers at a record's address.
pub(crate) async fn one(ask: Ask<'_>, mounted: &Mounted, part: &str, body: Incoming) -> Result<Answer, Failure> {
    let method = method(&ask, mounted)?.clone();
    if method == Method::OPTIONS {
        return Ok(answer::options(mounted.allow.clone()));
    }
    let key = percent::of_path(part).map_err(|undecoded| Failure::undecoded("the key", part, undecoded))?;
    no_parameters(&ask)?;
    match method {
        Method::GET | Method::HEAD => get::answer(ask, mounted, &key).await,
        _ => change::answer(ask, mounted, &key, body).await,
    }
}

/// The method, if the mount answers it here.
fn method<'r>(ask: &Ask<'r>, mounted: &Mounted) -> Result<&'r Method, Failure> {
    let method = &ask.head.method;
    if mounted.methods.contains(&method.as_str()) {
        Ok(method)
    } else {
        Err(Failure::method(method, mounted.allow.clone()))
    }
}

/// A parameter that means nothing here was meant to do something.
fn no_parameters(ask: &Ask<'_>) -> Result<(), Failure> {
    let query = &*ask.query;
    if query.is_empty() {
        return Ok(());
    }
    let name = query.split(['=', '&']).next().unwrap_or_default();
    let name = percent_decode_str(name).decode_utf8_lossy();
    Err(Failure::bad_request(format!("the parameter `{name}` is not known here"))
        .hint("parameters go with the list; a record's address takes none"))
}

/// A body of JSON, or of a patch where that is taken too.
async fn json(ask: &Ask<'_>, body: Incoming, patch: bool) -> Result<Bytes, Failure> {
    match body::media_type(ask.head)?.as_deref() {
        None | Some(JSON) => {}
        Some(MERGE_PATCH) if patch => {}
        Some(other) => {
            let message = format!("a body of the type {other} is not taken here");
            let failure = Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
            let failure = failure.hint("send `Content-Type: application/json`");
            if !patch {
                return Err(failure);
            }
            return Err(failure
                .header(ACCEPT_PATCH, HeaderValue::from_static("application/merge-patch+json, application/json")));
        }
    }
    ask.body(body).await
}

/// The record of rows that hold at most one.
fn record(rows: &Rows) -> Option<Bytes> {
    (rows.len > 0).then(|| rows.json.slice(1..rows.json.len() - 1))
}

/// An answer with a record and its tag.
fn with_record(status: StatusCode, record: Bytes) -> Answer {
    let tag = etag::of(&record);
    let mut answer = answer::json(status, record);
    answer.headers_mut().insert(header::ETAG, tag);
    answer
}

/// There is no such record, or the caller may not see it.
fn absent(key: &str) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("there is no record `{key}`"))
}

/// The record is not the one that the caller knows.
fn changed() -> Failure {
    Failure::new(StatusCode::PRECONDITION_FAILED, "the record has changed: it is not the one that the condition names")
        .hint("fetch it again and send its new ETag")
}
