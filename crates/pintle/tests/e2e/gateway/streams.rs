//! Bodies on their way through: piece by piece, in bounded memory, and no further than the limits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::fake::{Came, Fake};
use super::{app, gateway, plain, until_ready};
use crate::common::{PATIENCE, Server};

const BODY: usize = 96 << 20;
/// What a body may cost the gateway, whatever its size: buffers of the system and of HTTP.
const COST_KIB_MAX: u64 = 24 << 10;

/// The most memory that a process had so far, in KiB.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.origin.trim_start_matches("http://")).await.unwrap()
}

#[tokio::test]
async fn a_large_answer_passes_in_bounded_memory() {
    let app = app();
    let persons = Fake::new(|mut came: Came| async move {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\nConnection: close\r\n\r\n");
        came.stream.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..BODY >> 20 {
            came.stream.write_all(&piece).await.unwrap();
        }
    })
    .await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    gateway.get("/docs").await.has(200);
    let before = peak(&gateway);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answer = client.get(format!("{}/rest/v1/persons", gateway.origin)).send().await.unwrap();
    assert_eq!(answer.headers()["content-length"], BODY.to_string());
    let mut read = 0;
    while let Some(piece) = answer.chunk().await.unwrap() {
        read += piece.len();
    }
    assert_eq!(read, BODY);
    let cost = peak(&gateway) - before;
    assert!(cost < COST_KIB_MAX, "{cost} KiB");
}

#[tokio::test]
async fn a_large_body_passes_in_bounded_memory() {
    let app = app();
    let persons = Fake::new(|mut came: Came| async move {
        let (mut left, mut piece) = (BODY - came.begun.len(), vec![0; 1 << 16]);
        while left > 0 {
            left -= came.stream.read(&mut piece).await.unwrap();
        }
        came.answer("200 OK", "", "all of it").await;
    })
    .await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    gateway.get("/docs").await.has(200);
    let before = peak(&gateway);
    let mut stream = connect(&gateway).await;
    let head =
        format!("POST /rest/v1/persons HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..BODY >> 20 {
        stream.write_all(&piece).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("all of it"), "{answer}");
    assert!(persons.head(0).to_lowercase().contains(&format!("content-length: {BODY}")), "its length is told");
    let cost = peak(&gateway) - before;
    assert!(cost < COST_KIB_MAX, "{cost} KiB");
}

#[tokio::test]
async fn a_caller_that_reads_nothing_makes_the_service_wait() {
    let app = app();
    let (told, written) = oneshot::channel();
    let told = Arc::new(Mutex::new(Some(told)));
    let persons = Fake::new(move |mut came: Came| {
        let told = Arc::clone(&told);
        async move {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            came.stream.write_all(head.as_bytes()).await.unwrap();
            let piece = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
            let mut count = 0;
            // Until nothing is taken any more.
            while let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(1), came.stream.write_all(&piece)).await {
                count += piece.len();
                assert!(count < 2 * BODY, "somebody takes it all");
            }
            told.lock().unwrap().take().unwrap().send(count).unwrap();
        }
    })
    .await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    let mut stream = connect(&gateway).await;
    stream.write_all(b"GET /rest/v1/persons HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let count = tokio::time::timeout(PATIENCE, written).await.unwrap().unwrap();
    assert!(count < BODY / 2, "{count} bytes went somewhere");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_broken_off() {
    let app = plain("20s", "256MiB");
    let persons = Fake::new(|mut came: Came| async move {
        let _ = came.stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").await;
    })
    .await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("{}/rest/v1/persons", gateway.origin)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn a_call_whose_service_breaks_off_is_told_that_it_is_unavailable() {
    let app = plain("20s", "256MiB");
    let persons = Fake::new(|mut came: Came| async move {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = came.stream.write_all(format!("{head}4\r\nonly\r\n").as_bytes()).await;
    })
    .await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    let http2 = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let call = http2.post(format!("{}/rest/v1/persons", gateway.origin)).header("content-type", "application/grpc");
    let answer = call.header("te", "trailers").send().await.unwrap();
    let read = reqwest::Body::from(answer).collect().await.unwrap();
    let trailers = read.trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "14");
    let told = trailers["grpc-message"].to_str().unwrap();
    assert!(told.starts_with("the service broke off within its answer: "), "{told}");
    assert_eq!(read.to_bytes(), "only");
    let counted = "pintle_gateway_grpc_calls_total{service=\"persons\",status=\"UNAVAILABLE\"} 1\n";
    let metrics = gateway.get("/metrics").await.text;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn an_answer_that_stands_still_is_broken_off() {
    let app = plain("100ms", "256MiB");
    let persons = Fake::new(|mut came: Came| async move {
        let _ = came.stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").await;
        std::future::pending::<()>().await;
    })
    .await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let answer = client.get(format!("{}/rest/v1/persons", gateway.origin)).send().await.unwrap();
    let error = answer.bytes().await.unwrap_err();
    assert!(!error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn a_body_that_says_that_it_is_too_large_goes_nowhere() {
    let app = plain("20s", "1KiB");
    let persons = Fake::saying("persons").await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    let told = gateway.post("/rest/v1/persons", "x".repeat(2000)).await.has(413);
    assert!(told.text.contains("the body is larger than 1024 bytes"), "{told}");
    gateway.get(&format!("/rest/v1/persons?{}", "x".repeat(9000))).await.has(414);
    assert_eq!(persons.count(), 0);
}

/// Sends the beginning of a body in chunks, and reads what the gateway says to it.
async fn told_of_chunks(gateway: &Server, chunks: &[u8]) -> String {
    let mut stream = connect(gateway).await;
    let head = "POST /rest/v1/persons HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(&[head.as_bytes(), chunks].concat()).await.unwrap();
    let mut told = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut told)).await.unwrap().unwrap();
    told
}

/// A service that reads for as long as something comes, and never answers.
async fn reading() -> Fake {
    Fake::new(|mut came: Came| async move {
        let mut piece = vec![0; 1 << 16];
        while came.stream.read(&mut piece).await.is_ok_and(|count| count > 0) {}
    })
    .await
}

#[tokio::test]
async fn a_body_that_the_caller_breaks_is_not_the_service_s_fault() {
    let app = plain("20s", "1KiB");
    let persons = reading().await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    until_ready(&gateway, 200).await;
    for round in 1..=3 {
        let told = told_of_chunks(&gateway, b"3\r\nabc\r\nno length\r\n").await;
        assert!(told.starts_with("HTTP/1.1 400 ") && told.contains("the body broke off"), "{told}");
        assert!(persons.count() <= round, "it is not sent again");
        gateway.get("/health/ready").await.has(200);
    }
}

#[tokio::test]
async fn a_body_in_chunks_that_is_too_large_is_413_and_not_the_service_s_fault() {
    let app = plain("20s", "1KiB");
    let persons = reading().await;
    let gateway = gateway(&app, &persons.url, &persons.url);
    until_ready(&gateway, 200).await;
    // What is read beyond the limit, so that whoever sends it hears the answer, and one byte more.
    let size = 1024 + (8 << 20) + 1;
    let chunk = [format!("{size:x}\r\n").as_bytes(), &vec![b'x'; size]].concat();
    let told = told_of_chunks(&gateway, &chunk).await;
    assert!(told.starts_with("HTTP/1.1 413 ") && told.contains("the body is larger than 1024 bytes"), "{told}");
    assert_eq!(persons.count(), 1, "it is not sent again");
    gateway.get("/health/ready").await.has(200);
}
