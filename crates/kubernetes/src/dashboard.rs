//! A Grafana dashboard of what a server really measures.

use serde_json::{Value, json};

use crate::plan::Plan;

/// A panel: its title, the unit of its numbers, and what it draws: queries and the names of their lines. `{}` in a query is where the
/// app is selected.
struct Panel {
    title: &'static str,
    unit: &'static str,
    lines: &'static [(&'static str, &'static str)],
}

const HTTP: [Panel; 6] = [
    Panel {
        title: "Requests",
        unit: "reqps",
        lines: &[("sum by (status) (rate(pintle_http_requests_total{}[$__rate_interval]))", "{{status}}")],
    },
    Panel {
        title: "Errors of the server",
        unit: "percentunit",
        lines: &[(
            "sum(rate(pintle_http_requests_total{status=~\"5..\", }[$__rate_interval])) / sum(rate(pintle_http_requests_total{}[$__rate_interval]))",
            "5xx",
        )],
    },
    Panel {
        title: "Time to answer",
        unit: "s",
        lines: &[
            (
                "histogram_quantile(0.5, sum by (le) (rate(pintle_http_request_seconds_bucket{}[$__rate_interval])))",
                "half",
            ),
            (
                "histogram_quantile(0.99, sum by (le) (rate(pintle_http_request_seconds_bucket{}[$__rate_interval])))",
                "99 %",
            ),
        ],
    },
    Panel {
        title: "Time to answer, 99 %, by route",
        unit: "s",
        lines: &[(
            "histogram_quantile(0.99, sum by (le, route) (rate(pintle_http_request_seconds_bucket{}[$__rate_interval])))",
            "{{route}}",
        )],
    },
    Panel {
        title: "Requests by route",
        unit: "reqps",
        lines: &[("sum by (route) (rate(pintle_http_requests_total{}[$__rate_interval]))", "{{route}}")],
    },
    Panel {
        title: "At a time",
        unit: "short",
        lines: &[
            ("sum(pintle_http_requests_in_flight{})", "requests"),
            ("sum(pintle_http_connections{})", "connections"),
        ],
    },
];

const SQLITE: [Panel; 3] = [
    Panel {
        title: "Commits, 99 %",
        unit: "s",
        lines: &[(
            "histogram_quantile(0.99, sum by (le) (rate(pintle_store_commit_seconds_bucket{}[$__rate_interval])))",
            "commit with its sync",
        )],
    },
    Panel {
        title: "Writes",
        unit: "short",
        lines: &[
            ("sum(pintle_store_queue_writes{})", "wait for the writer"),
            (
                "sum(rate(pintle_store_batch_writes_sum{}[$__rate_interval])) / sum(rate(pintle_store_batch_writes_count{}[$__rate_interval]))",
                "share a commit",
            ),
        ],
    },
    Panel { title: "Write-ahead log", unit: "bytes", lines: &[("max(pintle_store_wal_bytes{})", "bytes")] },
];

const POSTGRES: [Panel; 3] = [
    Panel {
        title: "Connections to PostgreSQL",
        unit: "short",
        lines: &[
            ("sum(pintle_store_connections{})", "open"),
            ("sum(pintle_store_connections_busy{})", "at work for a request"),
        ],
    },
    Panel {
        title: "Waiting for a connection, 99 %",
        unit: "s",
        lines: &[(
            "histogram_quantile(0.99, sum by (le) (rate(pintle_store_connection_wait_seconds_bucket{}[$__rate_interval])))",
            "wait",
        )],
    },
    Panel {
        title: "Connections that could not be made",
        unit: "cps",
        lines: &[("sum(rate(pintle_store_connects_failed_total{}[$__rate_interval]))", "failed")],
    },
];

const GATEWAY: [Panel; 4] = [
    Panel {
        title: "Gateway: requests by service",
        unit: "reqps",
        lines: &[("sum by (service) (rate(pintle_gateway_requests_total{}[$__rate_interval]))", "{{service}}")],
    },
    Panel {
        title: "Gateway: time to answer, 99 %, by service",
        unit: "s",
        lines: &[(
            "histogram_quantile(0.99, sum by (le, service) (rate(pintle_gateway_request_seconds_bucket{}[$__rate_interval])))",
            "{{service}}",
        )],
    },
    Panel {
        title: "Gateway: requests that were sent once more",
        unit: "reqps",
        lines: &[("sum by (service) (rate(pintle_gateway_retries_total{}[$__rate_interval]))", "{{service}}")],
    },
    Panel {
        title: "Gateway: servers that are ready",
        unit: "short",
        lines: &[("min by (service) (pintle_gateway_replicas_ready{})", "{{service}}")],
    },
];

/// What answers of routes with `cache` come from.
const CACHE: [Panel; 2] = [
    Panel {
        title: "Kept answers, by where they came from",
        unit: "reqps",
        lines: &[("sum by (source) (rate(pintle_cache_requests_total{}[$__rate_interval]))", "{{source}}")],
    },
    Panel { title: "Kept answers", unit: "bytes", lines: &[("sum(pintle_cache_bytes{})", "bytes")] },
];

/// The dashboard as Grafana imports it.
pub(crate) fn json(plan: &Plan<'_>) -> String {
    let cached = plan.model.routes.iter().any(|route| route.cache.is_some());
    let store = if plan.on_sqlite() { &SQLITE } else { &POSTGRES };
    let panels = HTTP.iter().chain(store).chain(CACHE.iter().filter(|_| cached));
    let panels = panels.chain(GATEWAY.iter().filter(|_| plan.has_gateway()));
    let panels: Vec<Value> = panels.enumerate().map(|(at, panel)| drawn(plan, at, panel)).collect();
    let dashboard = json!({
        "uid": format!("pintle-{}", plan.name),
        "title": format!("Pintle: {}", plan.name),
        "tags": ["pintle"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": { "from": "now-6h", "to": "now" },
        "templating": { "list": [
            { "name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus" },
        ] },
        "panels": panels,
    });
    format!("{dashboard:#}\n")
}

/// A panel, two in a row.
fn drawn(plan: &Plan<'_>, at: usize, panel: &Panel) -> Value {
    let selected = format!("job=\"{}\"", plan.name);
    let source = json!({ "type": "prometheus", "uid": "${source}" });
    let line = |(number, (query, name)): (usize, &(&str, &str))| {
        // A query's own condition stands before the app's.
        let query = query.replace("{}", &format!("{{{selected}}}")).replace(", }", &format!(", {selected}}}"));
        json!({ "refId": format!("Q{number}"), "datasource": source, "expr": query, "legendFormat": name })
    };
    let lines: Vec<Value> = panel.lines.iter().enumerate().map(line).collect();
    json!({
        "id": at + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": source,
        "gridPos": { "h": 8, "w": 12, "x": at % 2 * 12, "y": at / 2 * 8 },
        "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0 }, "overrides": [] },
        "targets": lines,
    })
}
