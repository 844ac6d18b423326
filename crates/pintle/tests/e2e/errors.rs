//! What a caller is told when something is wrong: whole answers, as snapshots. Errors are part of the product.

use std::fmt::Write;

use insta::assert_snapshot;
use serde_json::json;

use crate::common::{Answer, App, Place};

on_both_stores!(
    a_body_that_is_not_right,
    a_body_that_is_too_much_or_of_another_kind,
    what_is_not_there_or_not_allowed,
    the_same_mistakes_under_rest_v1_have_postgrests_codes,
);

/// Answers, one below the other.
fn all(answers: &[Answer]) -> String {
    let mut text = String::new();
    for answer in answers {
        write!(text, "{answer}\n\n").unwrap();
    }
    text
}

async fn a_body_that_is_not_right(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    server.post("/configs", json!({ "name": "taken", "data": [] })).token(&token).await.has(201);
    let mut answers = Vec::new();
    for body in [
        r#"{"name":"taken","data":[]}"#,
        r#"{"name":"no spaces","data":[]}"#,
        r#"{"name":"","data":[]}"#,
        r#"{"data":[]}"#,
        r#"{"name":"N"}"#,
        r#"{}"#,
        r#"{"name":null,"data":null}"#,
        r#"{"name":7,"data":[]}"#,
        r#"{"name":"N","data":{"id":1}}"#,
        r#"{"name":"N","data":[{"id":1},2,"x"]}"#,
        r#"{"name":"N","data":"[]"}"#,
        r#"{"name":"N","data":[],"colour":"red","dat":1}"#,
        r#"{"name":"a b","data":[1],"colour":"red"}"#,
        r#"[{"name":"N","data":[]}]"#,
        r#""N""#,
        r#"{"name":"N","data":[}"#,
        r#"{"name":"N","data":[]"#,
        r#"{"name":"N","data":[]} x"#,
        "",
    ] {
        answers.push(server.post("/configs", body).token(&token).await);
    }
    assert!(answers.iter().all(|a| (400..500).contains(&a.status)), "{}", all(&answers));
    assert_snapshot!("a_body_that_is_not_right", all(&answers));
    server.get("/configs").await.is(200, json!([{ "name": "taken", "data": [] }]));
}

async fn a_body_that_is_too_much_or_of_another_kind(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let deep = format!(r#"{{"name":"N","data":[{{"a":{}1{}}}]}}"#, "[".repeat(40), "]".repeat(40));
    let large = format!(r#"{{"name":"N","data":[{{"a":"{}"}}]}}"#, "x".repeat(1 << 20));
    let very_deep = "[".repeat(500_000);
    let form =
        server.post("/configs", "name=N").token(&token).header("Content-Type", "application/x-www-form-urlencoded");
    let text = server.post("/configs", r#"{"name":"N","data":[]}"#).token(&token).header("Content-Type", "text/plain");
    let answers = [
        server.post("/configs", deep).token(&token).await,
        server.post("/configs", very_deep).token(&token).await,
        server.post("/configs", large).token(&token).await,
        form.await,
        text.await,
        server.patch("/configs/N", "[1]").token(&token).await,
        server.put("/configs/N", r#"{"name":"M","data":[]}"#).token(&token).await,
        server.get(&format!("/configs?name={}", "x".repeat(9000))).await,
    ];
    let shown: Vec<_> = answers.iter().map(|a| a.to_string().replace(&"x".repeat(9000), "x…")).collect();
    assert_snapshot!("a_body_that_is_too_much_or_of_another_kind", shown.join("\n\n"));
    server.get("/configs").await.is(200, json!([]));
}

async fn what_is_not_there_or_not_allowed(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let patch = reqwest::Method::PATCH;
    let answers = [
        server.get("/configs/absent").await,
        server.put("/configs/absent", json!({ "data": [] })).token(&token).await,
        server.patch("/configs/absent", json!({ "data": [] })).token(&token).await,
        server.delete("/configs/absent").token(&token).await,
        server.get("/nowhere").await,
        server.get("/configs/N/deeper").await,
        server.ask(patch, "/configs").await,
        server.post("/configs/N", json!({})).token(&token).await,
        server.post("/configs", json!({ "name": "N", "data": [] })).await,
        server.post("/configs", json!({ "name": "N", "data": [] })).token("nonsense").await,
        server.get("/configs").token("nonsense").await,
        server.get("/configs").header("Authorization", "Basic bWU6bWU=").await,
        server.get("/configs?colour=red").await,
        server.get("/configs?limit=many").await,
        server.get("/configs?limit=1001").await,
        server.get("/configs?order=colour").await,
        server.get("/configs?order=name.down").await,
        server.delete("/configs/N").token(&token).header("If-Match", "\"other\"").await,
    ];
    assert_snapshot!("what_is_not_there_or_not_allowed", all(&answers));
}

async fn the_same_mistakes_under_rest_v1_have_postgrests_codes(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let at = "/rest/v1/configs";
    server.post(at, json!({ "name": "taken", "data": [] })).token(&token).await.has(201);
    let single = "application/vnd.pgrst.object+json";
    let answers = [
        server.post(at, json!({ "name": "taken", "data": [] })).token(&token).await,
        server.post(at, json!({ "name": "no spaces", "data": [] })).token(&token).await,
        server.post(at, json!({ "name": "N" })).token(&token).await,
        server.post(at, json!({ "name": "N", "data": {} })).token(&token).await,
        server.post(at, json!({ "name": "N", "data": [], "colour": 1 })).token(&token).await,
        server.post(at, json!([{ "name": "N", "data": [] }, { "name": "M" }])).token(&token).await,
        server.post(at, "{").token(&token).await,
        server.post(at, json!({ "name": "N", "data": [] })).await,
        server.get("/rest/v1/confgs").await,
        server.get("/rest/v1/_pintle_tokens").token(&token).await,
        server.get("/rest/v1/configs?colour=eq.1").await,
        server.get("/rest/v1/configs?name=equals.x").await,
        server.get("/rest/v1/configs?select=name,(").await,
        server.get("/rest/v1/configs?order=name.sideways").await,
        server.get("/rest/v1/configs?limit=-1").await,
        server.get("/rest/v1/configs?select=name,other(*)").await,
        server.get("/rest/v1/configs?select=count()").await,
        server.get("/rest/v1/configs?name=fts.x").await,
        server.get("/rest/v1/configs?name=eq.absent").header("Accept", single).await,
        server.get("/rest/v1/configs").header("Accept", "text/csv").await,
        server.put("/rest/v1/configs?name=eq.N", json!({ "name": "M", "data": [] })).token(&token).await,
        server.get("/rest/v1/rpc/anything").await,
        server.get("/rest/v1/configs").header("Accept-Profile", "other").await,
    ];
    assert!(answers.iter().all(|a| (400..500).contains(&a.status)), "{}", all(&answers));
    assert_snapshot!("the_same_mistakes_under_rest_v1_have_postgrests_codes", all(&answers));
}
