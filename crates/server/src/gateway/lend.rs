//! A request's body on its way to a replica: lent, so that it can be sent to another one as long as nothing of it was taken.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use parking_lot::Mutex;

/// A body that is lent.
#[derive(Debug, Clone)]
pub(super) struct Lender(Arc<Shared>);

/// A body that one replica is sent.
#[derive(Debug)]
pub(super) struct Lent(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// There is nothing in it.
    empty: bool,
    begun: AtomicBool,
    stream: Mutex<Stream>,
}

#[derive(Debug)]
struct Stream {
    body: Incoming,
    /// Bytes that may still come.
    left: u64,
}

impl Lender {
    /// Of a body, of which `most` bytes are passed on at the most.
    pub(super) fn new(body: Incoming, most: u64) -> Lender {
        let empty = body.is_end_stream();
        let stream = Mutex::new(Stream { body, left: most });
        Lender(Arc::new(Shared { empty, begun: AtomicBool::new(false), stream }))
    }

    pub(super) fn lend(&self) -> Lent {
        Lent(Arc::clone(&self.0))
    }

    /// Whether all of it can still be sent: nothing was taken, or there is nothing.
    pub(super) fn is_whole(&self) -> bool {
        self.0.empty || !self.0.begun.load(Ordering::Acquire)
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.begun.store(true, Ordering::Release);
        let mut stream = self.0.stream.lock();
        let Poll::Ready(frame) = Pin::new(&mut stream.body).poll_frame(cx) else { return Poll::Pending };
        let Some(frame) = frame else { return Poll::Ready(None) };
        let frame = frame?;
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        match stream.left.checked_sub(bytes) {
            Some(left) => {
                stream.left = left;
                Poll::Ready(Some(Ok(frame)))
            }
            None => Poll::Ready(Some(Err("the body is larger than any that the service takes".into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.stream.lock().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.stream.lock().body.size_hint()
    }
}
