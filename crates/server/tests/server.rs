//! What holds for every request: health, metrics, documentation, limits, ids, compression, CORS, and the end.

mod support;

use std::time::Duration;

use pintle_server::Settings;
use reqwest::Method;
use support::{Ask as _, serve, serve_with};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn health_is_told_to_everybody() {
    let app = serve().await;
    assert_eq!(app.get("/health").await.is(200).text, r#"{"app":"ok","db":"Success"}"#);
    assert_eq!(app.get("/health/live").await.is(200).text, r#"{"status":"ok"}"#);
    assert_eq!(app.get("/health/ready/").await.is(200).text, r#"{"status":"ok"}"#);
    let refused = app.ask(Method::POST, "/health").answered().await;
    assert_eq!(refused.is_error(405, "PT405").header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn metrics_count_requests_by_route_method_and_status() {
    let app = serve().await;
    app.get("/configs/nobody").await.is(404);
    let metrics = app.get("/metrics").await;
    assert!(metrics.is(200).header("content-type").starts_with("text/plain"));
    let counted = metrics.text.lines().find(|line| {
        line.starts_with("pintle_http_requests_total{")
            && [r#"route="/configs/{key}""#, r#"method="GET""#, r#"status="404""#]
                .iter()
                .all(|label| line.contains(label))
    });
    assert!(counted.is_some(), "{}", metrics.text);
    assert!(metrics.text.contains(r#"pintle_http_request_seconds_bucket{route="/configs/{key}",le="0.001"}"#));
    assert!(metrics.text.contains("pintle_http_requests_in_flight "));
    assert!(metrics.text.contains("pintle_store_"), "{}", metrics.text);
}

#[tokio::test]
async fn the_documentation_stands_at_its_places() {
    let app = serve().await;
    assert_eq!(app.get("/openapi.json").await.is(200).json()["openapi"], "3.1.0");
    for page in ["/", "/docs"] {
        assert!(app.get(page).await.is(200).header("content-type").starts_with("text/html"), "{page}");
    }
    app.get("/docs/swagger-ui.css").await.is(200);
    app.get("/docs/nothing").await.is_error(404, "PT404");
    let refused = app.ask(Method::POST, "/docs").answered().await;
    assert!(refused.is_error(405, "PT405").header("allow").contains("GET"));
}

#[tokio::test]
async fn nothing_is_404_with_a_way_on() {
    let app = serve().await;
    let answer = app.get("/nothing/here").await;
    assert!(answer.is_error(404, "PT404").json()["hint"].as_str().unwrap().contains("/docs"));
}

#[tokio::test]
async fn every_answer_carries_the_request_s_id() {
    let app = serve().await;
    let mine = app.ask(Method::GET, "/configs").header("x-request-id", "mine-1").answered().await;
    assert_eq!(mine.header("x-request-id"), "mine-1");
    let odd = app.ask(Method::GET, "/nothing").header("x-request-id", "not an id").answered().await;
    assert!(!odd.header("x-request-id").is_empty() && odd.header("x-request-id") != "not an id");
    assert_eq!(odd.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn what_is_too_large_too_long_or_too_deep_is_told_its_limit() {
    let app = serve().await;
    let token = app.writer().await;
    let large = format!(r#"{{"name":"a","data":"{}"}}"#, "x".repeat(70_000));
    let refused = app.send(Method::POST, "/configs", &token, &large).await;
    assert!(refused.is_error(413, "PT413").text.contains("65536 bytes"), "{}", refused.text);
    let very_large = "x".repeat(3_000_000);
    app.send(Method::POST, "/configs", &token, &very_large).await.is_error(413, "PT413");

    let long = app.get(&format!("/configs?name={}", "x".repeat(2_048))).await;
    assert!(long.is_error(414, "PT414").text.contains("2048"));
    let deep = format!(r#"{{"name":"a","data":{}1{}}}"#, "[".repeat(20), "]".repeat(20));
    app.send(Method::POST, "/configs", &token, &deep).await.is_error(400, "PT400");
}

#[tokio::test]
async fn a_body_in_chunks_has_the_same_limit() {
    let app = serve().await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let token = app.writer().await;
    let head = format!(
        "POST /configs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_forever() {
    let manifest = support::APP.replace("depth: 8", "depth: 8, timeout: 1s");
    let app = serve_with(&manifest, Settings { access_log: false, ..Settings::default() }).await;
    let token = app.writer().await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST /configs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 10\r\nconnection: close\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await;
    read.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn large_answers_are_compressed_for_who_takes_it_lists_too() {
    let app = serve().await;
    let token = app.writer().await;
    let body = format!(r#"{{"name":"a","data":"{}"}}"#, "pintle ".repeat(1000));
    app.send(Method::POST, "/configs", &token, &body).await.is(201);
    for path in ["/configs/a", "/configs", "/rest/v1/configs"] {
        for coding in ["gzip", "br"] {
            let answer = app.ask(Method::GET, path).header("accept-encoding", coding).answered().await;
            assert_eq!(answer.is(200).header("content-encoding"), coding, "{path}");
            assert!(answer.headers.get_all("vary").iter().any(|vary| vary == "Accept-Encoding"), "{path}");
            assert!(answer.header("content-length").parse::<usize>().unwrap() < 500, "{path}");
        }
        let plain = app.get(path).await;
        assert_eq!(plain.is(200).header("content-encoding"), "", "{path}");
        assert!(plain.text.len() > 7000);
    }
    let small = app.ask(Method::GET, "/health").header("accept-encoding", "gzip").answered().await;
    assert_eq!(small.header("content-encoding"), "");
}

#[tokio::test]
async fn pages_of_the_manifest_s_origins_may_call() {
    let app = serve().await;
    let preflight = |origin: &str| {
        let ask = app.ask(Method::OPTIONS, "/configs").header("origin", origin);
        ask.header("access-control-request-method", "POST")
            .header("access-control-request-headers", "apikey")
            .answered()
    };
    let admitted = preflight("https://page.example").await;
    assert_eq!(admitted.is(204).header("access-control-allow-origin"), "https://page.example");
    assert_eq!(admitted.header("access-control-allow-headers"), "apikey");
    assert!(admitted.header("access-control-allow-methods").contains("PATCH"));
    assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), "");

    let got = app.ask(Method::GET, "/configs").header("origin", "https://page.example").answered().await;
    assert_eq!(got.header("access-control-allow-origin"), "https://page.example");
    for name in ["Content-Range", "Location", "ETag", "Link", "X-Request-Id"] {
        assert!(got.header("access-control-expose-headers").contains(name), "{name}");
    }
}

#[tokio::test]
async fn http_2_is_spoken_without_tls() {
    let app = serve().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{}/configs", app.address)).send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 200));
}

/// The server is told to stop between a request's head and its body: the write is answered, and it is there.
#[tokio::test]
async fn a_request_that_was_begun_is_answered_before_the_end() {
    let mut app = serve().await;
    let token = app.writer().await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let body = r#"{"name":"last","data":1}"#;
    let head = format!(
        "POST /configs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: it has begun.
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    app.stop();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");

    let (location, model) = (app.location(), std::sync::Arc::clone(app.planner().model()));
    let folder = app.stopped().await;
    // The lock is free again, so the store was closed.
    let store = pintle_store::Store::open(&location, &model, pintle_store::Access::Serve).unwrap();
    drop((store, folder));
}

#[tokio::test]
async fn a_server_that_was_stopped_takes_no_connection() {
    let mut app = serve().await;
    let address = app.address;
    // A connection that is idle holds nothing up.
    let _idle = TcpStream::connect(address).await.unwrap();
    app.get("/health").await.is(200);
    app.stop();
    app.stopped().await;
    assert!(TcpStream::connect(address).await.is_err());
}
