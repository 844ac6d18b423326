//! Pipelines' doors: a `POST` of one record, of an array, or of NDJSON.
//!
//! 1. Who posts must be one of those whom the manifest lets, and have a right to add records at all.
//! 2. [`whole`] reads a body of JSON: one record or an array of them. [`stream`] reads NDJSON while it comes, and answers meanwhile.
//! 3. Either way each record is read by itself ([`batch`]): what is wrong with one costs that one alone. What is answered is
//!    durable.

mod batch;
mod stream;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use pintle_model::Role;
use pintle_pipeline::{Door, Error};
use pintle_query::rest::Asker;

use crate::answer::{self, Answer};
use crate::body;
use crate::failure::Failure;
use crate::handle::Ask;
use crate::route::access;
use crate::routes::Doorway;
use crate::status::{self, RETRY_AFTER, Surface};

/// How long nothing may come by a stream, and how long an answer may lie unread.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(300);
/// What a stream of records is called.
pub(crate) const STREAMS: [&str; 4] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines"];

/// Whether a request's body is a stream of records.
pub(crate) fn is_stream(head: &Parts) -> bool {
    body::media_type(head).ok().flatten().is_some_and(|media| STREAMS.contains(&media.as_str()))
}

/// Who posts where.
#[derive(Clone)]
struct Posting {
    door: Arc<Door>,
    asker: Asker,
}

/// Answers at a door.
pub(crate) async fn answer(ask: Ask<'_>, doorway: &Doorway, body: Incoming) -> Result<Answer, Failure> {
    if ask.head.method == Method::OPTIONS {
        return Ok(answer::options(doorway.allow.clone()));
    }
    if ask.head.method != Method::POST {
        return Err(Failure::method(&ask.head.method, doorway.allow.clone()));
    }
    let door = Arc::clone(&ask.state.doors[doorway.id.0]);
    access::check("pipeline", door.pipeline().access, ask.asker.caller.role)?;
    door.open(ask.asker.caller.role).map_err(|fault| ask.fault(fault, Surface::Plain))?;
    if !ask.query.is_empty() {
        return Err(Failure::bad_request("a pipeline takes no parameters").hint("each record has its own fields"));
    }
    if ask.head.headers.contains_key("idempotency-key") {
        return Err(Failure::bad_request("a pipeline takes no `Idempotency-Key`")
            .hint("leave it out: a record whose id was seen is stored once"));
    }
    let posting = Posting { door, asker: ask.asker.clone() };
    match body::media_type(ask.head)?.as_deref() {
        None | Some("application/json") => whole::answer(&ask, &posting, body).await,
        Some(media) if STREAMS.contains(&media) => stream::answer(&ask, posting, body),
        Some(media) => {
            Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("a body of the type {media} is not taken"))
                .hint("send application/json or application/x-ndjson")
                .header(header::ACCEPT, HeaderValue::from_static("application/json, application/x-ndjson")))
        }
    }
}

/// Why records were not taken, as who posts is told.
fn failure(error: Error, role: Role) -> Failure {
    match error {
        Error::Full(_) => Failure::new(StatusCode::TOO_MANY_REQUESTS, error.to_string())
            .hint("send them again in a moment")
            .header(header::RETRY_AFTER, RETRY_AFTER),
        Error::Queue(reason) => Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the queue does not answer")
            .because(&reason)
            .hint("send them again in a moment")
            .header(header::RETRY_AFTER, RETRY_AFTER),
        Error::Fault(fault) => status::fault(fault, Surface::Plain, role),
        Error::Store(error) => status::error(error, Surface::Plain, role),
    }
}
