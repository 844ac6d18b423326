//! Proximity as lines: an edge list of any length, sent while it is found.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::{Value, json};

use crate::common::{App, PATIENCE, Place, Server};

on_both_stores!(
    lines_are_as_many_as_there_are_in_the_same_memory,
    a_stream_that_nobody_takes_ends_soon_and_says_so,
    a_stream_whose_last_line_nobody_takes_is_broken_off,
    a_client_that_leaves_is_no_error_and_frees_the_store,
    lines_leave_most_connections_to_others
);

on_postgres_without_postgis!(lines_are_as_many_as_there_are_in_the_same_memory);

const MANIFEST: &str = "
pintle: 1
public: none
limits: { timeout: TIME }
collections:
  seen:
    fields:
      who: { type: integer, required: true }
      at: { type: point, required: true }
      time: { type: timestamp, required: true }
      note: text
    indexes: [[who, time], { space: at, time: time }]
    policies: { select: 'true', insert: 'true' }
routes:
  /meetings:
    get:
      params: { day: date }
      proximity: { in: seen, at: at, time: time, who: who, from: day, to: day, within: 5, answer: pairs }
";

/// People at one spot, so each has met each, and all of them together are more than an answer may be that is whole.
const PEOPLE: usize = 280;

async fn crowd(place: Place, time: &str) -> (App, Server) {
    let app = App::of(&MANIFEST.replace("TIME", time)).on(place);
    let server = app.serve();
    let note = "x".repeat(1000);
    let at = json!({ "longitude": 11.08, "latitude": 49.41 });
    let seen = |who| json!({ "who": who, "at": at, "time": "2026-11-21T09:00:00Z", "note": note });
    server.post("/rest/v1/seen", json!((0..PEOPLE).map(seen).collect::<Vec<_>>())).await.has(201);
    (app, server)
}

/// Asks for lines: the head of the answer, and the connection behind it.
fn open(server: &Server) -> (String, BufReader<TcpStream>) {
    let address = server.origin.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "GET /meetings?day=2026-11-21 HTTP/1.1\r\nAccept: application/x-ndjson\r\nConnection: close\r\n";
    write!(connection, "{head}Host: {address}\r\n\r\n").unwrap();
    let mut answer = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(answer.read_line(&mut head).unwrap() > 0, "{head}");
    }
    (head, answer)
}

/// Asks for lines that are there.
fn ask(server: &Server) -> BufReader<TcpStream> {
    let (head, answer) = open(server);
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("application/x-ndjson"), "{head}");
    answer
}

/// Asks for lines, as often as they are too many.
fn ask_patiently(server: &Server) -> BufReader<TcpStream> {
    let begun = Instant::now();
    loop {
        let (head, answer) = open(server);
        if head.starts_with("HTTP/1.1 200") {
            return answer;
        }
        assert!(head.starts_with("HTTP/1.1 429") && begun.elapsed() < PATIENCE, "{head}");
    }
}

/// The first line of rows.
fn first_row(answer: &mut impl BufRead) -> Value {
    let mut line = String::new();
    while !line.starts_with('{') {
        line.clear();
        assert!(answer.read_line(&mut line).unwrap() > 0, "there is no line");
    }
    serde_json::from_str(&line).unwrap()
}

/// The most memory that a process had, in bytes.
fn most_memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

async fn lines_are_as_many_as_there_are_in_the_same_memory(place: Place) {
    let (_app, server) = crowd(place, "2m").await;
    let before = most_memory(&server);
    let (mut rows, mut bytes) = (0, 0);
    for line in ask(&server).lines().map(Result::unwrap).filter(|line| line.starts_with('{')) {
        bytes += line.len() as u64;
        rows += 1;
        assert!(!line.starts_with(r#"{"error""#), "{line}");
    }
    assert_eq!(rows, PEOPLE * (PEOPLE - 1) / 2);
    let grown = most_memory(&server) - before;
    assert!(bytes > 64 << 20 && grown < 24 << 20, "{bytes} bytes were sent, and memory grew by {grown}");
    // As an array it is too much; which is told by the status.
    let answer = server.get("/meetings?day=2026-11-21").await.has(400).json();
    assert!(answer["message"].as_str().unwrap().contains("64 MiB"), "{answer}");
}

async fn a_stream_that_nobody_takes_ends_soon_and_says_so(place: Place) {
    let (_app, server) = crowd(place, "2m").await;
    let mut answer = ask(&server);
    first_row(&mut answer);
    // What is sent and not taken waits for some seconds, far fewer than a request may take.
    server.has_logged("lines ended before their end");
    let mut rest = String::new();
    answer.read_to_string(&mut rest).unwrap();
    let last = rest.lines().rfind(|line| line.starts_with('{')).unwrap();
    let error = &serde_json::from_str::<Value>(last).unwrap()["error"];
    assert_eq!(error["code"], "PT504", "{last}");
    // The whole of it is told, so it ends as chunks do.
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "{last}");
    // The store is free again.
    server.get("/rest/v1/seen?limit=1").await.has(200);
}

async fn a_stream_whose_last_line_nobody_takes_is_broken_off(place: Place) {
    let (_app, server) = crowd(place, "2m").await;
    let mut answer = ask(&server);
    first_row(&mut answer);
    server.has_logged("nobody took its last line");
    let mut rest = Vec::new();
    // What the system had taken is there, but no end.
    let _ = answer.read_to_end(&mut rest);
    let end = String::from_utf8_lossy(&rest[rest.len().saturating_sub(200)..]).into_owned();
    assert!(!end.ends_with("\r\n0\r\n\r\n") && !end.contains(r#"{"error""#), "{end}");
}

async fn a_client_that_leaves_is_no_error_and_frees_the_store(place: Place) {
    let (_app, server) = crowd(place, "2m").await;
    // More of them than may read at a time.
    for _ in 0..4 {
        let mut answer = ask_patiently(&server);
        first_row(&mut answer);
    }
    let mut last = ask_patiently(&server);
    first_row(&mut last);
    let log = server.log();
    assert!(!log.contains("ERROR") && !log.contains("lines ended"), "{log}");
}

async fn lines_leave_most_connections_to_others(place: Place) {
    let (_app, server) = crowd(place, "2m").await;
    let mut taken = Vec::new();
    let refused = loop {
        assert!(taken.len() < 16, "as many as ask keep a connection");
        let (head, mut answer) = open(&server);
        if head.starts_with("HTTP/1.1 200") {
            first_row(&mut answer);
            taken.push(answer);
            continue;
        }
        break head;
    };
    assert!(!taken.is_empty() && refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.to_ascii_lowercase().contains("retry-after: 1"), "{refused}");
    // Not quick, on the connections that are left.
    server.get("/rest/v1/seen?select=who&order=note.desc&limit=3").await.has(200);
    drop(taken);
    first_row(&mut ask_patiently(&server));
}
