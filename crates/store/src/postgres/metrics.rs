//! What the store tells about itself. Handles are made once, so a recorder must be there before the store is opened.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// The pool's handles.
pub(super) struct Metrics {
    open: Gauge,
    busy: Gauge,
    wait: Histogram,
    failed: Counter,
}

impl Metrics {
    /// Makes the handles.
    pub(super) fn new() -> Metrics {
        use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
        describe_gauge!("pintle_store_connections", Unit::Count, "Connections to the database");
        describe_gauge!("pintle_store_connections_busy", Unit::Count, "Those of them that work for a request");
        describe_histogram!("pintle_store_connection_wait_seconds", Unit::Seconds, "Time until a request had one");
        describe_counter!("pintle_store_connects_failed_total", Unit::Count, "Connections that could not be made");
        Metrics {
            open: gauge!("pintle_store_connections"),
            busy: gauge!("pintle_store_connections_busy"),
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

    /// A request waited for one, and for its turn before.
    pub(super) fn waited(&self, took: Duration) {
        self.wait.record(took.as_secs_f64());
    }

    /// One works for a request, until it is no more.
    pub(super) fn busy(&self) -> Busy {
        self.busy.increment(1.0);
        Busy(self.busy.clone())
    }
}

/// A connection's work for a request.
pub(super) struct Busy(Gauge);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
