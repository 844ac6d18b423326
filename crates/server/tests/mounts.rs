//! Mounts over real HTTP: every status that plain resources have.

mod support;

use reqwest::Method;
use support::{Ask as _, serve};

#[tokio::test]
async fn a_record_lives_from_its_post_to_its_delete() {
    let app = serve().await;
    let token = app.writer().await;
    let body = r#"{"name":"Nanette","data":[{"id": 2687, "isActive": false}]}"#;

    let created = app.send(Method::POST, "/configs", &token, body).await;
    assert_eq!(created.is(201).text, body);
    assert_eq!(created.header("location"), "/configs/Nanette");
    assert_eq!(created.header("content-type"), "application/json; charset=utf-8");

    let got = app.get(created.header("location")).await;
    assert_eq!(got.is(200).text, body);
    assert_eq!(got.header("etag"), created.header("etag"));
    assert_eq!(app.get("/configs/Nanette/").await.is(200).text, body, "a slash makes no difference");

    let patched = app.send(Method::PATCH, "/configs/Nanette", &token, r#"{"data":{"a":1}}"#).await;
    assert_eq!(patched.is(200).text, r#"{"name":"Nanette","data":{"a": 1}}"#);
    let patched = app.send(Method::PATCH, "/configs/Nanette", &token, r#"{"data":{"b":2,"a":null}}"#).await;
    assert_eq!(patched.is(200).text, r#"{"name":"Nanette","data":{"b": 2}}"#);
    assert_ne!(patched.header("etag"), created.header("etag"));

    let put = app.send(Method::PUT, "/configs/Nanette", &token, r#"{"data":[]}"#).await;
    assert_eq!(put.is(200).text, r#"{"name":"Nanette","data":[]}"#);

    let deleted = app.ask(Method::DELETE, "/configs/Nanette").bearer_auth(&token).answered().await;
    assert_eq!((deleted.is(204).text.as_str(), deleted.header("content-type")), ("", ""));
    app.get("/configs/Nanette").await.is_error(404, "PT404");
}
