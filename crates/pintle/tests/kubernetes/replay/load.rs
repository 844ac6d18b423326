//! Callers, who reach ready pods in turn as a Service's do: reads and writes, each on a connection of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::pod::Endpoint;
use crate::common::PATIENCE;

/// Callers at a time.
pub(crate) const CALLERS: usize = 8;
/// One request of so many writes.
const WRITES: usize = 5;
/// How long a caller thinks between two requests, so that the machine has time for more than them.
const THOUGHT: Duration = Duration::from_millis(10);

/// How long it takes until a pod that ends is known to whoever leads callers to it.
const LAG: Duration = Duration::from_secs(1);

/// The pods that a Service leads to: those of its list that are ready.
#[derive(Clone, Default)]
pub(crate) struct Endpoints(Arc<Mutex<Vec<Endpoint>>>);

impl Endpoints {
    pub(crate) fn add(&self, endpoint: Endpoint) {
        self.0.lock().expect("the endpoints").push(endpoint);
    }

    /// Takes a pod off the list, some time after it began to end.
    pub(crate) fn remove_later(&self, endpoint: &Endpoint) {
        let (all, address) = (Arc::clone(&self.0), endpoint.address);
        std::thread::spawn(move || {
            std::thread::sleep(LAG);
            let mut all = all.lock().expect("the endpoints");
            // The first: the same address may have been given to a new one meanwhile.
            if let Some(at) = all.iter().position(|one| one.address == address) {
                all.remove(at);
            }
        });
    }

    fn next(&self, turn: usize) -> Option<SocketAddr> {
        let all = self.0.lock().expect("the endpoints");
        let ready: Vec<SocketAddr> = all.iter().filter(|one| one.is_ready()).map(|one| one.address).collect();
        ready.get(turn % ready.len().max(1)).copied()
    }
}

/// A request that was not answered as it should be.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) wrote: bool,
    /// The answer, or why there was none.
    pub(crate) what: String,
}

/// What callers saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) answered: usize,
    /// The names of what was stored, as it was answered.
    pub(crate) written: Vec<String>,
    pub(crate) failed: Vec<Failed>,
}

/// Callers at work, until they are told to end.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    callers: Vec<JoinHandle<()>>,
    seen: Arc<Mutex<Seen>>,
}

impl Load {
    /// On an app like `configs`; `run` tells the names of this load from others'.
    pub(crate) fn start(endpoints: &Endpoints, token: &str, run: &str) -> Load {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Seen::default())));
        let turns = Arc::new(AtomicUsize::new(0));
        let caller = |number: usize| {
            let (stop, seen, turns, endpoints) = (stop.clone(), seen.clone(), turns.clone(), endpoints.clone());
            let (token, run) = (token.to_owned(), run.to_owned());
            std::thread::spawn(move || {
                for at in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let name = (at % WRITES == 0).then(|| format!("{run}_{number}_{at}"));
                    let address = endpoints.next(turns.fetch_add(1, Ordering::Relaxed));
                    let answered = address
                        .ok_or_else(|| "no pod is ready".to_owned())
                        .and_then(|address| ask(address, &token, name.as_deref()));
                    let mut seen = seen.lock().expect("what was seen");
                    match answered {
                        Ok(()) => {
                            seen.answered += 1;
                            seen.written.extend(name);
                        }
                        Err(what) => seen.failed.push(Failed { address, wrote: name.is_some(), what }),
                    }
                    drop(seen);
                    std::thread::sleep(THOUGHT);
                }
            })
        };
        Load { callers: (0..CALLERS).map(caller).collect(), stop, seen }
    }

    /// How many requests were answered until now.
    pub(crate) fn answered(&self) -> usize {
        self.seen.lock().expect("what was seen").answered
    }

    /// How many were not.
    pub(crate) fn failed(&self) -> usize {
        self.seen.lock().expect("what was seen").failed.len()
    }

    /// Waits until so many more were answered.
    pub(crate) fn more(&self, count: usize) {
        let (wanted, began) = (self.answered() + count, std::time::Instant::now());
        while self.answered() < wanted {
            assert!(began.elapsed() < PATIENCE, "{} failed", self.failed());
            std::thread::sleep(THOUGHT);
        }
    }

    /// Ends it, after the requests that are under way.
    pub(crate) fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.join().expect("a caller");
        }
        std::mem::take(&mut *self.seen.lock().expect("what was seen"))
    }
}

/// A write with this name, else a read; it must be answered as it should be.
fn ask(address: SocketAddr, token: &str, name: Option<&str>) -> Result<(), String> {
    let body = name.map(|name| format!(r#"{{"name":"{name}","data":[{{"a":1}}]}}"#)).unwrap_or_default();
    let (line, wanted) = if name.is_some() { ("POST /configs", "201") } else { ("GET /configs?limit=3", "200") };
    let talk = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let length = body.len();
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: app\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = talk().map_err(|error| error.to_string())?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    // An answer that was cut off has less than its head says.
    let whole = answer.split_once("\r\n\r\n").is_some_and(|(head, body)| {
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        length == Some(body.len())
    });
    if status == wanted && whole { Ok(()) } else { Err(answer) }
}
