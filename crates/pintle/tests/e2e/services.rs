//! Services of an app: at ports of their own in one process, and as processes that share a store.

use std::time::Instant;

use pintle_testbed::Port;
use serde_json::{Value, json};

use super::common::{self, App, PATIENCE, Place, Server};

const MANIFEST: &str = "
pintle: 1
name: shop
collections:
  persons: { fields: { name: { type: text, unique: true } }, policies: { select: 'true', insert: 'true' }, rest: /persons }
  orders: { fields: { name: { type: text, unique: true } }, policies: { select: 'true', insert: 'true' }, rest: /orders }
routes:
  /count: { get: { sql: SELECT count(*) AS n FROM persons, result: value, cache: 1h } }
services:
  people: { port: 30001, collections: [persons] }
  orders: { port: 30002, collections: [orders], routes: [/count] }
";

/// The addresses that the server's log names, by their services; the last one in the manifest is named last.
fn addresses(server: &Server) -> Vec<(String, String)> {
    server.has_logged("\"services\":\"orders\"");
    let log = server.log();
    let ready = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ready = ready.filter(|line| line["message"] == "ready");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ready.map(|line| (text(&line["services"]), format!("http://{}", text(&line["address"])))).collect()
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
}

async fn status(url: &str) -> u16 {
    reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn one_process_serves_each_port_and_says_where_each_service_is() {
    let app = App::of(MANIFEST);
    let mut server = app.serve();
    let found = addresses(&server);
    let names: Vec<&str> = found.iter().map(|(names, _)| names.as_str()).collect();
    assert_eq!(names, ["people", "orders"]);
    for (name, origin) in &found {
        assert!(server.banner.contains(&format!("{origin}  {name}")), "{}", server.banner);
        assert!(server.banner.contains(&format!("{origin}/docs")), "{}", server.banner);
    }
    let (people, orders) = (&found[0].1, &found[1].1);
    assert!(server.banner.contains(&format!("{people}/persons")) && server.banner.contains(&format!("{orders}/count")));
    let statuses = [
        (format!("{people}/persons"), 200),
        (format!("{people}/orders"), 404),
        (format!("{people}/count"), 404),
        (format!("{orders}/orders"), 200),
        (format!("{orders}/count"), 200),
        (format!("{orders}/persons"), 404),
    ];
    for (url, wanted) in statuses {
        assert_eq!(status(&url).await, wanted, "{url}");
    }
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

#[tokio::test]
async fn where_every_service_has_a_port_the_apps_address_tells_of_its_health() {
    let [own, apps] = [Port::reserve().unwrap(), Port::reserve().unwrap()];
    let app = App::of(&format!(
        "pintle: 1\nname: shop\ncollections: {{ a: {{ policies: {{ select: 'true' }} }} }}\n\
         services: {{ a: {{ port: {}, collections: [a] }} }}\n",
        own.number()
    ));
    let [own, apps] = [&own, &apps].map(|port| format!("127.0.0.1:{}", port.number()));
    let _server = Server::start(&mut common::pintle(&["serve", app.path(), "--listen", &apps]));
    for (url, wanted) in [
        (format!("http://{own}/rest/v1/a"), 200),
        (format!("http://{apps}/health"), 200),
        (format!("http://{apps}/metrics"), 200),
        (format!("http://{apps}/rest/v1/a"), 404),
    ] {
        assert_eq!(status(&url).await, wanted, "{url}");
    }
}

#[tokio::test]
async fn a_changed_app_is_served_by_the_same_listeners_or_not_at_all() {
    let app = App::of(MANIFEST);
    let server = app.serve();
    let found = addresses(&server);
    let (people, orders) = (&found[0].1, &found[1].1);
    app.manifest(
        &MANIFEST.replace("[persons]", "[persons], routes: [/count]").replace("[orders], routes: [/count]", "[orders]"),
    );
    server.signal("HUP");
    until("the route has moved", async || status(&format!("{people}/count")).await == 200).await;
    assert_eq!(status(&format!("{orders}/count")).await, 404);

    app.manifest(&MANIFEST.replace("30002", "30003"));
    server.signal("HUP");
    let refused = "the service `orders` has the port 30003, where this server does not listen";
    until("the change is refused", async || server.log().contains(refused)).await;
    assert_eq!(status(&format!("{people}/count")).await, 200, "as before");
}

#[test]
fn a_port_that_is_taken_is_told_with_the_service_that_wants_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let app = App::of(&MANIFEST.replace("30002", &port.to_string()));
    let (code, _, err) = common::finish(&mut common::pintle(&["serve", app.path(), "--service", "orders"]));
    assert_eq!(code, 1);
    assert!(
        err.ends_with(&format!(
            "error: cannot listen on 127.0.0.1:{port} for the service `orders`: another program does\n  help: stop that \
             program, or give `orders` another port in the manifest\n"
        )),
        "{err}"
    );
    let (code, _, err) = common::finish(&mut common::pintle(&["serve", app.path(), "--service", "order"]));
    assert_eq!(code, 2);
    assert!(err.ends_with("error: the app `shop` has no service `order`\n  help: did you mean `orders`?\n"), "{err}");
}

#[tokio::test]
async fn processes_of_services_share_a_file_and_no_server_of_all_joins_them() {
    let app = App::of(MANIFEST);
    let people = app.serve_with(&["--service", "people"]);
    let orders = app.serve_with(&["--service", "orders"]);
    assert!(people.banner.contains(&format!("{}  people", people.origin)) && !people.banner.contains("/orders"));

    people.post("/persons", json!({ "name": "ann" })).await.has(201);
    // What was kept is dropped as soon as another process has written.
    for n in 1..20 {
        orders.get("/count").await.is(200, json!(n));
        people.post("/persons", json!({ "name": format!("ann{n}") })).await.has(201);
    }
    people.get("/orders").await.has(404);
    orders.get("/orders").await.is(200, json!([]));

    let Err(log) = Server::try_start(&mut app.serving(&["--service", "orders"])) else { panic!("two of one service") };
    assert!(log.contains("the service `orders` of") && log.contains(&format!("by process {}", orders.pid())), "{log}");
    let Err(log) = Server::try_start(&mut app.serving(&[])) else { panic!("all beside one") };
    assert!(log.contains(&format!("process {} (service `people`)", people.pid())), "{log}");
    drop((people, orders));
    let whole = app.serve();
    let Err(log) = Server::try_start(&mut app.serving(&["--service", "orders"])) else { panic!("one beside all") };
    assert!(log.contains("all services of") && log.contains(&format!("by process {}", whole.pid())), "{log}");
}

#[tokio::test]
async fn a_token_that_is_made_or_revoked_counts_for_every_service_on_both_stores() {
    for place in [Place::Sqlite, Place::Postgres] {
        let app = App::of(&MANIFEST.replace("insert: 'true'", "insert: auth.role() = 'authenticated'")).on(place);
        let (people, orders) = (app.serve_with(&["--service", "people"]), app.serve_with(&["--service", "orders"]));
        let token = app.token("ann", "authenticated");
        people.post("/persons", json!({ "name": "a" })).token(&token).await.has(201);
        orders.post("/orders", json!({ "name": "a" })).token(&token).await.has(201);
        assert_eq!(app.run(&["token", "revoke", "ann"]).0, 0);
        for (server, path) in [(&people, "/persons"), (&orders, "/orders")] {
            until("the token is no more", async || server.get(path).token(&token).await.status == 401).await;
        }
    }
}
