//! Answers of routes that are kept: never older than a write that was answered before they were asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::common::{App, PATIENCE, Place, Server};

const MANIFEST: &str = r#"
pintle: 1
name: kept
collections:
  hits:
    key: { id: { type: integer, generated: true } }
    fields: { owner: { type: text, default: auth.uid(), readonly: true } }
    policies: { select: "true", insert: "true" }
  others:
    key: { id: { type: integer, generated: true } }
    policies: { insert: "true" }
routes:
  /count:
    get: { sql: SELECT count(*) AS n FROM hits, result: value, cache: 1h }
  /count/mine:
    get: { auth: required, sql: SELECT count(*) AS n FROM hits WHERE owner = auth.uid(), result: value, cache: 1h }
"#;
/// Writers and readers at a time, and what each writes.
const WRITERS: u64 = 4;
const READERS: u64 = 6;
const WRITES: u64 = 25;

on_both_stores!(
    an_answer_is_kept_until_what_it_read_is_written,
    no_answer_is_older_than_a_write_that_was_answered_before_it_was_asked_for,
    each_caller_has_an_answer_of_their_own,
);

async fn count(server: &Server) -> u64 {
    server.get("/count").await.has(200).json().as_u64().unwrap()
}

async fn hit(server: &Server) {
    server.post("/rest/v1/hits", "{}").await.has(201);
}

/// Asks until the answer is one that was kept. On PostgreSQL a replica may hear of its own writes a moment later.
async fn kept(server: &Server, path: &str) {
    let began = Instant::now();
    while server.get(path).await.has(200).header("cache-status") != "Pintle; hit" {
        assert!(began.elapsed() < PATIENCE, "{path} is not kept");
        tokio::task::yield_now().await;
    }
}

async fn an_answer_is_kept_until_what_it_read_is_written(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    for n in 0..3 {
        assert_eq!(count(&server).await, n);
        kept(&server, "/count").await;
        hit(&server).await;
    }
    kept(&server, "/count").await;
    let metrics = server.get("/metrics").await.has(200).text;
    assert!(metrics.contains(r#"pintle_cache_requests_total{route="/count",source="hit"}"#), "{metrics}");
}

async fn no_answer_is_older_than_a_write_that_was_answered_before_it_was_asked_for(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = Arc::new(app.serve());
    let answered = Arc::new(AtomicU64::new(0));
    let writers = (0..WRITERS).map(|_| {
        let (server, answered) = (Arc::clone(&server), Arc::clone(&answered));
        tokio::spawn(async move {
            for _ in 0..WRITES {
                hit(&server).await;
                answered.fetch_add(1, Ordering::SeqCst);
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let readers = (0..READERS).map(|_| {
        let (server, answered) = (Arc::clone(&server), Arc::clone(&answered));
        tokio::spawn(async move {
            loop {
                let before = answered.load(Ordering::SeqCst);
                let seen = count(&server).await;
                assert!(seen >= before, "{seen} were seen, and {before} had been answered");
                if seen == WRITERS * WRITES {
                    break;
                }
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for task in writers.into_iter().chain(readers) {
        task.await.unwrap();
    }
}

async fn each_caller_has_an_answer_of_their_own(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let (ann, bob) = (app.token_of("a", "authenticated", Some("ann")), app.token_of("b", "authenticated", Some("bob")));
    let server = app.serve();
    server.post("/rest/v1/hits", "{}").token(&ann).await.has(201);
    for _ in 0..3 {
        for (token, mine) in [(&ann, 1), (&bob, 0)] {
            let answer = server.get("/count/mine").token(token).await.has(200);
            assert_eq!(answer.json(), mine);
        }
    }
    server.get("/count/mine").await.has(401);
}

#[tokio::test]
async fn another_replica_s_write_on_postgres_is_seen_soon() {
    let app = App::of(MANIFEST).on(Place::Postgres);
    let (one, other) = (app.serve(), app.serve());
    for n in 1..4 {
        kept(&other, "/count").await;
        hit(&one).await;
        let began = Instant::now();
        while count(&other).await != n {
            assert!(began.elapsed() < PATIENCE, "the other replica still answers what was before");
            tokio::task::yield_now().await;
        }
        assert_eq!(count(&one).await, n);
    }
}
