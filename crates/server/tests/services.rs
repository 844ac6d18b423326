//! Services: what each listener exposes, and that all are one server.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use pintle_server::{Exposes, Settings};
use support::{Ask as _, Served, serve_with};

const APP: &str = "
pintle: 1
name: app
collections:
  persons: { fields: { name: text }, policies: { select: 'true', insert: 'true' }, rest: /api/persons }
  groups: { fields: { name: text }, policies: { select: 'true' }, rest: /groups }
routes:
  /count: { get: { sql: SELECT count(*) AS n FROM persons, result: value }, post: { sql: SELECT 1 AS n } }
  /health: { get: { sql: SELECT 'mine' AS a, result: value } }
public: { folder: web }
services:
  persons: { port: 30001, collections: [persons] }
  counts: { port: 30002, routes: [/count] }
  others: { collections: '*', routes: '*' }
  page: { port: 30002, pages: true }
";
/// The listeners' places.
const OTHERS: usize = 0;
const PERSONS: usize = 1;
const COUNTS: usize = 2;

async fn served() -> Served {
    let listeners = [None, Some(30001), Some(30002)].map(|port| Exposes::Ports(vec![port])).to_vec();
    let app = serve_with(APP, Settings { access_log: false, listeners, ..Settings::default() }).await;
    std::fs::create_dir(app.folder.path().join("web")).unwrap();
    std::fs::write(app.folder.path().join("web/index.html"), "a page").unwrap();
    app
}

#[tokio::test]
async fn a_listener_answers_what_its_services_expose_and_nothing_else() {
    let app = served().await;
    let places = [
        ("/api/persons", PERSONS),
        ("/api/persons/1", PERSONS),
        ("/rest/v1/persons", PERSONS),
        ("/groups", OTHERS),
        ("/rest/v1/groups", OTHERS),
        ("/count", COUNTS),
        ("/index.html", COUNTS),
    ];
    for (path, place) in places {
        for listener in [OTHERS, PERSONS, COUNTS] {
            let answer = app.get_at(listener, path).await;
            if listener == place {
                assert!(answer.status == 200 || answer.text.contains("there is no record"), "{path}: {}", answer.text);
            } else if path.starts_with("/rest/v1") {
                let error = answer.is_error(404, "PGRST205").json();
                assert_eq!(error["hint"], serde_json::Value::Null, "{path} is told of by nobody else");
            } else {
                answer.is_error(404, "PT404");
            }
        }
    }
    // As if it were not there: also the methods of it.
    let other = app.client.post(format!("http://{}/count", app.addresses[PERSONS])).answered().await;
    other.is_error(404, "PT404");
}

#[tokio::test]
async fn every_listener_tells_of_itself() {
    let app = served().await;
    for listener in [OTHERS, PERSONS, COUNTS] {
        app.get_at(listener, "/health/live").await.is(200);
        app.get_at(listener, "/health/ready").await.is(200);
        app.get_at(listener, "/metrics").await.is(200);
        app.get_at(listener, "/docs").await.is(200);
    }
    // The route of that name is another service's.
    assert_eq!(app.get_at(OTHERS, "/health").await.text, "\"mine\"");
    assert_eq!(app.get_at(PERSONS, "/health").await.json()["db"], "Success");
    let document = app.get_at(OTHERS, "/openapi.json").await.json();
    let id = &document["paths"]["/health"]["get"]["operationId"];
    assert!(id.is_string() && id != "health", "the app's own: {document}");
    // `/` is the page where there are pages, and the documentation elsewhere.
    assert_eq!(app.get_at(COUNTS, "/").await.text, "a page");
    assert!(app.get_at(PERSONS, "/").await.text.contains("<title>app: persons"));

    let paths = async |listener| {
        let document = app.get_at(listener, "/openapi.json").await.json();
        let paths = document["paths"].as_object().unwrap().keys();
        let own = paths
            .filter(|path| !path.starts_with("/health/") && !["/metrics", "/openapi.json"].contains(&path.as_str()));
        (document["info"]["title"].as_str().unwrap().to_owned(), own.cloned().collect::<Vec<_>>())
    };
    let strings = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let persons = strings(&["/api/persons", "/api/persons/{id}", "/rest/v1/persons", "/health"]);
    assert_eq!(paths(PERSONS).await, ("app: persons".to_owned(), persons));
    assert_eq!(paths(COUNTS).await, ("app: counts, page".to_owned(), strings(&["/count", "/health"])));
}

#[tokio::test]
async fn what_one_listener_writes_another_reads_at_once() {
    let app = served().await;
    for n in 1..=20 {
        let post = app.client.post(format!("http://{}/api/persons", app.addresses[PERSONS]));
        post.json_text(r#"{"name":"a"}"#).answered().await.is(201);
        assert_eq!(app.get_at(COUNTS, "/count").await.text, n.to_string());
    }
}

#[tokio::test]
async fn all_listeners_stop_together() {
    let mut app = served().await;
    let addresses = app.addresses.clone();
    app.stop();
    app.stopped().await;
    for address in addresses {
        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "{address}");
    }
}

#[tokio::test]
async fn a_server_of_one_service_exposes_that_alone() {
    let listeners = vec![Exposes::Service("persons".to_owned())];
    let app = serve_with(APP, Settings { access_log: false, listeners, ..Settings::default() }).await;
    app.get("/api/persons").await.is(200);
    app.get("/groups").await.is_error(404, "PT404");
    app.get("/count").await.is_error(404, "PT404");
}
