//! Who asks: tokens, and dev mode.

mod support;

use std::time::{Duration, Instant};

use pintle_model::Role;
use pintle_query::rest::{Asker, Preferences};
use pintle_store::{Access, Store};
use reqwest::Method;
use support::{Ask as _, serve, serve_dev};

const ROW: &str = r#"{"name":"a","data":1}"#;

#[tokio::test]
async fn a_token_is_sent_as_bearer_as_key_or_as_both() {
    let app = serve().await;
    let token = app.writer().await;
    let delete = async |path: &str| app.ask(Method::DELETE, path).bearer_auth(&token).answered().await;
    let post = |path: &str| app.ask(Method::POST, path).json_text(ROW);
    post("/configs").bearer_auth(&token).answered().await.is(201);
    delete("/configs/a").await.is(204);
    post("/configs").header("apikey", &token).answered().await.is(201);
    delete("/configs/a").await.is(204);
    post(&format!("/configs?apikey={token}")).answered().await.is(201);
    delete("/configs/a").await.is(204);
    post("/configs").bearer_auth(&token).header("apikey", &token).answered().await.is(201);
}

#[tokio::test]
async fn a_token_that_is_not_known_is_401_also_where_none_is_needed() {
    let app = serve().await;
    let token = app.writer().await;
    let ask = |path: &str| app.ask(Method::GET, path);
    let refused = ask("/rest/v1/configs").bearer_auth("pintle_nothing").answered().await;
    assert_eq!(refused.is_error(401, "PGRST301").header("www-authenticate"), "Bearer");
    ask("/configs").header("apikey", "pintle_nothing").answered().await.is_error(401, "PT401");
    ask("/configs").bearer_auth(&token).header("apikey", "pintle_nothing").answered().await.is_error(401, "PT401");
    ask("/configs").basic_auth("ann", Some("secret")).answered().await.is_error(401, "PT401");
    ask("/nothing").bearer_auth("pintle_nothing").answered().await.is_error(401, "PT401");
    ask("/configs").answered().await.is(200);
}

#[tokio::test]
async fn what_is_open_to_everybody_asks_for_no_name() {
    let app = serve().await;
    for path in ["/health", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"] {
        app.ask(Method::GET, path).bearer_auth("pintle_nothing").answered().await.is(200);
    }
}

#[tokio::test]
async fn service_role_passes_every_policy() {
    let app = serve().await;
    let token = app.token(Role::ServiceRole, None).await;
    app.send(Method::POST, "/rest/v1/notes", &token, r#"{"text":"ours"}"#).await.is(201);
    app.ask(Method::DELETE, "/rest/v1/notes?id=eq.1").bearer_auth(&token).answered().await.is(204);
}

/// A command removes the token beside the server; from within a second on it is not known.
#[tokio::test]
async fn a_token_that_another_process_revokes_is_known_no_longer_than_a_second() {
    let app = serve().await;
    let token = app.writer().await;
    app.send(Method::POST, "/configs", &token, ROW).await.is(201);

    let beside = Store::open(&app.location(), app.planner().model(), Access::Beside).unwrap();
    let (tokens, _) = app.planner().model().find("_pintle_tokens").unwrap();
    let caller = std::sync::Arc::new(pintle_model::Caller::of(Role::ServiceRole));
    let asker = Asker { caller, now: 0, new_uuid: uuid::Uuid::now_v7 };
    let remove = app.planner().rest_delete(tokens, "role=eq.authenticated", &Preferences::default(), &asker).unwrap();
    beside.write(remove.write.unwrap()).await.unwrap();

    let revoked = Instant::now();
    loop {
        let asked = revoked.elapsed();
        if app.ask(Method::GET, "/configs").bearer_auth(&token).answered().await.status == 401 {
            break;
        }
        // A second, and more where there is no processor for who looks.
        assert!(asked < Duration::from_secs(3), "asked after {asked:?}, the token is still known");
    }
}

#[tokio::test]
async fn in_dev_mode_nobody_acts_as_service_role() {
    let app = serve_dev().await;
    app.ask(Method::POST, "/configs").json_text(ROW).answered().await.is(201);
    app.ask(Method::POST, "/rest/v1/notes").json_text(r#"{"text":"mine"}"#).answered().await.is(201);
}

#[tokio::test]
async fn dev_mode_refuses_what_may_come_from_elsewhere() {
    let app = serve_dev().await;
    let ask = |name: &str, value: &str| app.ask(Method::GET, "/configs").header(name, value).answered();
    ask("x-forwarded-for", "203.0.113.1").await.is_error(403, "PT403");
    ask("forwarded", "for=203.0.113.1").await.is_error(403, "PT403");
    ask("host", "evil.example").await.is_error(403, "PT403");
    ask("origin", "https://evil.example").await.is_error(403, "PT403");
    ask("origin", "null").await.is_error(403, "PT403");
    ask("origin", &format!("http://{}", app.address)).await.is(200);
    ask("origin", "https://page.example").await.is(200);
    ask("host", "localhost:1").await.is(200);
}

#[tokio::test]
async fn dev_mode_is_refused_beyond_loopback() {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let (app, _folder) = support::app(support::APP, pintle_server::Settings { dev: true, ..Default::default() });
    let refused = pintle_server::run(vec![listener], pintle_server::Server::new(app).unwrap(), std::future::pending())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("dev mode listens on loopback alone"), "{refused}");
}
