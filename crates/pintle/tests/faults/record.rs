//! Records that tell whether they are whole, and writers that remember what was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::client::Client;
use crate::common::{App, Server};

/// The app of these tests.
pub(crate) const MANIFEST: &str = "
pintle: 1
name: faults
collections:
  records:
    key: { name: text }
    fields:
      round: { type: integer, required: true }
      batch: { type: text, required: true }
      payload: { type: text, required: true }
      checksum: { type: integer, required: true }
    indexes: [[round]]
    policies:
      select: \"true\"
      insert: auth.role() = 'authenticated'
      delete: auth.role() = 'authenticated'
    rest: { path: /records, limit: none }
";
/// Records of one bulk insert: all of them are there, or none.
pub(crate) const BATCH: usize = 4;

/// An app, and a token that may write.
pub(crate) fn app() -> (App, String) {
    let app = App::of(MANIFEST);
    let token = app.token("writer", "authenticated");
    (app, token)
}

/// A record with a payload that follows from its name, and the payload's checksum.
pub(crate) fn record(name: &str, batch: &str, round: usize) -> Value {
    let payload = format!("{name}/").repeat(8 + name.len() % 5);
    json!({ "name": name, "round": round, "batch": batch, "payload": payload, "checksum": checksum(&payload) })
}

/// FNV-1a, in 32 bits.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Writers at work. Each writes until its connection ends, one record and a batch of them by turns.
pub(crate) struct Writers {
    threads: Vec<JoinHandle<BTreeSet<String>>>,
    answered: std::sync::mpsc::Receiver<()>,
}

impl Writers {
    pub(crate) fn start(server: &Server, token: &str, round: usize, count: usize) -> Writers {
        Writers::start_in("records", server, token, round, count)
    }

    /// Writers of this collection, which is mounted at its name.
    pub(crate) fn start_in(
        collection: &'static str,
        server: &Server,
        token: &str,
        round: usize,
        count: usize,
    ) -> Writers {
        let (tell, answered) = channel();
        let threads = (0..count).map(|writer| {
            let (client, tell) = (Client::of(server, token), tell.clone());
            std::thread::spawn(move || write(collection, client, round, writer, &tell))
        });
        Writers { threads: threads.collect(), answered }
    }

    /// Nobody.
    pub(crate) fn none() -> Writers {
        Writers { threads: Vec::new(), answered: channel().1 }
    }

    /// Waits until so many writes were answered.
    pub(crate) fn wait_for(&self, count: usize) {
        assert_eq!(self.answered.iter().take(count).count(), count, "every writer stopped before {count} answers");
    }

    /// The names that were answered, once all writers have ended.
    pub(crate) fn join(self) -> BTreeSet<String> {
        self.threads.into_iter().flat_map(|thread| thread.join().expect("a writer ends well")).collect()
    }
}

fn write(collection: &str, mut client: Client, round: usize, writer: usize, tell: &Sender<()>) -> BTreeSet<String> {
    let mut answered = BTreeSet::new();
    for turn in 0.. {
        let batch = format!("r{round}-w{writer}-t{turn}");
        let names: Vec<String> = match turn % 2 {
            0 => vec![batch.clone()],
            _ => (0..BATCH).map(|n| format!("{batch}-{n}")).collect(),
        };
        let records: Vec<Value> = names.iter().map(|name| record(name, &batch, round)).collect();
        let outcome = match turn % 2 {
            0 => client.post(&format!("/{collection}"), &records[0]),
            _ => client.post(&format!("/rest/v1/{collection}"), &Value::from(records)),
        };
        // The connection has ended, with or without the write.
        let Ok((status, text)) = outcome else { break };
        assert_eq!(status, 201, "{text}");
        answered.extend(names);
        // Who waits may have heard enough.
        let _ = tell.send(());
    }
    answered
}

/// Every record of a round is whole, every batch is, and everything that was answered is there once.
pub(crate) fn check(found: &[Value], answered: &BTreeSet<String>) {
    let mut names = BTreeSet::new();
    let mut batches: BTreeMap<&str, usize> = BTreeMap::new();
    for found in found {
        let text = |field: &str| found[field].as_str().expect("a text");
        let whole = record(text("name"), text("batch"), found["round"].as_u64().expect("a round") as usize);
        assert_eq!(*found, whole, "a record in part");
        assert!(names.insert(text("name").to_owned()), "{} is there twice", text("name"));
        if text("name") != text("batch") {
            *batches.entry(text("batch")).or_default() += 1;
        }
    }
    let lost: Vec<_> = answered.difference(&names).collect();
    assert!(lost.is_empty(), "answered writes lost: {} of {}: {lost:?}", lost.len(), answered.len());
    for (batch, count) in batches {
        assert_eq!(count, BATCH, "the batch {batch} is there in part");
    }
}
