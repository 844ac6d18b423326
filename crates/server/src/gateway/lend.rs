//! A request's body on its way to a replica: lent, so that it can be sent to another one as long as nothing of it was taken.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use crate::body::{self, Incoming};
use crate::failure::Failure;

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
    moved: Arc<Moved>,
    stream: Mutex<Stream>,
}

/// What has become of it so far.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Counts the pieces that were taken.
    pub(super) pieces: AtomicU64,
    /// It could not be sent on, which is the caller's doing.
    pub(super) broke: AtomicBool,
}

#[derive(Debug)]
struct Stream {
    body: Incoming,
    /// Bytes that the service takes at the most, and those that may still come.
    most: u64,
    left: u64,
    /// What is wrong with it, which is the caller's doing and no replica's.
    wrong: Option<Failure>,
}

impl Lender {
    /// Of a body, of which a service takes `most` bytes. It is passed on a little further than that, so that the service gets to
    /// say so itself.
    pub(super) fn new(body: Incoming, most: u64) -> Lender {
        let empty = body.is_end_stream();
        let left = most.saturating_add(body::DISCARD_BYTES_MAX as u64);
        let stream = Mutex::new(Stream { body, most, left, wrong: None });
        Lender(Arc::new(Shared { empty, begun: AtomicBool::new(false), moved: Arc::default(), stream }))
    }

    pub(super) fn lend(&self) -> Lent {
        Lent(Arc::clone(&self.0))
    }

    /// What has become of it, while replicas take it.
    pub(super) fn moved(&self) -> Arc<Moved> {
        Arc::clone(&self.0.moved)
    }

    /// Whether all of it can still be sent: nothing was taken, or there is nothing.
    pub(super) fn is_whole(&self) -> bool {
        self.0.empty || !self.0.begun.load(Ordering::Acquire)
    }

    /// Why the caller's body could not be sent on, if that is so: 400 where it broke off, 413 where it is too large.
    pub(super) fn wrong(&self) -> Option<Failure> {
        self.0.stream.lock().wrong.clone()
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
        let frame = match frame {
            Ok(frame) => {
                self.0.moved.pieces.fetch_add(1, Ordering::Relaxed);
                frame
            }
            Err(error) => {
                self.0.moved.broke.store(true, Ordering::Relaxed);
                stream.wrong = Some(body::broke_off(&error));
                return Poll::Ready(Some(Err(error.into())));
            }
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        match stream.left.checked_sub(bytes) {
            Some(left) => {
                stream.left = left;
                Poll::Ready(Some(Ok(frame)))
            }
            None => {
                stream.wrong = Some(body::too_large(stream.most));
                Poll::Ready(Some(Err("the body is larger than any that the service takes".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.stream.lock().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.stream.lock().body.size_hint()
    }
}
