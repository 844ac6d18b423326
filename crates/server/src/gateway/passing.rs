//! An answer's body on its way from a replica to the caller: piece by piece, and not waited for without an end.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::HeaderValue;
use tokio::time::Sleep;

use super::lend::Moved;
use crate::failure::Failure;
use crate::grpc::{self, Ending};

const BROKE_OFF: &str = "the service broke off within its answer";
const WENT_SILENT: &str = "the service went silent within its answer";

/// A body that is passed on.
#[derive(Debug)]
pub(crate) struct Passing<B = Incoming> {
    body: B,
    stall_time_max: Duration,
    /// What became of the request: as long as the service takes pieces of it, it is not silent.
    moved: Arc<Moved>,
    /// How many pieces there were when the wait began.
    seen: u64,
    /// Runs while the next piece is waited for.
    stalled: Option<Pin<Box<Sleep>>>,
    /// A call of gRPC that ends with it.
    call: Option<Box<Called>>,
    /// The service went on no further, and that was told behind what came.
    told: bool,
}

#[derive(Debug)]
struct Called {
    ending: Ending,
    service: String,
    /// The request's.
    id: HeaderValue,
}

type Piece = Option<Result<Frame<Bytes>, Box<dyn Error + Send + Sync>>>;

impl<B> Passing<B> {
    /// Of a body, of which each piece may take `stall_time_max` since the service last took a piece of the request.
    pub(super) fn new(body: B, stall_time_max: Duration, moved: Arc<Moved>) -> Passing<B> {
        Passing { body, stall_time_max, moved, seen: 0, stalled: None, call: None, told: false }
    }

    /// The same, of a call of gRPC that the request of this id made.
    pub(super) fn with_end(self, ending: Ending, service: &str, id: &HeaderValue) -> Passing<B> {
        Passing { call: Some(Box::new(Called { ending, service: service.to_owned(), id: id.clone() })), ..self }
    }

    /// The service went on no further, which this status says. Who called by gRPC is told so behind what came, and may try again.
    fn broken(&mut self, status: StatusCode, what: &str, why: Box<dyn Error + Send + Sync>) -> Piece {
        let caller_did = self.moved.broke.load(Ordering::Relaxed);
        let Some(call) = self.call.as_mut().filter(|call| !caller_did && !call.ending.has_ended()) else {
            return Some(Err(why));
        };
        let failure = Failure::new(status, what).hint("what was sent and not answered may be stored all the same");
        let trailers = grpc::trailers(&failure);
        call.ending.told(&trailers);
        let (id, service) = (call.id.to_str().unwrap_or_default(), &call.service);
        tracing::error!(id, service, status = status.as_u16(), reason = %why, "{what}");
        self.told = true;
        Some(Ok(Frame::trailers(trailers)))
    }
}

impl<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin> Body for Passing<B> {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if this.told {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.stalled = None;
            if let (Some(call), Some(Ok(frame))) = (&mut this.call, &frame)
                && let Some(trailers) = frame.trailers_ref()
            {
                call.ending.told(trailers);
            }
            return Poll::Ready(match frame {
                Some(Err(error)) => this.broken(StatusCode::BAD_GATEWAY, BROKE_OFF, error.into()),
                Some(Ok(frame)) => Some(Ok(frame)),
                None => None,
            });
        }
        loop {
            let moved = this.moved.pieces.load(Ordering::Relaxed);
            let stalled = this.stalled.get_or_insert_with(|| {
                this.seen = moved;
                Box::pin(tokio::time::sleep(this.stall_time_max))
            });
            ready!(stalled.as_mut().poll(cx));
            if this.seen == moved {
                return Poll::Ready(this.broken(StatusCode::GATEWAY_TIMEOUT, WENT_SILENT, WENT_SILENT.into()));
            }
            this.stalled = None;
        }
    }

    fn is_end_stream(&self) -> bool {
        self.told || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Instant;

    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;

    use super::*;

    /// An answer of which nothing comes.
    struct Silent;

    impl Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_service_that_goes_on_reading_is_not_silent() {
        let (stall, moved) = (Duration::from_millis(100), Arc::new(Moved::default()));
        let begun = Instant::now();
        let mut passing = Passing::new(Silent, stall, Arc::clone(&moved));
        assert!(passing.frame().now_or_never().is_none());
        moved.pieces.fetch_add(1, Ordering::Relaxed);
        // The first wait is in vain, and another begins.
        assert!(passing.frame().await.unwrap().is_err());
        assert!(begun.elapsed() >= stall * 2, "{:?}", begun.elapsed());
        // Nothing moves: one wait is enough.
        let begun = Instant::now();
        let mut passing = Passing::new(Silent, stall, moved);
        assert!(passing.frame().await.unwrap().is_err());
        assert!(begun.elapsed() >= stall);
    }

    #[tokio::test]
    async fn a_call_whose_service_goes_silent_is_told_that_its_time_is_over() {
        let call = Ending::of_service("persons");
        let passing = Passing::new(Silent, Duration::from_millis(1), Arc::default());
        let mut passing = passing.with_end(call, "persons", &HeaderValue::from_static("1"));
        let trailers = passing.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "4");
        let told = trailers["grpc-message"].to_str().unwrap();
        assert!(told.starts_with("the service went silent within its answer: "), "{told}");
        assert!(passing.is_end_stream() && passing.frame().await.is_none());
    }
}
