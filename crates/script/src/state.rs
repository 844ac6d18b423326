//! What one call has of Rust: what it was asked, what it asks, what became of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::random::Random;
use crate::{DbRequest, Failure, FetchRequest, Level, Request, Response};

/// Requests to the host that may wait at once.
const ASKED_MAX: usize = 10_000;
/// Bytes that a call may write to the log.
const LOGGED_BYTES_MAX: usize = 64 << 10;
/// Promises that were rejected and that nobody waited for, of which the text is kept.
const REJECTED_MAX: usize = 16;

/// What an instance and the functions of Rust in it share.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) state: Mutex<State>,
}

/// When a call must end.
pub(crate) struct Clock {
    since: Instant,
    /// Nanoseconds after `since`.
    end: AtomicU64,
    over: AtomicBool,
}

impl Clock {
    /// Begins a call that may take so long.
    pub(crate) fn begin(&self, time: Duration) {
        let end = (self.since.elapsed() + time).as_nanos();
        self.end.store(u64::try_from(end).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.over.store(false, Ordering::Relaxed);
    }

    /// Whether the time is over; from then on it stays over.
    pub(crate) fn is_over(&self) -> bool {
        if self.since.elapsed().as_nanos() >= u128::from(self.end.load(Ordering::Relaxed)) {
            self.over.store(true, Ordering::Relaxed);
        }
        self.was_over()
    }

    /// Whether somebody has seen that it is over.
    pub(crate) fn was_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// What a script asks of its host, in its order.
pub(crate) enum Asked {
    Log(Level, String),
    Database { id: u32, request: DbRequest, picture: Option<String> },
    Sql { id: u32, text: String, params: Bytes, picture: Option<String> },
    Fetch { id: u32, request: FetchRequest },
    Picture { id: u32, options: String, rows: String },
    Batch { id: u32, rows: Bytes },
}

impl Asked {
    /// Bytes that it takes outside the script's own memory.
    fn bytes(&self) -> usize {
        match self {
            Asked::Log(_, text) => text.len(),
            Asked::Database { request, .. } => request.query.len() + request.body.as_ref().map_or(0, Bytes::len),
            Asked::Sql { text, params, .. } => text.len() + params.len(),
            Asked::Fetch { request, .. } => request.url.len() + request.body.as_ref().map_or(0, Bytes::len),
            Asked::Picture { rows, .. } => rows.len(),
            Asked::Batch { rows, .. } => rows.len(),
        }
    }
}

/// The state of a call.
pub(crate) struct State {
    /// `None` while the script's top level runs: there is no host then.
    pub(crate) request: Option<Arc<Request>>,
    pub(crate) asked: VecDeque<Asked>,
    asked_bytes: usize,
    pub(crate) outcome: Option<Result<Response, Failure>>,
    pub(crate) random: Random,
    logged_bytes: usize,
    /// Promises that were rejected and that nobody waits for yet: a key, and what they were rejected with.
    pub(crate) rejected: Vec<(u64, String)>,
    pub(crate) output_bytes_max: usize,
    pub(crate) asked_bytes_max: usize,
}

impl Shared {
    /// For an instance whose calls answer at most `output_bytes` and hold at most `memory_bytes`.
    pub(crate) fn new(output_bytes: usize, memory_bytes: usize) -> Arc<Shared> {
        let clock = Clock { since: Instant::now(), end: AtomicU64::new(0), over: AtomicBool::new(false) };
        let state = State {
            request: None,
            asked: VecDeque::new(),
            asked_bytes: 0,
            outcome: None,
            random: Random::new([0; 32]),
            logged_bytes: 0,
            rejected: Vec::new(),
            output_bytes_max: output_bytes,
            asked_bytes_max: memory_bytes,
        };
        Arc::new(Shared { clock, state: Mutex::new(state) })
    }
}

impl State {
    /// Forgets the last call, and begins one.
    pub(crate) fn begin(&mut self, request: Option<Arc<Request>>, seed: [u8; 32]) {
        self.request = request;
        self.asked.clear();
        self.asked_bytes = 0;
        self.outcome = None;
        self.random = Random::new(seed);
        self.logged_bytes = 0;
        self.rejected.clear();
    }

    /// Asks the host for something.
    ///
    /// # Errors
    /// A message: nobody is there, or too much waits.
    pub(crate) fn ask(&mut self, asked: Asked) -> Result<(), String> {
        if self.request.is_none() {
            return Err("this works while a request is answered, not at the top level of a script".to_owned());
        }
        let bytes = self.asked_bytes.saturating_add(asked.bytes());
        if self.asked.len() >= ASKED_MAX || bytes > self.asked_bytes_max {
            return Err("too much is asked for at once: await what was asked for before".to_owned());
        }
        self.asked_bytes = bytes;
        self.asked.push_back(asked);
        Ok(())
    }

    /// The next thing that the script asks for.
    pub(crate) fn next(&mut self) -> Option<Asked> {
        let next = self.asked.pop_front()?;
        self.asked_bytes -= next.bytes();
        Some(next)
    }

    /// Writes a line to the log, as far as there is room.
    pub(crate) fn log(&mut self, level: Level, text: String) {
        let before = self.logged_bytes;
        self.logged_bytes = before.saturating_add(text.len() + 1);
        let line = if self.logged_bytes <= LOGGED_BYTES_MAX {
            Asked::Log(level, text)
        } else if before <= LOGGED_BYTES_MAX {
            let text = format!("the script logs more than {LOGGED_BYTES_MAX} bytes in one call: the rest is left out");
            Asked::Log(Level::Warn, text)
        } else {
            return;
        };
        self.asked_bytes += line.bytes();
        self.asked.push_back(line);
    }

    /// A promise was rejected and nobody waits for it.
    pub(crate) fn reject(&mut self, key: u64, text: impl FnOnce() -> String) {
        let text = if self.rejected.len() < REJECTED_MAX { text() } else { String::new() };
        self.rejected.push((key, text));
    }
}
