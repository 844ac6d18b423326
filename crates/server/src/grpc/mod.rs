//! gRPC: pipelines' doors for programs whose messages are generated, and what tools ask of a server.
//!
//! 1. An app's protocol is made of its model ([`mod@app`]): as the text of a `.proto` file, and as what reflection hands out. Each
//!    field's number is made of its name.
//! 2. A call is a request whose path is a service and a method (`routes`). Who calls is found out as for any other request.
//! 3. Its body is cut into [`Messages`]; a record's message is written as the JSON that its pipeline's door reads ([`Layout`]),
//!    so that all doors take the same. `pipeline` stores them, and [`mod@answers`] writes what is answered.
//! 4. What tools ask is answered by `reflection` and `health`, to whoever asks: so each answer is small, or waits for its reader.
//! 5. What went wrong is told in trailers ([`mod@status`]); also what goes wrong before a call is known to be one of ours. By them calls
//!    are counted ([`mod@ending`]).

mod answers;
mod app;
mod descriptor;
mod ending;
mod health;
mod messages;
mod record;
mod reflection;
mod schema;
mod status;
#[cfg(test)]
mod tests;
mod text;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderName};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode};
use pintle_model::{Model, PipelineId};
use tokio::sync::{mpsc, oneshot};

pub(crate) use answers::{Summary, end, outcome};
pub(crate) use app::FILE;
pub(crate) use ending::{Ending, Line, describe};
pub(crate) use messages::Messages;
pub(crate) use record::Layout;
pub(crate) use reflection::Protocol;
pub(crate) use status::{GRPC, answer as failed, failed as trailers, head as told, status_of};

use crate::Exposure;
use crate::answer::{self, Answer};
use crate::body::Incoming;
use crate::failure::Failure;

const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// To take records: answered each, or all together.
    Take { id: PipelineId, each: bool },
    /// What this server's protocol is.
    Reflection,
    /// How it is doing.
    Health,
}

/// The `.proto` of what is exposed of an app; nothing where that has no pipeline.
#[must_use]
pub fn proto(model: &Model, exposure: &Exposure) -> Option<String> {
    Some(text::write(&app::file(model, exposure)?))
}

/// The paths of an app's calls.
pub(crate) fn calls(model: &Model, exposure: &Exposure) -> Vec<(String, Call)> {
    let mut calls = Vec::new();
    for id in &exposure.pipelines {
        let service = app::service_name(model, model.pipeline(*id));
        for (method, each) in [(app::TAKE, false), (app::TAKE_EACH, true)] {
            calls.push((format!("/{service}/{method}"), Call::Take { id: *id, each }));
        }
    }
    if !calls.is_empty() {
        for version in ["v1", "v1alpha"] {
            let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
            calls.push((path, Call::Reflection));
        }
        calls.push(("/grpc.health.v1.Health/Check".to_owned(), Call::Health));
    }
    calls
}

/// How the documentation names a pipeline's service.
pub(crate) fn service(model: &Model, id: PipelineId) -> String {
    app::service_name(model, model.pipeline(id))
}

/// Whether a request is a call.
pub(crate) fn is_grpc(head: &Parts) -> bool {
    let media = head.headers.get(header::CONTENT_TYPE).map_or(&b""[..], |media| media.as_bytes());
    media.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// Whether an answer is to a call: what became of it stands behind it, or among these headers.
pub(crate) fn is_answer(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE) == Some(&GRPC)
}

/// Refuses what is no call whose messages are Protocol Buffers.
pub(crate) fn check(head: &Parts) -> Result<(), Failure> {
    if head.method != Method::POST {
        return Err(Failure::method(&head.method, header::HeaderValue::from_static("POST")));
    }
    let media = answer::text(head, header::CONTENT_TYPE).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if ["application/grpc", "application/grpc+proto"].contains(&media) {
        return Ok(());
    }
    Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "what is at this address is called by gRPC")
        .hint(format!("its protocol stands at /docs/{FILE}; over HTTP, post to the pipeline's path")))
}

/// Whether a call's messages may be compressed, with gzip.
pub(crate) fn is_gzip(head: &Parts) -> Result<bool, Failure> {
    match answer::text(head, ENCODING) {
        None | Some("identity") => Ok(false),
        Some("gzip") => Ok(true),
        Some(other) => {
            let message = format!("messages in the coding {other} are not taken");
            Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
                .hint("send them in gzip, or as they are")
                .header(ACCEPT_ENCODING, header::HeaderValue::from_static("identity,gzip")))
        }
    }
}

/// How long a call may take, if it says.
pub(crate) fn time(head: &Parts) -> Result<Option<Duration>, Failure> {
    let Some(text) = answer::text(head, TIMEOUT) else { return Ok(None) };
    let time = text.split_at_checked(text.len().saturating_sub(1)).and_then(|(digits, unit)| {
        // Eight digits at the most, so no unit is too large.
        let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8 && !digits.starts_with('+'))?;
        Some(match unit {
            "H" => Duration::from_secs(number * 3600),
            "M" => Duration::from_secs(number * 60),
            "S" => Duration::from_secs(number),
            "m" => Duration::from_millis(number),
            "u" => Duration::from_micros(number),
            "n" => Duration::from_nanos(number),
            _ => return None,
        })
    });
    let wrong = || Failure::bad_request(format!("`grpc-timeout` is no time: {text:?}")).hint("write `30S` or `500m`");
    time.map(Some).ok_or_else(wrong)
}

/// Answers what tools ask of a server; whether it is ready is asked where it is wanted.
pub(crate) async fn tell(
    call: Call,
    protocol: &Arc<Protocol>,
    ready: impl Future<Output = bool>,
    head: &Parts,
    body: Incoming,
) -> Result<Answer, Failure> {
    check(head)?;
    let (pieces, answers) = mpsc::channel(1);
    let (behind, trailers) = oneshot::channel();
    let messages = Messages::of_questions(is_gzip(head)?);
    if call == Call::Reflection {
        tokio::spawn(reflection::answer(Arc::clone(protocol), messages, body, pieces, behind));
    } else {
        let (piece, told) = health::answer(protocol, messages, body, ready).await?;
        // There is room for it.
        let _ = pieces.try_send(piece);
        let _ = behind.send(told);
    }
    Ok(told(answer::streamed_before(trailers, GRPC, answers), head.version))
}
