//! What belongs together is stored in its order, by any number of workers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{MANIFEST, Through, count, metric, until};
use crate::common::Server;

/// Each link of a chain refers to the one before it: one that is stored too early is dead.
const CHAINS: &str = "
pintle: 1
name: through
public: none
collections:
  links:
    key: { id: text }
    fields:
      chain: { type: integer, required: true }
      before: { type: ref, to: links }
    policies: { select: 'true', insert: 'true' }
    rest: { path: /links, methods: [GET], limit: none }
pipelines:
  links: { path: /links, into: links, order: chain, batch: { records: 50 } }
";

const CHAINS_COUNT: usize = 20;
const HELD: &str = "pintle_worker_partitions{";

fn link(chain: usize, n: usize) -> Value {
    let before = n.checked_sub(1).map(|before| format!("{chain}-{before}"));
    json!({ "id": format!("{chain}-{n}"), "chain": chain, "before": before })
}

/// The links of all chains from one number to before another, the chains by turns.
async fn send(server: &Server, links: std::ops::Range<usize>) {
    let mut lines = String::new();
    for n in links.clone() {
        for chain in 0..CHAINS_COUNT {
            lines += &format!("{}\n", link(chain, n));
        }
    }
    let ask = server.post("/links", lines.as_str()).header("Content-Type", "application/x-ndjson");
    let all = ask.header("Prefer", "return=minimal").await.has(200).text;
    let records = links.len() * CHAINS_COUNT;
    assert_eq!(
        all,
        format!("{{\"records\":{records},\"accepted\":{records},\"stored\":0,\"refused\":0,\"dead\":0}}\n")
    );
}

const SERVICES: &str = "
pintle: 1
name: through
public: none
collections:
  a: { key: { id: text }, fields: { n: integer }, policies: { select: 'true', insert: 'true' } }
  b: { key: { id: text }, fields: { n: integer }, policies: { select: 'true', insert: 'true' } }
services: { one: { collections: [a], pipelines: [a] }, two: { collections: [b], pipelines: [b] } }
pipelines: { a: { path: /a, into: a }, b: { path: /b, into: b } }
";

#[tokio::test]
async fn workers_of_two_services_each_take_all_that_nats_has_for_theirs_into_postgres() {
    let through = Through::of(SERVICES);
    let (one, two) = (through.worker_with(&["--service", "one"]), through.worker_with(&["--service", "two"]));
    for worker in [&one, &two] {
        until("it has all of its own", async || metric(worker, HELD).await == 8.0).await;
    }
    // They have heard of each other by now, if they ever do.
    let begun = std::time::Instant::now();
    while begun.elapsed().as_secs() < 3 {
        for worker in [&one, &two] {
            assert_eq!(metric(worker, HELD).await, 8.0);
        }
    }
}

#[tokio::test]
async fn an_older_worker_leaves_to_a_newer_one_what_nats_has_for_newer_tables_of_postgres() {
    let through = Through::of(MANIFEST);
    let old = through.worker();
    until("it takes", async || metric(&old, HELD).await == 8.0).await;
    through.app.manifest(&MANIFEST.replace("fields: {", "fields: { more: { type: integer },"));
    let server = through.serve();
    for n in 0..20 {
        server.post("/places", json!({ "n": n, "more": n })).await.has(202);
    }
    until("it takes no more", async || metric(&old, HELD).await == 0.0).await;
    let _new = through.worker();
    drop(old);
    until("all are stored", async || count(&server, "/rest/v1/places").await == 20).await;
    assert_eq!(through.replay("places"), "places: 0 stored, 0 left", "none was taken for a fault");
}

#[tokio::test]
async fn workers_that_come_and_go_store_chains_from_nats_in_postgres_in_their_order() {
    let through = Through::of(CHAINS);
    let server = through.serve();
    let mut first = through.worker();
    send(&server, 0..50).await;
    let mut second = through.worker();
    send(&server, 50..100).await;
    until("each has its share", async || metric(&first, HELD).await == 4.0 && metric(&second, HELD).await == 4.0).await;
    send(&server, 100..150).await;
    first.kill();
    send(&server, 150..200).await;
    let third = through.worker();
    second.signal("TERM");
    assert_eq!(second.wait(), Some(0));
    send(&server, 200..250).await;
    until("the last one has all", async || metric(&third, HELD).await == 8.0).await;
    until("all are stored", async || count(&server, "/links").await == 250 * CHAINS_COUNT).await;
    assert_eq!(through.replay("links"), "links: 0 stored, 0 left", "none came before its turn");
}

