//! Whom one person was near on one day.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::by_hand;
use super::event::Event;
use crate::driver::{self, Load};
use crate::fleet::Fleet;
use crate::progress;
use crate::stores::Kind;
use crate::work::{Grammar, Operation, Work};

/// Who is asked about, one after the other.
pub(crate) const ASKED: u64 = 100;
/// How often each.
const TIMES: u64 = 3;

/// What was found.
#[derive(Debug)]
pub(crate) struct Proximity {
    pub(crate) locations: u64,
    /// The locations that each answer holds.
    pub(crate) answers: Vec<BTreeSet<String>>,
    /// The median and the 99th of 100 answers, in milliseconds, over HTTP.
    pub(crate) latency_ms: [f64; 2],
    /// The median of the statement written by hand, in milliseconds.
    pub(crate) by_hand_ms: Option<f64>,
}

impl Proximity {
    /// How many locations an answer holds, on average.
    pub(crate) fn places(&self) -> f64 {
        self.answers.iter().map(BTreeSet::len).sum::<usize>() as f64 / self.answers.len() as f64
    }
}

#[derive(Deserialize)]
struct Place {
    location: Location,
}

#[derive(Deserialize)]
struct Location {
    id: String,
}

/// Fills a store with so many locations, and asks; `beside` the statement, where there is one.
pub(super) fn run(fleet: &Fleet, locations: u64, beside: bool, folder: &Path) -> Result<Proximity> {
    progress(&format!("apps/connect: storing a conference of {locations} locations"));
    let event = Event::start(fleet, locations, folder)?;
    let address = event.server.address;
    let work = || Work {
        operation: Operation::Connection,
        grammar: Grammar::Plain,
        headers: "".into(),
        created: Arc::default(),
    };
    let each = work();
    let answers = (0..ASKED).map(|_| {
        let body = driver::ask(address, &each, 0)?;
        let places: Vec<Place> = serde_json::from_slice(&body).context("the answer is no list of places")?;
        let ids: BTreeSet<String> = places.iter().map(|place| place.location.id.clone()).collect();
        ensure!(ids.len() == places.len(), "a place is told twice");
        Ok(ids)
    });
    let answers = answers.collect::<Result<Vec<_>>>()?;
    let load = Load { connections: 1, time: Duration::from_secs(600), each: ASKED * TIMES };
    let run = driver::drive(address, &work(), load)?;
    let latency_ms = [run.latency_ms(0.5), run.latency_ms(0.99)];
    progress(&format!("near one person on one day: {:.2} ms, 99 % within {:.2} ms", latency_ms[0], latency_ms[1]));
    let by_hand_ms = match fleet.stores.kind() {
        Kind::Postgres if beside => Some(by_hand::median_ms(&event.store, &answers, TIMES)?),
        _ => None,
    };
    Ok(Proximity { locations, answers, latency_ms, by_hand_ms })
}
