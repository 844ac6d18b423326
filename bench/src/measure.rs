//! What is measured, in turn, so that what else the machine does falls on all alike.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::driver::{self, Load};
use crate::fleet::{Fleet, Target};
use crate::process::{self, Server};
use crate::stores::Kind;
use crate::work::Operation;
use crate::{control, progress};

/// Connections at once.
pub(crate) const CONNECTIONS: u64 = 64;
/// Rows of one request, and of one commit of the loop beside it.
pub(crate) const ROWS: u64 = 500;
/// Rows that the loop writes in one round at the most.
const LOOP_ROWS_MAX: u64 = 10_000_000;
/// Starts that are timed.
pub(crate) const STARTS: usize = 20;
/// How long a server and its caches run in before they are measured.
pub(crate) const WARM_UP: Duration = Duration::from_millis(300);

/// One target at one operation: medians of the rounds.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) operation: Operation,
    pub(crate) target: Target,
    pub(crate) per_second: f64,
    /// The server's processor time, in microseconds.
    pub(crate) cpu_us: f64,
    /// PostgreSQL's own processes' time, in microseconds.
    pub(crate) database_us: f64,
    /// The median's and the 99th of 100 requests', in milliseconds.
    pub(crate) latency_ms: [f64; 2],
}

/// How much and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
}

impl Plan {
    /// Every target of an operation in turn, in every round.
    pub(crate) fn operation(self, fleet: &Fleet, operation: Operation) -> Result<Vec<Finding>> {
        let targets: &[Target] = match operation {
            Operation::Bare => &[Target::Bare],
            _ => &[Target::Control, Target::Mount, Target::Rest],
        };
        let mut rounds = vec![Vec::new(); targets.len()];
        for round in 0..self.rounds {
            for (target, found) in targets.iter().zip(&mut rounds) {
                let finding = self.once(fleet, *target, operation)?;
                progress(&format!(
                    "{} {}/{}  {:16} {:>8.0} a second  {:>6.1} µs of processor{}",
                    operation.name(),
                    round + 1,
                    self.rounds,
                    target.name(),
                    finding.per_second,
                    finding.cpu_us,
                    match fleet.stores.kind() {
                        Kind::Sqlite => String::new(),
                        Kind::Postgres => format!("  {:>6.1} µs of PostgreSQL's", finding.database_us),
                    }
                ));
                found.push(finding);
            }
        }
        Ok(rounds.iter().filter_map(|found| medians(found)).collect())
    }

    fn once(self, fleet: &Fleet, target: Target, operation: Operation) -> Result<Finding> {
        let load = |time| Load { connections: CONNECTIONS, time, each: u64::MAX };
        fleet.run(target, operation, load(WARM_UP))?;
        let server = fleet.server(target);
        let before = [server.cpu_seconds()?, fleet.stores.cpu_seconds()?];
        let run = fleet.run(target, operation, load(self.time))?;
        let cpu = [server.cpu_seconds()? - before[0], fleet.stores.cpu_seconds()? - before[1]];
        let [cpu_us, database_us] = cpu.map(|seconds| seconds * 1e6 / run.requests.max(1) as f64);
        Ok(Finding {
            operation,
            target,
            per_second: run.per_second(),
            cpu_us,
            database_us,
            latency_ms: [run.latency_ms(0.5), run.latency_ms(0.99)],
        })
    }

    /// Rows a second: of arrays posted to Pintle, and of the bare loop.
    pub(crate) fn rows(self, fleet: &Fleet, folder: &Path) -> Result<[f64; 2]> {
        let mut found = [Vec::new(), Vec::new()];
        for round in 0..self.rounds {
            let load = Load { connections: 4, time: self.time, each: u64::MAX };
            let run = fleet.run(Target::Rest, Operation::Rows(ROWS), load)?;
            let posted = run.per_second() * ROWS as f64;
            let bare = self.bare_rows(fleet, folder)?;
            progress(&format!("rows {}/{}  posted {posted:.0} a second, bare loop {bare:.0}", round + 1, self.rounds));
            found[0].push(posted);
            found[1].push(bare);
        }
        Ok(found.map(median))
    }

    /// Rows a second of a loop without a server.
    fn bare_rows(self, fleet: &Fleet, folder: &Path) -> Result<f64> {
        match fleet.stores.kind() {
            Kind::Sqlite => {
                let own = tempfile::tempdir_in(folder)?;
                control::sqlite::rows_per_second(own.path(), ROWS, self.time)
            }
            Kind::Postgres => {
                let (url, first) = (fleet.stores.control(), fleet.fresh(LOOP_ROWS_MAX));
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                runtime.block_on(control::postgres::rows_per_second(&url, first, ROWS, self.time))
            }
        }
    }
}

/// Milliseconds from the start of the process to the first record that it answers, on a store that is there.
pub(crate) fn start_ms(fleet: &mut Fleet) -> Result<f64> {
    // One store has one server.
    fleet.served.stop()?;
    let pintle = &fleet.pintle;
    let mut found = Vec::new();
    for _ in 0..STARTS {
        let address = process::free_address()?;
        let mut command = pintle.serve(address);
        let begun = Instant::now();
        let mut server = Server::spawn(&mut command, address)?;
        driver::first_answer(
            address,
            &format!("GET /items/item-000000001 HTTP/1.1\r\nHost: bench\r\n{}\r\n", pintle.headers()),
        )
        .context("the server did not start")?;
        found.push(begun.elapsed().as_secs_f64() * 1000.0);
        server.stop()?;
    }
    Ok(median(found))
}

fn medians(found: &[Finding]) -> Option<Finding> {
    let first = found.first()?;
    let of = |value: fn(&Finding) -> f64| median(found.iter().map(value).collect());
    Some(Finding {
        per_second: of(|f| f.per_second),
        cpu_us: of(|f| f.cpu_us),
        database_us: of(|f| f.database_us),
        latency_ms: [of(|f| f.latency_ms[0]), of(|f| f.latency_ms[1])],
        ..first.clone()
    })
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
