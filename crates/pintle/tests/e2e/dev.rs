//! `--dev`: no token needed, on loopback alone, and said loudly.

use serde_json::json;

use crate::common::{App, run};

#[tokio::test]
async fn anonymous_callers_act_as_service_role_and_the_start_up_lines_say_so() {
    let app = App::shipped("configs");
    let server = app.serve_with(&["--dev"]);
    assert!(
        server.banner.contains("WARNING: --dev. Whoever reaches this address without a token acts as service_role"),
        "{}",
        server.banner
    );
    assert!(!server.banner.contains("token create"), "none is needed: {}", server.banner);
    server.post("/configs", json!({ "name": "N", "data": [] })).await.has(201);
    server.delete("/configs/N").await.has(204);
}

#[tokio::test]
async fn requests_that_come_from_elsewhere_are_refused() {
    let app = App::shipped("configs");
    let server = app.serve_with(&["--dev"]);
    let body = json!({ "name": "N", "data": [] });
    // A name that an attacker's DNS points at 127.0.0.1, a page of another origin, a proxy.
    for (header, value) in [
        ("Host", "evil.example"),
        ("Origin", "https://evil.example"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Forwarded", "for=10.0.0.1"),
    ] {
        server.post("/configs", body.clone()).header(header, value).await.has(403);
    }
    server.get("/configs").await.is(200, json!([]));
    let here = server.origin.clone();
    server.post("/configs", body).header("Origin", &here).await.has(201);
}

#[tokio::test]
async fn a_token_still_means_what_it_means() {
    let app = App::of(
        "
pintle: 1
name: board
collections:
  cards:
    key: { id: integer }
    policies: { select: 'true' }
    rest: /cards
",
    );
    let server = app.serve_with(&["--dev"]);
    server.get("/cards").token("nonsense").await.has(401);
    let token = app.token("reader", "authenticated");
    server.post("/cards", json!({ "id": 1 })).token(&token).await.has(403);
    server.post("/cards", json!({ "id": 1 })).await.has(201);
}

#[test]
fn it_is_refused_beyond_loopback() {
    let app = App::shipped("configs");
    for address in ["0.0.0.0:0", "[::]:0"] {
        let (code, out, err) = run(&["serve", app.path(), "--dev", "--listen", address]);
        assert_eq!((code, out.as_str()), (2, ""));
        assert_eq!(
            err,
            format!(
                "error: --dev lets anybody who reaches {address} act as service_role, so it listens on loopback alone\n  \
                 help: leave --dev away and make a token, or listen on 127.0.0.1\n"
            )
        );
    }
}
