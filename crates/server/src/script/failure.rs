//! What a call that gave no answer is told as. Callers learn what they can do something about; the rest is for the log, and in dev
//! mode for whoever writes the script.

use std::fmt::Write as _;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use pintle_model::Role;
use pintle_script::{Failure as Failed, Place};

use super::Why;
use super::call::Work;
use super::fetch::WAITING_MAX;
use crate::answer::Answer;
use crate::failure::{Failure, Worded};
use crate::status::{self, Surface};

/// What a caller is told of a script's mistake.
const FAILED: &str = "the script failed";

/// The answer to a call that gave none: its own, if it chose to `fail`.
pub(super) fn told(why: Why, work: &Work) -> Result<Answer, Failure> {
    match why {
        Why::Store(error) => Err(of_store(error, work)),
        Why::Around(error) => Err(around(error, work)),
        Why::Answer(reason) => Err(thrown(&format!("its answer is none: {reason}"), None, "", work)),
        Why::Script(failed) => of_script(failed, work),
        Why::Crowded => Err(crowded()),
    }
}

fn of_store(error: pintle_store::Error, work: &Work) -> Failure {
    match error {
        // The store gave up when the script's time was over.
        pintle_store::Error::Timeout => {
            placed(too_long(work.time, work), work).details("it waited for the store when its time was over")
        }
        other => around(other, work),
    }
}

fn around(error: pintle_store::Error, work: &Work) -> Failure {
    let role: Role = work.acting.caller.role;
    status::error(error, Surface::Plain, role)
}

fn of_script(failed: Failed, work: &Work) -> Result<Answer, Failure> {
    Err(match failed {
        Failed::Failed { status, code, message, details, hint } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            if status.is_server_error() {
                let (id, script, status) = (work.id.as_str(), work.program.path(), status.as_u16());
                tracing::warn!(target: "pintle::script", id, script, status, reason = message, "the script gave up");
            }
            let worded = Worded { code, message, details, hint };
            return Ok(worded.answer(status));
        }
        Failed::Thrown { message, at, stack } => thrown(&message, at.as_ref(), &stack, work),
        Failed::Time { limit } => placed(too_long(limit, work), work),
        Failed::Memory { limit_bytes } => placed(too_much("memory", "scripts.limits.memory", limit_bytes), work),
        Failed::Stack { limit_bytes } => placed(too_much("stack", "scripts.limits.stack", limit_bytes), work),
        Failed::Output { limit_bytes } => {
            let message = format!("the script's answer is longer than {limit_bytes} bytes");
            let failure = with_cause(StatusCode::INTERNAL_SERVER_ERROR, message).hint("answer fewer rows at a time");
            placed(failure, work)
        }
        Failed::Ended => Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
    })
}

/// It threw: where and what is for the log, and in dev mode for the caller.
fn thrown(message: &str, at: Option<&Place>, stack: &str, work: &Work) -> Failure {
    let mut reason = message.to_owned();
    match at {
        Some(place) => {
            let _ = write!(reason, " at {place}");
        }
        None => {
            let _ = write!(reason, " in {}", work.program.path());
        }
    }
    let mut failure = Failure::new(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
    if work.dev {
        failure = failure.details(reason.clone());
    }
    if !stack.is_empty() {
        let _ = write!(reason, "\n{stack}");
    }
    failure.cause = Some(reason);
    failure
}

/// The same, with the script for the log: where in it that was is not known.
fn placed(mut failure: Failure, work: &Work) -> Failure {
    failure.cause = failure.cause.map(|cause| format!("{cause} in {}", work.program.path()));
    failure
}

fn too_long(limit: Duration, work: &Work) -> Failure {
    let message = format!("the script ran longer than {} ms", limit.as_millis());
    let name = if work.writes { "write_time" } else { "read_time" };
    with_cause(StatusCode::GATEWAY_TIMEOUT, message)
        .hint(format!("nothing of it was kept; the manifest's `scripts.limits.{name}` sets how long it may run"))
}

fn too_much(what: &str, name: &str, limit_bytes: usize) -> Failure {
    with_cause(StatusCode::INTERNAL_SERVER_ERROR, format!("the script wanted more than {limit_bytes} bytes of {what}"))
        .hint(format!("nothing of it was kept; the manifest's `{name}` sets how much it may take"))
}

/// Too many calls wait for others.
fn crowded() -> Failure {
    let message = format!("{WAITING_MAX} calls of scripts wait for answers from elsewhere, and no more may");
    with_cause(StatusCode::SERVICE_UNAVAILABLE, message).header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

/// An error that is the script's, not the caller's: the log must have it.
fn with_cause(status: StatusCode, message: String) -> Failure {
    let mut failure = Failure::new(status, message);
    failure.cause = Some(failure.message.clone());
    failure
}
