//! Reading a request's body, whole and bounded.

use axum::http::{HeaderMap, Method, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::answer::Failure;

/// Reads a body of at most `max` bytes.
///
/// # Errors
/// 413 when it is larger, as soon as that is known; 400 when it breaks off.
pub(crate) async fn read(mut body: Incoming, max: u64) -> Result<Bytes, Failure> {
    let told = body.size_hint().exact();
    if told.is_some_and(|told| told > max) {
        return Err(too_large(max));
    }
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut len = 0u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::bad_request(format!("the body breaks off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        len += data.len() as u64;
        if len > max {
            return Err(too_large(max));
        }
        // Most bodies come in one piece, which is used as it is.
        match first.take() {
            None if rest.is_empty() => first = Some(data),
            None => rest.extend_from_slice(&data),
            Some(before) => {
                rest.reserve(usize::try_from(told.unwrap_or(len)).unwrap_or(0));
                rest.extend_from_slice(&before);
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

fn too_large(max: u64) -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {max} bytes"))
        .hint("send less, or raise `limits: { body: … }` in the manifest")
}

/// Holds a body to one of these types; none given is fine, since many clients forget it.
///
/// # Errors
/// 415, naming what would be right.
pub(crate) fn must_be(headers: &HeaderMap, method: &Method, types: &[&str]) -> Result<(), Failure> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default();
    let given = text.split(';').next().unwrap_or_default().trim();
    if types.iter().any(|known| given.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    Err(Failure::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("`Content-Type: {text}` is not taken by {method} here"),
    )
    .hint(format!("send `Content-Type: {}`", types.join("` or `"))))
}
