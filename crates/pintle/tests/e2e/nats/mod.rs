//! Pipelines through NATS JetStream into PostgreSQL: servers take records in, workers store them.

mod away;
mod doors;
mod order;
mod start;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use pintle_testbed::Nats;
use serde_json::Value;

use crate::common::{App, PATIENCE, Place, Server, finish, pintle};

/// Anybody may post numbers.
const MANIFEST: &str = "
pintle: 1
name: through
public: none
collections:
  places:
    key: { id: { type: uuid, generated: true } }
    fields: { n: { type: integer, required: true } }
    policies: { select: 'true', insert: 'true' }
pipelines:
  places: { path: /places, into: places }
";

/// An app on PostgreSQL, and a NATS of its own.
struct Through {
    app: App,
    nats: Nats,
}

impl Through {
    fn nats(app: App) -> Through {
        Through { app: app.on(Place::Postgres), nats: Nats::start().unwrap_or_else(|error| panic!("{error:#}")) }
    }

    fn of(manifest: &str) -> Through {
        Through::nats(App::of(manifest))
    }

    fn serve(&self) -> Server {
        self.app.serve_with(&["--queue", &self.nats.url()])
    }

    fn worker(&self) -> Server {
        self.worker_with(&[])
    }

    fn worker_with(&self, words: &[&str]) -> Server {
        let mut command = pintle(&["worker", self.app.path(), "--listen", "127.0.0.1:0", "--queue", &self.nats.url()]);
        Server::start(command.args(words).args(self.app.store()))
    }

    /// What `pintle replay` says.
    fn replay(&self, pipeline: &str) -> String {
        finish(pintle(&["replay", self.app.path(), pipeline]).args(self.app.store())).1.trim_end().to_owned()
    }

    /// What is said at a subject from now on.
    fn listen(&self, subject: &str) -> impl Iterator<Item = std::io::Result<String>> + use<> {
        let mut connection = TcpStream::connect(self.nats.address()).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(connection, "CONNECT {{\"verbose\":false}}\r\nSUB {subject} 1\r\nPING\r\n").unwrap();
        let mut lines = BufReader::new(connection).lines();
        assert!(lines.by_ref().any(|line| line.unwrap() == "PONG"));
        lines
    }

    /// Sends a message by NATS' own protocol, and returns what answers it.
    fn tell(&self, subject: &str, text: &str) -> String {
        let mut connection = TcpStream::connect(self.nats.address()).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let bytes = text.len();
        write!(
            connection,
            "CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB {subject} answer {bytes}\r\n{text}\r\n"
        )
        .unwrap();
        let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
        lines.find(|line| line.starts_with("MSG answer")).unwrap();
        lines.next().unwrap()
    }
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::task::yield_now().await;
    }
}

/// How many records there are at a path.
async fn count(server: &Server, path: &str) -> usize {
    server.get(path).await.has(200).json().as_array().map_or(0, Vec::len)
}

/// A number in a process's metrics; the first line that begins so.
async fn metric(server: &Server, begins: &str) -> f64 {
    let text = server.get("/metrics").await.has(200).text;
    let line = text.lines().find(|line| line.starts_with(begins)).unwrap_or_else(|| panic!("no {begins}"));
    line.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap()
}

fn words(answer: &Value) -> Vec<&str> {
    answer.as_array().into_iter().flatten().map(|one| one["status"].as_str().unwrap_or_default()).collect()
}
