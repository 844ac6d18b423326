//! What every request passes, in and out.
//!
//! In: its id, the bound on its URL, whether its sender may be who it says under `--dev`, who asks.
//! Out: its id again, headers that hold for all answers, the count, the line in the log.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use uuid::Uuid;

use crate::answer::{Answer, Failure};
use crate::authenticate;
use crate::endpoints::{self, Call, Outcome};
use crate::router::{Endpoint, Found};
use crate::state::State;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// A caller's own id is taken up to this many characters.
const REQUEST_ID_MAX: usize = 128;

/// Answers a request, whatever happens on the way.
pub(crate) async fn handle(state: Arc<State>, docs: axum::Router, request: Request<Incoming>) -> Response<Body> {
    let begun = Instant::now();
    let id = request_id(&request);
    let method = request.method().clone();
    let uri = request.uri().clone();
    state.metrics.begun();
    let found = state.router.find(uri.path());
    let pattern = found.as_ref().map_or(0, |found| found.pattern);
    let timeout = state.planner.model().limits.timeout;
    let outcome = match found {
        Ok(found) => match tokio::time::timeout(timeout, route(&state, docs, &found, request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(StatusCode::GATEWAY_TIMEOUT, format!("this took longer than {timeout:?}"))
                .hint("ask for less, or raise `limits: { timeout: … }` in the manifest")),
        },
        Err(failure) => Err(failure),
    };
    let mut answer = outcome.unwrap_or_else(Failure::answer);
    let took = begun.elapsed();
    state.metrics.ended(pattern, &method, answer.status(), took);
    if state.settings.access_log {
        tracing::info!(
            target: "pintle::access",
            request_id = id.to_str().unwrap_or_default(),
            method = method.as_str(),
            path = uri.path(),
            route = state.metrics.pattern(pattern),
            status = answer.status().as_u16(),
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
    }
    let headers = answer.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    answer
}

/// The caller's id if it is one that a log may hold, or a new one.
fn request_id(request: &Request<Incoming>) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=REQUEST_ID_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    };
    request.headers().get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::now_v7().simple().encode_lower(&mut buffer);
        HeaderValue::from_str(text).unwrap_or(NOSNIFF)
    })
}

async fn route(state: &State, docs: axum::Router, found: &Found<'_>, request: Request<Incoming>) -> Outcome {
    let (head, body) = request.into_parts();
    within_url(state, &head.uri)?;
    if state.settings.dev {
        crate::dev::guard(&head.headers)?;
    }
    let query = head.uri.query().unwrap_or_default();
    let own = matches!(
        found.endpoint,
        Endpoint::Live | Endpoint::Ready | Endpoint::Health | Endpoint::Metrics | Endpoint::Docs
    );
    if own && !crate::router::is_read(&head.method) {
        return Err(Failure::method_not_allowed(&head.method, "GET, HEAD"));
    }
    match found.endpoint {
        // Probes carry no token, and must not wait for one to be looked up.
        Endpoint::Live => return endpoints::health::live(),
        Endpoint::Ready => return endpoints::health::ready(state).await,
        Endpoint::Health => return endpoints::health::health(state).await,
        Endpoint::Metrics => return crate::metrics::answer(),
        Endpoint::Docs => return page(docs, head).await,
        _ => {}
    }
    let caller = authenticate::caller(state, &head.headers, query).await?;
    let query = authenticate::without_apikey(query);
    let call = |collection| Call { collection, query: &query, headers: &head.headers, caller: Arc::clone(&caller) };
    match found.endpoint {
        Endpoint::Records(collection) => endpoints::records::handle(state, call(collection), &head.method, body).await,
        Endpoint::Record(collection) => {
            endpoints::record::handle(state, call(collection), &found.name, &head.method, body).await
        }
        Endpoint::Rest => match state.planner.model().find(&found.name) {
            Some((id, collection)) if !collection.system => {
                endpoints::rest::handle(state, call(id), &head.method, body).await
            }
            _ => Err(endpoints::rest::unknown(&found.name, caller.role)),
        },
        Endpoint::RestLater => Err(endpoints::rest::later(head.uri.path())),
        _ => Err(Failure::new(StatusCode::NOT_FOUND, format!("nothing answers at `{}`", head.uri.path()))
            .hint("`/docs` shows what does")),
    }
}

fn within_url(state: &State, uri: &axum::http::Uri) -> Result<(), Failure> {
    let max = state.planner.model().limits.url_bytes;
    let len = uri.path_and_query().map_or(0, |url| url.as_str().len()) as u64;
    if len <= max {
        return Ok(());
    }
    Err(Failure::new(StatusCode::URI_TOO_LONG, format!("the URL has {len} bytes, more than {max}"))
        .hint("ask for less at once, or raise `limits: { url: … }` in the manifest"))
}

async fn page(docs: axum::Router, head: axum::http::request::Parts) -> Outcome {
    use tower::Service;
    let mut docs = docs;
    let answer: Result<Answer, std::convert::Infallible> = docs.call(Request::from_parts(head, Body::empty())).await;
    match answer {
        Ok(answer) if answer.status() == StatusCode::NOT_FOUND => {
            Err(Failure::new(StatusCode::NOT_FOUND, "the documentation has no such file").hint("it begins at `/docs`"))
        }
        Ok(answer) => Ok(answer),
        Err(never) => match never {},
    }
}
