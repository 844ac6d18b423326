//! Three servers on one PostgreSQL, of which one after another is killed.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use crate::client::Client;
use crate::common::{App, HEARD_MAX, Place, Server, run};
use crate::idempotency::{names, sent_until_killed};
use crate::record::{self, MANIFEST, Writers, record};

const REPLICAS: usize = 3;
const WRITERS: usize = 4;
/// How often one of them is killed.
const KILLS: usize = 9;

/// An app on a database of its own, and three servers that were started at once.
fn replicas() -> (App, Vec<Server>) {
    let app = App::of(MANIFEST).on(Place::Postgres);
    let servers = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..REPLICAS).map(|_| scope.spawn(|| app.serve())).collect();
        starting.into_iter().map(|server| server.join().expect("a server starts")).collect()
    });
    (app, servers)
}

#[test]
fn three_servers_may_start_at_once_on_an_empty_database() {
    for round in 0..4 {
        let (app, servers) = replicas();
        let token = app.token("writer", "authenticated");
        for server in &servers {
            assert_eq!(Client::anonymous(server).get("/health/ready").expect("an answer").0, 200, "{}", server.log());
        }
        for (at, server) in servers.iter().enumerate() {
            let name = format!("from-{at}");
            let made = Client::of(server, &token).post("/records", &record(&name, &name, round)).expect("an answer");
            assert_eq!(made.0, 201, "{}", made.1);
        }
        assert!(servers.iter().all(|server| Client::anonymous(server).list("/records").len() == REPLICAS));
    }
}

#[test]
fn what_a_killed_server_answered_is_there_and_the_others_go_on() {
    let (app, mut servers) = replicas();
    let token = app.token("writer", "authenticated");
    let mut rounds = 0..;
    let mut start = |server: &Server| Writers::start(server, &token, rounds.next().expect("a number"), WRITERS);
    let mut writers: Vec<Writers> = servers.iter().map(&mut start).collect();
    let mut answered = BTreeSet::new();
    for kill in 0..KILLS {
        for writers in &writers {
            writers.wait_for(10 + kill * 7 % 30);
        }
        let victim = kill % REPLICAS;
        servers[victim].kill();
        // A request that fails elsewhere ends its writer in a panic.
        let replaced = std::mem::replace(&mut writers[victim], Writers::none());
        answered.extend(replaced.join());
        answered.extend(seen_at_once(&servers, victim, &token, kill));
        servers[victim] = app.serve();
        writers[victim] = start(&servers[victim]);
    }
    servers.iter_mut().for_each(Server::kill);
    answered.extend(writers.into_iter().flat_map(Writers::join));
    let server = app.serve();
    record::check(&Client::of(&server, &token).list("/records"), &answered);
    eprintln!("{} answered records, {KILLS} kills", answered.len());
}

/// Writes to one of the servers that are left, and reads at the other: the names.
fn seen_at_once(servers: &[Server], dead: usize, token: &str, round: usize) -> Vec<String> {
    let (one, other) = (&servers[(dead + 1) % REPLICAS], &servers[(dead + 2) % REPLICAS]);
    let (mut one, mut other) = (Client::of(one, token), Client::of(other, token));
    let names = (0..20).map(|number| format!("seen-{round}-{number}"));
    names
        .inspect(|name| {
            let whole = record(name, name, 1_000_000 + round);
            assert_eq!(one.post("/records", &whole).expect("an answer").0, 201);
            let (status, text) = other.get(&format!("/records/{name}")).expect("an answer");
            assert_eq!(status, 200, "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).expect("a record"), whole);
            std::mem::swap(&mut one, &mut other);
        })
        .collect()
}

#[test]
fn a_token_is_made_and_revoked_for_every_server_within_a_second() {
    let (app, servers) = replicas();
    for round in 0..3 {
        let (name, other) = (format!("token-{round}"), format!("other-{round}"));
        let token = app.token(&name, "authenticated");
        let stays = app.token(&other, "authenticated");
        let made = Instant::now();
        for token in [&token, &stays] {
            servers.iter().for_each(|server| until(server, token, 200, made));
        }
        let mut words = vec!["token", "revoke", &name, "--app", app.path()];
        words.extend(app.store());
        let (code, _, err) = run(&words);
        assert_eq!((code, err.as_str()), (0, ""));
        let revoked = Instant::now();
        std::thread::scope(|scope| {
            for server in &servers {
                scope.spawn(|| until(server, &token, 401, revoked));
            }
        });
        for server in &servers {
            assert_eq!(Client::of(server, &stays).get("/records").expect("an answer").0, 200);
        }
    }
}

/// Asks until this is answered, which must be soon.
fn until(server: &Server, token: &str, wanted: u16, since: Instant) {
    let mut client = Client::of(server, token);
    loop {
        let asked = since.elapsed();
        let (status, text) = client.get("/records").expect("an answer");
        if status == wanted {
            return;
        }
        assert!(asked < HEARD_MAX, "not {wanted} when asked after {asked:?}: {status} {text}");
    }
}

#[test]
fn what_is_sent_again_to_another_server_is_written_once() {
    let (app, mut servers) = replicas();
    let token = app.token("writer", "authenticated");
    let mut unanswered = 0;
    for round in 0..KILLS {
        let victim = round % REPLICAS;
        let sent = sent_until_killed(&mut servers[victim], &token, round, 2 * WRITERS, 1 + round * 7 % 60);
        unanswered += sent.iter().filter(|sent| sent.answer.is_none()).count();
        // To both that are left, at the same time.
        let again = |server: &Server| {
            let mut client = Client::of(server, &token);
            sent.iter().map(|sent| sent.again(&mut client)).collect::<Vec<_>>()
        };
        let (one, other) = (&servers[(victim + 1) % REPLICAS], &servers[(victim + 2) % REPLICAS]);
        let both = std::thread::scope(|scope| {
            let one = scope.spawn(|| again(one));
            (again(other), one.join().expect("the answers of one"))
        });
        assert_eq!(both.0, both.1, "each request has one answer, whoever is asked");
        let found = Client::of(other, &token).list(&format!("/records?round={round}"));
        record::check(&found, &names(&sent));
        assert_eq!(found.len(), names(&sent).len());
        servers[victim] = app.serve();
    }
    assert!(unanswered > 0, "no request was cut off, so nothing was shown");
}

#[test]
fn of_the_same_key_at_three_servers_one_writes() {
    let (app, servers) = replicas();
    let token = app.token("writer", "authenticated");
    for round in 0..20 {
        let name = format!("key-{round}");
        let body = record(&name, &name, round);
        let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
            let asked: Vec<_> = servers
                .iter()
                .cycle()
                .take(2 * REPLICAS)
                .map(|server| {
                    let (body, name, token) = (&body, &name, &token);
                    scope.spawn(move || Client::of(server, token).post_once("/records", name, body))
                })
                .collect();
            asked.into_iter().map(|asked| asked.join().expect("a client").expect("an answer")).collect()
        });
        let made: BTreeSet<&str> = answers.iter().filter(|(status, _)| *status == 201).map(|(_, t)| &**t).collect();
        assert_eq!(made.len(), 1, "{answers:?}");
        let others = answers.iter().filter(|(status, _)| *status != 201);
        others.for_each(|(status, text)| assert!(*status == 409 && text.contains("is at work"), "{status} {text}"));
    }
    assert_eq!(Client::anonymous(&servers[0]).list("/records").len(), 20);
}
