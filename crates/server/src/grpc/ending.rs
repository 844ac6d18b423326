//! How calls end, which HTTP does not tell: its status is 200 in any case, and comes before.

use std::time::Instant;

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use metrics::Unit;

use super::status::{CANCELLED, name, number};

const CALLS: &str = "pintle_grpc_calls_total";
const GATEWAY_CALLS: &str = "pintle_gateway_grpc_calls_total";

/// A call that is counted when it ends, and logged where it is to be.
#[derive(Debug)]
pub(crate) struct Ending {
    metric: &'static str,
    /// The label's name and value.
    of: (&'static str, String),
    line: Option<Line>,
    ended: bool,
}

/// What the log says of a call.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) id: HeaderValue,
    pub(crate) path: String,
    pub(crate) started: Instant,
    /// It is a probe's, of which nothing is said where all is well.
    pub(crate) probe: bool,
}

impl Ending {
    /// Of a call of this path; of whatever else was called.
    pub(crate) fn of_call(path: Option<&str>, line: Option<Line>) -> Ending {
        Ending { metric: CALLS, of: ("method", path.unwrap_or("other").to_owned()), line, ended: false }
    }

    /// Of a call that a gateway passes on to a service.
    pub(crate) fn of_service(name: &str) -> Ending {
        Ending { metric: GATEWAY_CALLS, of: ("service", name.to_owned()), line: None, ended: false }
    }

    /// It has ended, if its status stands here: among the trailers, or in the head of an answer that has nothing else.
    pub(crate) fn told(&mut self, headers: &HeaderMap) {
        if let (Some(status), false) = (number(headers), self.ended) {
            self.end(status);
        }
    }

    /// Whether its status is known.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    fn end(&mut self, status: u32) {
        self.ended = true;
        let (of, status) = (self.of.1.clone(), name(status));
        metrics::counter!(self.metric, self.of.0 => of, "status" => status).increment(1);
        let Some(Line { id, path, started, probe }) = self.line.take() else { return };
        if probe && status == name(0) {
            return;
        }
        tracing::info!(
            target: "pintle::access",
            id = id.to_str().unwrap_or_default(),
            method = "POST",
            path,
            status = 200,
            grpc_status = status,
            took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

impl Drop for Ending {
    /// Who called has gone, or the connection broke.
    fn drop(&mut self) {
        if !self.ended {
            self.end(CANCELLED);
        }
    }
}

/// Describes what is counted.
pub(crate) fn describe() {
    metrics::describe_counter!(CALLS, Unit::Count, "Calls of gRPC that have ended, by method and status");
    metrics::describe_counter!(GATEWAY_CALLS, Unit::Count, "Calls of gRPC that have ended, by service and status");
}
