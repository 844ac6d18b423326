//! The life of a request at the gateway.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::Either;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};

use super::forward::Onward;
use super::lend::{Lender, Moved};
use super::passing::Passing;
use super::replica::Service;
use super::{Front, headers, health, trace};
use crate::answer::{self, Answer};
use crate::body;
use crate::failure::Failure;
use crate::grpc::{Call, Ending};
use crate::handle::{log_failure, without_body};
use crate::ids::X_REQUEST_ID;
use crate::metrics::OneMore;
use crate::passed::PINTLE_SERVICE;
use crate::routes::Endpoint;
use crate::{compress, docs, grpc, pipeline};

/// What the gateway answers: its own, or a service's that is passed on.
pub(crate) type Answered = Response<Body>;

/// The body of either.
pub(crate) type Body = Either<answer::Body, Passing>;

/// What the log says of a request that is passed on, however it ends.
#[derive(Default)]
struct Told {
    tries: usize,
    trace: String,
}

/// 1. It gets an id, and its path an owner: a service, or the gateway itself.
/// 2. It is passed on, and the answer passed back; or it is answered here.
/// 3. It is counted and logged.
pub(crate) async fn handle(front: &Front, remote: IpAddr, request: Request<body::Incoming>) -> Answered {
    let started = Instant::now();
    let _one_more = OneMore::of(&front.totals.in_flight);
    let (head, body) = request.into_parts();
    let id = front.ids.of(&head.headers);
    // It tunnels nothing, wherever to.
    let owner = front.table.service(head.uri.path()).filter(|_| head.method != Method::CONNECT);
    let owner = owner.map(|id| &*front.services[id.0]);
    let mut told = Told::default();
    let mut answer = match owner {
        Some(service) => match Box::pin(passed_on(front, service, remote, &id, &head, body, &mut told)).await {
            // The documentation of one service, where it has no page: here it is that of the whole app.
            Ok((answer, _)) if head.uri.path() == "/" && answer.headers().contains_key(PINTLE_SERVICE) => {
                let answer = documentation(front, &head).await;
                own(front, &head, &id, answer)
            }
            Ok((answer, moved)) => passed_back(front, &service.name, (&head, &id), answer, moved),
            Err(failure) => {
                let answer = own(front, &head, &id, Err(failure));
                if grpc::is_answer(answer.headers()) {
                    Ending::of_service(&service.name).told(answer.headers());
                }
                answer
            }
        },
        None => {
            let answer = own_answer(front, &head, body).await;
            own(front, &head, &id, answer)
        }
    };
    let took = started.elapsed();
    let meter = owner.map_or(&front.meter, |service| &service.meter);
    meter.count(&head.method, answer.status(), took);
    let quiet = owner.is_none() && answer.status().is_success() && head.uri.path().starts_with("/health/");
    if front.settings.access_log && !quiet {
        tracing::info!(
            target: "pintle::access",
            id = id.to_str().unwrap_or_default(),
            method = head.method.as_str(),
            // Parameters may hold a token, so they stay out of the log.
            path = head.uri.path(),
            status = answer.status().as_u16(),
            // Where that of a call stands behind its answer, its service logs it.
            grpc_status = grpc::status_of(answer.headers()),
            service = owner.map_or("gateway", |service| service.name.as_str()),
            tries = told.tries,
            trace = told.trace,
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
    answer.headers_mut().insert(X_REQUEST_ID, id);
    answer
}

/// Has a service answer; what becomes of the request's body meanwhile.
async fn passed_on(
    front: &Front,
    service: &Service,
    remote: IpAddr,
    id: &HeaderValue,
    head: &Parts,
    body: body::Incoming,
    told: &mut Told,
) -> Result<(Response<Incoming>, Arc<Moved>), Failure> {
    let limits = &front.model().limits;
    let headers = headers::onward(head, remote, id, &front.key);
    trace::id(&headers).clone_into(&mut told.trace);
    body::check_head(head, limits)?;
    // A stream has no end that could be too far: it is not kept anywhere.
    let body = if pipeline::is_stream(head) {
        Lender::new(body, u64::MAX)
    } else {
        Lender::new(body::check_length(body, limits)?, limits.body_bytes)
    };
    let time = limits.timeout + super::GRACE;
    let moved = body.moved();
    let onward = Onward { service, head, headers, body, due: tokio::time::Instant::now() + time, time };
    let (answer, tries) = onward.answer().await;
    told.tries = tries;
    Ok((answer?, moved))
}

/// A service's answer as the caller gets it.
fn passed_back(
    front: &Front,
    service: &str,
    (asked, id): (&Parts, &HeaderValue),
    answer: Response<Incoming>,
    moved: Arc<Moved>,
) -> Answered {
    let (mut head, body) = answer.into_parts();
    headers::without_connection(&mut head.headers);
    // The answers of a stream wait for what the caller sends.
    let timeout = front.model().limits.timeout;
    let stall = if pipeline::is_stream(asked) { timeout + pipeline::IDLE_MAX } else { timeout };
    let mut body = Passing::new(body, stall, moved);
    if grpc::is_answer(&head.headers) {
        let mut call = Ending::of_service(service);
        call.told(&head.headers);
        body = body.with_end(call, service, id);
    }
    let mut answer = Response::new(Either::Right(body));
    *answer.status_mut() = head.status;
    *answer.headers_mut() = head.headers;
    answer
}

/// What the gateway answers itself, with what all answers have.
fn own(front: &Front, head: &Parts, id: &HeaderValue, made: Result<Answer, Failure>) -> Answered {
    let mut answer = made.unwrap_or_else(|failure| {
        if failure.is_to_be_logged() {
            log_failure(&failure, head, id);
        }
        if grpc::is_grpc(head) { grpc::failed(&failure) } else { failure.answer() }
    });
    if head.method == Method::HEAD {
        answer = without_body(answer);
    }
    let headers = answer.headers_mut();
    if let Some(cors) = &front.cors {
        cors.mark(&head.headers, headers);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer.map(Either::Left)
}

/// That of the whole app.
async fn documentation(front: &Front, head: &Parts) -> Result<Answer, Failure> {
    Ok(compress::answer(docs::answer(&front.docs, head).await?, head).await)
}

/// What the gateway knows without a service.
async fn own_answer(front: &Front, head: &Parts, body: body::Incoming) -> Result<Answer, Failure> {
    body::check_head(head, &front.model().limits)?;
    if let Some(answer) = front.cors.as_ref().and_then(|cors| cors.preflight(head)) {
        return Ok(answer);
    }
    let endpoint = &front.routes.find(head.uri.path()).route.endpoint;
    let made = match endpoint {
        Endpoint::Docs | Endpoint::Home => docs::answer(&front.docs, head).await,
        Endpoint::Live | Endpoint::Ready | Endpoint::Health | Endpoint::Metrics => {
            if head.method != Method::GET && head.method != Method::HEAD {
                return Err(Failure::method(&head.method, HeaderValue::from_static("GET, HEAD")));
            }
            let services = front.services.iter().map(|service| &**service);
            match endpoint {
                Endpoint::Live => Ok(crate::health::live()),
                Endpoint::Ready => health::ready(services),
                Endpoint::Health => Ok(health::whole(services)),
                _ => Ok(crate::metrics::answer()),
            }
        }
        Endpoint::Call(call @ (Call::Reflection | Call::Health)) => {
            let ready = async { health::ready(front.services.iter().map(|service| &**service)).is_ok() };
            grpc::tell(*call, &front.protocol, ready, head, body).await
        }
        _ => Err(Failure::no_such_path(head.uri.path())),
    };
    Ok(compress::answer(made?, head).await)
}
