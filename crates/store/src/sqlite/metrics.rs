//! What the store tells about itself. Handles are made once, so a recorder must be there before the store is opened.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// The writer's handles.
pub(super) struct Metrics {
    batch: Histogram,
    queue: Gauge,
    commit: Histogram,
    wal: Gauge,
    checkpoints: Counter,
}

impl Metrics {
    /// Makes the handles.
    pub(super) fn new() -> Metrics {
        use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
        describe_histogram!("pintle_store_batch_writes", Unit::Count, "Writes that shared a commit");
        describe_gauge!("pintle_store_queue_writes", Unit::Count, "Writes that wait for the writer");
        describe_histogram!("pintle_store_commit_seconds", Unit::Seconds, "Time of a commit with its sync");
        describe_gauge!("pintle_store_wal_bytes", Unit::Bytes, "Size of the write-ahead log");
        describe_counter!("pintle_store_checkpoints_total", Unit::Count, "Checkpoints of the write-ahead log");
        Metrics {
            batch: histogram!("pintle_store_batch_writes"),
            queue: gauge!("pintle_store_queue_writes"),
            commit: histogram!("pintle_store_commit_seconds"),
            wal: gauge!("pintle_store_wal_bytes"),
            checkpoints: counter!("pintle_store_checkpoints_total"),
        }
    }

    /// A batch was taken, and `waiting` were left.
    pub(super) fn batch(&self, writes: usize, waiting: usize) {
        #[expect(clippy::cast_precision_loss, reason = "both are bounded by the queue")]
        let (writes, waiting) = (writes as f64, waiting as f64);
        self.batch.record(writes);
        self.queue.set(waiting);
    }

    /// A commit was made.
    pub(super) fn committed(&self, took: Duration) {
        self.commit.record(took.as_secs_f64());
    }

    /// A checkpoint was made.
    pub(super) fn checkpoint(&self) {
        self.checkpoints.increment(1);
    }

    /// The log's size.
    pub(super) fn wal_bytes(&self, bytes: u64) {
        #[expect(clippy::cast_precision_loss, reason = "sizes of files are far below 2^52")]
        self.wal.set(bytes as f64);
    }
}
