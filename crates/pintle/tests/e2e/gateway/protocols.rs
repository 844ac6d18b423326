//! How callers speak: HTTP/1 and HTTP/2, and what could be read in two ways.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fake::{Came, Fake};
use super::{app, gateway, until_ready};
use crate::common::{PATIENCE, Server};

/// Sends bytes, and reads what is said until the connection ends.
async fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.origin.trim_start_matches("http://")).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn a_caller_over_http_2_is_answered_as_one_over_http_1() {
    let app = app();
    let server = app.serve();
    let gateway = gateway(&app, &server.origin, &server.origin);
    until_ready(&gateway, 200).await;
    gateway.post("/rest/v1/persons", json!([{ "id": 1 }, { "id": 2 }])).await.has(201);
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let asked = (0..50).map(|_| async {
        let answer = client.get(format!("{}/rest/v1/persons", gateway.origin)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
        answer.text().await.unwrap()
    });
    let asked: Vec<_> = asked.collect();
    for text in join(asked).await {
        assert_eq!(text, "[{\"id\":1},{\"id\":2}]");
    }
    let told = client.get(format!("{}/who", gateway.origin)).send().await.unwrap();
    let told: serde_json::Value = told.json().await.unwrap();
    assert_eq!(told["headers"]["host"], gateway.origin.trim_start_matches("http://"));
}

/// All of these at the same time.
async fn join<T>(all: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn an_old_caller_is_answered_in_its_own_version() {
    let app = app();
    let persons = Fake::saying("persons").await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    let answer = raw(&gateway, b"GET /rest/v1/persons HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\npersons"), "{answer}");
    assert!(persons.head(0).starts_with("GET /rest/v1/persons HTTP/1.1\r\n"));
}

#[tokio::test]
async fn requests_on_one_connection_go_where_each_belongs() {
    let app = app();
    let (persons, things) = (Fake::saying("persons").await, Fake::saying("things").await);
    let gateway = gateway(&app, &persons.url, &things.url);
    let two = "GET /rest/v1/persons HTTP/1.1\r\nHost: a\r\n\r\n\
               GET /rest/v1/things HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = raw(&gateway, two.as_bytes()).await;
    let (persons, things) = (answer.find("persons").unwrap(), answer.find("things").unwrap());
    assert!(persons < things, "{answer}");
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_reaches_no_service() {
    let app = app();
    let persons = Fake::saying("persons").await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    for headers in [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: +1",
        "Content-Length: 0x1",
        "Content-Length: 1, 2",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "X: a\r\n Transfer-Encoding: chunked",
        "Transfer-Encoding\x0b: chunked",
        "X: a\0b",
        "X Y: a",
        ": a",
    ] {
        let asked = format!("POST /rest/v1/persons HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n1\r\nx\r\n0\r\n\r\n");
        let answer = raw(&gateway, asked.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{headers:?}: {answer}");
    }
    assert_eq!(persons.count(), 0, "{:?}", persons.heads);
}

#[tokio::test]
async fn a_request_over_http_1_1_names_one_host() {
    let app = app();
    let server = app.serve();
    let persons = Fake::saying("persons").await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    for hosts in ["", "Host: a\r\nHost: a\r\n"] {
        for path in ["/rest/v1/persons", "/health/ready", "/nothing"] {
            let asked = format!("GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
            for asked_at in [&server, &gateway] {
                let answer = raw(asked_at, asked.as_bytes()).await;
                assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("`Host`"), "{hosts:?} {path}: {answer}");
            }
        }
    }
    assert_eq!(persons.count(), 0, "{:?}", persons.heads);
}

#[tokio::test]
async fn a_body_with_two_lengths_is_framed_anew() {
    let app = app();
    let persons = Fake::new(|mut came: Came| async move {
        let body = came.body_to("0\r\n\r\n").await;
        came.answer("200 OK", "", &body).await;
    })
    .await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    // By its length it would end within the chunks, and the rest would be a request of the attacker's.
    let smuggled = "GET /rest/v1/things HTTP/1.1\r\nHost: a\r\n\r\n";
    let asked = format!(
        "POST /rest/v1/persons HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n{:x}\r\n{smuggled}\r\n0\r\n\r\n",
        smuggled.len()
    );
    let answer = raw(&gateway, asked.as_bytes()).await;
    assert!(answer.contains(smuggled), "{answer}");
    assert_eq!(persons.count(), 1, "{:?}", persons.heads);
    let head = persons.head(0).to_lowercase();
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"), "{head}");
}

#[tokio::test]
async fn what_names_no_path_of_the_app_is_answered_and_leads_nowhere() {
    let app = app();
    let server = app.serve();
    let gateway = gateway(&app, &server.origin, &server.origin);
    until_ready(&gateway, 200).await;
    let end = "Host: a\r\nConnection: close\r\n\r\n";
    let elsewhere = Fake::saying("elsewhere").await;
    let host = elsewhere.url.trim_start_matches("http://");
    for (line, status) in [
        (format!("CONNECT {host} HTTP/1.1"), 404),
        ("OPTIONS * HTTP/1.1".to_owned(), 404),
        // The host of a whole URL is a name, not a way.
        (format!("GET {}/rest/v1/persons HTTP/1.1", elsewhere.url), 200),
        (format!("GET http://user@{host}/rest/v1/persons HTTP/1.1"), 200),
    ] {
        let answer = raw(&gateway, format!("{line}\r\n{end}").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        let direct = raw(&server, format!("{line}\r\n{end}").as_bytes()).await;
        assert_eq!(answer.lines().next(), direct.lines().next(), "{line}");
    }
    assert_eq!(elsewhere.count(), 0);
}
