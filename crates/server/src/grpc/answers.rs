//! What is answered to a call that brings records.

use hyper::HeaderMap;

use super::wire::{integer, message, text};
use super::{messages, status};
use crate::failure::Failure;
use crate::pipeline::{Became, Counts, Outcome};

/// Faults that are told of one by one, and bytes of them: a client takes a few megabytes in one message.
const FAULTS_MAX: usize = 100;
const FAULT_BYTES_MAX: usize = 256 << 10;

/// The first of the records that were not stored, while others come.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    faults: Vec<u8>,
    told: usize,
}

impl Summary {
    /// Keeps what became of a record, if there is something to be told and room for it.
    pub(crate) fn add(&mut self, outcome: &Outcome<'_>) {
        if outcome.failure.is_some() && self.told < FAULTS_MAX && self.faults.len() < FAULT_BYTES_MAX {
            self.told += 1;
            message(&mut self.faults, 6, |out| write(outcome, out));
        }
    }

    /// Writes it, framed.
    pub(crate) fn write(&self, counts: &Counts, out: &mut Vec<u8>) {
        messages::write(out, |out| {
            integer(out, 1, counts.records);
            integer(out, 2, counts.stored);
            integer(out, 3, counts.accepted);
            integer(out, 4, counts.refused);
            integer(out, 5, counts.dead);
            out.extend_from_slice(&self.faults);
        });
    }
}

/// Writes what became of a record, framed.
pub(crate) fn outcome(outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    messages::write(out, |out| write(outcome, out));
}

fn write(outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    integer(out, 1, outcome.index);
    // As numbers of `Status`.
    let status = match outcome.became {
        Became::Stored => 1,
        Became::Dead => 2,
        Became::Refused => 3,
        Became::Accepted => 4,
        Became::Failed => 5,
    };
    integer(out, 2, status);
    match outcome.id {
        b"" | b"null" => {}
        // A text stands for itself.
        [b'"', ..] => text(out, 3, &serde_json::from_slice::<String>(outcome.id).unwrap_or_default()),
        id => text(out, 3, &String::from_utf8_lossy(id)),
    }
    if let Some(failure) = &outcome.failure {
        message(out, 4, |out| status::error(out, failure));
    }
}

/// What stands behind the answer: that all is well, or what ended it before its time, and how far it was.
pub(crate) fn end(counts: &Counts, ended: Option<Failure>) -> HeaderMap {
    let Some(mut failure) = ended else { return status::good() };
    if counts.records > 0 {
        let Counts { records, accepted, stored, refused, dead } = counts;
        let kept = if *accepted > 0 { format!("{accepted} accepted") } else { format!("{stored} stored") };
        let of = if *records == 1 { "record" } else { "records" };
        let told = format!("before that {records} {of}: {kept}, {refused} refused, {dead} dead");
        failure.message = format!("{}; {told}", failure.message);
    }
    status::failed(&failure)
}
