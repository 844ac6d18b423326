//! Routes that tell who or what was near whom.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use pintle_model::{ProximityAnswer, Value};
use pintle_query::plan::Inputs;
use pintle_query::{OwnPlan, Read};
use pintle_store::Store;
use tokio::sync::{mpsc, oneshot};

use super::faults::Faults;
use super::{Call, Told, sql};
use crate::answer::{self, Answer, NDJSON};
use crate::failure::Failure;
use crate::handle::Ask;
use crate::pipeline::STREAMS;
use crate::rest::media;
use crate::status::{self, Surface};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// What an answer depends on beside its address.
const VARY: HeaderValue = HeaderValue::from_static("Accept");
/// How long the last line waits for the connection.
const LAST_LINE: Duration = Duration::from_secs(10);
/// Pieces of lines that may wait for the connection.
const PIECES_MAX: usize = 2;

/// Whether who asks likes lines best: `Accept: application/x-ndjson`.
pub(super) fn wants_lines(headers: &HeaderMap) -> bool {
    let first = media::wanted(headers).into_iter().next().and_then(|part| part.split(';').next());
    first.is_some_and(|name| STREAMS.iter().any(|stream| name.trim().eq_ignore_ascii_case(stream)))
}

/// Answers what was near.
///
/// # Errors
/// 400 for a range that ends before it begins, 404 for a subject that is not there or that the caller may not see; and as the store.
pub(super) async fn answer(ask: &Ask<'_>, call: &Call<'_>, question: &ProximityAnswer) -> Result<Told, Failure> {
    let (own, read) = asked(ask, call, question).await?;
    let rows = ask.state.store.read(read).await.map_err(|error| ask.error(error, Surface::Plain))?;
    let mut answer = answer::json(StatusCode::OK, rows.json);
    answer.headers_mut().insert(header::VARY, VARY);
    Ok(Told { answer, reads: own.plan.reads.clone() })
}

/// Answers what was near a line for each, while they are found: as many as there are, in the same memory. What fails before the first of
/// them is answered as ever; what fails later is told by the last line, or if nobody takes that by an answer that is broken off.
///
/// # Errors
/// As [`answer()`].
pub(super) async fn lines(ask: &Ask<'_>, call: &Call<'_>, question: &ProximityAnswer) -> Result<Answer, Failure> {
    let (_, read) = asked(ask, call, question).await?;
    let (pieces, mut rest) = mpsc::channel(PIECES_MAX);
    let (failed, mut failure) = oneshot::channel();
    let (finish, finished) = oneshot::channel();
    let mut first = None;
    if ask.head.method != Method::HEAD {
        let (store, role) = (ask.state.store.clone(), call.acting.caller.role);
        tokio::spawn(async move {
            if send(&store, read, pieces, failed, role).await {
                let _ = finish.send(());
            }
        });
        first = rest.recv().await;
        // From here on it is told as a line.
        failure.close();
        if let Ok(failure) = failure.try_recv() {
            return Err(failure);
        }
    }
    let mut answer = answer::streamed_behind(first, rest, finished, NDJSON);
    answer.headers_mut().insert(header::VARY, VARY);
    Ok(answer)
}

/// Reads and sends; whether all of it was handed on, or why not.
async fn send(
    store: &Store,
    read: Read,
    pieces: mpsc::Sender<Bytes>,
    failed: oneshot::Sender<Failure>,
    role: pintle_model::Role,
) -> bool {
    let outcome = tokio::select! {
        biased;
        outcome = store.lines(read, pieces.clone()) => outcome,
        () = pieces.closed() => return left(),
    };
    let Err(error) = outcome else { return true };
    if pieces.is_closed() {
        return left();
    }
    let failure = status::error(error, Surface::Plain, role);
    let Err(failure) = failed.send(failure) else { return true };
    if failure.status.is_server_error() {
        let reason = failure.cause.as_deref().unwrap_or(&failure.message);
        tracing::error!(reason, "lines ended before their end");
    }
    let line = [br#"{"error":"#, &*failure.json(), b"}\n"].concat();
    let told = matches!(tokio::time::timeout(LAST_LINE, pieces.send(line.into())).await, Ok(Ok(())));
    if !told {
        tracing::warn!("an answer was broken off, since nobody took its last line");
    }
    told
}

/// Whoever asked has left, and the read with them: nothing is wrong.
fn left() -> bool {
    tracing::debug!("nobody takes the lines any more");
    false
}

/// What is to be read, once the question is right and its subject is there.
async fn asked<'a>(
    ask: &'a Ask<'_>,
    call: &Call<'_>,
    question: &ProximityAnswer,
) -> Result<(&'a OwnPlan, Read), Failure> {
    let own = sql::plan(ask, call)?;
    range(call, question)?;
    let inputs = Inputs { values: call.params.clone(), caller: Arc::clone(&call.acting.caller), now: call.acting.now };
    if let Some(subject) = &own.subject {
        let read = Read { plan: Arc::clone(subject), inputs: inputs.clone() };
        let found = ask.state.store.read(read).await.map_err(|error| ask.error(error, Surface::Plain))?;
        if found.len == 0 {
            return Err(Failure::new(StatusCode::NOT_FOUND, "there is no such row, or the caller may not see it"));
        }
    }
    Ok((own, Read { plan: Arc::clone(&own.plan), inputs }))
}

/// The range must not end before it begins.
fn range(call: &Call<'_>, question: &ProximityAnswer) -> Result<(), Failure> {
    let moment = |at: usize, end: i64| match call.params.get(at) {
        Some(Value::Date(day)) => Some(i64::from(*day) * DAY + end),
        Some(Value::Timestamp(moment)) => Some(*moment),
        _ => None,
    };
    let mut faults = Faults::default();
    if moment(question.from, 0) > moment(question.to, DAY - 1) {
        let name = |at: usize| call.route.params.get(at).map_or("", |param| param.field.name.as_str());
        let (from, to) = (name(question.from), name(question.to));
        let message = format!("`{to}` is before `{from}`");
        faults.add(to, message, Some(format!("the range goes from `{from}` to `{to}`")));
    }
    faults.end()
}
