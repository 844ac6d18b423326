//! Services that are slow, break, refuse or are not there: what the caller is told, and what is tried again.

use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::fake::Fake;
use super::{app, gateway, nowhere, plain, until_ready};
use crate::common::PATIENCE;

#[tokio::test]
async fn a_service_that_is_too_slow_is_504() {
    let app = plain("100ms", "1MiB");
    let slow = Fake::new(|came| async move {
        let _kept = came;
        std::future::pending::<()>().await;
    })
    .await;
    let gateway = gateway(&app, &slow.url, &slow.url);
    let message = "the service `persons` did not answer within 1.1 s";
    let told = gateway.get("/rest/v1/persons").await;
    told.is(504, json!({ "code": "PT504", "message": message, "details": null, "hint": null }));
    let told = gateway.post("/rest/v1/persons", json!({ "id": 1 })).await;
    let hint = "what it asked for may be done all the same";
    told.is(504, json!({ "code": "PT504", "message": message, "details": null, "hint": hint }));
    assert_eq!(slow.count(), 2, "each was asked for once");
}

#[tokio::test]
async fn what_breaks_before_an_answer_is_tried_again_where_nothing_can_have_been_done() {
    let breaking = Fake::new(|mut came| async move {
        // Every other request gets no answer.
        if came.before % 2 == 1 {
            came.answer("200 OK", "", "late").await;
        }
    })
    .await;
    let app = app();
    let gateway = gateway(&app, &breaking.url, &breaking.url);
    for method in [reqwest::Method::GET, reqwest::Method::OPTIONS] {
        assert_eq!(gateway.ask(method, "/rest/v1/persons").await.has(200).text, "late");
    }
    gateway.ask(reqwest::Method::HEAD, "/rest/v1/persons").await.has(200);
    assert_eq!(breaking.count(), 6);
    let told = gateway.post("/rest/v1/persons", json!({ "id": 1 })).await;
    told.is(
        502,
        json!({
            "code": "PT502", "message": "the service `persons` broke off before it answered", "details": null,
            "hint": "what it asked for may be done all the same",
        }),
    );
    assert_eq!(breaking.count(), 7, "it was asked for once");
    let metrics = gateway.get("/metrics").await.text;
    assert!(metrics.contains("pintle_gateway_retries_total{service=\"persons\"} 3"), "{metrics}");
}

#[tokio::test]
async fn a_service_that_says_what_is_no_http_is_502() {
    let odd = Fake::new(|mut came| async move {
        let _ = came.stream.write_all(b"SSH-2.0-OpenSSH\r\n\r\n").await;
    })
    .await;
    let app = app();
    let gateway = gateway(&app, &odd.url, &odd.url);
    gateway.post("/rest/v1/persons", json!({ "id": 1 })).await.has(502);
    gateway.get("/rest/v1/persons").await.has(502);
    assert_eq!(odd.count(), 1 + 3, "a read is tried three times");
}

#[tokio::test]
async fn what_a_replica_refuses_is_sent_to_another_whatever_it_asks_for() {
    let (gone, there) = (Fake::saying("gone").await, Fake::saying("there").await);
    let app = app();
    let gateway = gateway(&app, &format!("{},{}", gone.url, there.url), &there.url);
    until_ready(&gateway, 200).await;
    let address = gone.url.trim_start_matches("http://").to_owned();
    drop(gone);
    let begun = Instant::now();
    while TcpStream::connect(&address).is_ok() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    for _ in 0..4 {
        let told = gateway.post("/rest/v1/persons", json!({ "id": 1 })).await.has(200);
        assert_eq!(told.text, "there");
    }
}

#[tokio::test]
async fn a_read_that_a_draining_replica_does_not_want_goes_to_another() {
    let full = || Fake::new(|mut came| async move { came.answer("503 Busy", "Retry-After: 1\r\n", "full").await });
    let (full, other) = (full().await, Fake::saying("other").await);
    let app = app();
    let gateway = gateway(&app, &format!("{},{}", full.url, other.url), &full.url);
    until_ready(&gateway, 200).await;
    for _ in 0..8 {
        assert_eq!(gateway.get("/rest/v1/persons").await.has(200).text, "other");
    }
    // What asks for something to be done is told, as is who could be sent nowhere else.
    let begun = Instant::now();
    while gateway.post("/rest/v1/persons", json!({ "id": 1 })).await.status != 503 {
        assert!(begun.elapsed() < PATIENCE);
    }
    let told = gateway.get("/rest/v1/things").await.has(503);
    assert_eq!((told.text.as_str(), told.header("retry-after")), ("full", "1"));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_503_until_it_is() {
    let persons = Fake::saying("persons").await;
    persons.ready.store(false, Ordering::SeqCst);
    let app = app();
    let gateway = gateway(&app, &persons.url, &nowhere());
    let message = "the service `things` does not answer";
    let hint = "nothing was done: try again; /health/ready says which services answer";
    let told = gateway.post("/rest/v1/things", json!({ "id": 1 })).await;
    assert_eq!(told.header("retry-after"), "1");
    told.is(503, json!({ "code": "PT503", "message": message, "details": null, "hint": hint }));

    let begun = Instant::now();
    while gateway.get("/rest/v1/persons").await.status != 503 {
        assert!(begun.elapsed() < PATIENCE, "one that says that it is not ready is not asked");
    }
    persons.ready.store(true, Ordering::SeqCst);
    while gateway.get("/rest/v1/persons").await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "it is asked again when it is");
    }
}

#[tokio::test]
async fn a_name_is_all_of_its_addresses_and_those_that_do_not_answer_are_left_out() {
    let persons = Fake::saying("persons").await;
    let app = app();
    let gateway = gateway(&app, &persons.url.replace("127.0.0.1", "localhost"), &persons.url);
    until_ready(&gateway, 200).await;
    for _ in 0..4 {
        gateway.post("/rest/v1/persons", json!({ "id": 1 })).await.has(200);
    }
}

#[tokio::test]
async fn one_that_takes_connections_and_never_answers_is_asked_no_more_until_it_does() {
    let (app, other) = (app(), Fake::saying("things").await);
    let server = app.serve();
    let gateway = gateway(&app, &server.origin, &other.url);
    until_ready(&gateway, 200).await;
    // The system goes on to take its connections.
    server.signal("STOP");
    until_ready(&gateway, 503).await;
    gateway.get("/rest/v1/persons").await.has(503);
    server.signal("CONT");
    until_ready(&gateway, 200).await;
    gateway.get("/rest/v1/persons").await.has(200);
}
