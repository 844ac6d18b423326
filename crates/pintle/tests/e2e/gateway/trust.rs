//! Whom services believe: a gateway that signs, for the request that it signed, and nobody else.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use pintle_auth::{GatewayKey, Passed};
use serde_json::{Value, json};

use super::fake::Fake;
use super::{app, gateway, gateway_with, until_ready};
use crate::common::{App, PATIENCE, Server, finish, pintle};

const SECRET: (&str, &str) = ("PINTLE_GATEWAY_SECRET", "a secret of thirty-two characters");
/// Another address of this machine, so that callers and the gateway differ.
const CALLER: [u8; 4] = [127, 0, 0, 2];

/// What the service is told of who asks, when asked from another address.
async fn who(server: &Server, path: &str, headers: &[(&str, &str)]) -> Value {
    let client = reqwest::Client::builder().no_proxy().local_address(IpAddr::from(CALLER)).build().unwrap();
    let mut request = client.get(format!("{}{path}", server.origin));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[tokio::test]
async fn through_the_gateway_a_service_is_told_the_true_address_and_id() {
    let app = app();
    // The key is a file that the first of them makes, for the owner's eyes alone.
    let server = app.serve();
    let gateway = gateway(&app, &server.origin, &server.origin);
    let key = std::fs::metadata(app.folder.path().join(".pintle/gateway.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);

    let told = who(&gateway, "/who", &[("X-Request-Id", "abc-1")]).await;
    assert_eq!((&told["remote"], &told["id"]), (&json!("127.0.0.2"), &json!("abc-1")));
    // As if the caller had asked the service itself.
    assert_eq!((&told["headers"]["forwarded"], &told["headers"]["pintle-gateway"]), (&Value::Null, &Value::Null));
    let host = gateway.origin.trim_start_matches("http://");
    assert_eq!(told["headers"]["host"], host);
    // But what came by another proxy can be known by that.
    let told = who(&gateway, "/who", &[("X-Forwarded-For", "127.0.0.1")]).await;
    assert_eq!(told["remote"], "127.0.0.2");
    assert!(told["headers"]["forwarded"].as_str().unwrap().starts_with("for=unknown, "), "{told}");
}

#[tokio::test]
async fn a_gateway_with_another_secret_is_not_believed() {
    let app = app();
    let server = app.serve_in(&[SECRET]);
    let other = ("PINTLE_GATEWAY_SECRET", "another secret of 32 characters!");
    let gateway = gateway_with(&app, &server.origin, &server.origin, &[other]);
    let told = who(&gateway, "/who", &[]).await;
    assert_eq!(told["remote"], "127.0.0.1", "the gateway's own");
    // Both said so: the request, and the gateway's question whether it is ready. The log has one line.
    assert_eq!(server.log().matches("a gateway's signature is not believed").count(), 1, "{}", server.log());
    let right = gateway_with(&app, &server.origin, &server.origin, &[SECRET]);
    assert_eq!(who(&right, "/who", &[]).await["remote"], "127.0.0.2");
}

#[tokio::test]
async fn what_is_forged_or_replayed_reaches_nothing() {
    let app = app();
    let server = app.serve_in(&[SECRET]);
    let spy = Fake::saying("spy").await;
    let gateway = gateway_with(&app, &spy.url, &spy.url, &[SECRET]);
    gateway.get("/who?a=b").header("X-Request-Id", "abc-1").await.has(200);
    let head = spy.head(0);
    let sent = |name: &str| {
        let value = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
        value.unwrap_or_else(|| panic!("{head}"))
    };
    let (forwarded, signature) = (sent("forwarded"), sent("pintle-gateway"));
    let signed = [("Forwarded", &*forwarded), ("Pintle-Gateway", &*signature), ("X-Request-Id", "abc-1")];
    // It is good for the very request that it was made for, and for a minute.
    assert_eq!(who(&server, "/who?a=b", &signed).await["remote"], "127.0.0.1");

    let own = json!("127.0.0.2");
    let is_own = async |path: &str, headers: &[(&str, &str)]| who(&server, path, headers).await["remote"] == own;
    assert!(is_own("/who", &signed).await, "another path");
    assert!(is_own("/who?a=c", &signed).await, "other parameters");
    assert!(is_own("/who?a=b", &signed[..2]).await, "another id");
    assert!(is_own("/who?a=b", &signed[..1]).await, "without a signature");
    let lie = [("Forwarded", "for=127.0.0.1;proto=http"), signed[1], signed[2]];
    assert!(is_own("/who?a=b", &lie).await, "another address");
    let key = GatewayKey::new(SECRET.1).unwrap();
    let passed = Passed { method: "GET", target: "/who?a=b", id: b"abc-1", forwarded: forwarded.as_bytes() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (time, believed) in [(now, true), (now - 90, false), (now + 90, false)] {
        let text = key.sign(passed, time);
        let headers = [signed[0], ("Pintle-Gateway", &*text), signed[2]];
        assert_eq!(is_own("/who?a=b", &headers).await, !believed, "{} s", time.abs_diff(now));
    }
    for header in ["X-Forwarded-For", "X-Real-IP"] {
        assert!(is_own("/who", &[(header, "127.0.0.1")]).await, "{header}");
    }
}

#[tokio::test]
async fn a_server_in_dev_mode_is_no_replica() {
    let app = app();
    let server = app.serve_with(&["--dev"]);
    let gateway = gateway(&app, &server.origin, &server.origin);
    until_told(&gateway, "a server with --dev answers no gateway").await;
    gateway.get("/health/ready").await.has(503);
    gateway.get("/who").await.has(503);
}

#[tokio::test]
async fn services_whose_addresses_were_exchanged_are_no_replicas() {
    let app = app();
    let serve = |name| Server::start(app.serving(&[]).args(["--service", name]));
    let (persons, things) = (serve("persons"), serve("things"));
    let wrong = gateway(&app, &things.origin, &persons.origin);
    until_told(&wrong, "it is the service `things`").await;
    until_told(&wrong, "it is the service `persons`").await;
    wrong.get("/health/ready").await.has(503);
    wrong.get("/rest/v1/persons").await.has(503);
    let right = gateway(&app, &persons.origin, &things.origin);
    until_ready(&right, 200).await;
    right.get("/rest/v1/persons").await.has(200);
}

/// Waits until a gateway's log says this.
pub(super) async fn until_told(gateway: &Server, what: &str) {
    let begun = Instant::now();
    while !gateway.log().contains(what) {
        assert!(begun.elapsed() < PATIENCE, "{}", gateway.log());
        gateway.get("/health/live").await.has(200);
    }
}

#[test]
fn a_secret_that_is_too_short_is_refused_without_showing_it() {
    for command in ["serve", "gateway"] {
        let app = App::of(
            "pintle: 1\nname: a\ncollections: { a: {} }\nservices: { a: { port: 1, collections: [a] } }\npublic: none\n",
        );
        let mut words = pintle(&[command, app.path(), "--listen", "127.0.0.1:0"]);
        let (code, _, err) = finish(words.env("PINTLE_GATEWAY_SECRET", "hunter2"));
        assert_eq!(code, 1, "{err}");
        assert!(
            err.contains("error: PINTLE_GATEWAY_SECRET has 7 characters, a secret of a gateway has 32 at the least"),
            "{err}"
        );
        assert!(!err.contains("hunter2"), "{err}");
    }
}
