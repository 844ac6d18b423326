//! Streams: records are read while they come, and answered meanwhile.
//!
//! One task reads and cuts batches, another stores them and answers: while one batch is stored, the next is read. Between them, and
//! between answers and the connection, a few wait at the most; so who reads no answers is not read from any further, and a stream
//! of any length takes the same memory.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};
use pintle_pipeline::lines::Lines;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::batch::{Batch, Counts, Outcome};
use super::reading::{Cut, Reading, Step};
use super::{IDLE_MAX, Posting};
use crate::answer::{self, Answer, NDJSON};
use crate::body::Incoming;
use crate::failure::Failure;
use crate::grpc;
use crate::handle::{Ask, log_failure};

/// Pieces of answers that may wait for the connection.
const PIECES_MAX: usize = 4;

/// Takes a stream of NDJSON.
pub(super) fn answer(ask: &Ask<'_>, posting: Posting, body: Incoming) -> Result<Answer, Failure> {
    crate::body::plain(ask.head)?;
    let minimal = ask.head.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let minimal = minimal.flat_map(|value| value.split(',')).any(|word| word.trim() == "return=minimal");
    let most = posting.record_bytes();
    let form = if minimal { Form::Faults } else { Form::Lines };
    let (answers, _) = begin(posting, ask.id.clone(), Cut::Lines(Lines::new(most), most), body, form, None);
    Ok(answer::streamed(StatusCode::OK, NDJSON, answers))
}

/// How a stream is answered.
pub(super) enum Form {
    /// A line each.
    Lines,
    /// A line for each that was not stored, and a last one that tells how many became what.
    Faults,
    /// A message each.
    Outcomes,
    /// One message.
    Summary(grpc::Summary),
}

/// Begins to read a stream, and to store what comes; until a moment, if it must end then. What is answered, and what stands behind.
pub(super) fn begin(
    posting: Posting,
    id: HeaderValue,
    cut: Cut,
    body: Incoming,
    form: Form,
    until: Option<Instant>,
) -> (mpsc::Receiver<Bytes>, oneshot::Receiver<HeaderMap>) {
    let (pieces, answers) = mpsc::channel(PIECES_MAX);
    let (behind, trailers) = oneshot::channel();
    let (batches, waiting) = mpsc::channel(1);
    let head = Arc::clone(&posting.head);
    tokio::spawn(Reading { posting, cut, batches }.run(body));
    tokio::spawn(Storing { head, id, waiting, form, until, counts: Counts::default() }.run(pieces, behind));
    (answers, trailers)
}

/// The task that stores, and answers.
struct Storing {
    /// The request, for the log.
    head: Arc<Parts>,
    id: HeaderValue,
    waiting: mpsc::Receiver<Step>,
    form: Form,
    until: Option<Instant>,
    counts: Counts,
}

impl Storing {
    async fn run(mut self, pieces: mpsc::Sender<Bytes>, behind: oneshot::Sender<HeaderMap>) {
        let ended = loop {
            let (mut batch, posting) = match in_time(self.until, self.waiting.recv()).await {
                Ok(Some(Step::Batch(batch, posting))) => (batch, posting),
                Ok(Some(Step::End(failure))) | Err(failure) => break Some(failure),
                Ok(None) => break None,
            };
            let records = batch.records();
            // Who asks for each answer may as well ask again; who is in the midst of a stream waits until there is room.
            let at_once = self.counts.records == 0 && self.form.is_call();
            let taken = in_time(self.until, posting.take(records, at_once)).await;
            let out = match taken.and_then(|taken| taken) {
                Ok(taken) => self.told(batch, &posting, taken),
                Err(failure) => break Some(failure),
            };
            if !out.is_empty() && !send(&pieces, out).await {
                return;
            }
        };
        if let Some(failure) = ended.as_ref().filter(|failure| failure.is_to_be_logged()) {
            log_failure(failure, &self.head, &self.id);
        }
        // What comes is not read any further.
        self.waiting.close();
        let (out, trailers) = self.form.end(&self.counts, ended);
        if out.is_empty() || send(&pieces, out).await {
            // Who has gone needs none.
            let _ = behind.send(trailers);
        }
    }

    /// What is answered of a batch.
    fn told(&mut self, batch: Batch, posting: &Posting, taken: Vec<pintle_pipeline::Taken>) -> Vec<u8> {
        let mut out = Vec::with_capacity(if self.form.tells_each() { batch.len() * 64 } else { 0 });
        let form = &mut self.form;
        batch.tell(posting, taken, &mut self.counts, |outcome| form.tell(&outcome, &mut out));
        out
    }
}

impl Form {
    fn is_call(&self) -> bool {
        matches!(self, Form::Outcomes | Form::Summary(_))
    }

    fn tells_each(&self) -> bool {
        matches!(self, Form::Lines | Form::Outcomes)
    }

    fn tell(&mut self, outcome: &Outcome<'_>, out: &mut Vec<u8>) {
        match self {
            Form::Faults if outcome.failure.is_none() => {}
            Form::Lines | Form::Faults => {
                outcome.write(out);
                out.push(b'\n');
            }
            Form::Outcomes => grpc::outcome(outcome, out),
            Form::Summary(summary) => summary.add(outcome),
        }
    }

    /// The last piece, and what stands behind it.
    fn end(self, counts: &Counts, ended: Option<Failure>) -> (Vec<u8>, HeaderMap) {
        let Counts { records, accepted, stored, refused, dead } = *counts;
        let mut out = Vec::new();
        match self {
            Form::Outcomes | Form::Summary(_) => {
                if let (Form::Summary(summary), None) = (self, &ended) {
                    summary.write(counts, &mut out);
                }
                (out, grpc::end(counts, ended))
            }
            Form::Lines | Form::Faults => {
                if let Some(failure) = ended {
                    // This record, and all behind it, were not taken, or nobody knows.
                    out.extend_from_slice(format!("{{\"index\":{records},\"status\":\"failed\",\"error\":").as_bytes());
                    out.extend_from_slice(&failure.json());
                    out.extend_from_slice(b"}\n");
                }
                if let Form::Faults = self {
                    // Only a queue accepts what it does not store itself.
                    let accepted = if accepted > 0 { format!("\"accepted\":{accepted},") } else { String::new() };
                    let all = format!(
                        "{{\"records\":{records},{accepted}\"stored\":{stored},\"refused\":{refused},\"dead\":{dead}}}\n"
                    );
                    out.extend_from_slice(all.as_bytes());
                }
                (out, HeaderMap::new())
            }
        }
    }
}

/// What comes of something, unless the stream's time is over before.
async fn in_time<F: Future>(until: Option<Instant>, doing: F) -> Result<F::Output, Failure> {
    let Some(until) = until else { return Ok(doing.await) };
    tokio::time::timeout_at(until, doing).await.map_err(|_| {
        Failure::new(StatusCode::GATEWAY_TIMEOUT, "the time that the call had is over")
            .hint("what was sent and not answered may be stored all the same")
    })
}

/// Whether the connection took a piece.
async fn send(pieces: &mpsc::Sender<Bytes>, piece: Vec<u8>) -> bool {
    matches!(tokio::time::timeout(IDLE_MAX, pieces.send(piece.into())).await, Ok(Ok(())))
}
