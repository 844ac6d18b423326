//! Which workers a pipeline has, so that each takes its share of the partitions: all tell each other, each second.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::JetStream;
use super::message::PARTITIONS;

/// How often a worker tells of itself, and how long it counts as there.
const TELL: Duration = Duration::from_secs(1);
const THERE: Duration = Duration::from_millis(3500);

/// What stands before the id of a worker that tells that it ends.
const FAREWELL: char = '-';

/// The workers of a pipeline, as this one hears of them.
#[derive(Debug)]
pub(super) struct Presence {
    /// This worker.
    pub(super) id: String,
    since: Instant,
    others: Mutex<HashMap<String, Instant>>,
}

impl Presence {
    pub(super) fn new() -> Presence {
        let id = uuid::Uuid::now_v7().simple().to_string();
        Presence { id, since: Instant::now(), others: Mutex::default() }
    }

    /// How many there are, with this one.
    fn workers(&self) -> usize {
        let mut others = self.others.lock();
        others.retain(|_, seen| seen.elapsed() < THERE);
        1 + others.len()
    }

    /// Whether a worker is known not to be there any more.
    pub(super) fn is_gone(&self, id: &str) -> bool {
        self.since.elapsed() > THERE && self.others.lock().get(id).is_none_or(|seen| seen.elapsed() >= THERE)
    }

    /// Tells of this worker and hears of others, forever.
    pub(super) async fn keep(self: Arc<Presence>, queue: JetStream, pipeline: String) {
        let subject = subject(&queue, &pipeline);
        let mut ticks = tokio::time::interval(TELL);
        loop {
            let Ok(mut heard) = queue.0.client.subscribe(subject.clone()).await else {
                ticks.tick().await;
                continue;
            };
            loop {
                tokio::select! {
                    _ = ticks.tick() => {
                        // Nobody hears it while the queue is away; later they do.
                        if queue.connected().is_ok() {
                            let _ = queue.0.client.publish(subject.clone(), self.id.clone().into()).await;
                        }
                    }
                    message = heard.next() => match message {
                        Some(message) => self.hear(&message.payload),
                        None => break,
                    },
                }
            }
        }
    }

    /// Tells the others that this one ends, so that they need not wait until it is silent for long.
    pub(super) async fn leave(&self, queue: &JetStream, pipeline: &str) {
        if queue.connected().is_ok() {
            let client = &queue.0.client;
            let _ = client.publish(subject(queue, pipeline), format!("{FAREWELL}{}", self.id).into()).await;
            let _ = tokio::time::timeout(TELL, client.flush()).await;
        }
    }

    fn hear(&self, said: &[u8]) {
        let Ok(said) = std::str::from_utf8(said) else { return };
        match said.strip_prefix(FAREWELL) {
            Some(gone) => _ = self.others.lock().remove(gone),
            None if said != self.id => _ = self.others.lock().insert(said.to_owned(), Instant::now()),
            None => {}
        }
    }
}

/// Where the workers of a pipeline tell each other.
fn subject(queue: &JetStream, pipeline: &str) -> String {
    let (prefix, app) = &queue.0.name;
    format!("{prefix}.{app}.workers.{pipeline}")
}

/// How many partitions of a pipeline this worker has.
#[derive(Debug)]
pub(super) struct Share {
    presence: Arc<Presence>,
    held: AtomicUsize,
    gauge: metrics::Gauge,
}

impl Share {
    pub(super) fn new(presence: &Arc<Presence>, gauge: metrics::Gauge) -> Share {
        gauge.set(0.0);
        Share { presence: Arc::clone(presence), held: AtomicUsize::new(0), gauge }
    }

    fn fair(&self) -> usize {
        PARTITIONS.div_ceil(self.presence.workers())
    }

    /// One more, if that is no more than its share.
    pub(super) fn take(&self) -> bool {
        let fair = self.fair();
        self.change(|held| (held < fair).then_some(held + 1))
    }

    /// One less, if it has more than its share.
    pub(super) fn leave_more(&self) -> bool {
        let fair = self.fair();
        self.change(|held| (held > fair).then(|| held - 1))
    }

    /// One less.
    pub(super) fn leave(&self) {
        self.change(|held| held.checked_sub(1));
    }

    fn change(&self, to: impl FnMut(usize) -> Option<usize>) -> bool {
        let done = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, to).is_ok();
        self.gauge.set(self.held.load(Ordering::Relaxed) as f64);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_partitions_and_take_over_those_of_one_that_is_gone() {
        let presence = Arc::new(Presence::new());
        let share = Share::new(&presence, metrics::Gauge::noop());
        let all = |share: &Share| std::iter::repeat_with(|| share.take()).take_while(|took| *took).count();
        assert_eq!(all(&share), PARTITIONS, "alone it takes all");
        presence.hear(b"another");
        assert!(!presence.is_gone("another"));
        let left = std::iter::repeat_with(|| share.leave_more()).take_while(|left| *left).count();
        assert_eq!(left, PARTITIONS / 2, "of two each has a half");
        presence.others.lock().insert("another".to_owned(), Instant::now().checked_sub(THERE).unwrap());
        assert_eq!(all(&share), PARTITIONS / 2, "the other one's are taken over");
        presence.hear(b"third");
        assert!(share.leave_more(), "the third one has its share");
        presence.hear(b"-third");
        assert_eq!((presence.workers(), share.leave_more()), (1, false), "who says farewell is gone at once");
    }
}
