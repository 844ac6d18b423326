//! What operators and newcomers look at: health, metrics, documentation.

use serde_json::json;

use crate::common::App;

#[tokio::test]
async fn health_says_that_it_lives_and_that_it_is_ready() {
    let app = App::shipped("configs");
    let server = app.serve();
    server.get("/health/live").await.has(200);
    server.get("/health/ready").await.has(200);
    // As the old service says it.
    server.get("/health").await.is(200, json!({ "app": "ok", "db": "Success" }));
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_status() {
    let app = App::shipped("configs");
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    server.post("/configs", json!({ "name": "N", "data": [] })).token(&token).await.has(201);
    server.get("/configs/N").await.has(200);
    server.get("/configs/N").await.has(200);
    server.get("/configs/absent").await.has(404);
    let text = server.get("/metrics").await.has(200).text;
    let count = |labels: [&str; 3]| {
        let line = text.lines().find(|line| {
            !line.starts_with('#') && line.contains("requests_total") && labels.iter().all(|l| line.contains(l))
        });
        line.and_then(|line| line.rsplit(' ').next()).unwrap_or_else(|| panic!("no {labels:?} in\n{text}")).to_owned()
    };
    assert_eq!(count(["GET", "/configs/{", "200"]), "2");
    assert_eq!(count(["GET", "/configs/{", "404"]), "1");
    assert_eq!(count(["POST", "/configs", "201"]), "1");
    assert!(!text.contains("absent"), "no series for each address");
}

#[tokio::test]
async fn documentation_is_served_from_the_binary() {
    let app = App::shipped("configs");
    let server = app.serve();
    let document = server.get("/openapi.json").await.has(200).json();
    assert_eq!(document["openapi"].as_str().map(|v| &v[..3]), Some("3.1"));
    assert!(document["paths"]["/configs/{name}"].is_object(), "{document:#}");
    for place in ["/", "/docs"] {
        let page = server.get(place).await.has(200);
        assert!(page.header("content-type").starts_with("text/html"), "{page}");
        for outside in ["src=\"http", "href=\"http", "src=\"//", "cdn"] {
            assert!(!page.text.contains(outside), "{outside} in {page}");
        }
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_large_ones_are_compressed() {
    let app = App::shipped("configs");
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let given = server.get("/configs").header("X-Request-Id", "mine").await;
    assert_eq!(given.header("x-request-id"), "mine");
    assert_ne!(server.get("/configs").await.header("x-request-id"), "");
    server.post("/configs", json!({ "name": "N", "data": [{ "x": "y".repeat(5000) }] })).token(&token).await.has(201);
    let plain = server.get("/configs").await;
    assert_eq!(plain.header("content-encoding"), "");
    let packed = server.get("/health").header("Accept-Encoding", "gzip").await;
    assert_eq!(packed.header("content-encoding"), "", "not worth it");
}
