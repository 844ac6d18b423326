//! `kill -9` of a server, a worker, NATS or PostgreSQL while records pour in by the queue NATS JetStream: what was answered is stored, once
//! and in its order, and everything goes on by itself.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use pintle_testbed::{Database, Nats, Postgres};
use serde_json::{Value, json};

use super::client::Client;
use crate::common::{App, PATIENCE, Server, pintle};

/// How often something is killed; as many as this variable says, where it is set.
const ROUNDS: usize = 8;
const SETTING: &str = "PINTLE_TEST_NATS_ROUNDS";

/// Each place refers to the one that was answered before it, so one that is stored too early is dead.
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
      chain: { type: text, required: true }
      before: { type: ref, to: places }
      person: { type: ref, to: persons, required: true }
    policies: { select: 'true', insert: 'true' }
pipelines:
  places: { path: /places, into: places, order: chain, batch: { records: 20 } }
";

/// What can be killed.
struct Rig {
    app: App,
    postgres: Postgres,
    nats: Nats,
    servers: Vec<Server>,
    workers: Vec<Server>,
}

impl Rig {
    fn start() -> (Rig, Database) {
        let postgres = Postgres::start(&[]).unwrap_or_else(|error| panic!("{error:#}"));
        let nats = Nats::start().unwrap_or_else(|error| panic!("{error:#}"));
        let mine = postgres.database();
        let url = mine.url.clone();
        let app = App::of(MANIFEST);
        let mut rig = Rig { app, postgres, nats, servers: Vec::new(), workers: Vec::new() };
        for _ in 0..2 {
            let server = rig.process("serve", "127.0.0.1:0", &url);
            rig.servers.push(server);
            let worker = rig.process("worker", "127.0.0.1:0", &url);
            rig.workers.push(worker);
        }
        (rig, mine)
    }

    fn process(&self, what: &str, listen: &str, store: &str) -> Server {
        let words = [what, self.app.path(), "--listen", listen, "--store", store, "--queue", &self.nats.url()];
        Server::start(&mut pintle(&words))
    }

    /// Kills one thing and starts it again at its place.
    fn strike(&mut self, round: usize, store: &str) -> &'static str {
        let which = round / 4 % 2;
        match round % 4 {
            0 => {
                self.servers[which].kill();
                let address = self.servers[which].origin.strip_prefix("http://").expect("an origin").to_owned();
                self.servers[which] = self.process("serve", &address, store);
                "a server"
            }
            1 => {
                self.nats.kill();
                self.nats.restart();
                "NATS"
            }
            2 => {
                self.workers[which].kill();
                self.workers[which] = self.process("worker", "127.0.0.1:0", store);
                "a worker"
            }
            _ => {
                self.postgres.kill();
                self.postgres.restart();
                "PostgreSQL"
            }
        }
    }
}

/// Records by their names.
type Records = BTreeMap<String, Value>;

/// What was answered: records that can be stored, and those of a person that there is not.
#[derive(Debug, Default)]
struct Answered {
    good: Records,
    lonely: Records,
}

/// One who posts to a server, whatever happens to it.
struct Writer {
    address: String,
    name: String,
    chains: usize,
    length: usize,
    last: Option<String>,
    stop: Arc<AtomicBool>,
    told: Sender<()>,
    answered: Answered,
}

impl Writer {
    /// The next link of the chain.
    fn link(&mut self) -> (String, Value) {
        let name = format!("{}-{}-{}", self.name, self.chains, self.length);
        let chain = format!("{}-{}", self.name, self.chains);
        let record = json!({ "name": name, "chain": chain, "before": self.last, "person": 1 });
        self.length += 1;
        self.last = Some(name.clone());
        (name, record)
    }

    /// Begins another chain: of the one before nobody knows where it ends.
    fn anew(&mut self) {
        (self.chains, self.length, self.last) = (self.chains + 1, 0, None);
    }

    fn going(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn answer(&mut self, name: String, record: Value) {
        self.answered.good.insert(name, record);
        // Who counts may have seen enough.
        let _ = self.told.send(());
    }

    /// Posts until it is answered well.
    fn post(&mut self, client: &mut Option<Client>, body: &Value) {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < 2 * PATIENCE, "{} was not taken for so long: {body}", self.name);
            let Some(asked) = client else {
                *client = Client::at(&self.address).ok();
                std::thread::yield_now();
                continue;
            };
            match asked.post("/places", body) {
                Ok((202, _)) => return,
                Ok((503 | 429, _)) => assert!(asked.tells_when_to_ask_again()),
                Ok((status, text)) => panic!("{status} {text}"),
                Err(_) => *client = None,
            }
        }
    }

    /// One record after the other, several at once, and some that cannot be stored, by turns.
    fn posts(mut self) -> Answered {
        let mut client = None;
        for n in 0.. {
            if !self.going() {
                break;
            }
            match n % 20 {
                0 => {
                    let name = format!("{}-lonely-{n}", self.name);
                    let record = json!({ "name": name, "chain": self.name, "person": 2 });
                    self.post(&mut client, &record);
                    self.answered.lonely.insert(name, record);
                }
                1..10 => {
                    let (name, record) = self.link();
                    self.post(&mut client, &record);
                    self.answer(name, record);
                }
                _ => {
                    let links: Vec<_> = (0..5).map(|_| self.link()).collect();
                    self.post(&mut client, &links.iter().map(|(_, record)| record.clone()).collect());
                    links.into_iter().for_each(|(name, record)| self.answer(name, record));
                }
            }
        }
        self.answered
    }

    /// A stream as long as the server lives, then another one. It sends some records ahead of their answers.
    fn streams(mut self) -> Answered {
        const HEAD: &str = "POST /places HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
        const AHEAD: usize = 50;
        while self.going() {
            self.anew();
            let Ok(mut sending) = TcpStream::connect(&self.address) else { continue };
            let read = sending.try_clone().expect("the same socket");
            read.set_read_timeout(Some(PATIENCE)).expect("a socket's option");
            let mut answers =
                BufReader::new(read).split(b'\n').map_while(Result::ok).filter(|line| line.starts_with(b"{"));
            let mut good = sending.write_all(HEAD.as_bytes()).is_ok();
            while good && self.going() {
                let links: Vec<_> = (0..AHEAD).map(|_| self.link()).collect();
                let text: String = links.iter().map(|(_, record)| format!("{record}\n")).collect();
                good = write!(sending, "{:x}\r\n{text}\r\n", text.len()).is_ok();
                for (name, record) in links {
                    let Some(line) = answers.next().filter(|line| line.ends_with(b"}")) else {
                        good = false;
                        break;
                    };
                    let answer: Value = serde_json::from_slice(&line).expect("JSON");
                    match answer["status"].as_str() {
                        Some("accepted") => self.answer(name, record),
                        Some("failed") => {
                            good = false;
                            break;
                        }
                        other => panic!("{other:?}: {answer}"),
                    }
                }
            }
        }
        self.answered
    }
}

