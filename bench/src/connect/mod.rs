//! `apps/connect`: records that pour in, and who was near whom.
//!
//! 1. [`event`] serves the app as it is shipped, with the conference of its own seed.
//! 2. [`ingest`] lets records in by its doors: one at a time, beside the control; a stream of lines, one of gRPC ([`grpc`]); and through NATS
//!    ([`queue`]).
//! 3. [`proximity`] asks whom one person was near on one day; [`by_hand`] is the statement beside it, on PostgreSQL.

mod by_hand;
mod event;
mod grpc;
mod ingest;
mod proximity;
mod queue;
mod report;

use std::path::Path;

use anyhow::{Context, Result, ensure};

pub(crate) use self::ingest::Ingest;
pub(crate) use self::proximity::{ASKED, Proximity};
pub(crate) use self::queue::Queued;
use crate::fleet::Fleet;
use crate::measure::Plan;

/// How large a conference is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// What phones told; none, and proximity is left out.
    pub(crate) locations: u64,
    /// Whether it is compared with one of ten times as many days.
    pub(crate) longer: bool,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Connect {
    pub(crate) ingest: Ingest,
    /// Nothing where there is no NATS, or the store is not PostgreSQL.
    pub(crate) queued: Option<Queued>,
    /// Of the conference, and of the longer one.
    pub(crate) proximity: Vec<Proximity>,
}

/// Measures all of it. Files lie in `folder`.
pub(crate) fn run(fleet: &Fleet, plan: Plan, scale: Scale, folder: &Path) -> Result<Connect> {
    let ingest = ingest::run(fleet, plan, folder)?;
    let queued = queue::run(fleet, plan.time, folder)?;
    let mut proximity = Vec::new();
    for times in [1, 10] {
        if scale.locations > 0 && (times == 1 || scale.longer) {
            proximity.push(proximity::run(fleet, scale.locations * times, times == 1, folder)?);
        }
    }
    if let [one, longer] = proximity.as_slice() {
        // The first day is the same in both.
        let (answers, of_longer) = (&one.answers, &longer.answers);
        let other = answers.iter().zip(of_longer).position(|(one, longer)| one != longer);
        ensure!(
            other.is_none(),
            "a longer conference has another first day: see person {}",
            other.context("a person")? + 1
        );
    }
    Ok(Connect { ingest, queued, proximity })
}
