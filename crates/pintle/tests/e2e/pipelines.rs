//! Pipelines: streams that are answered while they are sent, and what is refused when there is too much.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use pintle_testbed::Postgres;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::common::{App, PATIENCE, Place, Server};

in_every_way!(
    a_stream_is_answered_while_it_is_sent,
    a_long_stream_is_stored_whole_and_once,
    an_array_of_too_many_is_refused_before_any_is_read,
    records_that_come_at_once_are_each_answered_for_themselves,
    single_records_and_arrays_come_in_between_streams;
    what_is_too_much_is_refused_with_a_time_to_wait,
);

const MANIFEST: &str = "
pintle: 1
public: none
collections:
  places:
    key: { id: { type: uuid, generated: true } }
    fields: { n: { type: integer, required: true, minimum: 0 }, other: { type: ref, to: other } }
    policies: { select: 'true', insert: 'true' }
  other: {}
pipelines:
  places: { path: /places, into: places }
  narrow: { path: /narrow, into: places, limits: { queue: 1 } }
  shared: { path: /shared, into: places, limits: { queue: 1 }, batch: { records: 50 } }
services:
  places: { collections: [places], pipelines: '*' }
  other: { collections: '*' }
";

/// A request whose body is sent line by line.
struct Stream {
    answers: BufReader<TcpStream>,
}

impl Stream {
    fn begin(server: &Server, path: &str) -> Stream {
        let address = server.origin.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).unwrap();
        Stream { answers: BufReader::new(connection) }
    }

    fn send(&mut self, text: &str) {
        write!(self.answers.get_mut(), "{:x}\r\n{text}\r\n", text.len()).unwrap();
    }

    fn end(&mut self) {
        self.answers.get_mut().write_all(b"0\r\n\r\n").unwrap();
    }

    /// The next line of the answer that is JSON: heads and the lengths of pieces are passed over.
    fn answer(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).unwrap() == 0 || line == "0\r\n" {
                return None;
            }
            if line.starts_with('{') {
                return Some(serde_json::from_str(&line).unwrap());
            }
        }
    }
}

async fn a_stream_is_answered_while_it_is_sent(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    let mut stream = Stream::begin(&server, "/places");
    for index in 0..3 {
        stream.send(&format!("{{\"n\":{index}}}\n"));
        let answer = stream.answer().unwrap();
        assert_eq!((&answer["index"], &answer["status"]), (&json!(index), &json!("stored")));
        // What was answered is there, though the stream goes on.
        let found = server.get(&format!("/rest/v1/places?id=eq.{}", answer["id"].as_str().unwrap())).await;
        assert_eq!(found.has(200).json()[0]["n"], json!(index));
    }
    // A line may come in pieces, and the last one may have no end.
    stream.send("{\"n\":");
    stream.send("3}");
    stream.end();
    assert_eq!(stream.answer().unwrap()["index"], json!(3));
    assert_eq!(stream.answer(), None);
}

async fn a_long_stream_is_stored_whole_and_once(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    let bad = |n: usize| n % 1000 == 7;
    let record = |n: usize| {
        let value = if bad(n) { "-1".to_owned() } else { n.to_string() };
        format!("{{\"id\":\"00000000-0000-7000-8000-{n:012x}\",\"n\":{value}}}\n")
    };
    let all: String = (0..5000).map(record).collect();
    // Twice: what was seen is there once.
    for _ in 0..2 {
        let answer = server.post("/places", all.as_str()).header("Content-Type", "application/x-ndjson").await.has(200);
        let lines: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 5000);
        for (n, line) in lines.iter().enumerate() {
            let status = if bad(n) { "refused" } else { "stored" };
            assert_eq!((&line["index"], &line["status"]), (&json!(n), &json!(status)));
        }
    }
    let count = server.get("/rest/v1/places?select=n&limit=1").header("Prefer", "count=exact").await.has(206);
    assert_eq!(count.headers["content-range"], "0-0/4995");
}

async fn an_array_of_too_many_is_refused_before_any_is_read(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    // Each would be answered by a hundred times its own bytes.
    let refused =
        server.post("/places", format!("[{}1]", "1,".repeat(500_000))).header("Content-Type", "application/json");
    let refused = refused.await.has(413);
    assert_eq!(refused.json()["message"], "an array holds at most 10000 records");
    let most = server.post("/places", format!("[{}1]", "1,".repeat(9_999))).header("Content-Type", "application/json");
    assert_eq!(most.await.has(207).json().as_array().unwrap().len(), 10_000);
}

