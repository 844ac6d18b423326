//! Health, metrics and the document itself.

use serde_json::{Map, Value, json};

use super::parts::{self, JSON, SYSTEM_TAG};

/// The paths that every app has.
pub(super) fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    let mut add = |path: &str, get: Value| {
        paths.insert(path.to_owned(), json!({ "get": get }));
    };
    add(
        "/health",
        operation(
            "health",
            "Whether the app and its store work",
            &[
                ("200", "They do.", json!({ "app": "ok", "db": "Success" }), health_schema()),
                ("503", "The store does not answer.", json!({ "app": "ok", "db": "Failure" }), health_schema()),
            ],
        ),
    );
    add(
        "/health/live",
        operation(
            "health_live",
            "Whether the process answers",
            &[("200", "It does.", json!({ "status": "ok" }), status_schema())],
        ),
    );
    add(
        "/health/ready",
        operation(
            "health_ready",
            "Whether requests should be sent here",
            &[
                (
                    "200",
                    "The store answers and its tables are the model's.",
                    json!({ "status": "ok" }),
                    status_schema(),
                ),
                (
                    "503",
                    "Not now: the message says why.",
                    json!({
                        "code": "PT503",
                        "message": "the store does not answer",
                        "details": null,
                        "hint": null,
                    }),
                    parts::schema_ref("Error"),
                ),
            ],
        ),
    );
    add("/metrics", metrics());
    add("/openapi.json", document());
    paths
}

fn operation(id: &str, summary: &str, answers: &[(&str, &str, Value, Value)]) -> Value {
    let mut responses = parts::errors(&["414"]);
    for (status, about, example, schema) in answers {
        responses.insert(
            (*status).to_owned(),
            json!({ "description": about, "content": { JSON: { "schema": schema, "example": example } } }),
        );
    }
    json!({
        "operationId": id,
        "tags": [SYSTEM_TAG],
        "summary": summary,
        "description": "Open to everybody.",
        "security": [],
        "responses": responses,
    })
}

fn health_schema() -> Value {
    json!({
        "type": "object",
        "properties": { "app": { "type": "string" }, "db": { "type": "string" } },
        "required": ["app", "db"],
    })
}

fn status_schema() -> Value {
    json!({
        "type": "object",
        "properties": { "status": { "type": "string" } },
        "required": ["status"],
    })
}

fn metrics() -> Value {
    let mut responses = parts::errors(&["414"]);
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "In Prometheus' text format.",
            "content": { "text/plain": { "schema": { "type": "string" } } },
        }),
    );
    json!({
        "operationId": "metrics",
        "tags": [SYSTEM_TAG],
        "summary": "Requests, latencies, the store's batches and queue",
        "description": "Open to everybody.",
        "security": [],
        "responses": responses,
    })
}

fn document() -> Value {
    operation(
        "openapi",
        "This document",
        &[("200", "OpenAPI 3.1.", json!({ "openapi": "3.1.0" }), json!({ "type": "object", "required": ["openapi"] }))],
    )
}
