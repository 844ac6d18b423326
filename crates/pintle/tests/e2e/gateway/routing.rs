//! Which service a path goes to, and what the gateway answers itself.

use serde_json::json;

use super::fake::Fake;
use super::{app, gateway, nowhere, until_ready};
use crate::common::{App, Server, pintle};

#[tokio::test]
async fn a_path_goes_to_its_service_with_all_of_its_methods_and_its_parameters() {
    let app = app();
    let (persons, things) = (Fake::saying("persons").await, Fake::saying("things").await);
    let gateway = gateway(&app, &persons.url, &things.url);
    for (path, service) in [
        ("/rest/v1/persons?id=eq.1", "persons"),
        ("/api/persons", "persons"),
        ("/api/persons/a%2Fb", "persons"),
        ("/who", "persons"),
        ("/rest/v1/things", "things"),
    ] {
        assert_eq!(gateway.get(path).await.has(200).text, service, "{path}");
        assert_eq!(gateway.delete(path).await.has(200).text, service, "{path}");
    }
    let sent = persons.head(0);
    assert!(sent.starts_with("GET /rest/v1/persons?id=eq.1 HTTP/1.1\r\n"), "{sent}");
    let escaped = persons.heads.lock().unwrap().iter().any(|head| head.starts_with("DELETE /api/persons/a%2Fb "));
    assert!(escaped, "a path goes on as it came");
}

#[tokio::test]
async fn services_behind_a_gateway_answer_as_one_process_does() {
    let app = app();
    let server = app.serve();
    let gateway = gateway(&app, &server.origin, &server.origin);
    until_ready(&gateway, 200).await;
    gateway.post("/rest/v1/persons", json!({ "id": 1 })).await.has(201);
    gateway.post("/rest/v1/things", json!([{ "id": 1 }, { "id": 2 }])).await.has(201);
    for path in [
        "/rest/v1/persons",
        "/rest/v1/things?select=id&order=id.desc",
        "/rest/v1/things?wrong=eq.1",
        "/api/persons/1",
        "/api/persons/7",
        "/rest/v1/person",
        "/rest/v1/rpc/f",
        "/nothing/at/all",
        "/docs",
        "/openapi.json",
        "/",
    ] {
        let (direct, passed) = (server.get(path).await, gateway.get(path).await);
        assert_eq!((direct.status, &direct.text), (passed.status, &passed.text), "{path}");
        for header in ["content-type", "content-range", "etag", "proxy-status", "vary", "x-content-type-options"] {
            assert_eq!(direct.header(header), passed.header(header), "{path} {header}");
        }
    }
    let head = gateway.ask(reqwest::Method::HEAD, "/rest/v1/things").await.has(200);
    assert_eq!(head.header("content-range"), "0-1/*");
    gateway.get("/rest/v1/persons").token("nonsense").await.has(401);
}

#[tokio::test]
async fn where_pages_have_none_for_the_root_it_shows_the_documentation_of_all_services() {
    let app = App::of(
        "pintle: 1\nname: split\ncollections: { persons: { policies: { select: 'true' } } }\npublic: web\n\
         services: { data: { collections: [persons] }, page: { pages: true } }\n",
    );
    let web = app.folder.path().join("web");
    std::fs::create_dir_all(web.join("map")).unwrap();
    std::fs::write(web.join("map/index.html"), "the map").unwrap();
    let page = Server::start(&mut pintle(&["serve", app.path(), "--service", "page", "--listen", "127.0.0.1:0"]));
    let upstreams = [format!("data={}", nowhere()), format!("page={}", page.origin)];
    let mut command = pintle(&["gateway", app.path(), "--listen", "127.0.0.1:0"]);
    command.args(["--upstream", &upstreams[0], "--upstream", &upstreams[1]]);
    let gateway = Server::start(&mut command);
    while gateway.get("/health").await.json()["services"]["page"] != "ok" {}
    assert_eq!(gateway.get("/map/").await.has(200).text, "the map");
    let (root, docs) = (gateway.get("/").await.has(200), gateway.get("/docs").await.has(200));
    assert_eq!(root.text, docs.text);
    assert_eq!(root.header("pintle-service"), "");
    // A page that is there is shown.
    std::fs::write(web.join("index.html"), "home").unwrap();
    assert_eq!(gateway.get("/").await.has(200).text, "home");
}

