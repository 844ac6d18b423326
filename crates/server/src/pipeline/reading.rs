//! The task that reads a stream: it cuts what comes into records, and those into batches.

use std::sync::Arc;

use bytes::Bytes;
use pintle_pipeline::lines::Lines;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::batch::Batch;
use super::{IDLE_MAX, Posting, silent, too_long};
use crate::body::Incoming;
use crate::failure::Failure;
use crate::grpc::{Layout, Messages};

/// Bytes of a batch at the most, so that long records are stored in small ones.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// What the reader hands on.
pub(super) enum Step {
    /// A batch, and who posts it.
    Batch(Batch, Posting),
    /// What ends the stream before its end.
    End(Failure),
}

/// How a stream is cut into records.
pub(super) enum Cut {
    /// Lines of JSON, and bytes of one at the most.
    Lines(Lines, usize),
    /// Messages of gRPC, how they are read, and room for one as JSON.
    Messages(Messages, Arc<Layout>, Vec<u8>),
}

impl Cut {
    /// Takes the next record off what came and hands it to `each`, as JSON. Whether there may be more.
    fn next(&mut self, chunk: &mut Bytes, mut each: impl FnMut(Result<&[u8], Failure>)) -> Result<bool, Failure> {
        match self {
            Cut::Lines(lines, most) => Ok(lines.next(chunk, |line| each(line.map_err(|_| too_long(*most))))),
            Cut::Messages(messages, layout, json) => {
                messages.push(&std::mem::take(chunk));
                let taken = messages.next(|message| {
                    json.clear();
                    let read = message.and_then(|message| layout.json(message, json));
                    each(read.map(|()| json.as_slice()));
                });
                Ok(taken?.is_some())
            }
        }
    }

    /// Hands over what stands at the stream's end.
    fn end(&mut self, mut each: impl FnMut(Result<&[u8], Failure>)) -> Result<(), Failure> {
        match self {
            Cut::Lines(lines, most) => lines.end(|line| each(line.map_err(|_| too_long(*most)))),
            Cut::Messages(messages, ..) if !messages.is_whole() => {
                return Err(Failure::bad_request("the stream ended within a message"));
            }
            Cut::Messages(..) => {}
        }
        Ok(())
    }
}

/// The task that reads.
pub(super) struct Reading {
    pub(super) posting: Posting,
    pub(super) cut: Cut,
    pub(super) batches: mpsc::Sender<Step>,
}

impl Reading {
    /// Reads to the end, or as long as somebody stores what is read.
    pub(super) async fn run(mut self, body: Incoming) {
        let batches = self.batches.clone();
        let read = tokio::select! {
            read = self.read(body) => read,
            () = batches.closed() => return,
        };
        if let Err(failure) = read {
            // An error is a storing task that has ended.
            let _ = batches.send(Step::End(failure)).await;
        }
    }

    async fn read(&mut self, mut body: Incoming) -> Result<(), Failure> {
        let batch_of = self.posting.door.pipeline().batch.clone();
        let mut batch = Batch::default();
        let mut due = None;
        loop {
            let until = due.unwrap_or_else(|| Instant::now() + IDLE_MAX);
            let mut chunk = match tokio::time::timeout_at(until, crate::body::piece(&mut body)).await {
                Ok(piece) => match piece? {
                    Some(chunk) => chunk,
                    None => break,
                },
                // As long as others are being stored, more may come: each batch costs the store something.
                Err(_) if due.is_some() => tokio::select! {
                    biased;
                    room = self.batches.reserve() => {
                        // Where nobody stores any more, nothing is read either.
                        let Ok(room) = room else { return Ok(()) };
                        room.send(Step::Batch(std::mem::take(&mut batch), self.posting.clone()));
                        due = None;
                        continue;
                    }
                    piece = crate::body::piece(&mut body) => match piece? {
                        Some(chunk) => chunk,
                        None => break,
                    },
                },
                Err(_) => return Err(silent()),
            };
            // A stream may take days.
            self.posting.again().await?;
            // No more is cut than a batch before that is handed on: what came may become far more than it is.
            loop {
                let posting = &self.posting;
                match self.cut.next(&mut chunk, |json| batch.push(posting, json)) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(failure) => {
                        self.hand_on(&mut batch).await;
                        return Err(failure);
                    }
                }
                if batch.len() >= batch_of.records || batch.bytes >= BATCH_BYTES_MAX {
                    self.hand_on(&mut batch).await;
                    due = None;
                }
            }
            if batch.len() > 0 && due.is_none() {
                due = Some(Instant::now() + batch_of.wait);
            }
        }
        let posting = &self.posting;
        let end = self.cut.end(|json| batch.push(posting, json));
        self.hand_on(&mut batch).await;
        end
    }

    /// Where nobody stores any more, nothing is read either.
    async fn hand_on(&mut self, batch: &mut Batch) {
        if batch.len() > 0 {
            let _ = self.batches.send(Step::Batch(std::mem::take(batch), self.posting.clone())).await;
        }
    }
}
