//! A connection that does not wait for ever: neither for its first bytes nor for a caller that reads nothing of what it is
//! sent. What comes between is bounded by the protocol's own limits and the request's time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What an HTTP/2 connection begins with. As long as the bytes are these, it is not known which protocol is spoken, and no
/// protocol's limits hold yet.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream with a bound on how long it may stand still.
#[derive(Debug)]
pub(crate) struct Patient<T> {
    stream: T,
    opening: Option<Opening>,
    write_time_max: Duration,
    /// Runs while a write waits; there is none as long as the caller reads.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Before it is known which protocol is spoken.
#[derive(Debug)]
struct Opening {
    over: Pin<Box<Sleep>>,
    read: usize,
}

impl<T> Patient<T> {
    /// Gives the caller `open_time_max` to show which protocol it speaks, and `write_time_max` for each step of reading
    /// what it is sent.
    pub(crate) fn new(stream: T, open_time_max: Duration, write_time_max: Duration) -> Patient<T> {
        let over = Box::pin(tokio::time::sleep(open_time_max));
        Patient { stream, opening: Some(Opening { over, read: 0 }), write_time_max, stalled: None }
    }

    /// A write's outcome, or that it has waited for too long.
    fn written<R>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let time = self.write_time_max;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(too_slow("the caller reads nothing of its answer")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(cx, buf);
        let Some(opening) = &mut this.opening else { return outcome };
        if outcome.is_pending() {
            ready!(opening.over.as_mut().poll(cx));
            return Poll::Ready(Err(too_slow("the caller did not begin")));
        }
        let new = &buf.filled()[before..];
        opening.read += new.len();
        let begun = &PREFACE[opening.read.min(PREFACE.len()).saturating_sub(new.len())..];
        if opening.read >= PREFACE.len() || !begun.starts_with(new) {
            this.opening = None;
        }
        outcome
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

fn too_slow(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, reason)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const SOON: Duration = Duration::from_millis(1);
    const LATER: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn who_says_nothing_is_not_waited_for() {
        let (_caller, ours) = duplex(64);
        let error = Patient::new(ours, SOON, LATER).read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn nor_who_says_a_part_of_what_http_2_begins_with() {
        let (mut caller, ours) = duplex(64);
        caller.write_all(b"PRI *").await.unwrap();
        let mut ours = Patient::new(ours, SOON, LATER);
        let error = ours.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn once_a_protocol_is_spoken_its_own_limits_hold() {
        for begun in [b"P".as_slice(), b"PO", PREFACE, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore"] {
            let (mut caller, ours) = duplex(64);
            caller.write_all(begun).await.unwrap();
            let mut ours = Patient::new(ours, LATER, LATER);
            ours.read_exact(&mut vec![0; begun.len()]).await.unwrap();
            assert_eq!(ours.opening.is_some(), begun == b"P", "{begun:?}");
        }
    }

    #[tokio::test]
    async fn who_reads_nothing_is_cut_off() {
        let (mut caller, ours) = duplex(4);
        let mut ours = Patient::new(ours, LATER, SOON);
        let error = ours.write_all(b"an answer").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut read = [0; 4];
        caller.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"an a");
    }

    #[tokio::test]
    async fn who_reads_slowly_is_not() {
        let (mut caller, ours) = duplex(1);
        let mut ours = Patient::new(ours, LATER, LATER);
        let reads = async move {
            let mut read = Vec::new();
            caller.read_to_end(&mut read).await.unwrap();
            read
        };
        let writes = async move {
            ours.write_all(b"an answer").await.unwrap();
            assert!(ours.stalled.is_none());
        };
        assert_eq!(tokio::join!(reads, writes).0, b"an answer");
    }
}
