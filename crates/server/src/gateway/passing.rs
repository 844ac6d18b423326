//! An answer's body on its way from a replica to the caller: piece by piece, and not waited for without an end.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

/// A body that is passed on.
#[derive(Debug)]
pub(crate) struct Passing<B = Incoming> {
    body: B,
    stall_time_max: Duration,
    /// Counts the pieces of the request that the service has taken: as long as it reads, it is not silent.
    moved: Arc<AtomicU64>,
    /// How many there were when the wait began.
    seen: u64,
    /// Runs while the next piece is waited for.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<B> Passing<B> {
    /// Of a body, of which each piece may take `stall_time_max` since the service last took a piece of the request.
    pub(super) fn new(body: B, stall_time_max: Duration, moved: Arc<AtomicU64>) -> Passing<B> {
        Passing { body, stall_time_max, moved, seen: 0, stalled: None }
    }
}

impl<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin> Body for Passing<B> {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.stalled = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        loop {
            let moved = this.moved.load(Ordering::Relaxed);
            let stalled = this.stalled.get_or_insert_with(|| {
                this.seen = moved;
                Box::pin(tokio::time::sleep(this.stall_time_max))
            });
            ready!(stalled.as_mut().poll(cx));
            if this.seen == moved {
                return Poll::Ready(Some(Err("the service went silent within its answer".into())));
            }
            this.stalled = None;
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
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
        let (stall, moved) = (Duration::from_millis(100), Arc::new(AtomicU64::new(7)));
        let begun = Instant::now();
        let mut passing = Passing::new(Silent, stall, Arc::clone(&moved));
        assert!(passing.frame().now_or_never().is_none());
        moved.fetch_add(1, Ordering::Relaxed);
        // The first wait is in vain, and another begins.
        assert!(passing.frame().await.unwrap().is_err());
        assert!(begun.elapsed() >= stall * 2, "{:?}", begun.elapsed());
        // Nothing moves: one wait is enough.
        let begun = Instant::now();
        let mut passing = Passing::new(Silent, stall, moved);
        assert!(passing.frame().await.unwrap().is_err());
        assert!(begun.elapsed() >= stall);
    }
}
