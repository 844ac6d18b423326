//! Locations that wait in NATS JetStream, until a worker has stored them in PostgreSQL.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use pintle_testbed::Nats;

use super::event::Event;
use super::ingest::LONG;
use crate::driver::{self, Load};
use crate::fleet::Fleet;
use crate::measure::CONNECTIONS;
use crate::stores::Kind;
use crate::stream::{End, Stream};
use crate::work::{Grammar, Operation, Work};
use crate::{location, progress};

/// How long the last of them may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was found, end to end: until the last one is in PostgreSQL.
#[derive(Debug)]
pub(crate) struct Queued {
    /// Locations a second: of one stream of lines, and one a request.
    pub(crate) rates: [f64; 2],
    /// The processor time of the server with its worker for each, in microseconds, and PostgreSQL's.
    pub(crate) us: [[f64; 2]; 2],
}

/// Measures it, where NATS is installed and the store is PostgreSQL. Files lie in `folder`.
pub(super) fn run(fleet: &Fleet, time: Duration, folder: &Path) -> Result<Option<Queued>> {
    if fleet.stores.kind() != Kind::Postgres || Nats::program().is_none() {
        return Ok(None);
    }
    let nats = Nats::start()?;
    let event = Event::queued(fleet, &nats.url(), folder)?;
    let address = event.server.address;
    let sent = Arc::new(AtomicU64::new(0));
    let stream =
        Stream { address, path: "/api/locations", headers: String::new(), write: location::write, became: "accepted" };
    let (rate, us) = measured(fleet, &event, || {
        stream.send(0, End { records: LONG, time: Duration::MAX })?;
        sent.store(LONG, Ordering::Relaxed);
        Ok(LONG)
    })?;
    let work =
        Work { operation: Operation::Queued, grammar: Grammar::Plain, headers: "".into(), created: Arc::clone(&sent) };
    let (one_rate, one_us) = measured(fleet, &event, || {
        driver::drive(address, &work, Load { connections: CONNECTIONS, time, each: u64::MAX })?;
        Ok(sent.load(Ordering::Relaxed))
    })?;
    Ok(Some(Queued { rates: [rate, one_rate], us: [us, one_us] }))
}

/// How many a second are stored of those that `send` sends, and the processor time of each. It says how many there are then.
fn measured(fleet: &Fleet, event: &Event, send: impl FnOnce() -> Result<u64>) -> Result<(f64, [f64; 2])> {
    let there = event.store.count("locations")?;
    let used = || -> Result<[f64; 2]> { Ok([event.cpu_seconds()?, fleet.stores.cpu_seconds()?]) };
    let (before, begun) = (used()?, Instant::now());
    let all = send()?;
    while event.store.count("locations")? < all {
        ensure!(begun.elapsed() < PATIENCE, "of {all} locations not all are stored");
    }
    let records = (all - there) as f64;
    let (rate, after) = (records / begun.elapsed().as_secs_f64(), used()?);
    progress(&format!("through NATS JetStream: {rate:.0} a second"));
    Ok((rate, [0, 1].map(|at| (after[at] - before[at]) * 1e6 / records)))
}