/// A request that NATS has forgotten is not always told, as here: it is over when messages come.
#[tokio::test]
async fn a_worker_reads_on_from_nats_by_the_same_consumers_and_stores_all_in_postgres() {
    let through = Through::of(MANIFEST);
    let worker = through.worker();
    until("it takes", async || metric(&worker, HELD).await == 8.0).await;
    let consumers = || -> Vec<Value> {
        let told = through.tell("$JS.API.CONSUMER.LIST.pintle-through-places", "");
        serde_json::from_str::<Value>(&told).unwrap()["consumers"].as_array().cloned().unwrap_or_default()
    };
    let (rounds, each) = (4, 5);
    for round in 0..rounds {
        // Nothing is under way but the questions for more.
        let at_rest = |consumer: &Value| consumer["num_ack_pending"] == 0 && consumer["num_waiting"].as_u64() > Some(0);
        until("all are at rest", async || {
            let consumers = consumers();
            consumers.len() == 8 && consumers.iter().all(at_rest)
        })
        .await;
        let messages = (0..8 * each).map(|n| {
            let record = json!({ "id": format!("00000000-0000-7000-8000-{round:04x}{n:08x}"), "n": n });
            let sender = json!({ "role": "anon", "user": null, "claims": {} });
            let text = json!({ "version": 1, "sender": sender, "records": [record] }).to_string();
            format!("PUB pintle.through.places.{}.1 {}\r\n{text}\r\n", n % 8, text.len())
        });
        let messages: String = messages.collect();
        let mut connection = TcpStream::connect(through.nats.address()).unwrap();
        write!(connection, "CONNECT {{\"verbose\":false}}\r\nPING\r\n").unwrap();
        let mut said = BufReader::new(connection.try_clone().unwrap()).lines();
        assert!(said.any(|line| line.unwrap() == "PONG"));
        through.nats.signal("STOP");
        // What was asked for two seconds ago ends meanwhile, and then messages come.
        tokio::time::sleep(Duration::from_millis(2200)).await;
        write!(connection, "{messages}").unwrap();
        through.nats.signal("CONT");
        let stored = "pintle_pipeline_records_total{pipeline=\"places\",outcome=\"stored\"}";
        let all = f64::from((round + 1) * 8 * each);
        until("all are stored", async || metric(&worker, stored).await == all).await;
    }
    let names: Vec<Value> = consumers().into_iter().map(|consumer| consumer["name"].clone()).collect();
    let is_first = |name: &Value| name.as_str().is_some_and(|name| name.ends_with("-1"));
    assert!(names.len() == 8 && names.iter().all(is_first), "some were made anew: {names:?}");
}

#[tokio::test]
async fn a_worker_that_ends_says_so_to_the_others_by_nats_before_postgres() {
    let through = Through::of(MANIFEST);
    let (mut first, second) = (through.worker(), through.worker());
    until("each has its share", async || metric(&first, HELD).await == 4.0 && metric(&second, HELD).await == 4.0).await;
    let said = through.listen("pintle.through.workers.places");
    first.signal("TERM");
    assert_eq!(first.wait(), Some(0));
    let farewell = said.map_while(Result::ok).find(|line| line.starts_with('-') && line.len() == 33);
    assert!(farewell.is_some());
    until("the other one has all", async || metric(&second, HELD).await == 8.0).await;
}

#[tokio::test]
async fn a_consumer_in_nats_that_is_no_workers_is_warned_of_before_postgres() {
    let through = Through::of(MANIFEST);
    drop(through.serve());
    let config = json!({ "stream_name": "pintle-through-places", "config": {
        "durable_name": "curious", "ack_policy": "explicit", "filter_subject": "pintle.through.places.3.*",
    }});
    let made = through.tell("$JS.API.CONSUMER.DURABLE.CREATE.pintle-through-places.curious", &config.to_string());
    assert!(made.contains("\"name\":\"curious\""), "{made}");
    let worker = through.worker();
    worker.has_logged("a consumer of the stream is no worker's");
    let log = worker.log();
    let line = log.lines().find(|line| line.contains("no worker's")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["consumer"], &line["partition"]), (&json!("curious"), &json!(3)), "{line}");
    through.tell("$JS.API.CONSUMER.DELETE.pintle-through-places.curious", "");
    until("it has all", async || metric(&worker, HELD).await == 8.0).await;
}
