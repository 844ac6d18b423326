//! NDJSON: lines are read while they come, and answered meanwhile.
//!
//! One task reads and cuts batches, another stores them and answers: while one batch is stored, the next is read. Between them, and
//! between answers and the connection, a few wait at the most; so who reads no answers is not read from any further, and a stream
//! of any length takes the same memory.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Incoming;
use pintle_pipeline::lines::Lines;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::batch::{Batch, Counts, Form};
use super::{IDLE_MAX, Posting, failure};
use crate::answer::{self, Answer, NDJSON};
use crate::failure::Failure;
use crate::handle::Ask;

/// Pieces of answers that may wait for the connection.
const PIECES_MAX: usize = 4;
/// Bytes of a batch at the most, so that long records are stored in small ones.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// What the reader hands on.
enum Step {
    Batch(Batch),
    /// What ends the stream before its end.
    End(Failure),
}

/// Takes a stream.
pub(super) fn answer(ask: &Ask<'_>, posting: Posting, body: Incoming) -> Result<Answer, Failure> {
    crate::body::plain(ask.head)?;
    let minimal = ask.head.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let minimal = minimal.flat_map(|value| value.split(',')).any(|word| word.trim() == "return=minimal");
    let line_bytes = usize::try_from(ask.state.model().limits.body_bytes).unwrap_or(usize::MAX);
    let (pieces, answers) = mpsc::channel(PIECES_MAX);
    let (batches, waiting) = mpsc::channel(1);
    let form = if minimal { Form::Faults } else { Form::Lines };
    let reading = Reading { posting: posting.clone(), lines: Lines::new(line_bytes), index: 0, batches };
    tokio::spawn(reading.run(body, line_bytes));
    tokio::spawn(store(posting, waiting, form, pieces));
    Ok(answer::streamed(StatusCode::OK, NDJSON, answers))
}

/// The task that reads.
struct Reading {
    posting: Posting,
    lines: Lines,
    /// How many lines there were.
    index: u64,
    batches: mpsc::Sender<Step>,
}

impl Reading {
    async fn run(mut self, body: Incoming, line_bytes: usize) {
        if let Err(failure) = self.read(body, line_bytes).await {
            // An error is a storing task that has ended.
            let _ = self.batches.send(Step::End(failure)).await;
        }
    }

    async fn read(&mut self, mut body: Incoming, line_bytes: usize) -> Result<(), Failure> {
        let batch_of = self.posting.door.pipeline().batch.clone();
        let mut batch = Batch::default();
        let mut due = None;
        loop {
            let until = due.unwrap_or_else(|| Instant::now() + IDLE_MAX);
            let frame = match tokio::time::timeout_at(until, body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(None) => break,
                Ok(Some(Err(error))) => return Err(crate::body::broke_off(&error)),
                Err(_) if due.is_some() => {
                    self.hand_on(&mut batch).await?;
                    due = None;
                    continue;
                }
                Err(_) => {
                    let message = format!("nothing came for {} s", IDLE_MAX.as_secs());
                    return Err(Failure::new(StatusCode::REQUEST_TIMEOUT, message));
                }
            };
            let mut full = Vec::new();
            let (posting, index) = (&self.posting, &mut self.index);
            let cut = self.lines.push(frame, |line| {
                batch.push(posting, *index, line);
                *index += 1;
                if batch.len() >= batch_of.records || batch.bytes >= BATCH_BYTES_MAX {
                    full.push(std::mem::take(&mut batch));
                }
            });
            for mut batch in full {
                self.hand_on(&mut batch).await?;
                due = None;
            }
            if cut.is_err() {
                self.hand_on(&mut batch).await?;
                let message = format!("the line behind record {} has more than {line_bytes} bytes", self.index);
                return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, message)
                    .hint("each line is one record; `limits.body` sets how long one may be"));
            }
            if batch.len() > 0 && due.is_none() {
                due = Some(Instant::now() + batch_of.wait);
            }
        }
        let (posting, index) = (&self.posting, self.index);
        self.lines.end(|line| batch.push(posting, index, line));
        self.hand_on(&mut batch).await
    }

    async fn hand_on(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        if batch.len() == 0 {
            return Ok(());
        }
        let sent = self.batches.send(Step::Batch(std::mem::take(batch))).await;
        // Nobody stores any more, and why has been told.
        sent.map_err(|_| Failure::bad_request("the stream has ended"))
    }
}

/// The task that stores, and answers. With [`Form::Faults`] the last line tells how many became what.
async fn store(posting: Posting, mut waiting: mpsc::Receiver<Step>, form: Form, pieces: mpsc::Sender<Bytes>) {
    let mut counts = Counts::default();
    let mut ended = None;
    while let Some(step) = waiting.recv().await {
        let mut batch = match step {
            Step::Batch(batch) => batch,
            Step::End(failure) => {
                ended = Some(failure);
                break;
            }
        };
        let mut out = Vec::with_capacity(batch.len() * 64);
        match posting.door.take_patiently(batch.records(), &posting.asker).await {
            Ok(taken) => batch.write(&posting, taken, form, &mut counts, &mut out),
            Err(error) => {
                ended = Some(failure(error, posting.asker.caller.role));
                break;
            }
        }
        if !out.is_empty() && !send(&pieces, out).await {
            return;
        }
    }
    let mut out = Vec::new();
    if let Some(failure) = ended {
        // This record, and all behind it, were not taken, or nobody knows.
        out.extend_from_slice(format!("{{\"index\":{},\"status\":\"failed\",\"error\":", counts.records).as_bytes());
        out.extend_from_slice(&failure.json());
        out.extend_from_slice(b"}\n");
    }
    if form == Form::Faults {
        let Counts { records, accepted, stored, refused, dead } = counts;
        // Only a queue accepts what it does not store itself.
        let accepted = if accepted > 0 { format!(r#""accepted":{accepted},"#) } else { String::new() };
        let all = format!(r#"{{"records":{records},{accepted}"stored":{stored},"refused":{refused},"dead":{dead}}}"#);
        out.extend_from_slice(all.as_bytes());
        out.push(b'\n');
    }
    send(&pieces, out).await;
}

/// Whether the connection took a piece.
async fn send(pieces: &mpsc::Sender<Bytes>, out: Vec<u8>) -> bool {
    matches!(tokio::time::timeout(IDLE_MAX, pieces.send(out.into())).await, Ok(Ok(())))
}
