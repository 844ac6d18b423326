//! `kill -9` of PostgreSQL under a write load, and its return: Pintle stays, says what is the matter, and goes on by itself.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pintle_testbed::Postgres;

use crate::client::{Answer, Client};
use crate::common::{App, PATIENCE, Server};
use crate::record::{self, MANIFEST, record};

const ROUNDS: usize = 5;
const WRITERS: usize = 6;
/// How long a writer waits that was refused: less than it is told to, so that there is a load.
const PAUSE: Duration = Duration::from_millis(20);
/// How long an answer may take, whatever has happened to the database: longer would be a hang.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// How long after its return the database may be unused: the pause between attempts, and room for a busy machine.
const RECOVERY_TIME_MAX: Duration = Duration::from_secs(5);

#[test]
fn a_database_that_was_killed_is_used_again_when_it_is_back() {
    let mut postgres = Postgres::start(&[]).expect("PostgreSQL starts");
    let app = App::of(MANIFEST).in_database(postgres.database());
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let writers = Writers::start(&server, &token);
    let mut health = Client::anonymous(&server);
    for round in 0..ROUNDS {
        writers.wait_for(Told::Written, 50 + round * 13);
        postgres.kill();
        let killed = Instant::now();
        let red = until(&mut health, 503, killed);
        writers.wait_for(Told::Refused, 20 * WRITERS);
        // Long enough by turns that the pauses between attempts have grown to their longest.
        let outage = if round % 2 == 0 { Duration::ZERO } else { Duration::from_secs(4) };
        while killed.elapsed() < outage {
            until(&mut health, 503, killed);
        }
        assert_eq!(health.get("/health/live").expect("an answer").0, 200);
        let (status, text) = health.get("/records").expect("an answer");
        assert_eq!((status, health.tells_when_to_ask_again()), (503, true), "{text}");

        let restarting = Instant::now();
        postgres.restart();
        let back = Instant::now();
        let green = until(&mut health, 200, back);
        writers.wait_for(Told::Written, 1);
        let written = back.elapsed();
        eprintln!(
            "round {round}: not ready {red:.0?} after the kill; started again {:.1?} after it, in {:.0?}; ready \
             {green:.0?} after that, first write answered after {written:.0?}",
            restarting - killed,
            back - restarting,
        );
        assert!(green.max(written) < RECOVERY_TIME_MAX);
    }
    let (answered, slowest) = writers.end();
    eprintln!("{} answered records; the slowest answer took {slowest:.0?}", answered.len());
    assert!(slowest < ANSWER_TIME_MAX, "an answer took {slowest:?}");
    let found = Client::of(&server, &token).list("/records");
    record::check(&found, &answered);
}

/// Asks whether the server is ready until this is the answer: how long that took.
fn until(health: &mut Client, wanted: u16, since: Instant) -> Duration {
    loop {
        let (status, text) = health.get("/health/ready").expect("an answer");
        if status == wanted {
            return since.elapsed();
        }
        assert!([200, 503].contains(&status) && since.elapsed() < PATIENCE, "still {status}: {text}");
    }
}

/// What a writer was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Written,
    /// 503, with a time to ask again.
    Refused,
}

/// Writers that go on whatever they are told, until they are stopped.
struct Writers {
    threads: Vec<JoinHandle<(BTreeSet<String>, Duration)>>,
    told: Receiver<Told>,
    /// Each writer goes on until its own is dropped.
    going: Vec<Sender<()>>,
}

impl Writers {
    /// Every other one sends a key, and sends what was refused again.
    fn start(server: &Server, token: &str) -> Writers {
        let (tell, told) = channel();
        let (mut threads, mut going) = (Vec::new(), Vec::new());
        for number in 0..WRITERS {
            let (goes, stop) = channel();
            let writer = Writer { client: Client::of(server, token), number, tell: tell.clone(), stop };
            threads.push(std::thread::spawn(move || writer.write()));
            going.push(goes);
        }
        Writers { threads, told, going }
    }

    /// Waits until they were told this so often, from now on.
    fn wait_for(&self, what: Told, count: usize) {
        self.told.try_iter().for_each(drop);
        let until = Instant::now() + PATIENCE;
        for _ in 0..count {
            while self.told.recv_timeout(until.saturating_duration_since(Instant::now())).expect("an answer") != what {}
        }
    }

    /// The names that were answered, and how long the slowest answer took.
    fn end(self) -> (BTreeSet<String>, Duration) {
        drop(self.going);
        self.threads.into_iter().map(|thread| thread.join().expect("a writer ends well")).fold(
            Default::default(),
            |(mut all, slowest), (names, slow)| {
                all.extend(names);
                (all, slowest.max(slow))
            },
        )
    }
}

struct Writer {
    client: Client,
    number: usize,
    tell: Sender<Told>,
    stop: Receiver<()>,
}

impl Writer {
    fn write(mut self) -> (BTreeSet<String>, Duration) {
        let (mut answered, mut slowest) = (BTreeSet::new(), Duration::ZERO);
        let with_key = self.number % 2 == 1;
        let mut turn = 0;
        while self.goes_on(Duration::ZERO) {
            turn += 1;
            let name = format!("d-w{}-t{turn}", self.number);
            let body = record(&name, &name, self.number);
            loop {
                let begun = Instant::now();
                let answer = match with_key {
                    true => self.client.post_once("/records", &name, &body),
                    false => self.client.post("/records", &body),
                };
                slowest = slowest.max(begun.elapsed());
                let told = self.told(answer.expect("an answer: the server lives"));
                let _ = self.tell.send(told);
                if told == Told::Written {
                    answered.insert(name);
                    break;
                }
                // Without a key nobody knows whether it was written: the next one has another name.
                if !(self.goes_on(PAUSE) && with_key) {
                    break;
                }
            }
        }
        (answered, slowest)
    }

    /// Whether there is more to do, after a pause.
    fn goes_on(&self, pause: Duration) -> bool {
        matches!(self.stop.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
    }

    fn told(&self, (status, text): Answer) -> Told {
        match status {
            201 => Told::Written,
            503 => {
                assert!(self.client.tells_when_to_ask_again(), "{text}");
                Told::Refused
            }
            // The transaction of the request before, whose connection broke, goes on for a moment.
            409 if text.contains("is at work") => Told::Refused,
            _ => panic!("neither written nor 503: {status} {text}"),
        }
    }
}
