//! What `/metrics` tells. Handles are made once, so that counting a request formats nothing.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use axum::http::{HeaderValue, Method, StatusCode, header};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::RwLock;

use crate::answer::{Answer, Failure};

/// Upper bounds of latencies, in seconds: from a read by key to the longest that a request may take.
const SECONDS: [f64; 14] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
/// Upper bounds of batch sizes, in mutations.
const MUTATIONS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
/// How often what was observed is folded into its buckets, so that it does not pile up unread.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// Counts requests.
#[derive(Debug)]
pub(crate) struct Metrics {
    routes: Vec<Route>,
    in_flight: Gauge,
}

#[derive(Debug)]
struct Route {
    pattern: String,
    seconds: Histogram,
    requests: RwLock<HashMap<(Method, StatusCode), Counter>>,
}

/// The recorder is one for the process, as the `metrics` crate has it.
fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
                .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &MUTATIONS));
            builder.and_then(PrometheusBuilder::install_recorder).ok()
        })
        .as_ref()
}

/// Begins to record. What is made before this is not seen.
pub(crate) fn install() {
    recorder();
}

/// Folds what was observed into its buckets.
pub(crate) fn upkeep() {
    if let Some(handle) = recorder() {
        handle.run_upkeep();
    }
}

impl Metrics {
    pub(crate) fn new(patterns: &[String]) -> Metrics {
        let routes = patterns.iter().map(|pattern| Route {
            pattern: pattern.clone(),
            seconds: histogram!("pintle_http_request_duration_seconds", "route" => pattern.clone()),
            requests: RwLock::default(),
        });
        metrics::describe_counter!("pintle_http_requests_total", "Requests answered, by route, method and status.");
        metrics::describe_histogram!(
            "pintle_http_request_duration_seconds",
            "From a request's head to its answer's head, in seconds."
        );
        metrics::describe_gauge!("pintle_http_requests_in_flight", "Requests at work.");
        Metrics { routes: routes.collect(), in_flight: gauge!("pintle_http_requests_in_flight") }
    }

    pub(crate) fn begun(&self) {
        self.in_flight.increment(1.0);
    }

    pub(crate) fn ended(&self, pattern: usize, method: &Method, status: StatusCode, took: Duration) {
        self.in_flight.decrement(1.0);
        let route = &self.routes[pattern];
        route.seconds.record(took);
        let method = named(method);
        if let Some(counter) = route.requests.read().get(&(method.clone(), status)) {
            counter.increment(1);
            return;
        }
        let counter = counter!(
            "pintle_http_requests_total",
            "route" => route.pattern.clone(),
            "method" => method.as_str().to_owned(),
            "status" => status.as_str().to_owned()
        );
        counter.increment(1);
        route.requests.write().insert((method, status), counter);
    }

    pub(crate) fn pattern(&self, at: usize) -> &str {
        &self.routes[at].pattern
    }
}

/// Methods that nobody has heard of count as one, so that callers cannot make counters without end.
fn named(method: &Method) -> Method {
    const KNOWN: [Method; 7] =
        [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
    if KNOWN.contains(method) { method.clone() } else { Method::TRACE }
}

/// `GET /metrics`, in Prometheus' text format.
pub(crate) fn answer() -> Result<Answer, Failure> {
    let Some(handle) = recorder() else {
        return Err(Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "metrics are recorded by another part of this process",
        ));
    };
    let mut answer = Answer::new(handle.render().into());
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, text);
    Ok(answer)
}
