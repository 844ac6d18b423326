//! What of a request and of an answer is passed on.

use super::fake::Fake;
use super::{app, gateway};

/// A header of a request as a service got it.
fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}

#[tokio::test]
async fn what_belongs_to_a_connection_is_not_passed_on() {
    let answer = "X-Mine: 1\r\nKeep-Alive: timeout=5\r\nX-Yours: 2\r\nUpgrade: h2c\r\nConnection: X-Mine\r\n";
    let persons = Fake::new(move |mut came| async move { came.answer("200 OK", answer, "text").await }).await;
    let app = app();
    let gateway = gateway(&app, &persons.url, &persons.url);
    let told = gateway
        .get("/rest/v1/persons")
        .header("Connection", "x-secret, keep-alive")
        .header("X-Secret", "1")
        .header("Keep-Alive", "timeout=9")
        .header("TE", "trailers")
        .header("Proxy-Authorization", "Basic abc")
        .header("Authorization", "Bearer t")
        .header("Cookie", "a=b")
        .await
        .has(200);
    assert_eq!((told.text.as_str(), told.header("x-yours")), ("text", "2"));
    for name in ["x-mine", "keep-alive", "upgrade", "connection"] {
        assert_eq!(told.header(name), "", "{name}");
    }
    let sent = persons.head(0);
    for name in ["x-secret", "keep-alive", "te", "proxy-authorization", "transfer-encoding"] {
        assert_eq!(header(&sent, name), None, "{sent}");
    }
    assert_eq!((header(&sent, "authorization"), header(&sent, "cookie")), (Some("Bearer t"), Some("a=b")));
    let host = gateway.origin.trim_start_matches("http://");
    assert_eq!(header(&sent, "host"), Some(host), "as the caller wrote it");
}

#[tokio::test]
async fn ids_and_traces_are_passed_on_or_made() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let persons = Fake::saying("persons").await;
    let app = app();
    let gateway = gateway(&app, &persons.url, &persons.url);
    let given = gateway.get("/who").header("X-Request-Id", "abc-1").header("traceparent", TRACE);
    assert_eq!(given.header("tracestate", "v=1").await.has(200).header("x-request-id"), "abc-1");
    let sent = persons.head(0);
    assert_eq!(header(&sent, "x-request-id"), Some("abc-1"));
    assert_eq!((header(&sent, "traceparent"), header(&sent, "tracestate")), (Some(TRACE), Some("v=1")));

    let wrong = gateway.get("/who").header("X-Request-Id", "a b").header("traceparent", "00-zz-01-00");
    let told = wrong.header("tracestate", "v=1").await.has(200);
    let sent = persons.head(1);
    let id = header(&sent, "x-request-id").unwrap();
    assert_eq!(told.header("x-request-id"), id);
    assert_ne!(id, "a b");
    let trace = header(&sent, "traceparent").unwrap();
    assert!(trace.len() == 55 && trace.starts_with("00-") && trace.ends_with("-00"), "{trace}");
    assert_eq!(header(&sent, "tracestate"), None);
}

#[tokio::test]
async fn what_a_caller_says_of_where_it_comes_from_is_dropped() {
    let persons = Fake::saying("persons").await;
    let app = app();
    let gateway = gateway(&app, &persons.url, &persons.url);
    gateway.get("/who").await.has(200);
    let host = gateway.origin.trim_start_matches("http://");
    let truth = format!("for=127.0.0.1;proto=http;host=\"{host}\"");
    assert_eq!(header(&persons.head(0), "forwarded"), Some(truth.as_str()));

    let lies = gateway
        .get("/who")
        .header("Forwarded", "for=192.0.2.1")
        .header("X-Forwarded-For", "192.0.2.1")
        .header("X-Forwarded-Proto", "https")
        .header("X-Real-IP", "192.0.2.1")
        .header("Pintle-Gateway", "t=1,v1=00");
    lies.await.has(200);
    let sent = persons.head(1);
    assert!(!sent.contains("192.0.2.1") && !sent.to_lowercase().contains("x-forwarded"), "{sent}");
    // That another proxy came before stays to be seen, but not what it said.
    assert_eq!(header(&sent, "forwarded"), Some(format!("for=unknown, {truth}").as_str()));
    assert_eq!(sent.to_lowercase().matches("pintle-gateway").count(), 1, "{sent}");
}
