//! What a manifest sets beside its collections: limits, CORS, which methods a mount has, durability.

use reqwest::Method;
use serde_json::json;

use crate::common::App;

const NOTES: &str = "
pintle: 1
name: notes
cors: { origins: ['https://app.example'], credentials: true, max_age: 10m }
limits: { body: 200B, depth: 4 }
durability: relaxed
collections:
  notes:
    key: { id: { type: uuid, generated: true } }
    fields:
      text: { type: text, required: true }
      more: json
    policies: { select: 'true', insert: 'true' }
    rest: { path: /api/notes, methods: [GET, POST], limit: { default: 2, max: 3 } }
";

#[tokio::test]
async fn limits_are_the_manifests() {
    let app = App::of(NOTES);
    let server = app.serve();
    server.post("/api/notes", json!({ "text": "x".repeat(300) })).await.has(413);
    server.post("/api/notes", json!({ "text": "x", "more": [[[[1]]]] })).await.has(400);
    for _ in 0..4 {
        server.post("/api/notes", json!({ "text": "x", "more": [[1]] })).await.has(201);
    }
    let page = |limit: &str| server.get(&format!("/api/notes{limit}"));
    assert_eq!(page("").await.has(200).json().as_array().unwrap().len(), 2, "the default");
    assert_eq!(page("?limit=3").await.has(200).json().as_array().unwrap().len(), 3);
    page("?limit=4").await.has(400);
}

#[tokio::test]
async fn a_mount_answers_the_methods_that_it_has() {
    let app = App::of(NOTES);
    let server = app.serve();
    let made = server.post("/api/notes", json!({ "text": "x" })).await.has(201);
    let place = made.header("location").to_owned();
    server.get(&place).await.is(200, made.json());
    let refused = server.delete(&place).await.has(405);
    assert_eq!(refused.header("allow"), "GET, HEAD, OPTIONS");
    // The methods of a mount are not those of PostgREST's grammar; there the policies decide alone.
    server.delete("/rest/v1/notes").await.has(401);
}

#[tokio::test]
async fn pages_of_other_origins_may_call_if_the_manifest_says_so() {
    let app = App::of(NOTES);
    let server = app.serve();
    let asked = |origin: &str| {
        let ask = server.ask(Method::OPTIONS, "/api/notes").header("Origin", origin);
        ask.header("Access-Control-Request-Method", "POST").header("Access-Control-Request-Headers", "content-type")
    };
    let allowed = asked("https://app.example").await;
    assert!((200..300).contains(&allowed.status), "{allowed}");
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(allowed.header("access-control-allow-credentials"), "true");
    assert_eq!(allowed.header("access-control-max-age"), "600");
    assert!(allowed.header("access-control-allow-methods").contains("POST"), "{allowed}");
    assert_eq!(asked("https://evil.example").await.header("access-control-allow-origin"), "");

    let answer = server.get("/api/notes").header("Origin", "https://app.example").await.has(200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert!(answer.header("access-control-expose-headers").to_lowercase().contains("content-range"));
    assert!(answer.header("vary").to_lowercase().contains("origin"));
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_want_it() {
    let app = App::shipped("configs");
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let large = json!({ "name": "N", "data": [{ "x": "y".repeat(20_000) }] });
    server.post("/configs", large.clone()).token(&token).await.has(201);
    server.get("/configs").await.is(200, json!([large]));
    for coding in ["gzip", "br"] {
        let packed = server.get("/openapi.json").header("Accept-Encoding", coding).await.has(200);
        assert_eq!(packed.header("content-encoding"), coding);
    }
}
