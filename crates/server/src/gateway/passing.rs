//! An answer's body on its way from a replica to the caller: piece by piece, and not waited for without an end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

/// A body that is passed on.
#[derive(Debug)]
pub(crate) struct Passing {
    body: Incoming,
    stall_time_max: Duration,
    /// Runs while the next piece is waited for.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Passing {
    /// Of a body, of which each piece may take `stall_time_max`.
    pub(super) fn new(body: Incoming, stall_time_max: Duration) -> Passing {
        Passing { body, stall_time_max, stalled: None }
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.stalled = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let time = this.stall_time_max;
        let stalled = this.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Some(Err("the service went silent within its answer".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
