//! `kill -9` amid writes with an `Idempotency-Key`: what is sent again after it is there once, answered or not.

use std::collections::BTreeSet;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use serde_json::Value;

use super::client::Client;
use super::record::{self, BATCH, record};
use crate::common::{PATIENCE, Server};

const ROUNDS: usize = 20;
const WRITERS: usize = 8;

/// What a writer has sent.
pub(crate) struct Sent {
    path: &'static str,
    key: String,
    body: Value,
    /// What was answered, if it was.
    pub(crate) answer: Option<String>,
}

impl Sent {
    /// Sends it again until it is answered: it must be as before, or done now.
    pub(crate) fn again(&self, client: &mut Client) -> String {
        let until = Instant::now() + PATIENCE;
        let text = loop {
            let (status, text) = client.post_once(self.path, &self.key, &self.body).expect("an answer");
            // On a database the killed server's transaction may go on for a moment.
            if status == 409 && text.contains("is at work") && Instant::now() < until {
                continue;
            }
            // A record without its key would be in the way now, and a key without its record would hide the loss.
            assert_eq!(status, 201, "{}: {text}", self.key);
            break text;
        };
        assert!(self.answer.as_ref().is_none_or(|answer| *answer == text), "{}: {text}", self.key);
        text
    }
}

/// The names of all records that were sent.
pub(crate) fn names(sent: &[Sent]) -> BTreeSet<String> {
    let rows = sent.iter().flat_map(|sent| match &sent.body {
        Value::Array(rows) => rows.clone(),
        one => vec![one.clone()],
    });
    rows.map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn what_is_sent_again_after_a_kill_is_written_once_and_answered_as_before() {
    let (app, token) = record::app();
    let mut server = app.serve();
    let mut unanswered = 0;
    for round in 0..ROUNDS {
        let sent = sent_until_killed(&mut server, &token, round, WRITERS, 1 + round * 7 % 60);
        server = app.serve();
        let mut client = Client::of(&server, &token);
        for sent in &sent {
            sent.again(&mut client);
            unanswered += usize::from(sent.answer.is_none());
        }
        let names = names(&sent);
        let found = client.list(&format!("/records?round={round}"));
        record::check(&found, &names);
        assert_eq!(found.len(), names.len());
    }
    assert!(unanswered > 0, "no request was cut off, so nothing was shown");
}

/// What writers have sent to a server that was killed after so many answers.
pub(crate) fn sent_until_killed(
    server: &mut Server,
    token: &str,
    round: usize,
    writers: usize,
    answers: usize,
) -> Vec<Sent> {
    let (tell, answered) = channel();
    let writers: Vec<_> = (0..writers)
        .map(|writer| {
            let (client, tell) = (Client::of(server, token), tell.clone());
            std::thread::spawn(move || write(client, round, writer, &tell))
        })
        .collect();
    assert_eq!(answered.iter().take(answers).count(), answers);
    server.kill();
    writers.into_iter().flat_map(|writer| writer.join().expect("a writer ends well")).collect()
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
