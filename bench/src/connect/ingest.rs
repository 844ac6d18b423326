//! Records on their way in: one at a time, and as streams.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::event::Event;
use super::grpc;
use crate::driver::{self, Load};
use crate::fleet::{Fleet, Target};
use crate::measure::{CONNECTIONS, Plan, WARM_UP, median};
use crate::process::Server;
use crate::stream::{End, Stream};
use crate::work::{Grammar, Operation, Work};
use crate::{location, progress};

/// Records of the stream after which memory is looked at; the next one has ten times as many.
pub(super) const RECORDS: u64 = 25_000;
/// Locations of a stream that is measured once.
pub(super) const LONG: u64 = 200_000;

/// What was found: medians of the rounds.
#[derive(Debug)]
pub(crate) struct Ingest {
    /// Locations a second, one a request: into the control, into Pintle.
    pub(crate) ones: [f64; 2],
    /// The servers' processor time for one, in microseconds, and PostgreSQL's.
    pub(crate) one_us: [[f64; 2]; 2],
    /// Records a second of one stream: locations, and what has no point.
    pub(crate) streamed: [f64; 2],
    /// The server's and PostgreSQL's processor time for one of them, in microseconds.
    pub(crate) streamed_us: [[f64; 2]; 2],
    /// Locations a second of one call of gRPC, and the processor times of one.
    pub(crate) called: (f64, [f64; 2]),
    /// The most memory that the server had during a stream, and during one ten times as long, in MiB.
    pub(crate) peak_mib: [f64; 2],
}

/// Where records go, and how many went there.
struct Door<'a> {
    server: &'a Server,
    sent: Arc<AtomicU64>,
}

/// Fills a store and measures. Files lie in `folder`.
pub(super) fn run(fleet: &Fleet, plan: Plan, folder: &Path) -> Result<Ingest> {
    progress("apps/connect: locations that pour in");
    let event = Event::start(fleet, 0, folder)?;
    let doors = [fleet.server(Target::Control), &event.server].map(|server| Door { server, sent: Arc::default() });
    same(&doors)?;
    let (mut ones, mut one_us) = ([Vec::new(), Vec::new()], [(); 2].map(|()| [Vec::new(), Vec::new()]));
    for round in 1..=plan.rounds {
        for (at, name) in ["control", "Pintle"].into_iter().enumerate() {
            let (rate, us) = doors[at].ones(fleet, plan.time)?;
            progress(&format!(
                "locations {round}/{}  {name:8} {rate:>8.0} a second  {:>6.1} µs of processor, {:.1} µs of PostgreSQL's",
                plan.rounds, us[0], us[1]
            ));
            ones[at].push(rate);
            one_us[at].iter_mut().zip(us).for_each(|(all, us)| all.push(us));
        }
    }
    let (mut streamed, mut streamed_us) = ([Vec::new(), Vec::new()], [(); 2].map(|()| [Vec::new(), Vec::new()]));
    for round in 1..=plan.rounds {
        for (at, stream) in streams(fleet, &doors[1]).into_iter().enumerate() {
            let (rate, us) = stream.measured(fleet, plan.time)?;
            progress(&format!(
                "stream to {} {round}/{}  {rate:>8.0} records a second  {:>6.1} µs of processor, {:.1} µs of PostgreSQL's",
                stream.stream.path, plan.rounds, us[0], us[1]
            ));
            streamed[at].push(rate);
            streamed_us[at].iter_mut().zip(us).for_each(|(all, us)| all.push(us));
        }
    }
    let called = call(fleet, &doors[1])?;
    let medians = |of: [[Vec<f64>; 2]; 2]| of.map(|of| of.map(median));
    let peak_mib = peaks(fleet, &doors[1])?;
    Ok(Ingest {
        ones: ones.map(median),
        one_us: medians(one_us),
        streamed: streamed.map(median),
        streamed_us: medians(streamed_us),
        called,
        peak_mib,
    })
}

