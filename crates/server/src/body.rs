//! Bodies: read once, whole, and no further than the limit; what an answer leaves of one is read off.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{StatusCode, Version};
use pintle_model::Limits;
use tokio::runtime::Handle;

use crate::answer;
use crate::failure::Failure;

/// What is read of a body that nobody wants, so that a caller that is still sending gets to read its answer.
pub(crate) const DISCARD_BYTES_MAX: usize = 8 << 20;
/// How long that may take.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(2);

/// A request's body. What is left of one when it is dropped is read off, within bounds: over HTTP/1 a connection ends with what nobody
/// reads, and with it may go the answer, or the next request.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// Until its end was read.
    body: Option<hyper::body::Incoming>,
    /// Whether it is the connection's next, and not one of several streams.
    in_line: bool,
    /// The caller sends it only when somebody reads: `Expect: 100-continue`.
    waits: bool,
}

impl Incoming {
    /// A request's with this head.
    pub(crate) fn of(head: &Parts, body: hyper::body::Incoming) -> Incoming {
        let waits = head.headers.get(header::EXPECT).is_some_and(|expected| expected == "100-continue");
        Incoming { body: Some(body), in_line: head.version <= Version::HTTP_11, waits }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        self.waits = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(None) = frame {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let left = self.body.take().filter(|body| self.in_line && !self.waits && !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (left, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(DISCARD_TIME_MAX, read_off(body)));
        }
    }
}

async fn read_off(mut body: hyper::body::Incoming) {
    let mut left = DISCARD_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(after) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { break };
        left = after;
    }
}

/// Reads a body.
///
/// # Errors
/// 415 when it is compressed, 413 when it is larger than the limit, 408 when it does not come in time, 400 when it breaks off.
pub(crate) async fn read(head: &Parts, body: Incoming, limits: &Limits) -> Result<Bytes, Failure> {
    plain(head)?;
    let most = limits.body_bytes;
    let body = check_length(body, limits)?;
    let limited = Limited::new(body, usize::try_from(most).unwrap_or(usize::MAX));
    // A part of the time that the whole request has, so that it is clear who was slow.
    let time = limits.timeout * 9 / 10;
    match tokio::time::timeout(time, limited.collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(most)),
        Ok(Err(error)) => Err(broke_off(&*error)),
        Err(_) => Err(Failure::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not come within {} s", time.as_secs_f32()),
        )),
    }
}

/// Refuses a body that is compressed.
///
/// # Errors
/// 415.
pub(crate) fn plain(head: &Parts) -> Result<(), Failure> {
    let Some(coding) = coding(head) else { return Ok(()) };
    let message = format!("a body in the coding {coding} is not taken");
    Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
        .hint("send it as it is, without `Content-Encoding`")
        .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")))
}

/// Refuses a body that says itself that it is too large.
///
/// # Errors
/// 413.
pub(crate) fn check_length(body: Incoming, limits: &Limits) -> Result<Incoming, Failure> {
    if body.size_hint().lower() > limits.body_bytes {
        return Err(too_large(limits.body_bytes));
    }
    Ok(body)
}

/// Refuses a head that could mean two things, or nothing: over HTTP/1.1 it names one host (RFC 9112, 3.2). And a URL that is too long.
///
/// # Errors
/// 400, 414.
pub(crate) fn check_head(head: &Parts, limits: &Limits) -> Result<(), Failure> {
    let hosts = head.headers.get_all(header::HOST).iter().count();
    if head.version == Version::HTTP_11 && hosts != 1 {
        let message = format!("a request over HTTP/1.1 has one header `Host`, and this one has {hosts}");
        return Err(Failure::bad_request(message));
    }
    let length = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if length as u64 > limits.url_bytes {
        let message = format!("the URL has {length} bytes, at most {} are taken", limits.url_bytes);
        return Err(Failure::new(StatusCode::URI_TOO_LONG, message));
    }
    Ok(())
}

/// How a body is compressed, if it is.
fn coding(head: &Parts) -> Option<&str> {
    head.headers.get(header::CONTENT_ENCODING)?;
    let coding = answer::text(head, header::CONTENT_ENCODING).unwrap_or("?");
    Some(coding).filter(|coding| !coding.eq_ignore_ascii_case("identity"))
}

/// A body that ends before it is whole, or that is none.
pub(crate) fn broke_off(error: &dyn std::error::Error) -> Failure {
    Failure::bad_request("the body broke off").because(error)
}

/// A body of more than `most` bytes.
pub(crate) fn too_large(most: u64) -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {most} bytes"))
        .hint("send it in parts; the manifest's `limits.body` sets how much is taken")
}

/// What comes next of a stream; nothing at its end.
pub(crate) async fn piece(body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    match body.frame().await {
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(error)) => Err(broke_off(&error)),
        None => Ok(None),
    }
}

/// A body's type without its parameters, in small letters; `None` if the caller does not say.
///
/// # Errors
/// When its text is in another encoding than UTF-8.
pub(crate) fn media_type(head: &Parts) -> Result<Option<String>, Failure> {
    let Some(given) = head.headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    if given == "application/json" {
        return Ok(Some("application/json".to_owned()));
    }
    let text = answer::text(head, header::CONTENT_TYPE).unwrap_or("?").to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_owned();
    for charset in parts.filter_map(|part| part.strip_prefix("charset=")) {
        let charset = charset.trim_matches('"');
        if !["utf-8", "utf8", "us-ascii"].contains(&charset) {
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("a body in the encoding {charset} is not taken"),
            )
            .hint("send UTF-8"));
        }
    }
    Ok(Some(media))
}
