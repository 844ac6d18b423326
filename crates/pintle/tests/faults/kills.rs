//! `kill -9` of whatever stands between who posts and PostgreSQL, chosen by chance, while records pour in: what was answered is stored,
//! once and in its order, and everything goes on by itself.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use pintle_testbed::{Database, Nats, Port, Postgres};
use serde_json::{Value, json};

use super::client::Client;
use crate::common::{App, PATIENCE, Server, pintle};

/// How often something is killed; as many times as this variable says, where it is set.
const KILLS: u64 = 8;
const KILLS_SETTING: &str = "PINTLE_TEST_KILLS";
/// What chance is made of: another number each time, unless this variable says it.
const SEED_SETTING: &str = "PINTLE_TEST_KILLS_SEED";

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

/// The way of the records.
struct Rig {
    app: App,
    postgres: Postgres,
    servers: Vec<Server>,
    /// Theirs, also while one of them is down.
    ports: Vec<Port>,
    /// Where the queue is not the store itself.
    nats: Option<Nats>,
    workers: Vec<Server>,
}

/// What of it can be killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Server,
    PostgreSql,
    Nats,
    Worker,
}

impl Rig {
    fn start(nats: Option<Nats>) -> (Rig, Database) {
        let postgres = Postgres::start(&[]).unwrap_or_else(|error| panic!("{error:#}"));
        let mine = postgres.database();
        let url = mine.url.clone();
        let ports: Vec<_> = (0..2).map(|_| Port::reserve().expect("a port")).collect();
        let app = App::of(MANIFEST);
        let mut rig = Rig { app, postgres, servers: Vec::new(), ports, nats, workers: Vec::new() };
        rig.servers = (0..2).map(|at| rig.server(at, &url)).collect();
        if rig.nats.is_some() {
            rig.workers = (0..2).map(|_| rig.process("worker", "127.0.0.1:0", &url)).collect();
        }
        (rig, mine)
    }

    fn server(&self, at: usize, store: &str) -> Server {
        self.process("serve", &format!("127.0.0.1:{}", self.ports[at].number()), store)
    }

    fn process(&self, what: &str, listen: &str, store: &str) -> Server {
        let mut command = pintle(&[what, self.app.path(), "--listen", listen, "--store", store]);
        command.args(self.nats.iter().flat_map(|nats| ["--queue".to_owned(), nats.url()]));
        Server::start(&mut command)
    }

    fn victims(&self) -> &'static [Victim] {
        match self.nats {
            None => &[Victim::Server, Victim::PostgreSql],
            Some(_) => &[Victim::Server, Victim::PostgreSql, Victim::Nats, Victim::Worker],
        }
    }

    /// Kills it, the one or the other where there are two, and starts it again at its place.
    fn strike(&mut self, victim: Victim, which: usize, store: &str) {
        match victim {
            Victim::Server => {
                self.servers[which].kill();
                self.servers[which] = self.server(which, store);
            }
            Victim::PostgreSql => {
                self.postgres.kill();
                self.postgres.restart();
            }
            Victim::Nats => {
                let nats = self.nats.as_mut().expect("NATS");
                nats.kill();
                nats.restart();
            }
            Victim::Worker => {
                self.workers[which].kill();
                self.workers[which] = self.process("worker", "127.0.0.1:0", store);
            }
        }
    }
}

/// Numbers that are the same for the same seed.
#[derive(Debug, Clone, Copy)]
struct Chance(u64);

impl Chance {
    fn new() -> Chance {
        let seed = set(SEED_SETTING).unwrap_or_else(|| RandomState::new().hash_one(SEED_SETTING));
        eprintln!("{SEED_SETTING}={seed}");
        Chance(seed)
    }

    /// A number below another one, for a purpose.
    fn below(self, end: usize, purpose: (u64, &str)) -> usize {
        let mut hash = DefaultHasher::new();
        (self.0, purpose).hash(&mut hash);
        usize::try_from(hash.finish() % end as u64).expect("a small number")
    }
}

/// A variable's number.
fn set(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().unwrap_or_else(|_| panic!("{name} is no number")))
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
                // Stored, accepted, or kept as what cannot be stored: what is there in the end tells whether that is right.
                Ok((200..=202, _)) => return,
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
                        Some("accepted" | "stored") => self.answer(name, record),
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

/// Kills one thing after the other, by NATS if there is one.
pub(crate) fn survives(nats: Option<Nats>) {
    let (kills, chance) = (set(KILLS_SETTING).unwrap_or(KILLS), Chance::new());
    let (mut rig, database) = Rig::start(nats);
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
    for kill in 0..kills {
        wait_for(1 + chance.below(400, (kill, "when")), &told, "at first");
        let victim = rig.victims()[chance.below(rig.victims().len(), (kill, "whom"))];
        eprintln!("kill {kill}: {victim:?}");
        rig.strike(victim, chance.below(2, (kill, "which")), &database.url);
        // Without anybody's help.
        wait_for(50, &told, &format!("kill {kill}, of {victim:?}"));
    }
    stop.store(true, Ordering::Relaxed);
    let mut all = Answered::default();
    for writer in writers {
        let answered = writer.join().expect("a writer ends");
        all.good.extend(answered.good);
        all.lonely.extend(answered.lonely);
    }
    let least = usize::try_from(kills).expect("a small number");
    assert!(all.good.len() > 50 * least && all.lonely.len() > least, "{} {}", all.good.len(), all.lonely.len());
    eprintln!("{kills} kills: {} records were answered", all.good.len() + all.lonely.len());
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

/// All of these are there, as they were answered, and none twice: as soon as what waits is stored, which goes on all the while.
fn check(database: &Database, table: &str, wanted: &Records) {
    let record = if table == "places" { "to_jsonb(places)" } else { "record" };
    let (mut least, mut since) = (usize::MAX, Instant::now());
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
        if lost.len() < least {
            (least, since) = (lost.len(), Instant::now());
        }
        let (few, all) = (&lost[..lost.len().min(5)], wanted.len());
        assert!(since.elapsed() < PATIENCE, "{table}: {} of {all} are lost, such as {few:?}", lost.len());
    }
}