/// How many locations a second one call of gRPC takes, and the processor time of each.
fn call(fleet: &Fleet, door: &Door<'_>) -> Result<(f64, [f64; 2])> {
    let used = || -> Result<[f64; 2]> { Ok([door.server.cpu_seconds()?, fleet.stores.cpu_seconds()?]) };
    let before = used()?;
    let rate = grpc::send(door.server.address, door.sent.fetch_add(LONG, Ordering::Relaxed), LONG)?;
    let after = used()?;
    progress(&format!("by gRPC: {rate:.0} a second"));
    Ok((rate, [0, 1].map(|at| (after[at] - before[at]) * 1e6 / LONG as f64)))
}

/// Streams of locations, and of what has no point.
fn streams<'a>(fleet: &'a Fleet, door: &'a Door<'_>) -> [Streaming<'a>; 2] {
    let Door { server, sent } = door;
    let stream = |server: &'a Server, path, headers, write| Stream {
        address: server.address,
        path,
        headers,
        write,
        became: "stored",
    };
    [
        Streaming { server, stream: stream(server, "/api/locations", String::new(), location::write), sent },
        Streaming {
            server: &fleet.served,
            stream: stream(&fleet.served, "/readings", fleet.pintle.headers(), location::write_reading),
            sent,
        },
    ]
}

/// The most memory during a stream, and during one ten times as long.
fn peaks(fleet: &Fleet, door: &Door<'_>) -> Result<[f64; 2]> {
    let mut peaks = [0.0; 2];
    for (peak, records) in peaks.iter_mut().zip([RECORDS, 10 * RECORDS]) {
        progress(&format!("a stream of {records} locations, for the memory"));
        door.server.forget_peak()?;
        let [stream, _] = streams(fleet, door);
        stream.send(End { records, time: Duration::MAX })?;
        *peak = door.server.peak_mib()?;
    }
    Ok(peaks)
}

/// A stream to a server.
struct Streaming<'a> {
    server: &'a Server,
    stream: Stream,
    /// So many were sent before.
    sent: &'a AtomicU64,
}

impl Streaming<'_> {
    fn send(&self, end: End) -> Result<(u64, f64)> {
        let (sent, rate) = self.stream.send(self.sent.load(Ordering::Relaxed), end)?;
        self.sent.fetch_add(sent, Ordering::Relaxed);
        Ok((sent, rate))
    }

    /// How many records a second it takes, and the processor time of each.
    fn measured(&self, fleet: &Fleet, time: Duration) -> Result<(f64, [f64; 2])> {
        self.send(End { records: u64::MAX, time: WARM_UP })?;
        let before = [self.server.cpu_seconds()?, fleet.stores.cpu_seconds()?];
        let (sent, rate) = self.send(End { records: u64::MAX, time })?;
        let cpu = [self.server.cpu_seconds()? - before[0], fleet.stores.cpu_seconds()? - before[1]];
        Ok((rate, cpu.map(|seconds| seconds * 1e6 / sent.max(1) as f64)))
    }
}

impl Door<'_> {
    fn work(&self) -> Work {
        Work {
            operation: Operation::Location,
            grammar: Grammar::Plain,
            headers: "".into(),
            created: Arc::clone(&self.sent),
        }
    }

    /// How many locations a second it takes one by one, and the processor time of each.
    fn ones(&self, fleet: &Fleet, time: Duration) -> Result<(f64, [f64; 2])> {
        let load = |time| Load { connections: CONNECTIONS, time, each: u64::MAX };
        driver::drive(self.server.address, &self.work(), load(WARM_UP))?;
        let before = [self.server.cpu_seconds()?, fleet.stores.cpu_seconds()?];
        let run = driver::drive(self.server.address, &self.work(), load(time))?;
        let cpu = [self.server.cpu_seconds()? - before[0], fleet.stores.cpu_seconds()? - before[1]];
        Ok((run.per_second(), cpu.map(|seconds| seconds * 1e6 / run.requests.max(1) as f64)))
    }
}

/// Both must answer the same, to a new location and to one that is there.
fn same(doors: &[Door<'_>; 2]) -> Result<()> {
    let answer = |door: &Door<'_>| -> Result<Value> {
        Ok(serde_json::from_slice(&driver::ask(door.server.address, &door.work(), 0)?)?)
    };
    let [should, is] = [answer(&doors[0])?, answer(&doors[1])?];
    ensure!(is == should, "a location is answered\n{is}\nnot\n{should}");
    Ok(())
}
