//! Passes a request on to a replica of its service, and on to another one where that is safe.
//!
//! Safe is what asks for nothing to be done (GET, HEAD, OPTIONS), and what cannot have reached a replica: its connection was refused,
//! or ended before anything was written to it. All else is tried once: it may have been done.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::Instant;

use super::headers;
use super::lend::{Lender, Lent};
use super::replica::{self, Health, Replica, Service};
use crate::failure::{Failure, reasons};

/// How often a request is sent at the most.
const TRIES_MAX: usize = 3;
/// How long to wait before the same replica is asked again.
const PAUSE: Duration = Duration::from_millis(50);
/// When to ask again for a service that does not answer, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// A request on its way.
pub(super) struct Onward<'r> {
    pub(super) service: &'r Service,
    pub(super) head: &'r Parts,
    /// Its headers as the service gets them.
    pub(super) headers: HeaderMap,
    pub(super) body: Lender,
    /// When its answer has to have begun, and how long that is from the beginning.
    pub(super) due: Instant,
    pub(super) time: Duration,
}

/// What went wrong with one try.
enum Trouble {
    /// Nothing of the request was sent.
    Unsent(String),
    /// The connection broke before an answer.
    Broken(String),
    /// The replica answers that it does not want it now.
    Unready(Response<Incoming>),
    TooSlow,
    /// The caller's own body could not be sent.
    Body(Failure),
}

impl Onward<'_> {
    /// The head of the answer, and how often it was asked for. A failure is 503 where no replica is there, 502 where one broke
    /// off, 504 where it is too slow, 400 or 413 where the caller's body is wrong.
    pub(super) async fn answer(self) -> (Result<Response<Incoming>, Failure>, usize) {
        let mut tried: Vec<SocketAddr> = Vec::new();
        let mut last = None;
        while tried.len() < TRIES_MAX {
            let Some(replica) = self.next(&tried, last.as_ref()).await else { break };
            if !tried.is_empty() {
                self.service.retries.increment(1);
            }
            tried.push(replica.address);
            let trouble = match self.send(&replica).await {
                Ok(answer) => return (Ok(answer), tried.len()),
                Err(trouble) => trouble,
            };
            let again = self.may_try_again(&trouble);
            last = Some(trouble);
            if !again {
                break;
            }
        }
        let answer = match last {
            Some(Trouble::Unready(answer)) => Ok(answer),
            last => Err(self.failure(last)),
        };
        (answer, tried.len())
    }

    /// Whom to ask now: another replica, or after a pause the same again.
    async fn next(&self, tried: &[SocketAddr], last: Option<&Trouble>) -> Option<std::sync::Arc<Replica>> {
        let other = self.service.choose(tried);
        match last {
            // It said so itself: it is not asked again.
            None | Some(Trouble::Unready(_)) => other,
            Some(_) if other.is_some() => other,
            Some(_) => {
                tokio::time::sleep(PAUSE).await;
                self.service.choose(&[])
            }
        }
    }

    fn may_try_again(&self, trouble: &Trouble) -> bool {
        let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.head.method);
        self.body.is_whole()
            && match trouble {
                Trouble::Unsent(_) => true,
                Trouble::Broken(_) | Trouble::Unready(_) => safe,
                Trouble::TooSlow | Trouble::Body(_) => false,
            }
    }

    async fn send(&self, replica: &Replica) -> Result<Response<Incoming>, Trouble> {
        let request = self.request(replica, self.body.lend())?;
        let answered = tokio::time::timeout_at(self.due, replica.connections().request(request)).await;
        let answered = answered.map_err(|_| Trouble::TooSlow)?;
        let answer = answered.map_err(|error| {
            // Where it is the caller that broke off, the replica has nothing to do with it.
            if let Some(failure) = self.body.wrong() {
                return Trouble::Body(failure);
            }
            let why = reasons(&error);
            if error.is_connect() {
                // What the gateway itself lacks, such as files, says nothing of a replica.
                if io_error(&error).is_some_and(replica::is_gone) {
                    // Nobody listens there, until it says otherwise.
                    self.service.mark(replica, Health::Down, &why);
                    replica.doubted.notify_one();
                }
                return Trouble::Unsent(why);
            }
            self.service.doubt(replica, &why);
            let never_written = std::error::Error::source(&error)
                .and_then(|source| source.downcast_ref::<hyper::Error>())
                .is_some_and(hyper::Error::is_canceled);
            if never_written { Trouble::Unsent(why) } else { Trouble::Broken(why) }
        })?;
        if headers::closes(answer.headers()) {
            // It may be about to stop.
            self.service.doubt(replica, "it closes its connection");
        }
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE && answer.headers().contains_key(header::RETRY_AFTER) {
            return Err(Trouble::Unready(answer));
        }
        if !answer.status().is_server_error() {
            replica.answers.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }

    fn request(&self, replica: &Replica, body: Lent) -> Result<Request<Lent>, Trouble> {
        let target = self.head.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut request = Request::new(body);
        // What could be parsed can be put together again.
        *request.uri_mut() = replica.url(target).map_err(|error| Trouble::Broken(error.to_string()))?;
        *request.method_mut() = self.head.method.clone();
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    fn failure(&self, last: Option<Trouble>) -> Failure {
        let service = &self.service.name;
        let failure = |status, what: String, why: String| {
            let mut failure = Failure::new(status, what);
            failure.cause = Some(why);
            failure
        };
        let done = |failure: Failure| match self.head.method {
            Method::GET | Method::HEAD | Method::OPTIONS => failure,
            _ => failure.hint("what it asked for may be done all the same"),
        };
        match last {
            Some(Trouble::Body(failure)) => failure,
            Some(Trouble::Broken(why)) => done(failure(
                StatusCode::BAD_GATEWAY,
                format!("the service `{service}` broke off before it answered"),
                why,
            )),
            Some(Trouble::TooSlow) => {
                let what = format!("the service `{service}` did not answer within {} s", self.time.as_secs_f32());
                done(failure(StatusCode::GATEWAY_TIMEOUT, what.clone(), what))
            }
            last => {
                let why = match last {
                    Some(Trouble::Unsent(why)) => why,
                    _ => "no replica is up".to_owned(),
                };
                let what = format!("the service `{service}` does not answer");
                failure(StatusCode::SERVICE_UNAVAILABLE, what, why)
                    .hint("nothing was done: try again; /health/ready says which services answer")
                    .header(header::RETRY_AFTER, RETRY_AFTER)
            }
        }
    }
}

/// What the system said, if it was the system.
pub(super) fn io_error<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e io::Error> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}
