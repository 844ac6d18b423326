//! The life of a request.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use pintle_query::rest::Asker;

use crate::answer::{self, Answer};
use crate::body::Incoming;
use crate::connections::ByGateway;
use crate::failure::Failure;
use crate::grpc::{Call, Ending};
use crate::ids::X_REQUEST_ID;
use crate::metrics::OneMore;
use crate::routes::{Endpoint, Found};
use crate::state::{Exposed, State};
use crate::status::Surface;
use crate::{auth, body, compress, dev, docs, grpc, health, metrics, mount, passed, pipeline, rest, route};

/// What an endpoint is asked.
pub(crate) struct Ask<'r> {
    pub(crate) state: &'r Arc<State>,
    pub(crate) head: &'r Parts,
    pub(crate) id: &'r HeaderValue,
    /// The address of who asks: as a gateway signed it, else as the connection has it.
    pub(crate) remote: IpAddr,
    /// The parameters, without `apikey`.
    pub(crate) query: std::borrow::Cow<'r, str>,
    pub(crate) asker: Asker,
}

/// A request as it came, without its body.
#[derive(Clone, Copy)]
struct Sent<'r> {
    head: &'r Parts,
    id: &'r HeaderValue,
    remote: IpAddr,
    /// What may be asked where it came in.
    exposed: &'r Exposed,
}

