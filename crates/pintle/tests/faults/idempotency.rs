//! `kill -9` amid writes with an `Idempotency-Key`: what is sent again after it is there once, answered or not.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use serde_json::Value;

use super::client::Client;
use super::record::{self, BATCH, record};
use crate::common::Server;

const ROUNDS: usize = 20;
const WRITERS: usize = 8;

/// What a writer has sent.
struct Sent {
    path: &'static str,
    key: String,
    body: Value,
    /// What was answered, if it was.
    answer: Option<String>,
}

#[test]
fn what_is_sent_again_after_a_kill_is_written_once_and_answered_as_before() {
    let (app, token) = record::app();
    let mut server = app.serve();
    let mut unanswered = 0;
    for round in 0..ROUNDS {
        let (writers, answered) = start(&server, &token, round);
        assert_eq!(answered.iter().take(1 + round * 7 % 60).count(), 1 + round * 7 % 60);
        server.kill();
        let sent: Vec<Sent> = writers.into_iter().flat_map(|writer| writer.join().expect("a writer ends")).collect();
        server = app.serve();
        let mut client = Client::of(&server, &token);
        for sent in &sent {
            // A record without its key would be in the way now, and a key without its record would hide the loss.
            let (status, text) = client.post_once(sent.path, &sent.key, &sent.body).expect("an answer");
            assert_eq!(status, 201, "{}: {text}", sent.key);
            unanswered += usize::from(sent.answer.is_none());
            assert!(sent.answer.as_ref().is_none_or(|answer| *answer == text), "{}: {text}", sent.key);
        }
        let names = sent.iter().flat_map(|sent| match &sent.body {
            Value::Array(rows) => rows.clone(),
            one => vec![one.clone()],
        });
        let names = names.map(|row| row["name"].as_str().expect("a name").to_owned()).collect();
        let found = client.list(&format!("/records?round={round}"));
        record::check(&found, &names);
        assert_eq!(found.len(), names.len());
    }
    assert!(unanswered > 0, "no request was cut off, so nothing was shown");
}

fn start(server: &Server, token: &str, round: usize) -> (Vec<JoinHandle<Vec<Sent>>>, Receiver<()>) {
    let (tell, answered) = channel();
    let writers = (0..WRITERS).map(|writer| {
        let (client, tell) = (Client::of(server, token), tell.clone());
        std::thread::spawn(move || write(client, round, writer, &tell))
    });
    (writers.collect(), answered)
}

/// Writes until the connection ends, one record and a batch of them by turns.
fn write(mut client: Client, round: usize, writer: usize, tell: &Sender<()>) -> Vec<Sent> {
    let mut all = Vec::new();
    for turn in 0.. {
        let batch = format!("i{round}-w{writer}-t{turn}");
        let (path, body) = match turn % 2 {
            0 => ("/records", record(&batch, &batch, round)),
            _ => ("/rest/v1/records", (0..BATCH).map(|n| record(&format!("{batch}-{n}"), &batch, round)).collect()),
        };
        let outcome = client.post_once(path, &batch, &body);
        let answer = outcome.ok().map(|(status, text)| {
            assert_eq!(status, 201, "{text}");
            text
        });
        let ended = answer.is_none();
        all.push(Sent { path, key: batch, body, answer });
        if ended {
            break;
        }
        // Who waits may have heard enough.
        let _ = tell.send(());
    }
    all
}
