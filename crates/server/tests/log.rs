//! The log of requests: one line each, with the id that the answer carries, and never a token.

mod support;

use std::io;
use std::sync::{Arc, Mutex};

use pintle_server::Settings;
use reqwest::Method;
use support::{APP, Ask as _, serve_with};
use tracing_subscriber::fmt::MakeWriter;

/// What is logged, kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_| io::ErrorKind::Other)?.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Kept;

    fn make_writer(&'a self) -> Kept {
        self.clone()
    }
}

#[tokio::test]
async fn a_request_is_one_line_that_holds_no_token() {
    let kept = Kept::default();
    let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(kept.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let app = serve_with(APP, Settings::default()).await;
    let token = app.writer().await;
    app.send(Method::POST, "/configs", &token, r#"{"name":"a","data":"a secret"}"#).await.is(201);
    let asked = app.ask(Method::GET, &format!("/configs/a?apikey={token}")).header("x-request-id", "mine");
    asked.answered().await.is(200);

    let log = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert!(!log.contains(&token) && !log.contains(&token[10..30]) && !log.contains("a secret"), "{log}");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["target"] == "pintle::access")
        .collect();
    assert_eq!(lines.len(), 2, "{log}");
    let last = &lines[1]["fields"];
    assert_eq!((&last["id"], &last["method"], &last["path"]), (&"mine".into(), &"GET".into(), &"/configs/a".into()));
    assert_eq!(last["status"], 200);
}
