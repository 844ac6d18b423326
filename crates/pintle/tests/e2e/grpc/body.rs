//! Bodies as clients send them that know nothing of gRPC.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};

/// A body of the same piece, time and again.
pub(crate) struct Again(pub(crate) Bytes, pub(crate) usize);

impl Body for Again {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let Some(left) = self.1.checked_sub(1) else { return Poll::Ready(None) };
        self.1 = left;
        Poll::Ready(Some(Ok(Frame::data(self.0.clone()))))
    }
}

/// A body of one piece, and of what never comes.
pub(crate) struct Endless(pub(crate) Option<Vec<u8>>);

impl Body for Endless {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.take().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(Frame::data(piece.into())))))
    }
}
