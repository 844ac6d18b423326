//! A queue that goes away, and comes back.

use serde_json::{Value, json};

use super::{MANIFEST, Through, count, metric, until};

/// What a server says of its health without a queue.
const AWAY: &str = r#"{"app":"ok","db":"Success","queue":"Failure: the queue does not answer"}"#;

#[tokio::test]
async fn a_nats_that_goes_away_is_told_and_all_goes_on_when_it_is_back_before_postgres() {
    let mut through = Through::of(MANIFEST);
    let (server, worker) = (through.serve(), through.worker());
    server.post("/places", json!({ "n": 1 })).await.has(202);
    through.nats.kill();
    let away = server.post("/places", json!({ "n": 2 })).await.has(503);
    assert_eq!((away.header("retry-after"), away.json()["message"].as_str()), ("1", Some("the queue does not answer")));
    until("it is not ready", async || worker.get("/health/ready").await.status == 503).await;
    worker.get("/health/live").await.has(200);
    until("it tells", async || server.get("/health").await.has(200).text == AWAY).await;
    until("it counts", async || metric(&server, "pintle_queue_answers{").await == 0.0).await;
    // What does not need the queue goes on.
    server.get("/health/ready").await.has(200);
    server.get("/rest/v1/places").await.has(200);
    through.nats.restart();
    until("it is ready again", async || worker.get("/health/ready").await.status == 200).await;
    let there = AWAY.replace("Failure: the queue does not answer", "Success");
    until("it tells again", async || server.get("/health").await.has(200).text == there).await;
    server.post("/places", json!({ "n": 3 })).await.has(202);
    until("both are stored", async || count(&server, "/rest/v1/places?n=in.(1,3)").await == 2).await;
}

#[tokio::test]
async fn a_stream_of_records_waits_for_a_nats_that_is_back_soon_before_postgres() {
    let mut through = Through::of(MANIFEST);
    let (server, worker) = (through.serve(), through.worker());
    through.nats.kill();
    let lines: String = (0..3000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let ask = server.post("/places", lines).header("Content-Type", "application/x-ndjson");
    let answer = tokio::spawn(ask.header("Prefer", "return=minimal").into_future());
    until("it waits", async || server.get("/health").await.text == AWAY).await;
    through.nats.restart();
    let answer = answer.await.unwrap().has(200).text;
    assert_eq!(answer, "{\"records\":3000,\"accepted\":3000,\"stored\":0,\"refused\":0,\"dead\":0}\n");
    let stored = "pintle_pipeline_records_total{pipeline=\"places\",outcome=\"stored\"}";
    until("all are stored", async || metric(&worker, stored).await == 3000.0).await;
}

#[tokio::test]
async fn a_nats_that_hangs_keeps_nobody_waiting_for_long_before_postgres() {
    let through = Through::of(MANIFEST);
    let (server, _worker) = (through.serve(), through.worker());
    server.post("/places", json!({ "n": 1 })).await.has(202);
    through.nats.signal("STOP");
    let begun = std::time::Instant::now();
    let many = (0..20).map(|n| server.post("/places", json!({ "n": n })).into_future());
    for answer in many.map(tokio::spawn).collect::<Vec<_>>() {
        answer.await.unwrap().has(503);
    }
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
    through.nats.signal("CONT");
    until("it goes on", async || server.post("/places", json!({ "n": 100 })).await.status == 202).await;
    until("it is stored", async || count(&server, "/rest/v1/places?n=eq.100").await > 0).await;
}

#[tokio::test]
async fn what_starts_while_nats_is_away_does_all_once_it_is_there_before_postgres() {
    let mut through = Through::of(MANIFEST);
    through.nats.kill();
    let (server, worker) = (through.serve(), through.worker());
    let away = server.post("/places", json!({ "n": 1 })).await.has(503);
    assert_eq!((away.header("retry-after"), away.json()["message"].as_str()), ("1", Some("the queue does not answer")));
    assert_eq!(server.get("/health").await.has(200).text, AWAY);
    server.get("/health/ready").await.has(200);
    server.get("/rest/v1/places").await.is(200, json!([]));
    worker.get("/health/ready").await.has(503);
    let origin = through.nats.url();
    server.has_logged("the queue cannot be used: it is tried again");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("cannot be used")).unwrap();
    assert!(
        line.contains(&format!("{origin} does not answer: ")) && line.contains("nats-server -js -sd FOLDER"),
        "{line}"
    );
    through.nats.restart();
    until("it takes records", async || server.post("/places", json!({ "n": 2 })).await.status == 202).await;
    until("it is stored", async || count(&server, "/rest/v1/places?n=eq.2").await == 1).await;
    until("the worker is ready", async || worker.get("/health/ready").await.status == 200).await;
    let there = AWAY.replace("Failure: the queue does not answer", "Success");
    until("it tells", async || server.get("/health").await.has(200).text == there).await;
}

#[tokio::test]
async fn nothing_goes_into_a_stream_of_another_ones_that_is_found_late_in_nats_before_postgres() {
    let mut through = Through::of(MANIFEST);
    let foreign = r#"{"name":"pintle-through-places","subjects":["pintle.through.places.>"],"retention":"limits"}"#;
    through.tell("$JS.API.STREAM.CREATE.pintle-through-places", foreign);
    through.nats.kill();
    let (server, worker) = (through.serve(), through.worker());
    through.nats.restart();
    for process in [&server, &worker] {
        process.has_logged("is there with `retention: \\\"limits\\\"`, and must have");
    }
    server.post("/places", json!({ "n": 1 })).await.has(503);
    until("it tells", async || server.get("/health").await.has(200).text == AWAY).await;
    let info: Value = serde_json::from_str(&through.tell("$JS.API.STREAM.INFO.pintle-through-places", "")).unwrap();
    assert_eq!((&info["state"]["messages"], &info["state"]["consumer_count"]), (&json!(0), &json!(0)), "{info}");
}
