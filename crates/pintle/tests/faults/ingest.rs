//! `kill -9` while records pour in by a pipeline: what was answered is there once, stored or kept with its reason.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::client::Client;
use crate::common::{App, PATIENCE, Place, Server};

/// How often the process is killed.
const ROUNDS: usize = 50;

const MANIFEST: &str = "
pintle: 1
name: faults
public: none
collections:
  persons:
    key: { id: integer }
    policies: { select: 'true', insert: 'true' }
  places:
    key: { name: text }
    fields:
      person: { type: ref, to: persons, required: true }
    policies: { select: 'true', insert: 'true' }
    rest: { path: /places, methods: [GET], limit: none }
pipelines:
  places: { path: /places, into: places, order: person, batch: { records: 20 } }
";

/// Names that were answered, by what became of them.
#[derive(Debug, Default)]
struct Answered {
    stored: BTreeSet<String>,
    dead: BTreeSet<String>,
}

impl Answered {
    fn add(&mut self, other: Answered) {
        self.stored.extend(other.stored);
        self.dead.extend(other.dead);
    }

    /// Takes what was answered of one record.
    fn take(&mut self, name: &str, answer: &Value) {
        match answer["status"].as_str() {
            Some("dead") => self.dead.insert(name.to_owned()),
            // A single record is answered by itself.
            Some("stored") | None => self.stored.insert(name.to_owned()),
            Some(other) => panic!("{name} was {other}: {answer}"),
        };
    }
}

/// Every seventh is of a person that there is not.
fn record(name: &str, n: usize) -> Value {
    json!({ "name": name, "person": if n % 7 == 3 { 2 } else { 1 } })
}

/// Posts one record after the other, then several at once, by turns.
fn posts(server: &Server, prefix: String, told: Sender<()>) -> JoinHandle<Answered> {
    let mut client = Client::anonymous(server);
    std::thread::spawn(move || {
        let mut answered = Answered::default();
        for n in 0.. {
            let name = format!("{prefix}-{n}");
            let (body, several) = match n % 2 {
                0 => (record(&name, n), None),
                _ => {
                    let names: Vec<String> = (0..5).map(|at| format!("{name}-{at}")).collect();
                    let all = names.iter().enumerate().map(|(at, name)| record(name, n + at)).collect();
                    (Value::Array(all), Some(names))
                }
            };
            let Ok((status, text)) = client.post("/places", &body) else { break };
            assert!((200..300).contains(&status), "{status} {text}");
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            match several {
                None => answered.take(&name, &answer),
                Some(names) => names.iter().enumerate().for_each(|(at, name)| answered.take(name, &answer[at])),
            }
            // Who counts may have seen enough.
            let _ = told.send(());
        }
        answered
    })
}

/// Sends a stream without an end, and reads what is answered of it.
fn streams(server: &Server, prefix: String, told: Sender<()>) -> JoinHandle<Answered> {
    let address = server.origin.strip_prefix("http://").expect("an origin").to_owned();
    let mut sending = TcpStream::connect(&address).expect("the server listens");
    sending.set_read_timeout(Some(PATIENCE)).expect("a socket's option");
    let answers = BufReader::new(sending.try_clone().expect("the same socket"));
    let head = "POST /places HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
    let names = prefix.clone();
    std::thread::spawn(move || {
        // It ends when the server does.
        let _ = sending.write_all(head.as_bytes());
        for n in 0.. {
            let line = record(&format!("{names}-{n}"), n).to_string();
            if write!(sending, "{:x}\r\n{line}\n\r\n", line.len() + 1).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        let mut answered = Answered::default();
        // The last line may be cut off.
        let whole = answers.split(b'\n').map_while(Result::ok).filter(|line| line.ends_with(b"}"));
        for line in whole.filter(|line| line.starts_with(b"{")) {
            let answer: Value = serde_json::from_slice(&line).expect("JSON");
            answered.take(&format!("{prefix}-{}", answer["index"]), &answer);
            let _ = told.send(());
        }
        answered
    })
}

fn wait_for(answers: usize, told: &Receiver<()>) {
    for _ in 0..answers {
        told.recv_timeout(PATIENCE).expect("an answer");
    }
}

fn survives(place: Place, rounds: usize) {
    let app = App::of(MANIFEST).on(place);
    let mut server = app.serve();
    let (status, text) = Client::anonymous(&server).post("/rest/v1/persons", &json!({ "id": 1 })).expect("an answer");
    assert_eq!(status, 201, "{text}");
    let mut all = Answered::default();
    for round in 0..rounds {
        let (tell, told) = channel();
        let mut writers = vec![streams(&server, format!("{round}-s"), tell.clone())];
        writers.extend((0..3).map(|writer| posts(&server, format!("{round}-{writer}"), tell.clone())));
        drop(tell);
        wait_for(1 + round * 7 % 90, &told);
        server.kill();
        for writer in writers {
            all.add(writer.join().expect("a writer ends"));
        }
        server = app.serve();
        check(&server, &all.stored, &format!("round {round}"));
    }
    assert!(all.stored.len() > rounds && all.dead.len() > rounds / 10, "{} {}", all.stored.len(), all.dead.len());
    // What could not be stored is not lost either: once there is what it needs, it is.
    let (status, text) = Client::anonymous(&server).post("/rest/v1/persons", &json!({ "id": 2 })).expect("an answer");
    assert_eq!(status, 201, "{text}");
    let (code, out, err) = app.replay("places");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    check(&server, &all.dead, "replayed");
    let (_, again, _) = app.replay("places");
    assert_eq!(again, "places: 0 stored, 0 left\n");
}

fn check(server: &Server, wanted: &BTreeSet<String>, when: &str) {
    let found: Vec<Value> = Client::anonymous(server).list("/places");
    let names: BTreeSet<&str> = found.iter().filter_map(|record| record["name"].as_str()).collect();
    assert_eq!(names.len(), found.len(), "{when}: a record is there twice");
    let lost: Vec<&String> = wanted.iter().filter(|name| !names.contains(name.as_str())).collect();
    assert!(lost.is_empty(), "{when}: {} of {} are lost, such as {}", lost.len(), wanted.len(), lost[0]);
}

impl App {
    fn replay(&self, pipeline: &str) -> (i32, String, String) {
        crate::common::finish(crate::common::pintle(&["replay", self.path(), pipeline]).args(self.store()))
    }
}

#[test]
fn a_killed_server_has_every_answered_record_of_a_pipeline_once() {
    survives(Place::Sqlite, ROUNDS);
}

#[test]
fn a_killed_server_on_postgres_has_every_answered_record_of_a_pipeline_once() {
    survives(Place::Postgres, ROUNDS / 2);
}
