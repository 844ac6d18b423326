//! Routes whose answers are kept: what an answer depends on, and how it is told again.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use pintle_model::{Caller, RouteAnswer};

use super::cache::{Kept, Key, Source, Wanted};
use super::{Call, made, sql, tagged};
use crate::answer::{self, Answer};
use crate::compress;
use crate::etag::Conditions;
use crate::failure::Failure;
use crate::handle::Ask;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Who keeps it asks each time whether it still holds: only here is it known what was written.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Answers from what is kept, or makes the answer and keeps it for so long.
///
/// # Errors
/// As the route itself.
pub(super) async fn answer(
    ask: &Ask<'_>,
    call: &Call<'_>,
    time: Duration,
    conditions: &Conditions,
) -> Result<Answer, Failure> {
    let cache = &ask.state.cache;
    let (key, watched) = match &call.route.answer {
        RouteAnswer::Sql(_) | RouteAnswer::Proximity(_) => {
            let plan = sql::plan(ask, call)?;
            (key(ask, call, plan.of_user), &*plan.plan.reads)
        }
        // A script may look at all that it is told of a request, and read what it likes.
        RouteAnswer::Script(_) => (key(ask, call, true), &*cache.all),
    };
    let wanted = Wanted { route: call.id, key, watched, time };
    let changes = |collection| ask.state.store.changes(collection);
    let (kept, source) = cache.answer(&wanted, &changes, || Box::pin(made(ask, call))).await?;
    let mut answer = answer::bare(kept.status, kept.body.clone());
    answer.headers_mut().clone_from(&kept.headers);
    let headers = answer.headers_mut();
    if kept.status == StatusCode::OK {
        headers.entry(header::CACHE_CONTROL).or_insert(CACHE_CONTROL);
    }
    headers.insert(CACHE_STATUS, status(source));
    let answer = tagged(answer, conditions)?;
    Ok(if answer.status() == StatusCode::OK { coded(ask, &kept, answer).await } else { answer })
}

/// RFC 9211's words.
fn status(source: Source) -> HeaderValue {
    HeaderValue::from_static(match source {
        Source::Hit => "Pintle; hit",
        Source::Miss => "Pintle; fwd=miss",
        Source::Shared => "Pintle; fwd=miss; collapsed",
    })
}

/// The answer with its body in the form that the caller likes, which is kept too.
async fn coded(ask: &Ask<'_>, kept: &Kept, mut answer: Answer) -> Answer {
    if !compress::may_be_coded(&answer) {
        return answer;
    }
    let Some(coding) = compress::coding(ask.head) else { return answer };
    let Some(body) = kept.coded(coding).await else { return answer };
    let headers = std::mem::take(answer.headers_mut());
    let mut coded = answer::bare(kept.status, body);
    *coded.headers_mut() = headers;
    coded.headers_mut().append(header::VARY, compress::VARY);
    coded.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    coded
}

/// All that an answer depends on: the route, the role that it acts in, the parameters, and the caller where that matters.
fn key(ask: &Ask<'_>, call: &Call<'_>, of_user: bool) -> Key {
    let mut key = Vec::with_capacity(128);
    key.extend_from_slice(&call.id.0.to_be_bytes());
    key.push(call.acting.caller.role as u8);
    for value in &call.params {
        value.write_json(&mut key);
        key.push(0);
    }
    if of_user {
        caller(&mut key, &ask.asker.caller);
    }
    if matches!(call.route.answer, RouteAnswer::Script(_)) {
        text(&mut key, ask.head.uri.path());
        text(&mut key, &ask.query);
    }
    key.into()
}

fn caller(key: &mut Vec<u8>, caller: &Caller) {
    key.push(caller.role as u8);
    key.push(u8::from(caller.user.is_some()));
    text(key, caller.user.as_deref().unwrap_or_default());
    for (name, claim) in &caller.claims {
        text(key, name);
        text(key, claim);
    }
}

/// A text with its length, so that none runs into the next.
fn text(key: &mut Vec<u8>, text: &str) {
    key.extend_from_slice(&(text.len() as u64).to_be_bytes());
    key.extend_from_slice(text.as_bytes());
}
