//! What the server tells about itself, in Prometheus' format.
//!
//! Handles are made once: each route has a [`Meter`] whose counters are found by method and status, so that counting a
//! request formats no label.

use std::sync::OnceLock;
use std::time::Duration;

use hyper::header::{self, HeaderValue};
use hyper::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::Error;
use crate::answer::{self, Answer};

const REQUESTS: &str = "pintle_http_requests_total";
const LATENCY: &str = "pintle_http_request_seconds";
const GATEWAY_REQUESTS: &str = "pintle_gateway_requests_total";
const GATEWAY_LATENCY: &str = "pintle_gateway_request_seconds";
pub(crate) const GATEWAY_RETRIES: &str = "pintle_gateway_retries_total";
pub(crate) const GATEWAY_REPLICAS: &str = "pintle_gateway_replicas_ready";
const IN_FLIGHT: &str = "pintle_http_requests_in_flight";
const CONNECTIONS: &str = "pintle_http_connections";

/// Upper bounds in seconds: a read by key takes a fraction of a millisecond, a synced write some milliseconds.
const SECONDS: [f64; 14] = [0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Upper bounds of the store's batches, in writes.
const BATCH: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
/// How often what histograms have gathered is put into buckets; until then each sample takes 8 bytes.
const UPKEEP: Duration = Duration::from_secs(1);

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the recorder of this process; a second call does nothing. Call it before a store is opened, since the store
/// takes its handles then.
///
/// # Errors
/// When another recorder was installed.
pub fn install() -> Result<(), Error> {
    handle().map(|_| ())
}

fn handle() -> Result<&'static PrometheusHandle, Error> {
    if let Some(handle) = RECORDER.get() {
        return Ok(handle);
    }
    let failed = |error: metrics_exporter_prometheus::BuildError| Error::Metrics(Box::new(error));
    // Of several that start at once one installs; the others find what it made.
    static STARTING: parking_lot::Mutex<()> = parking_lot::Mutex::new(());
    let _one = STARTING.lock();
    if let Some(handle) = RECORDER.get() {
        return Ok(handle);
    }
    let installed = PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("batch_writes".to_owned()), &BATCH))
        .map_err(failed)?
        .install_recorder()
        .map_err(failed)?;
    metrics::describe_counter!(REQUESTS, Unit::Count, "Requests answered, by route, method and status");
    metrics::describe_histogram!(LATENCY, Unit::Seconds, "From a request's head to its answer, by route");
    metrics::describe_counter!(GATEWAY_REQUESTS, Unit::Count, "Requests answered, by service, method and status");
    metrics::describe_histogram!(GATEWAY_LATENCY, Unit::Seconds, "From a request's head to its answer's, by service");
    metrics::describe_counter!(GATEWAY_RETRIES, Unit::Count, "Requests that were sent once more, by service");
    metrics::describe_gauge!(GATEWAY_REPLICAS, Unit::Count, "Replicas that say that they are ready, by service");
    crate::grpc::describe();
    metrics::describe_gauge!(IN_FLIGHT, Unit::Count, "Requests that are being answered");
    metrics::describe_gauge!(CONNECTIONS, Unit::Count, "Connections that are open");
    Ok(RECORDER.get_or_init(|| installed))
}

/// Puts what histograms have gathered into buckets, forever.
pub(crate) async fn upkeep() {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        if let Some(handle) = RECORDER.get() {
            handle.run_upkeep();
        }
    }
}

/// `/metrics`
pub(crate) fn answer() -> Answer {
    let text = RECORDER.get().map(PrometheusHandle::render).unwrap_or_default();
    let mut answer = answer::bare(StatusCode::OK, text.into());
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, media);
    answer
}

/// What is counted of the server as a whole.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
}

impl Totals {
    pub(crate) fn new() -> Result<Totals, Error> {
        install()?;
        Ok(Totals { in_flight: metrics::gauge!(IN_FLIGHT), connections: metrics::gauge!(CONNECTIONS) })
    }
}

/// One more, while it lives.
pub(crate) struct OneMore<'g>(&'g Gauge);

impl<'g> OneMore<'g> {
    pub(crate) fn of(gauge: &'g Gauge) -> OneMore<'g> {
        gauge.increment(1.0);
        OneMore(gauge)
    }
}

impl Drop for OneMore<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// The methods that have a label of their own.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];
/// The statuses that the server answers.
const STATUSES: [u16; 33] = [
    200, 201, 202, 204, 206, 207, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 414,
    415, 416, 422, 429, 500, 502, 503, 504, 507, 0,
];

/// What is counted of one route, or of one service at a gateway.
pub(crate) struct Meter {
    requests: &'static str,
    /// The label's name and value.
    of: (&'static str, String),
    counts: Box<[[OnceLock<Counter>; STATUSES.len()]; METHODS.len()]>,
    latency: Histogram,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Meter").field(&self.of).finish()
    }
}

impl Meter {
    pub(crate) fn new(route: &str) -> Meter {
        Meter::of(REQUESTS, LATENCY, ("route", route.to_owned()))
    }

    /// For a service, at a gateway.
    pub(crate) fn of_service(name: &str) -> Meter {
        Meter::of(GATEWAY_REQUESTS, GATEWAY_LATENCY, ("service", name.to_owned()))
    }

    fn of(requests: &'static str, latency: &'static str, of: (&'static str, String)) -> Meter {
        Meter {
            requests,
            latency: metrics::histogram!(latency, of.0 => of.1.clone()),
            of,
            counts: Box::new(std::array::from_fn(|_| std::array::from_fn(|_| OnceLock::new()))),
        }
    }

    /// Counts an answer.
    pub(crate) fn count(&self, method: &Method, status: StatusCode, took: Duration) {
        let name = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        let code = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len() - 1);
        let counter = self.counts[name][code].get_or_init(|| {
            let status = if STATUSES[code] == 0 { "other".to_owned() } else { STATUSES[code].to_string() };
            let (label, of) = (self.of.0, self.of.1.clone());
            metrics::counter!(self.requests, label => of, "method" => METHODS[name], "status" => status)
        });
        counter.increment(1);
        self.latency.record(took);
    }
}
