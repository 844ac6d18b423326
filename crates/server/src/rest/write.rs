//! `POST`, `PUT`, `PATCH` and `DELETE` of a collection.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pintle_model::CollectionId;
use pintle_query::rest::{Asker, Preferences, Resolution, RestWrite, Return};
use pintle_query::{Fault, Planner};
use pintle_store::Written;

use super::media::Media;
use super::prefer::Prefer;
use super::range::Rows;
use crate::answer::{self, Answer};
use crate::body::{self, Incoming};
use crate::failure::Failure;
use crate::handle::Ask;
use crate::idempotency::{self, Asked, once};
use crate::status::{self, Surface};

/// What stands for itself in a filter of a `Location`.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Writes, and answers what was asked for.
pub(super) async fn answer(
    ask: Ask<'_>,
    collection: CollectionId,
    media: Media,
    prefer: Prefer,
    body: Incoming,
) -> Result<Answer, Failure> {
    let method = &ask.head.method;
    no_conditions(&ask)?;
    let key = idempotency::key(ask.head)?;
    let mut asked = prefer.asked(method);
    asked.single = media.single;
    asked.strip_nulls = media.strip_nulls;
    let body = match *method {
        Method::DELETE => Bytes::new(),
        _ => {
            takes_json(&ask)?;
            ask.body(body).await?
        }
    };
    let planned = planned(&ask.state.planner, &ask.asker, method, collection, &ask.query, &asked, &body)
        .map_err(|fault| ask.fault(fault, Surface::Rest))?;
    if planned.write.is_none() && media.single {
        return Err(status::single(0));
    }
    let located = (planned.location && *method == Method::POST).then(|| (Arc::clone(&ask.state.planner), collection));
    let form = Form { method: method.clone(), asked, media, applied: prefer.applied(method), located };
    // What is rolled back leaves nothing that could be repeated.
    if let Some(key) = key.filter(|_| !form.asked.rollback) {
        let path = format!("/rest/v1/{}", ask.state.model().collection(collection).name);
        let applied = form.applied.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
        let media = media.content_type();
        let parts = [ask.query.as_bytes(), media.as_bytes(), applied, &body];
        let asked = Asked::new(key, path, &ask.asker.caller, &parts);
        // In a box, since its room would be every request's.
        let answered = move |done| form.answer(done);
        return Box::pin(once(&ask, Surface::Rest, asked, planned.write, answered)).await;
    }
    let done = match planned.write {
        Some(write) => ask.state.store.write(write).await.map_err(|error| ask.error(error, Surface::Rest))?,
        // `[]`, or a `PATCH` of `{}`.
        None => Written::default(),
    };
    Ok(form.answer(done))
}

/// What a write is to run.
pub(super) fn planned(
    planner: &Planner,
    asker: &Asker,
    method: &Method,
    collection: CollectionId,
    query: &str,
    asked: &Preferences,
    body: &[u8],
) -> Result<RestWrite, Fault> {
    match *method {
        Method::DELETE => planner.rest_delete(collection, query, asked, asker),
        Method::POST => planner.rest_insert(collection, query, body, asked, asker),
        Method::PUT => planner.rest_put(collection, query, body, asked, asker),
        _ => planner.rest_update(collection, query, body, asked, asker),
    }
}

/// What the answer to a write is made of, beside what it did.
struct Form {
    method: Method,
    asked: Preferences,
    media: Media,
    applied: Option<HeaderValue>,
    /// Whose record `Location` names, if it is wanted.
    located: Option<(Arc<Planner>, CollectionId)>,
}

impl Form {
    fn answer(&self, done: Written) -> Answer {
        let status = status_of(&self.method, &self.asked, &done);
        let content_range = content_range(&self.method, &self.asked, &done);
        let location = self.located.as_ref().and_then(|(planner, id)| location_of(planner, *id, &done));
        let mut answer = if self.asked.returning == Return::Representation {
            let json = if done.rows.json.is_empty() { Bytes::from_static(b"[]") } else { done.rows.json };
            let json = if self.media.single { json.slice(1..json.len() - 1) } else { json };
            let mut answer = answer::bare(status, json);
            answer.headers_mut().insert(header::CONTENT_TYPE, self.media.content_type());
            answer
        } else {
            answer::empty(status)
        };
        if let Some(location) = location {
            answer.headers_mut().insert(header::LOCATION, location);
        }
        super::finish(answer, content_range, self.applied.clone())
    }
}

