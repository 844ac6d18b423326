//! What the store tells about itself. Handles are made once, so a recorder must be there before the store is opened.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// The pool's handles.
pub(super) struct Metrics {
    open: Gauge,
    idle: Gauge,
    wait: Histogram,
    failed: Counter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Makes the handles.
    pub(super) fn new() -> Metrics {
        use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
        describe_gauge!("pintle_store_connections", Unit::Count, "Connections to the database");
        describe_gauge!("pintle_store_connections_idle", Unit::Count, "Those of them that wait for a request");
        describe_histogram!("pintle_store_connection_wait_seconds", Unit::Seconds, "Time until a request had one");
        describe_counter!("pintle_store_connects_failed_total", Unit::Count, "Connections that could not be made");
        Metrics {
            open: gauge!("pintle_store_connections"),
            idle: gauge!("pintle_store_connections_idle"),
            wait: histogram!("pintle_store_connection_wait_seconds"),
            failed: counter!("pintle_store_connects_failed_total"),
        }
    }

    /// A connection was made.
    pub(super) fn connected(&self) {
        self.open.increment(1.0);
    }

    /// One has ended.
    pub(super) fn disconnected(&self) {
        self.open.decrement(1.0);
    }

    /// One could not be made.
    pub(super) fn connect_failed(&self) {
        self.failed.increment(1);
    }

    /// A request waited for one.
    pub(super) fn waited(&self, took: Duration) {
        self.wait.record(took.as_secs_f64());
    }

    /// So many wait for a request.
    pub(super) fn free(&self, connections: usize) {
        #[expect(clippy::cast_precision_loss, reason = "bounded by the pool")]
        self.idle.set(connections as f64);
    }
}