async fn records_that_come_at_once_are_each_answered_for_themselves(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    // Of each ten one has nothing to refer to, one is no record, and one comes twice.
    let record = |n: usize| match n % 10 {
        3 => json!({ "n": n, "other": 7 }),
        5 => json!({ "n": -1 }),
        9 => json!({ "n": n - 1, "id": format!("00000000-0000-7000-8000-{:012x}", n - 1) }),
        _ => json!({ "n": n, "id": format!("00000000-0000-7000-8000-{n:012x}") }),
    };
    let asked = (0..100).map(|n| {
        let answer = server.post("/places", record(n));
        async move { (n, answer.await) }
    });
    let mut twice = [0; 2];
    for (n, answer) in futures_util::future::join_all(asked).await {
        match n % 10 {
            3 => assert_eq!(answer.has(202).json()["status"], "dead"),
            5 => assert_eq!(answer.has(400).json()["message"], "`n` must be at least 0"),
            8 | 9 => twice[usize::from(answer.status == 200)] += 1,
            _ => assert_eq!(answer.has(201).json()["n"], n),
        }
    }
    assert_eq!(twice, [10, 10], "each is new once");
    let count = server.get("/rest/v1/places?select=n&limit=1").header("Prefer", "count=exact").await.has(206);
    assert_eq!(count.headers["content-range"], "0-0/70");
}

async fn single_records_and_arrays_come_in_between_streams(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    let lines = "{\"n\":1}\n".repeat(5000);
    let stream = || server.post("/shared", lines.as_str()).header("Content-Type", "application/x-ndjson").into_future();
    // Each of the streams has records that wait for the room of a single one, all the while.
    let streams: JoinSet<_> = (0..3).map(|_| stream()).collect();
    for n in 0..20 {
        let record = json!({ "n": n });
        server.post("/shared", record.clone()).await.has(201);
        server.post("/shared", json!([record])).await.has(200);
    }
    for answer in streams.join_all().await {
        assert_eq!(answer.has(200).text.matches("\"stored\"").count(), 5000);
    }
}

async fn what_is_too_much_is_refused_with_a_time_to_wait(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    let many = json!((0..500).map(|n| json!({ "n": n })).collect::<Vec<_>>());
    let (mut stored, mut refused) = (0, 0);
    let deadline = std::time::Instant::now() + PATIENCE;
    while refused == 0 || stored == 0 {
        assert!(std::time::Instant::now() < deadline, "{stored} were taken, {refused} refused");
        let asked: JoinSet<_> = (0..8).map(|_| server.post("/narrow", many.clone()).into_future()).collect();
        for answer in asked.join_all().await {
            if answer.status == 429 {
                assert_eq!(answer.headers["retry-after"], "1");
                refused += 1;
            } else {
                assert_eq!(answer.has(200).json().as_array().unwrap().len(), 500);
                stored += 500;
            }
        }
    }
    let count = server.get("/rest/v1/places?select=n&limit=1").header("Prefer", "count=exact").await.has(206);
    assert_eq!(count.headers["content-range"], format!("0-0/{stored}").as_str());
    // A stream waits instead.
    let lines: String = (0..2000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let stream = || server.post("/narrow", lines.as_str()).header("Content-Type", "application/x-ndjson").into_future();
    let streams: JoinSet<_> = (0..4).map(|_| stream()).collect();
    for answer in streams.join_all().await {
        assert!(answer.has(200).text.lines().all(|line| line.contains("\"stored\"")));
    }
}

/// A session of a database.
struct Session {
    psql: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Session {
    fn of(url: &str) -> Session {
        let mut command = Command::new("psql");
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut psql = command.spawn().unwrap();
        let answers = BufReader::new(psql.stdout.take().unwrap());
        Session { psql, answers }
    }

    /// The one value that is answered.
    fn ask(&mut self, sql: &str) -> String {
        writeln!(self.psql.stdin.as_mut().unwrap(), "{sql};").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Its end is the session's.
        drop(self.psql.stdin.take());
        let _ = self.psql.wait();
    }
}

#[tokio::test]
async fn a_batch_fills_while_postgres_is_busy_with_others() {
    const RECORDS: usize = 30;
    let database = Postgres::shared().database();
    let mut session = Session::of(&database.url);
    let app = App::of(MANIFEST).in_database(database);
    let server = app.serve();
    let begun = Instant::now();
    session.ask("BEGIN; LOCK TABLE places IN SHARE ROW EXCLUSIVE MODE; SELECT 'held'");
    let mut stream = Stream::begin(&server, "/places");
    for read in 1..=RECORDS {
        // What is counted behind a record tells that it was read.
        stream.send(&format!("{{\"n\":{read}}}\n{{\"n\":-1}}\n"));
        let counted = format!("pintle_pipeline_records_total{{pipeline=\"places\",outcome=\"refused\"}} {read}\n");
        while !server.get("/metrics").await.has(200).text.contains(&counted) {
            assert!(begun.elapsed() < PATIENCE, "the stream is not read any further behind {} records", read - 1);
        }
        if read == 1 {
            let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'places'::regclass";
            while session.ask(waiting) != "1" {
                assert!(begun.elapsed() < PATIENCE, "nothing is being stored");
            }
        }
    }
    session.ask("COMMIT; SELECT 'free'");
    stream.end();
    let answers = std::iter::from_fn(|| stream.answer()).filter(|answer| answer["status"] == "stored").count();
    assert_eq!(answers, RECORDS);
    // One is being stored and one waits: all others are the third.
    let transactions: usize = session.ask("SELECT count(DISTINCT xmin::text) FROM places").parse().unwrap();
    assert!(transactions <= 3, "{RECORDS} records took {transactions} transactions");
}
