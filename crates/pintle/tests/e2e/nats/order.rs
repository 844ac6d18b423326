//! What belongs together is stored in its order, by any number of workers.

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
