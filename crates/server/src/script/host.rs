//! The world of a call: the app's data inside the call's transaction, the network, the log.

use std::collections::BTreeSet;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use pintle_model::CollectionId;
use pintle_script::{DbAnswer, DbRequest, Ended, FetchRequest, Fetched, Host, Level};
use pintle_store::{Error, Tx};
use tokio::sync::OwnedSemaphorePermit;

use super::Why;
use super::call::Work;
use super::outbox::Letter;
use super::sql;
use crate::failure::Failure;
use crate::rest::within::{self, Inside, Refused};

/// Lines that one call may log; what follows is counted.
const LINES_MAX: usize = 200;
/// Bytes of a line; the rest is cut off.
const LINE_BYTES_MAX: usize = 8 << 10;
/// Requests that one call may have sent after it.
const LETTERS_MAX: usize = 100;

/// One attempt of a call.
pub(super) struct World<'a> {
    pub(super) work: &'a Work,
    pub(super) tx: &'a mut (dyn Tx + 'a),
    pub(super) said: Said,
}

/// What an attempt leaves beside its answer and what it wrote.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) log: Log,
    /// What is sent when the attempt was kept.
    pub(super) letters: Vec<Letter>,
    letters_bytes: usize,
    /// What it looked into.
    pub(super) reads: BTreeSet<CollectionId>,
    /// Why the call cannot go on.
    pub(super) ended: Option<Why>,
    /// What it waits for, with its place among those that do.
    pub(super) waits: Option<(FetchRequest, OwnedSemaphorePermit)>,
}

/// What a call logs.
#[derive(Debug, Default)]
pub(super) struct Log {
    lines: Vec<(Level, String)>,
    more: usize,
}

impl World<'_> {
    /// An answer of the data API's, or the end of the call.
    fn answer(&mut self, refused: Refused) -> Result<DbAnswer, Ended> {
        match refused {
            Refused::Told(failure) => Ok(error(&failure)),
            Refused::Mistake(failure) => Ok(mistake(*failure)),
            Refused::Store(error) => {
                self.said.ended = Some(Why::Store(error));
                Err(Ended)
            }
        }
    }

    /// Whether somebody still waits for the answer.
    fn go_on(&mut self) -> Result<(), Ended> {
        if self.work.gone.is_set() {
            self.said.ended = Some(Why::Store(Error::Timeout));
            return Err(Ended);
        }
        Ok(())
    }
}

impl Host for World<'_> {
    fn database(&mut self, request: &DbRequest) -> Result<DbAnswer, Ended> {
        self.go_on()?;
        let Ok(method) = Method::from_bytes(request.method.as_bytes()) else {
            return Ok(error(&Failure::bad_request(format!("there is no method {}", request.method))));
        };
        if !self.work.writes && method != Method::GET && method != Method::HEAD {
            return Ok(mistake(reads_only()));
        }
        let asked = Inside {
            method,
            collection: &request.collection,
            query: &request.query,
            prefer: &request.prefer,
            single: request.single,
            body: request.body.as_deref().unwrap_or_default(),
        };
        match within::run(self.tx, &self.work.planner, &self.work.acting, &asked) {
            Ok(done) => {
                self.said.reads.extend(done.reads);
                Ok(DbAnswer { status: done.status.as_u16(), body: done.body, count: done.count })
            }
            Err(refused) => self.answer(refused),
        }
    }

    fn sql(&mut self, text: &str, params: &Bytes) -> Result<DbAnswer, Ended> {
        self.go_on()?;
        let Work { planner, acting, writes, .. } = self.work;
        match sql::run(self.tx, planner, acting, text, params, *writes) {
            Ok((rows, reads)) => {
                self.said.reads.extend(reads);
                Ok(DbAnswer { status: 200, count: Some(rows.len), body: rows.json })
            }
            Err(refused) => self.answer(refused),
        }
    }

    fn fetch(&mut self, request: FetchRequest) -> Result<Fetched, Ended> {
        self.go_on()?;
        let work = self.work;
        if !work.writes {
            let Some(place) = work.fetcher.place() else {
                self.said.ended = Some(Why::Crowded);
                return Err(Ended);
            };
            self.said.waits = Some((request, place));
            return Ok(Fetched::Waits);
        }
        if self.said.letters.len() == LETTERS_MAX {
            return Ok(Fetched::Failed(format!(
                "one call may send {LETTERS_MAX} requests, and this would be one more"
            )));
        }
        Ok(match work.fetcher.letter(request) {
            Ok(letter) => {
                let (bytes, bytes_max) = (self.said.letters_bytes.saturating_add(letter.bytes), work.letters_bytes_max);
                if bytes > bytes_max {
                    return Ok(Fetched::Failed(format!(
                        "the requests that one call sends may have {bytes_max} bytes together, and with this one they have {bytes}"
                    )));
                }
                self.said.letters_bytes = bytes;
                self.said.letters.push(letter);
                Fetched::AfterCommit
            }
            Err(reason) => Fetched::Failed(reason),
        })
    }

    fn log(&mut self, level: Level, message: &str) {
        self.said.log.add(level, message);
    }

    fn random(&mut self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // What follows from bytes that can be guessed is worse than no answer.
            panic!("the system has no randomness: {error}");
        }
    }
}

fn error(failure: &Failure) -> DbAnswer {
    DbAnswer { status: failure.status.as_u16(), body: failure.json().into(), count: None }
}

/// The same, where the script itself is wrong.
fn mistake(mut failure: Failure) -> DbAnswer {
    failure.code.get_or_insert("XX000");
    failure.status = StatusCode::INTERNAL_SERVER_ERROR;
    error(&failure)
}

fn reads_only() -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "a GET only reads, so its script cannot write")
        .code("25006")
        .hint("let POST, PUT, PATCH or DELETE call the script that writes")
}

impl Log {
    fn add(&mut self, level: Level, message: &str) {
        if self.lines.len() == LINES_MAX {
            self.more += 1;
            return;
        }
        let mut end = message.len().min(LINE_BYTES_MAX);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        self.lines.push((level, message[..end].to_owned()));
    }

    /// Writes the lines, each with the request's id and the script that said it.
    pub(super) fn write(&self, id: &str, script: &str) {
        for (level, message) in &self.lines {
            match level {
                Level::Debug => tracing::debug!(target: "pintle::script", id, script, "{message}"),
                Level::Info => tracing::info!(target: "pintle::script", id, script, "{message}"),
                Level::Warn => tracing::warn!(target: "pintle::script", id, script, "{message}"),
                Level::Error => tracing::error!(target: "pintle::script", id, script, "{message}"),
            }
        }
        if self.more > 0 {
            tracing::warn!(target: "pintle::script", id, script, lines = self.more, "the script logged more than is kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_bounded_in_lines_and_their_length() {
        let mut log = Log::default();
        log.add(Level::Info, &"é".repeat(LINE_BYTES_MAX));
        assert_eq!(log.lines[0].1.len(), LINE_BYTES_MAX);
        for _ in 0..LINES_MAX + 1 {
            log.add(Level::Info, "x");
        }
        assert_eq!((log.lines.len(), log.more), (LINES_MAX, 2));
    }
}
