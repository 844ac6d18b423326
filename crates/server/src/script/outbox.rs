//! What scripts send after their commit: in the background, for each origin one after another, once. They go in about the order of the
//! commits: of two that are kept in the same moment, either may be posted first.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Client, Request};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::task::JoinSet;

/// Letters that may wait for an origin: a minute of a busy app's. One more is not sent, and the log says so.
const WAITING_MAX: usize = 1000;
/// Bytes of the letters that wait for an origin. One that does not fit is not sent, and the log says so.
pub(super) const WAITING_BYTES_MAX: usize = 64 << 20;

/// What is given to them in any case when the server stops.
const DRAIN_TIME_MIN: Duration = Duration::from_secs(1);

/// A request that is ready to go.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) client: Client,
    pub(super) request: Request,
    /// What it takes, about.
    pub(super) bytes: usize,
    /// Where to.
    pub(super) origin: String,
    /// How long its answer is waited for.
    pub(super) time: Duration,
}

/// A letter with the id of the request that it comes from.
type Posted = (String, Letter);

/// What waits to be sent. Shared by the states of a server: a changed app goes on with it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queues: Mutex<HashMap<String, Queue>>,
    at_work: Mutex<JoinSet<()>>,
    /// Shared by the calls that may still post.
    calls: Arc<RwLock<()>>,
}

/// What waits for one origin.
#[derive(Debug)]
struct Queue {
    letters: Sender<Posted>,
    /// Of those that wait and the one that is under way.
    bytes: Arc<AtomicUsize>,
}

/// Held by a call as long as it may post.
pub(super) type Posting = OwnedRwLockReadGuard<()>;

impl Outbox {
    /// Begins a call that may post: what it posts is sent, also when the server stops meanwhile.
    pub(super) async fn posting(&self) -> Posting {
        Arc::clone(&self.calls).read_owned().await
    }

    /// Takes letters, to be sent soon.
    pub(super) fn post(&self, letters: Vec<Letter>, id: &str) {
        if letters.is_empty() {
            return;
        }
        let mut queues = self.queues.lock();
        for letter in letters {
            let origin = letter.origin.clone();
            let queue = queues.entry(origin).or_insert_with(|| {
                let (letters, posted) = mpsc::channel(WAITING_MAX);
                let bytes = Arc::default();
                self.at_work.lock().spawn(deliver(posted, Arc::clone(&bytes)));
                Queue { letters, bytes }
            });
            let (origin, bytes) = (letter.origin.clone(), letter.bytes);
            if queue.bytes.load(Ordering::Relaxed).saturating_add(bytes) > WAITING_BYTES_MAX {
                let reason = "more bytes wait for its origin than may";
                tracing::error!(
                    id,
                    origin,
                    bytes,
                    bytes_max = WAITING_BYTES_MAX,
                    reason,
                    "a script's request is not sent"
                );
                continue;
            }
            queue.bytes.fetch_add(bytes, Ordering::Relaxed);
            if queue.letters.try_send((id.to_owned(), letter)).is_err() {
                queue.bytes.fetch_sub(bytes, Ordering::Relaxed);
                let reason = "too many wait for its origin";
                tracing::error!(id, origin, waiting_max = WAITING_MAX, reason, "a script's request is not sent");
            }
        }
    }

    /// Sends what waits and what calls still post, for at most `time` or a second. No call may begin any more.
    pub(crate) async fn drain(&self, time: Duration) {
        let all = async {
            drop(self.calls.write().await);
            self.queues.lock().clear();
            let mut at_work = std::mem::take(&mut *self.at_work.lock());
            while at_work.join_next().await.is_some() {}
        };
        if tokio::time::timeout(time.max(DRAIN_TIME_MIN), all).await.is_err() {
            tracing::error!("what scripts wanted to send was not sent in time, and is given up");
            // Those that were not taken yet; the others ended with the wait for them.
            let mut at_work = std::mem::take(&mut *self.at_work.lock());
            at_work.shutdown().await;
        }
    }
}

/// Sends to one origin, one after another, until there is nothing more to come.
async fn deliver(mut posted: Receiver<Posted>, waiting_bytes: Arc<AtomicUsize>) {
    while let Some((id, letter)) = posted.recv().await {
        let (origin, time, bytes) = (letter.origin.clone(), letter.time, letter.bytes);
        match tokio::time::timeout(time, letter.answer()).await {
            Ok(Ok(answer)) if answer.status < 400 => {
                tracing::debug!(id, origin, status = answer.status, "a script's request was answered");
            }
            Ok(Ok(answer)) => tracing::warn!(id, origin, status = answer.status, "a script's request was refused"),
            Ok(Err(reason)) => tracing::warn!(id, origin, reason, "a script's request came to nothing"),
            Err(_) => {
                tracing::warn!(id, origin, time_ms = time.as_millis(), "a script's request was not answered in time")
            }
        }
        waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn letter(origin: &str, bytes: usize) -> Letter {
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client.post(origin).body(vec![b'x'; bytes]).build().unwrap();
        Letter { client, request, bytes, origin: origin.to_owned(), time: Duration::from_secs(10) }
    }

    async fn elsewhere() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        (listener, origin)
    }

    #[tokio::test]
    async fn what_waits_for_an_origin_is_bounded_in_bytes() {
        let outbox = Outbox::default();
        // It takes connections and says nothing.
        let (_listener, origin) = elsewhere().await;
        let third = WAITING_BYTES_MAX / 3;
        outbox.post((0..5).map(|_| letter(&origin, third)).collect(), "r-1");
        let queue = |origin: &str| {
            let queues = outbox.queues.lock();
            (queues[origin].bytes.load(Ordering::Relaxed), WAITING_MAX - queues[origin].letters.capacity())
        };
        assert_eq!(queue(&origin), (3 * third, 3));
        // Others are not in the way, and what is gone makes room.
        let (listener, other) = elsewhere().await;
        drop(listener);
        for _ in 0..5 {
            outbox.post(vec![letter(&other, 3 * third)], "r-2");
            while queue(&other).0 > 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_stops_sends_what_calls_post_meanwhile() {
        let outbox = Arc::new(Outbox::default());
        let (listener, origin) = elsewhere().await;
        let posting = outbox.posting().await;
        let draining = tokio::spawn({
            let outbox = Arc::clone(&outbox);
            async move { outbox.drain(Duration::from_secs(30)).await }
        });
        while outbox.calls.try_read().is_ok() {
            tokio::task::yield_now().await;
        }
        outbox.post(vec![letter(&origin, 1)], "r-1");
        drop(posting);
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0, "it was sent");
        assert!(!draining.is_finished(), "its answer is waited for");
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        draining.await.unwrap();
    }
}
