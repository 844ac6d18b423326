//! Pipelines' doors: a `POST` of one record, of an array, of NDJSON, or a stream of gRPC.
//!
//! 1. Who posts must be one of those whom the manifest lets, and have a right to add records at all.
//! 2. [`whole`] reads a body of JSON: one record or an array of them. [`stream`] answers NDJSON and gRPC while they come, by what
//!    [`reading`] cuts them into.
//! 3. Either way each record is read by itself ([`batch`]): what is wrong with one costs that one alone. What is answered is
//!    durable.

mod batch;
mod reading;
mod stream;
mod upkeep;
mod whole;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use batch::{Became, Counts, Outcome};

use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use pintle_model::{PipelineId, Role};
use pintle_pipeline::{Door, Error, Taken};
use pintle_query::pipeline::Record;
use pintle_query::rest::Asker;
use tokio::time::Instant;

use reading::Cut;
use stream::Form;

use crate::answer::{self, Answer};
use crate::body::{self, Incoming};
use crate::failure::Failure;
use crate::grpc::{self, Messages};
use crate::handle::Ask;
use crate::route::access;
use crate::routes::Doorway;
use crate::state::State;
use crate::status::{self, RETRY_AFTER, Surface};

pub(crate) use self::upkeep::upkeep;

/// How long nothing may come by a stream, and how long an answer may lie unread.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(300);
/// When to try a record again for whose dead letter there is no room: somebody has to look first.
const LETTERS_RETRY_AFTER: HeaderValue = HeaderValue::from_static("60");
/// What a stream of records is called.
pub(crate) const STREAMS: [&str; 4] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines"];

/// Whether a request's body is a stream of records.
pub(crate) fn is_stream(head: &Parts) -> bool {
    grpc::is_grpc(head) || body::media_type(head).ok().flatten().is_some_and(|media| STREAMS.contains(&media.as_str()))
}

/// A record of more than so many bytes.
pub(crate) fn too_long(most: usize) -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the record has more than {most} bytes"))
        .hint("the manifest's `limits.body` sets how long one may be")
}

/// Nothing came for too long.
pub(crate) fn silent() -> Failure {
    Failure::new(StatusCode::REQUEST_TIMEOUT, format!("nothing came for {} s", IDLE_MAX.as_secs()))
}

/// Who posts where.
#[derive(Clone)]
pub(crate) struct Posting {
    state: Arc<State>,
    /// What the request says of who asks.
    head: Arc<Parts>,
    door: Arc<Door>,
    asker: Asker,
}

impl Posting {
    /// Of whoever may add records at all.
    fn new(ask: &Ask<'_>, id: PipelineId) -> Result<Posting, Failure> {
        let door = Arc::clone(&ask.state.doors[id.0]);
        access::check("pipeline", door.pipeline().access, ask.asker.caller.role)?;
        door.open(ask.asker.caller.role).map_err(|fault| ask.fault(fault, Surface::Plain))?;
        let (state, head) = (Arc::clone(ask.state), Arc::new(ask.head.clone()));
        Ok(Posting { state, head, door, asker: ask.asker.clone() })
    }

    /// Who posts, now: time has passed, and a token may have been revoked.
    async fn again(&mut self) -> Result<(), Failure> {
        let State { tokens, planner, store, .. } = &*self.state;
        let caller = tokens.caller(&self.head, Surface::Plain, planner, store).await?;
        access::check("pipeline", self.door.pipeline().access, caller.role)?;
        self.asker = self.state.asker(caller);
        Ok(())
    }

    /// Bytes of a record at the most.
    fn record_bytes(&self) -> usize {
        usize::try_from(self.state.model().limits.body_bytes).unwrap_or(usize::MAX)
    }

    /// Has records taken; where there is no room, after a while or not at all.
    async fn take(&self, records: Vec<Record>, at_once: bool) -> Result<Vec<Taken>, Failure> {
        let taken = if at_once {
            self.door.take(records, &self.asker).await
        } else {
            self.door.take_patiently(records, &self.asker).await
        };
        taken.map_err(|error| failure(error, self.asker.caller.role))
    }
}

/// Answers at a door.
pub(crate) async fn answer(ask: Ask<'_>, doorway: &Doorway, body: Incoming) -> Result<Answer, Failure> {
    if ask.head.method == Method::OPTIONS {
        return Ok(answer::options(doorway.allow.clone()));
    }
    if ask.head.method != Method::POST {
        return Err(Failure::method(&ask.head.method, doorway.allow.clone()));
    }
    let posting = Posting::new(&ask, doorway.id)?;
    if !ask.query.is_empty() {
        return Err(Failure::bad_request("a pipeline takes no parameters").hint("each record has its own fields"));
    }
    if ask.head.headers.contains_key("idempotency-key") {
        return Err(Failure::bad_request("a pipeline takes no `Idempotency-Key`")
            .hint("leave it out: a record whose id was seen is stored once"));
    }
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

/// Takes a stream of gRPC; `each` record is answered, or all together.
pub(crate) fn call(ask: &Ask<'_>, id: PipelineId, each: bool, body: Incoming) -> Result<Answer, Failure> {
    let posting = Posting::new(ask, id)?;
    let messages = Messages::new(posting.record_bytes(), grpc::is_gzip(ask.head)?);
    let until = grpc::time(ask.head)?.map(|time| Instant::now() + time);
    let cut = Cut::Messages(messages, Arc::clone(&ask.state.layouts[id.0]), Vec::new());
    let form = if each { Form::Outcomes } else { Form::Summary(grpc::Summary::default()) };
    let (answers, trailers) = stream::begin(posting, ask.id.clone(), cut, body, form, until);
    Ok(answer::streamed_before(trailers, grpc::GRPC, answers))
}

/// Why records were not taken, as who posts is told.
fn failure(error: Error, role: Role) -> Failure {
    match error {
        Error::Full(_) => Failure::new(StatusCode::TOO_MANY_REQUESTS, error.to_string())
            .hint("send them again in a moment")
            .header(header::RETRY_AFTER, RETRY_AFTER),
        Error::Letters(_) => Failure::new(StatusCode::TOO_MANY_REQUESTS, error.to_string())
            .hint("send it again once the dead letters of the pipeline are stored or removed")
            .header(header::RETRY_AFTER, LETTERS_RETRY_AFTER),
        Error::Queue(reason) => Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the queue does not answer")
            .because(&reason)
            .hint("send them again in a moment")
            .header(header::RETRY_AFTER, RETRY_AFTER),
        Error::Fault(fault) => status::fault(fault, Surface::Plain, role),
        Error::Store(error) => status::error(error, Surface::Plain, role),
    }
}
