//! A service that does what a test wants, on a raw connection: it says that it is ready, and hands all else to the test.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A request's head as it came, and the connection on which its body may follow.
pub(super) struct Came {
    pub(super) head: String,
    /// What of the body came with the head.
    pub(super) begun: Vec<u8>,
    pub(super) stream: TcpStream,
    /// How many requests came before it.
    pub(super) before: usize,
}

pub(super) struct Fake {
    pub(super) url: String,
    /// The heads of all requests but those for its health.
    pub(super) heads: Arc<Mutex<Vec<String>>>,
    /// Whether it says that it is ready.
    pub(super) ready: Arc<AtomicBool>,
    _task: JoinSet<()>,
}

impl Fake {
    /// Each request has a connection of its own, which is closed when `answer` ends.
    pub(super) async fn new<F>(answer: impl Fn(Came) -> F + Send + Sync + 'static) -> Fake
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (heads, ready) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
        let mut task = JoinSet::new();
        task.spawn(serve(listener, Arc::clone(&heads), Arc::clone(&ready), Arc::new(answer)));
        Fake { url, heads, ready, _task: task }
    }

    /// One that answers everything with this text.
    pub(super) async fn saying(text: &'static str) -> Fake {
        Fake::new(move |mut came| async move { came.answer("200 OK", "", text).await }).await
    }

    pub(super) fn head(&self, at: usize) -> String {
        self.heads.lock().unwrap()[at].clone()
    }

    pub(super) fn count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

async fn serve<F>(
    listener: TcpListener,
    heads: Arc<Mutex<Vec<String>>>,
    ready: Arc<AtomicBool>,
    answer: Arc<impl Fn(Came) -> F + Send + Sync + 'static>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let count = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (heads, ready) = (Arc::clone(&heads), Arc::clone(&ready));
        let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
        connections.spawn(async move {
            let Some(mut came) = Came::read(stream).await else { return };
            if came.head.starts_with("GET /health/ready ") {
                let status = if ready.load(Ordering::SeqCst) { "200 OK" } else { "503 Service Unavailable" };
                return came.answer(status, "", "{}").await;
            }
            came.before = count.fetch_add(1, Ordering::SeqCst);
            heads.lock().unwrap().push(came.head.clone());
            answer(came).await;
        });
    }
}

impl Came {
    async fn read(mut stream: TcpStream) -> Option<Came> {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let begun = bytes.split_off(at + 4);
                return Some(Came { head: String::from_utf8(bytes).unwrap(), begun, stream, before: 0 });
            }
            let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
            bytes.extend_from_slice(&piece[..count]);
        }
    }

    /// Answers, with more headers, and says that the connection ends. A reader that went away is no fault of the test's.
    pub(super) async fn answer(&mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}");
        let _ = self.stream.write_all(text.as_bytes()).await;
        let _ = self.stream.shutdown().await;
    }

    /// The body as it came, until this ends it.
    pub(super) async fn body_to(&mut self, end: &str) -> String {
        let mut piece = [0; 4096];
        while !self.begun.ends_with(end.as_bytes()) {
            let count = self.stream.read(&mut piece).await.unwrap();
            assert!(count > 0, "the body breaks off");
            self.begun.extend_from_slice(&piece[..count]);
        }
        String::from_utf8(self.begun.clone()).unwrap()
    }
}
