//! Why the steps of a write did not go through. They run where the store wants them to, so they cannot answer.

use pintle_query::{Details, Fault, FaultKind};
use pintle_store::Error;

use crate::failure::Failure;
use crate::handle::Ask;
use crate::status::Surface;

/// Why nothing was written.
#[derive(Debug)]
pub(super) enum Refused {
    /// The request is wrong.
    Fault(Fault),
    /// The store refused or failed.
    Store(Error),
    /// There is no such record.
    Absent,
    /// The record is not the one that `If-Match` names.
    Changed,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Store(error)
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Refused {
        Refused::Fault(fault)
    }
}

impl Refused {
    /// As who asks is told.
    pub(super) fn told(self, ask: &Ask<'_>, key: &str) -> Failure {
        match self {
            Refused::Fault(fault) => of_key(fault, ask, key),
            Refused::Store(error) => ask.error(error, Surface::Plain),
            Refused::Absent => super::absent(key),
            Refused::Changed => super::changed(),
        }
    }
}

/// A request's mistake. A key that is no value of its type names no record.
pub(super) fn of_key(fault: Fault, ask: &Ask<'_>, key: &str) -> Failure {
    if matches!(fault.kind, FaultKind::Value(_)) && fault.details == Details::None {
        return super::absent(key).details(fault.message);
    }
    ask.fault(fault, Surface::Plain)
}