#[tokio::test]
async fn its_health_says_which_services_have_no_replica() {
    let app = app();
    let persons = Fake::saying("persons").await;
    let gateway = gateway(&app, &persons.url, &nowhere());
    gateway.get("/health/live").await.is(200, json!({ "status": "ok" }));
    // Until it has looked at both.
    while gateway.get("/health").await.json()["services"]["persons"] != "ok" {}
    gateway.get("/health/ready").await.is(
        503,
        json!({
            "code": "PT503", "message": "no replica is ready of `things`", "hint": null,
            "details": [{ "path": "things", "message": "no replica is ready" }],
        }),
    );
    gateway
        .get("/health")
        .await
        .is(503, json!({ "app": "ok", "services": { "persons": "ok", "things": "no replica is ready" } }));
    persons.ready.store(false, std::sync::atomic::Ordering::SeqCst);
    while gateway.get("/health").await.json()["services"]["persons"] == "ok" {}
    persons.ready.store(true, std::sync::atomic::Ordering::SeqCst);
    while gateway.get("/health").await.json()["services"]["persons"] != "ok" {}
}

#[tokio::test]
async fn its_metrics_and_its_log_name_the_service() {
    let app = app();
    let (persons, things) = (Fake::saying("persons").await, Fake::new(async |_| {}).await);
    let mut gateway = gateway(&app, &persons.url, &things.url);
    until_ready(&gateway, 200).await;
    gateway.get("/rest/v1/persons").header("X-Request-Id", "abc-1").await.has(200);
    let metrics = gateway.get("/metrics").await.has(200).text;
    for line in [
        "pintle_gateway_requests_total{service=\"persons\",method=\"GET\",status=\"200\"} 1",
        "pintle_gateway_replicas_ready{service=\"things\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    gateway.get("/rest/v1/things").header("X-Request-Id", "abc-2").await.has(502);
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0), "{}", gateway.log());
    let log = gateway.log();
    for (id, service, status, tries) in [("abc-1", "persons", 200, 1), ("abc-2", "things", 502, 3)] {
        let mut lines = log.lines().filter(|line| line.contains(id) && line.contains("\"tries\""));
        let line: serde_json::Value = serde_json::from_str(lines.next().unwrap_or_else(|| panic!("{log}"))).unwrap();
        let told = (&line["service"], &line["status"], &line["tries"]);
        assert_eq!(told, (&json!(service), &json!(status), &json!(tries)));
        assert_eq!(line["trace"].as_str().unwrap().len(), 32, "{line}");
    }
}

#[test]
fn where_a_service_is_found_must_be_known() {
    let app = app();
    let told = |words: &[&str]| {
        let mut command = pintle(&["gateway", app.path(), "--listen", "127.0.0.1:0"]);
        crate::common::finish(command.args(words))
    };
    let (code, _, err) = told(&["--upstream", "persons=http://127.0.0.1:1"]);
    assert_eq!(code, 2);
    assert!(
        err.starts_with("error: nothing says where the gateway finds `things`: the manifest gives no port"),
        "{err}"
    );
    let (code, _, err) = told(&["--upstream", "person=http://127.0.0.1:1"]);
    assert_eq!((code, err.contains("its services: persons, things")), (2, true), "{err}");
    let (code, _, err) = told(&["--upstream", "persons=ftp://127.0.0.1:1"]);
    assert_eq!((code, err.contains("an upstream is http://HOST:PORT or https://HOST:PORT")), (2, true), "{err}");
}

#[test]
fn an_app_that_is_not_right_has_no_gateway() {
    let app = App::of("pintle: 1\nname: a\nservices: { a: { port: 1, collections: [b] } }\n");
    let (code, _, err) = crate::common::run(&["gateway", app.path()]);
    assert_eq!(code, 1);
    assert!(err.contains("pintle.yaml has"), "{err}");
}