/// Who sends a condition relies on it: to write without it could overwrite what another one wrote.
fn no_conditions(ask: &Ask<'_>) -> Result<(), Failure> {
    for (name, shown) in [(header::IF_MATCH, "If-Match"), (header::IF_NONE_MATCH, "If-None-Match")] {
        if ask.head.headers.contains_key(name) {
            return Err(Failure::bad_request(format!("the header `{shown}` on a write is not supported yet"))
                .code("PGRST127")
                .hint("mounts honour it at a record's own address"));
        }
    }
    Ok(())
}

/// Bodies are JSON; who says nothing sends that.
fn takes_json(ask: &Ask<'_>) -> Result<(), Failure> {
    match body::media_type(ask.head)?.as_deref() {
        None | Some("application/json" | "application/vnd.pgrst.object+json" | "application/vnd.pgrst.array+json") => {
            Ok(())
        }
        Some(later @ ("text/csv" | "application/x-www-form-urlencoded")) => {
            Err(Failure::bad_request(format!("bodies of the type {later} are not built yet"))
                .code("PGRST127")
                .hint("send `Content-Type: application/json`"))
        }
        Some(other) => {
            Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Content-Type not acceptable: {other}"))
                .code("PGRST102")
                .hint("send `Content-Type: application/json`"))
        }
    }
}

pub(super) fn status_of(method: &Method, asked: &Preferences, done: &Written) -> StatusCode {
    let shows = asked.returning == Return::Representation;
    match *method {
        Method::POST
            if asked.resolution == Some(Resolution::MergeDuplicates) && done.affected > 0 && done.inserted == 0 =>
        {
            StatusCode::OK
        }
        Method::POST => StatusCode::CREATED,
        Method::PUT if done.inserted > 0 => StatusCode::CREATED,
        _ if shows => StatusCode::OK,
        _ => StatusCode::NO_CONTENT,
    }
}

fn content_range(method: &Method, asked: &Preferences, done: &Written) -> HeaderValue {
    let total = asked.count.then_some(done.affected);
    let len = if *method == Method::PATCH { done.affected } else { 0 };
    Rows { offset: 0, len, total }.content_range()
}

/// Where the new record is: its key is all that the representation holds.
fn location_of(planner: &Planner, collection: CollectionId, done: &Written) -> Option<HeaderValue> {
    if done.rows.len != 1 {
        return None;
    }
    let key: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&done.rows.json).ok()?;
    let filters: Vec<String> = key
        .first()?
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{}=eq.{}", utf8_percent_encode(name, PLAIN), utf8_percent_encode(&text, PLAIN))
        })
        .collect();
    let name = &planner.model().collection(collection).name;
    Some(answer::value(format!("/rest/v1/{name}?{}", filters.join("&"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(method: Method, returning: Return, resolution: Option<Resolution>, affected: u64, inserted: u64) -> u16 {
        let asked = Preferences { returning, resolution, ..Preferences::default() };
        status_of(&method, &asked, &Written { affected, inserted, ..Written::default() }).as_u16()
    }

    #[test]
    fn a_post_is_201_unless_it_only_changed_what_was_there() {
        let merge = Some(Resolution::MergeDuplicates);
        assert_eq!(told(Method::POST, Return::Minimal, None, 1, 1), 201);
        assert_eq!(told(Method::POST, Return::Representation, merge, 2, 1), 201);
        assert_eq!(told(Method::POST, Return::Representation, merge, 2, 0), 200);
        assert_eq!(told(Method::POST, Return::Minimal, Some(Resolution::IgnoreDuplicates), 0, 0), 201);
    }

    #[test]
    fn other_writes_are_204_or_200_with_a_representation() {
        assert_eq!(told(Method::PATCH, Return::Minimal, None, 3, 0), 204);
        assert_eq!(told(Method::DELETE, Return::Representation, None, 3, 0), 200);
        assert_eq!(told(Method::PUT, Return::Minimal, None, 1, 1), 201);
        assert_eq!(told(Method::PUT, Return::Minimal, None, 1, 0), 204);
        assert_eq!(told(Method::PUT, Return::Representation, None, 1, 0), 200);
    }

    #[test]
    fn content_range_counts_changed_rows_from_zero_and_others_not_at_all() {
        let range = |method: Method, count: bool, affected: u64| {
            let asked = Preferences { count, ..Preferences::default() };
            let done = Written { affected, ..Written::default() };
            content_range(&method, &asked, &done).to_str().unwrap().to_owned()
        };
        assert_eq!(range(Method::PATCH, false, 3), "0-2/*");
        assert_eq!(range(Method::PATCH, true, 0), "*/0");
        assert_eq!(range(Method::POST, false, 2), "*/*");
        assert_eq!(range(Method::DELETE, true, 2), "*/2");
    }
}
