//! How the server is doing, as probes of gRPC ask for it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};

use super::messages::{self, Messages};
use super::reflection::{Protocol, text_of};
use super::schema::{Enum, Field, File, Kind, Message, Method, Service};
use super::{status, wire};
use crate::body::Incoming;
use crate::failure::Failure;

/// How long the question may take to come.
const QUESTION_TIME_MAX: Duration = Duration::from_secs(10);

/// The answer to a question, and what stands behind it. Whether the server is ready is asked where it is wanted.
pub(super) async fn answer(
    protocol: &Arc<Protocol>,
    messages: Messages,
    body: Incoming,
    ready: impl Future<Output = bool>,
) -> Result<(Bytes, HeaderMap), Failure> {
    let asked = tokio::time::timeout(QUESTION_TIME_MAX, asked(messages, body)).await;
    let service = asked.map_err(|_| {
        let message = format!("the call's message did not come within {} s", QUESTION_TIME_MAX.as_secs());
        Failure::new(StatusCode::REQUEST_TIMEOUT, message)
    })??;
    if !service.is_empty() && !protocol.services().any(|known| known == service) {
        return Ok((Bytes::new(), status::unknown(&format!("there is no service `{service}`"))));
    }
    let mut piece = Vec::new();
    // SERVING, NOT_SERVING
    let status = if ready.await { 1 } else { 2 };
    messages::write(&mut piece, |out| wire::integer(out, 1, status));
    Ok((piece.into(), status::good()))
}

/// Of which service it is asked how it is doing; empty for all. What comes behind the first message is none of the call.
async fn asked(mut messages: Messages, mut body: Incoming) -> Result<String, Failure> {
    let service = |message: Result<&[u8], Failure>| message.and_then(|message| text_of(message, 1));
    while let Some(piece) = crate::body::piece(&mut body).await? {
        messages.push(&piece);
        if let Some(service) = messages.next(service)? {
            return service;
        }
    }
    Err(Failure::bad_request("the call has no message"))
}

/// The protocol `grpc.health.v1`, of which this server has what probes ask.
pub(super) fn file() -> File {
    let message = |name: &str, field| Message { name: name.to_owned(), about: String::new(), fields: vec![field] };
    let full = |name: &str| format!("grpc.health.v1.{name}");
    File {
        name: "grpc/health/v1/health.proto",
        package: "grpc.health.v1".to_owned(),
        about: String::new(),
        imports: Vec::new(),
        services: vec![Service {
            name: "Health".to_owned(),
            about: String::new(),
            methods: vec![Method {
                name: "Check",
                about: "",
                takes: full("HealthCheckRequest"),
                answers: full("HealthCheckResponse"),
                streams: (false, false),
            }],
        }],
        messages: vec![
            message("HealthCheckRequest", Field::new("service", 1, Kind::Text, "")),
            message("HealthCheckResponse", Field::new("status", 1, Kind::Enum(full("ServingStatus")), "")),
        ],
        enums: vec![Enum {
            name: "ServingStatus",
            about: "",
            values: vec![("UNKNOWN", ""), ("SERVING", ""), ("NOT_SERVING", "")],
        }],
    }
}