fn wait_for(answers: usize, told: &Receiver<()>, when: &str) {
    for _ in told.try_iter() {}
    for _ in 0..answers {
        told.recv_timeout(2 * PATIENCE).unwrap_or_else(|_| panic!("{when}: nothing is answered any more"));
    }
}

#[test]
fn whatever_is_killed_on_the_way_to_postgres_every_answered_record_is_stored_once_and_in_order() {
    let rounds = std::env::var(SETTING).ok().map_or(ROUNDS, |text| text.parse().expect("a number of rounds"));
    let (mut rig, database) = Rig::start();
    database.psql("INSERT INTO persons VALUES (1)");
    let (tell, told) = channel();
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers: Vec<JoinHandle<Answered>> = Vec::new();
    for (at, server) in rig.servers.iter().enumerate() {
        for kind in ["post", "stream"] {
            let writer = Writer {
                address: server.origin.strip_prefix("http://").expect("an origin").to_owned(),
                name: format!("{kind}-{at}"),
                chains: 0,
                length: 0,
                last: None,
                stop: Arc::clone(&stop),
                told: tell.clone(),
                answered: Answered::default(),
            };
            writers.push(std::thread::spawn(move || if kind == "post" { writer.posts() } else { writer.streams() }));
        }
    }
    for round in 0..rounds {
        wait_for(1 + round * 37 % 400, &told, "at first");
        let victim = rig.strike(round, &database.url);
        // Without anybody's help.
        wait_for(50, &told, &format!("round {round}, after {victim} was killed"));
    }
    stop.store(true, Ordering::Relaxed);
    let mut all = Answered::default();
    for writer in writers {
        let answered = writer.join().expect("a writer ends");
        all.good.extend(answered.good);
        all.lonely.extend(answered.lonely);
    }
    assert!(all.good.len() > 50 * rounds && all.lonely.len() > rounds, "{} {}", all.good.len(), all.lonely.len());
    eprintln!("{rounds} kills: {} records were answered", all.good.len() + all.lonely.len());
    check(&database, "places", &all.good);
    check(&database, "_pintle_dead_letters", &all.lonely);
    let both = "SELECT count(*) FROM places JOIN _pintle_dead_letters ON record->>'name' = name";
    assert_eq!(database.psql(both), "0", "a record is stored, and kept as one that is not");
    let early = "SELECT count(*) FROM _pintle_dead_letters WHERE record->>'person' = '1'";
    assert_eq!(database.psql(early), "0", "a record was tried before the one that came earlier");
    // What could not be stored is not lost either: once there is what it needs, it is.
    database.psql("INSERT INTO persons VALUES (2)");
    let words = ["replay", rig.app.path(), "places", "--store", &database.url];
    let (code, out, err) = crate::common::finish(&mut pintle(&words));
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    check(&database, "places", &all.lonely);
}

/// All of these are there, sooner or later, as they were answered, and none twice.
fn check(database: &Database, table: &str, wanted: &Records) {
    let record = if table == "places" { "to_jsonb(places)" } else { "record" };
    let begun = Instant::now();
    loop {
        let text = database.psql(&format!("SELECT {record} FROM {table}"));
        let rows = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let rows: Vec<(String, Value)> =
            rows.map(|row: Value| (row["name"].as_str().expect("a name").to_owned(), row)).collect();
        let all = rows.len();
        let found: Records = rows.into_iter().collect();
        assert_eq!(found.len(), all, "{table}: a record is there twice");
        let lost: Vec<&String> = wanted.keys().filter(|name| !found.contains_key(*name)).collect();
        if lost.is_empty() {
            for (name, record) in wanted {
                let same = |(key, value): (&String, &Value)| found[name][key] == *value;
                assert!(record.as_object().into_iter().flatten().all(same), "{table}: {record} is {}", found[name]);
            }
            return;
        }
        let (few, all) = (&lost[..lost.len().min(5)], wanted.len());
        assert!(begun.elapsed() < 2 * PATIENCE, "{table}: {} of {all} are lost, such as {few:?}", lost.len());
    }
}
