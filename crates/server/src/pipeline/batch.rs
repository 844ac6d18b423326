//! Records that are taken together, and what is answered of each.

use std::io::Write as _;

use hyper::StatusCode;
use pintle_pipeline::Taken;
use pintle_query::pipeline::Record;

use super::Posting;
use crate::failure::Failure;
use crate::status::{self, Surface};

/// Records in the order in which they came, those with mistakes among them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Those that are to be taken.
    records: Vec<Record>,
    /// The ids of all as JSON, one behind the other; nothing of one that has none.
    ids: Vec<u8>,
    /// For each, where its id ends, and what is wrong with it.
    places: Vec<(usize, Option<Box<Failure>>)>,
    /// Bytes that they came in.
    pub(super) bytes: usize,
}

/// How many became what.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) records: u64,
    pub(crate) accepted: u64,
    pub(crate) stored: u64,
    pub(crate) refused: u64,
    pub(crate) dead: u64,
}

/// What became of a record.
#[derive(Debug)]
pub(crate) struct Outcome<'b> {
    /// Its place among all that came.
    pub(crate) index: u64,
    /// Its id as JSON; empty if it has none.
    pub(crate) id: &'b [u8],
    pub(crate) became: Became,
    /// Why, where it is not stored.
    pub(crate) failure: Option<Box<Failure>>,
}

/// What a record became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Became {
    /// It is in the queue.
    Accepted,
    Stored,
    Dead,
    Refused,
    /// There was no room for it, or nobody knows.
    Failed,
}

impl Became {
    fn word(self) -> &'static str {
        match self {
            Became::Accepted => "accepted",
            Became::Stored => "stored",
            Became::Dead => "dead",
            Became::Refused => "refused",
            Became::Failed => "failed",
        }
    }
}

impl Batch {
    /// Reads one more, or keeps why it cannot be read.
    pub(super) fn push(&mut self, posting: &Posting, json: Result<&[u8], Failure>) {
        let Posting { door, asker, .. } = posting;
        self.bytes += json.as_ref().map_or(0, |json| json.len());
        let read = match json {
            Ok(json) => door.read(json, asker).map_err(|fault| status::fault(fault, Surface::Plain, asker.caller.role)),
            Err(failure) => {
                door.refused();
                Err(failure)
            }
        };
        let failure = match read {
            Ok(record) => {
                door.write_id(&record, &mut self.ids);
                self.records.push(record);
                None
            }
            Err(failure) => Some(Box::new(failure)),
        };
        self.places.push((self.ids.len(), failure));
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The records that are to be taken, once.
    pub(super) fn records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// Tells what became of each, and counts it.
    pub(super) fn tell(
        self,
        posting: &Posting,
        taken: Vec<Taken>,
        counts: &mut Counts,
        mut each: impl FnMut(Outcome<'_>),
    ) {
        let (mut start, mut taken) = (0, taken.into_iter());
        for (end, refused) in self.places {
            let (became, failure) = match refused {
                Some(failure) => (Became::Refused, Some(failure)),
                None => match taken.next() {
                    Some(Taken::Accepted) => (Became::Accepted, None),
                    Some(Taken::Stored) => (Became::Stored, None),
                    Some(Taken::Dead(error)) => {
                        let failure = status::error(error, Surface::Plain, posting.asker.caller.role);
                        (Became::Dead, Some(Box::new(failure)))
                    }
                    Some(Taken::TurnedAway(error)) => {
                        (Became::Failed, Some(Box::new(super::failure(error, posting.asker.caller.role))))
                    }
                    // What nothing is known of is promised to nobody.
                    None => {
                        let failure = Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
                        (Became::Failed, Some(Box::new(failure.hint("send it again"))))
                    }
                },
            };
            match became {
                Became::Accepted => counts.accepted += 1,
                Became::Stored => counts.stored += 1,
                Became::Dead => counts.dead += 1,
                Became::Refused => counts.refused += 1,
                Became::Failed => {}
            }
            each(Outcome { index: counts.records, id: &self.ids[start..end], became, failure });
            counts.records += 1;
            start = end;
        }
    }
}

impl Outcome<'_> {
    /// Writes it as JSON.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "{{\"index\":{}", self.index);
        if !self.id.is_empty() {
            out.extend_from_slice(b",\"id\":");
            out.extend_from_slice(self.id);
        }
        let _ = write!(out, ",\"status\":\"{}\"", self.became.word());
        if let Some(failure) = &self.failure {
            out.extend_from_slice(b",\"error\":");
            out.extend_from_slice(&failure.json());
        }
        out.push(b'}');
    }
}
