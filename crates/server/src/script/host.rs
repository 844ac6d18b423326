//! The world of a call: the app's data inside the call's transaction, the network, the log.

use std::collections::BTreeSet;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use pintle_model::CollectionId;
use pintle_query::Read;
use pintle_script::{DbAnswer, DbRequest, Ended, FetchRequest, Fetched, Host, Level};
use pintle_store::{Error, Rows, Tx};
use tokio::sync::OwnedSemaphorePermit;

use super::Why;
use super::call::Work;
use super::outbox::Letter;
use super::sql;
use crate::failure::Failure;
use crate::rest::within::{self, Done, Inside, Look, Refused};

/// Lines that one call may log; what follows is counted.
const LINES_MAX: usize = 200;
/// Bytes of a line; the rest is cut off.
const LINE_BYTES_MAX: usize = 8 << 10;
/// Requests that one call may have sent after it.
const LETTERS_MAX: usize = 100;

/// One attempt of a call.
pub(super) struct World<'a> {
    pub(super) work: &'a Work,
    pub(super) data: Data<'a>,
    pub(super) said: Said,
}

/// How a call reaches its app's data.
pub(super) enum Data<'a> {
    /// By steps of a transaction, on a thread that may wait.
    Steps(&'a mut (dyn Tx + 'a)),
    /// It stops for each read, and whoever called it brings the answer. Where it has stopped for nothing of this, it is for an answer from
    /// elsewhere, and nothing is sent yet.
    Stops(Option<Asked>),
}

/// What a call that only reads has stopped for.
pub(super) enum Asked {
    /// `db.from(…)`
    Look(Box<Look>),
    /// `db.sql(…)`
    Statement(Box<Read>),
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
    /// What the script is told of what a read has found.
    pub(super) fn found(&mut self, asked: &Asked, found: Result<Rows, Error>) -> Result<DbAnswer, Ended> {
        let told = match asked {
            Asked::Look(look) => look.told(found),
            Asked::Statement(read) => found.map(|rows| of_statement(read, rows)).map_err(|error| self.refused(error)),
        };
        self.done(told)
    }

    fn refused(&self, error: Error) -> Refused {
        within::refused(error, self.work.acting.caller.role)
    }

    fn done(&mut self, told: Result<Done, Refused>) -> Result<DbAnswer, Ended> {
        match told {
            Ok(Done { status, body, count, reads }) => {
                self.said.reads.extend(reads);
                Ok(DbAnswer { status: status.as_u16(), body, count })
            }
            Err(refused) => self.answer(refused),
        }
    }

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
    fn database(&mut self, request: &DbRequest) -> Result<Option<DbAnswer>, Ended> {
        self.go_on()?;
        let Ok(method) = Method::from_bytes(request.method.as_bytes()) else {
            return Ok(Some(error(&Failure::bad_request(format!("there is no method {}", request.method)))));
        };
        if !self.work.writes && method != Method::GET && method != Method::HEAD {
            return Ok(Some(mistake(reads_only())));
        }
        let asked = Inside {
            method,
            collection: &request.collection,
            query: &request.query,
            prefer: &request.prefer,
            single: request.single,
            body: request.body.as_deref().unwrap_or_default(),
        };
        let (planner, acting) = (&self.work.planner, &self.work.acting);
        let told = match &mut self.data {
            Data::Steps(tx) => within::run(*tx, planner, acting, &asked),
            Data::Stops(stop) => match Look::of(planner, acting, &asked) {
                Ok(look) => {
                    *stop = Some(Asked::Look(Box::new(look)));
                    return Ok(None);
                }
                Err(refused) => Err(refused),
            },
        };
        self.done(told).map(Some)
    }

    fn sql(&mut self, text: &str, params: &Bytes) -> Result<Option<DbAnswer>, Ended> {
        self.go_on()?;
        let Work { planner, acting, writes, .. } = self.work;
        let read = match sql::planned(planner, acting, text, params, *writes) {
            Ok(read) => read,
            Err(refused) => return self.answer(refused).map(Some),
        };
        match &mut self.data {
            Data::Steps(tx) => {
                let found = tx.read(&read);
                self.found(&Asked::Statement(Box::new(read)), found).map(Some)
            }
            Data::Stops(stop) => {
                *stop = Some(Asked::Statement(Box::new(read)));
                Ok(None)
            }
        }
    }

    fn fetch(&mut self, request: FetchRequest) -> Result<Fetched, Ended> {
        self.go_on()?;
        let work = self.work;
        if matches!(self.data, Data::Stops(_)) {
            return Ok(Fetched::Waits);
        }
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

fn of_statement(read: &Read, rows: Rows) -> Done {
    Done { status: StatusCode::OK, body: rows.json, count: Some(rows.len), reads: read.plan.reads.clone() }
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
