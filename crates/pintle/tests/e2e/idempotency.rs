//! `Idempotency-Key`, as a client that tries again relies on it.

use serde_json::json;

use crate::common::App;

#[tokio::test]
async fn an_answer_is_given_again_after_a_restart() {
    let app = App::shipped("configs");
    let mut server = app.serve();
    let token = app.token("writer", "authenticated");
    let body = json!({ "name": "a", "data": [{ "id": 1 }] });
    let first = server.post("/configs", body.clone()).token(&token).header("Idempotency-Key", "k").await.has(201);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));

    let server = app.serve();
    let again = server.post("/configs", body.clone()).token(&token).header("Idempotency-Key", "k").await.has(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    for name in ["location", "etag", "content-type"] {
        assert!(!first.header(name).is_empty());
        assert_eq!(again.header(name), first.header(name));
    }
    assert_eq!(again.text, first.text);
    // Without the key it is a record like the one that is there.
    server.post("/configs", body).token(&token).await.has(409);
}

#[tokio::test]
async fn a_page_of_another_origin_may_send_a_key_and_see_that_it_was_answered_before() {
    let manifest = std::fs::read_to_string(crate::common::shipped("configs").join("pintle.yaml")).unwrap();
    let app = App::shipped("configs");
    app.manifest(&format!("{manifest}\ncors: {{ origins: [\"https://page.example\"] }}\n"));
    let server = app.serve();
    let preflight = server
        .ask(reqwest::Method::OPTIONS, "/configs")
        .header("Origin", "https://page.example")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "idempotency-key");
    assert_eq!(preflight.await.has(204).header("access-control-allow-headers"), "idempotency-key");
    let answer = server.get("/configs").header("Origin", "https://page.example").await.has(200);
    assert!(answer.header("access-control-expose-headers").contains("Idempotent-Replayed"));
}
