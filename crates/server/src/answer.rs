//! Answers: a status, headers, and a body that is whole in memory; that of a file may come piece by piece, and so may what is
//! made while it is sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Collected, Either, Full};
use hyper::body::Frame;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};
use tower_http::services::fs::ServeFileSystemResponseBody;

use crate::grpc::Ending;

/// An answer's body.
pub(crate) type Body = Either<Full<Bytes>, Either<ServeFileSystemResponseBody, Streamed>>;

/// A body whose pieces are made while it is sent. It ends when their sender is dropped, and is broken off then where `finished` was
/// to be told and was not.
#[derive(Debug)]
pub(crate) struct Streamed {
    first: Option<Bytes>,
    rest: mpsc::Receiver<Bytes>,
    /// What stands behind the last piece, as gRPC has it.
    trailers: Option<oneshot::Receiver<HeaderMap>>,
    finished: Option<oneshot::Receiver<()>>,
    /// A call of gRPC that ends with it.
    call: Option<Box<Ending>>,
}

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if let Some(piece) = ready!(self.rest.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if let Some(finished) = &mut self.finished {
            let told = ready!(finished.poll_unpin(cx));
            self.finished = None;
            if told.is_err() {
                return Poll::Ready(Some(Err(io::Error::other("the answer ended before its end"))));
            }
        }
        let Some(trailers) = &mut self.trailers else { return Poll::Ready(None) };
        let told = ready!(trailers.poll_unpin(cx));
        self.trailers = None;
        let Ok(trailers) = told else { return Poll::Ready(None) };
        if let Some(call) = &mut self.call {
            call.told(&trailers);
        }
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

/// An answer.
pub(crate) type Answer = Response<Body>;

/// The type of every JSON answer.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The type of an answer that is a line for each of many.
pub(crate) const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson; charset=utf-8");

/// How many headers an answer has at the most, as a rule: room for them is made once. Room for one more would be twice as
/// much, which takes the allocator longer.
const HEADERS: usize = 6;

/// An answer without headers.
pub(crate) fn bare(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body)));
    *answer.status_mut() = status;
    *answer.headers_mut() = HeaderMap::with_capacity(HEADERS);
    answer
}

/// An answer with JSON.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = bare(status, body);
    answer.headers_mut().insert(header::CONTENT_TYPE, JSON);
    answer
}

/// An answer that is sent piece by piece.
pub(crate) fn streamed(status: StatusCode, media: HeaderValue, pieces: mpsc::Receiver<Bytes>) -> Answer {
    made(Streamed { first: None, rest: pieces, trailers: None, finished: None, call: None }, status, media)
}

/// An answer that is sent piece by piece, with what stands behind the last.
pub(crate) fn streamed_before(
    trailers: oneshot::Receiver<HeaderMap>,
    media: HeaderValue,
    rest: mpsc::Receiver<Bytes>,
) -> Answer {
    made(Streamed { first: None, rest, trailers: Some(trailers), finished: None, call: None }, StatusCode::OK, media)
}

/// An answer that is sent piece by piece, of which the first is there. Unless it is told that it is finished, whoever takes it sees
/// that it is not whole.
pub(crate) fn streamed_behind(
    first: Option<Bytes>,
    rest: mpsc::Receiver<Bytes>,
    finished: oneshot::Receiver<()>,
    media: HeaderValue,
) -> Answer {
    made(Streamed { first, rest, trailers: None, finished: Some(finished), call: None }, StatusCode::OK, media)
}

fn made(body: Streamed, status: StatusCode, media: HeaderValue) -> Answer {
    let mut answer = Response::new(Either::Right(Either::Right(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, media);
    answer
}

/// Has the end of a call of gRPC told: now, if its status stands in the head, else behind its answer.
pub(crate) fn with_end(answer: &mut Answer, mut call: Ending) {
    call.told(answer.headers());
    if let Either::Right(Either::Right(body)) = answer.body_mut() {
        body.call = Some(Box::new(call));
    }
}

/// Whether it is made while it is sent.
pub(crate) fn is_streamed(answer: &Answer) -> bool {
    matches!(answer.body(), Either::Right(Either::Right(_)))
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    bare(status, Bytes::new())
}

/// The answer to `OPTIONS`.
pub(crate) fn options(allow: HeaderValue) -> Answer {
    let mut answer = empty(StatusCode::OK);
    answer.headers_mut().insert(header::ALLOW, allow);
    answer
}

/// How many bytes the body has, as far as is known.
pub(crate) fn length(answer: &Answer) -> u64 {
    let told = answer.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    told.unwrap_or_else(|| hyper::body::Body::size_hint(answer.body()).lower())
}

/// A header's value of text that was made here; what no header can hold is left out.
pub(crate) fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// A header's text; nothing if it is absent or no visible ASCII.
pub(crate) fn text(head: &Parts, name: HeaderName) -> Option<&str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

/// The body of an answer that is whole in memory, so nothing is waited for; of one that comes piece by piece nothing.
pub(crate) fn whole(answer: &Answer) -> Bytes {
    let Either::Left(body) = answer.body() else { return Bytes::new() };
    body.clone().collect().now_or_never().and_then(Result::ok).map(Collected::to_bytes).unwrap_or_default()
}
