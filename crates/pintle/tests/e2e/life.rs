//! A server's life: ready, draining, gone; and what remains.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::json;

use crate::common::{App, PATIENCE, Server};

/// A connection on which the first part of a request has been sent.
fn half_sent(server: &Server, token: &str) -> (TcpStream, String) {
    let body = json!({ "name": "late", "data": [] }).to_string();
    let address = server.origin.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /configs HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server asks for the body: it has the request.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    (stream, body)
}

#[tokio::test]
async fn a_request_that_was_begun_is_answered_before_the_server_ends() {
    for signal in ["TERM", "INT"] {
        let app = App::shipped("configs");
        let mut server = app.serve();
        let token = app.token("writer", "authenticated");
        let (mut stream, body) = half_sent(&server, &token);
        server.signal(signal);
        // It drains now: new connections find nobody.
        let address = server.origin.trim_start_matches("http://").to_owned();
        let begun = Instant::now();
        while TcpStream::connect(&address).is_ok() {
            assert!(begun.elapsed() < PATIENCE, "the server still listens");
            std::thread::yield_now();
        }
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        assert_eq!(server.wait(), Some(0), "{}", server.log());
        drop(server);
        app.serve().get("/configs/late").await.is(200, json!({ "name": "late", "data": [] }));
    }
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_the_server_up() {
    let app = App::shipped("configs");
    let mut server = app.serve();
    server.get("/health/live").await.has(200);
    let idle = TcpStream::connect(server.origin.trim_start_matches("http://")).unwrap();
    let begun = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    assert!(begun.elapsed() < PATIENCE / 3, "{:?}", begun.elapsed());
    drop(idle);
}

#[tokio::test]
async fn answered_writes_survive_a_kill() {
    let app = App::shipped("configs");
    let mut server = app.serve();
    let token = app.token("writer", "authenticated");
    let kept = json!({ "name": "kept", "data": [{ "n": 1 }] });
    server.post("/configs", kept.clone()).token(&token).await.has(201);
    server.kill();
    let server = app.serve();
    server.get("/configs").await.is(200, json!([kept]));
}

#[tokio::test]
async fn the_log_has_a_json_line_for_each_request_unless_told_not_to() {
    let app = App::shipped("configs");
    let mut server = app.serve();
    server.get("/configs").header("X-Request-Id", "abc-123").await.has(200);
    server.signal("TERM");
    server.wait();
    let log = server.log();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let access = lines.iter().find(|line| line["path"] == "/configs").unwrap_or_else(|| panic!("no such line:\n{log}"));
    assert_eq!((&access["status"], &access["method"], &access["id"]), (&json!(200), &json!("GET"), &json!("abc-123")));

    let mut server = app.serve_with(&["--no-access-log"]);
    server.get("/configs").await.has(200);
    server.signal("TERM");
    server.wait();
    assert!(!server.log().contains("\"/configs\""), "{}", server.log());
}

#[tokio::test]
async fn secrets_do_not_reach_the_log() {
    let app = App::shipped("configs");
    let mut server = Server::start(
        crate::common::pintle(&["serve", app.path(), "--listen", "127.0.0.1:0"]).env("PINTLE_LOG", "trace"),
    );
    let token = app.token("writer", "authenticated");
    server.post("/configs", json!({ "name": "N", "data": [] })).token(&token).await.has(201);
    server.post("/configs", json!({ "name": "M", "data": [] })).header("apikey", &token).await.has(201);
    server.get(&format!("/configs?apikey={token}")).await;
    server.signal("TERM");
    server.wait();
    assert!(!server.log().contains(&token));
}