/// 1. It gets an id, and its path a route.
/// 2. It is answered, within the time that it has; what goes wrong is an answer too, and a panic as well.
/// 3. The answer gets what all answers have, and is counted and logged.
///
/// It came in by the listener at this place.
pub(crate) async fn handle(state: Arc<State>, listener: usize, remote: IpAddr, request: Request<Incoming>) -> Answer {
    let started = Instant::now();
    let _one_more = OneMore::of(&state.totals.in_flight);
    let (mut head, body) = request.into_parts();
    let id = state.ids.of(&head.headers);
    let by_gateway = state.settings.gateway.as_ref().and_then(|key| passed::sender(key, &mut head, &id));
    if by_gateway.is_none() && !state.settings.dev && head.headers.contains_key(passed::PINTLE_GATEWAY) {
        state.doubts.tell(remote);
    }
    let remote = by_gateway.unwrap_or(remote);
    let exposed = &state.exposed[listener];
    let found = exposed.routes.find(head.uri.path());
    // Where it stands, it stays: each move would copy all that any request may need.
    let made = pin!(async {
        let answer = answered(&state, Sent { head: &head, id: &id, remote, exposed }, body, &found).await?;
        Ok(compress::answer(answer, &head).await)
    });
    let outcome = within(state.model().limits.timeout, &head.method, made).await;
    let mut answer = outcome.unwrap_or_else(|failure| {
        if failure.is_to_be_logged() {
            log_failure(&failure, &head, &id);
        }
        if grpc::is_grpc(&head) { grpc::failed(&failure) } else { failure.answer() }
    });
    if head.method == Method::HEAD {
        answer = without_body(answer);
    }
    let headers = answer.headers_mut();
    if let Some(cors) = &state.cors {
        cors.mark(&head.headers, headers);
    }
    if let Some(challenge) = headers.get_mut(header::WWW_AUTHENTICATE) {
        challenge.clone_from(&state.challenge);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    tell(&state, &found, &head, &id, started, &mut answer);
    answer.headers_mut().insert(X_REQUEST_ID, id.clone());
    if by_gateway.is_some() {
        answer.extensions_mut().insert(ByGateway);
    }
    answer
}

/// Counts the request and logs it; a call of gRPC when it has ended.
fn tell(state: &State, found: &Found<'_>, head: &Parts, id: &HeaderValue, started: Instant, answer: &mut Answer) {
    let took = started.elapsed();
    found.route.meter.count(&head.method, answer.status(), took);
    let (endpoint, path) = (&found.route.endpoint, head.uri.path());
    if grpc::is_answer(answer.headers()) {
        let probe = matches!(endpoint, Endpoint::Call(Call::Health));
        let line = grpc::Line { id: id.clone(), path: path.to_owned(), started, probe };
        let known = matches!(endpoint, Endpoint::Call(_)).then_some(path);
        answer::with_end(answer, Ending::of_call(known, state.settings.access_log.then_some(line)));
        return;
    }
    // Who asks each second whether all is well, and hears that it is, would fill the log.
    let quiet = matches!(endpoint, Endpoint::Live | Endpoint::Ready) && answer.status().is_success();
    if state.settings.access_log && !quiet {
        tracing::info!(
            target: "pintle::access",
            id = id.to_str().unwrap_or_default(),
            method = head.method.as_str(),
            // Parameters may hold a token, so they stay out of the log.
            path,
            status = answer.status().as_u16(),
            bytes = answer::length(answer),
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

/// The answer in time, or why there is none.
async fn within(
    time: Duration,
    method: &Method,
    answered: Pin<&mut impl Future<Output = Result<Answer, Failure>>>,
) -> Result<Answer, Failure> {
    match tokio::time::timeout(time, AssertUnwindSafe(answered).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let mut failure = Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
            failure.cause = Some(format!("panic: {}", text.as_deref().unwrap_or("without a message")));
            Err(failure)
        }
        Err(_) => {
            let message = format!("the request took longer than {} s", time.as_secs_f32());
            let failure = Failure::new(StatusCode::GATEWAY_TIMEOUT, message);
            Err(if [Method::GET, Method::HEAD].contains(method) {
                failure
            } else {
                failure.hint("what it asked for may be done all the same")
            })
        }
    }
}

/// Says who asks, then hands the request to its endpoint.
async fn answered(state: &Arc<State>, sent: Sent<'_>, body: Incoming, found: &Found<'_>) -> Result<Answer, Failure> {
    let Sent { head, id, remote, exposed } = sent;
    body::check_head(head, &state.model().limits)?;
    if state.settings.dev {
        dev::guard(head, state.cors.as_ref())?;
    }
    if let Some(answer) = state.cors.as_ref().and_then(|cors| cors.preflight(head)) {
        return Ok(answer);
    }
    if let Some(answer) = open(state, exposed, head, &found.route.endpoint).await {
        return answer;
    }
    if let Endpoint::Call(call @ (Call::Reflection | Call::Health)) = found.route.endpoint {
        let ready = async { health::ready(&state.store, state.needed_queue()).await.is_ok() };
        return grpc::tell(call, exposed.protocol(state.model()), ready, head, body).await;
    }
    let surface = found.route.surface();
    let caller = state.tokens.caller(head, surface, &state.planner, &state.store).await?;
    let ask = || Ask { state, head, id, remote, query: auth::query(head), asker: state.asker(caller) };
    match found.route.endpoint.of(&head.method) {
        Endpoint::Rest(collection) => rest::answer(ask(), *collection, body).await,
        Endpoint::Own(own) => route::answer(ask(), own, found, body).await,
        Endpoint::One(mounted) => mount::one(ask(), mounted, found.only_part(), body).await,
        Endpoint::List(mounted) => mount::list(ask(), mounted, body).await,
        // In a box, since its room would be every request's.
        Endpoint::Door(doorway) => Box::pin(pipeline::answer(ask(), doorway, body)).await,
        Endpoint::Call(Call::Take { id, each }) => {
            grpc::check(head)?;
            pipeline::call(&ask(), *id, *each, body).map(|answer| grpc::told(answer, head.version))
        }
        Endpoint::RestUnknown => match rest::written_otherwise(&exposed.exposure, state.model(), found.only_part())? {
            Some(collection) => rest::answer(ask(), collection, body).await,
            None => Err(rest::unknown(exposed.exposure.names(state.model()), found.only_part())),
        },
        Endpoint::RestFunction => Err(rest::no_functions(found.only_part())),
        Endpoint::RestRoot => Err(rest::no_root()),
        Endpoint::RestPath => Err(rest::no_path()),
        _ => Err(Failure::no_such_path(head.uri.path())),
    }
}

/// What answers everybody alike, so that a probe never waits for a token to be looked up.
async fn open(state: &State, exposed: &Exposed, head: &Parts, endpoint: &Endpoint) -> Option<Result<Answer, Failure>> {
    if let (Endpoint::Home | Endpoint::Page, Some(site)) = (endpoint, &exposed.site)
        // In a box, since its room would be every request's.
        && let Some(answer) = Box::pin(site.answer(head)).await.transpose()
    {
        return Some(answer);
    }
    if let Endpoint::Docs | Endpoint::Home = endpoint {
        let docs = docs::answer(exposed.docs(&state.planner), head).await;
        // Where a page might be, it is signed: so a gateway knows that it is the documentation, and of these services alone.
        return Some(if let Endpoint::Home = endpoint { docs.map(|docs| exposed.signed(docs)) } else { docs });
    }
    if !matches!(endpoint, Endpoint::Live | Endpoint::Ready | Endpoint::Health | Endpoint::Metrics) {
        return None;
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        return Some(Err(Failure::method(&head.method, HeaderValue::from_static("GET, HEAD"))));
    }
    Some(match endpoint {
        Endpoint::Live => Ok(health::live()),
        Endpoint::Ready => health::ready(&state.store, state.needed_queue()).await.map(|answer| exposed.signed(answer)),
        Endpoint::Health => Ok(health::both(&state.store, state.queue.as_ref()).await),
        _ => Ok(metrics::answer()),
    })
}

impl Ask<'_> {
    /// The body, once it is known that one is wanted.
    pub(crate) async fn body(&self, body: Incoming) -> Result<bytes::Bytes, Failure> {
        body::read(self.head, body, &self.state.model().limits).await
    }

    /// A request's mistake, as who asks is told.
    pub(crate) fn fault(&self, fault: pintle_query::Fault, surface: Surface) -> Failure {
        crate::status::fault(fault, surface, self.asker.caller.role)
    }

    /// A store's error, as who asks is told.
    pub(crate) fn error(&self, error: pintle_store::Error, surface: Surface) -> Failure {
        crate::status::error(error, surface, self.asker.caller.role)
    }
}

/// The answer to `HEAD`: as to `GET`, with the length of the body that is not sent, where it is known.
pub(crate) fn without_body(answer: Answer) -> Answer {
    let length = (!answer::is_streamed(&answer)).then(|| answer::length(&answer));
    let (mut head, _) = answer.into_parts();
    if let Some(length) = length {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let mut bare = answer::empty(head.status);
    *bare.headers_mut() = head.headers;
    bare
}

pub(crate) fn log_failure(failure: &Failure, head: &Parts, id: &HeaderValue) {
    let (id, reason) = (id.to_str().unwrap_or_default(), failure.cause.as_deref().unwrap_or(&failure.message));
    let (method, path, status) = (head.method.as_str(), head.uri.path(), failure.status.as_u16());
    if failure.status == StatusCode::SERVICE_UNAVAILABLE && path.starts_with(health::PATHS) {
        // Who probes finds out, and at a start that is as it should be.
        tracing::info!(id, method, path, status, reason, "not ready");
    } else if failure.status.is_server_error() {
        tracing::error!(id, method, path, status, reason, "request failed");
    } else {
        tracing::debug!(id, method, path, status, reason, "request failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_that_tells_nothing_of_it() {
        let broken = async { panic!("row 7 of secrets") };
        let failure = within(Duration::from_secs(9), &Method::GET, pin!(broken)).await.err().unwrap();
        assert_eq!((failure.status.as_u16(), failure.message.as_str()), (500, "internal error"));
        assert_eq!(failure.cause.as_deref(), Some("panic: row 7 of secrets"));
    }

    #[tokio::test]
    async fn what_takes_too_long_is_an_answer_too() {
        let failure =
            within(Duration::from_millis(1), &Method::POST, pin!(std::future::pending())).await.err().unwrap();
        assert_eq!(failure.status, 504);
        assert!(failure.hint.unwrap().contains("may be done"));
    }
}
