//! Records that are taken together, and what is answered of each.

use std::io::Write as _;

use pintle_pipeline::Taken;
use pintle_query::pipeline::Record;

use super::Posting;
use crate::status::{self, Surface};

/// Records in the order in which they came, those with mistakes among them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Those that are to be taken.
    records: Vec<Record>,
    /// How the answer of each begins, one behind the other: with its place and its id.
    heads: Vec<u8>,
    /// For each, where its beginning ends, and the error of one with a mistake.
    places: Vec<(usize, Option<Vec<u8>>)>,
    /// Bytes that they came in.
    pub(super) bytes: usize,
}

/// How many became what.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) records: u64,
    pub(super) accepted: u64,
    pub(super) stored: u64,
    pub(super) refused: u64,
    pub(super) dead: u64,
}

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A JSON array.
    Array,
    /// A line each.
    Lines,
    /// A line for each that was not stored.
    Faults,
}

impl Batch {
    /// Reads one more, the one at `index` of all that came.
    pub(super) fn push(&mut self, posting: &Posting, index: u64, json: &[u8]) {
        let Posting { door, asker } = posting;
        self.bytes += json.len();
        let _ = write!(self.heads, "{{\"index\":{index}");
        let error = match door.read(json, asker) {
            Ok(record) => {
                let before = self.heads.len();
                self.heads.extend_from_slice(b",\"id\":");
                if !door.write_id(&record, &mut self.heads) {
                    self.heads.truncate(before);
                }
                self.records.push(record);
                None
            }
            Err(fault) => Some(status::fault(fault, Surface::Plain, asker.caller.role).json()),
        };
        self.places.push((self.heads.len(), error));
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The records that are to be taken, once.
    pub(super) fn records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// Writes what became of each.
    pub(super) fn write(
        self,
        posting: &Posting,
        taken: Vec<Taken>,
        form: Form,
        counts: &mut Counts,
        out: &mut Vec<u8>,
    ) {
        let (mut start, mut taken) = (0, taken.into_iter());
        for (end, refused) in self.places {
            let head = &self.heads[start..end];
            start = end;
            counts.records += 1;
            let (word, error) = match refused {
                Some(error) => ("refused", Some(error)),
                None => match taken.next() {
                    Some(Taken::Dead(error)) => {
                        ("dead", Some(status::error(error, Surface::Plain, posting.asker.caller.role).json()))
                    }
                    Some(Taken::Accepted) => ("accepted", None),
                    _ => ("stored", None),
                },
            };
            match word {
                "refused" => counts.refused += 1,
                "dead" => counts.dead += 1,
                "accepted" => counts.accepted += 1,
                _ => counts.stored += 1,
            }
            if form == Form::Faults && error.is_none() {
                continue;
            }
            if form == Form::Array && !out.ends_with(b"[") {
                out.push(b',');
            }
            out.extend_from_slice(head);
            let _ = write!(out, ",\"status\":\"{word}\"");
            if let Some(error) = error {
                out.extend_from_slice(b",\"error\":");
                out.extend_from_slice(&error);
            }
            out.push(b'}');
            if form != Form::Array {
                out.push(b'\n');
            }
        }
    }
}
