//! The same by wrk, a driver that is not ours.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::fleet::{Fleet, Target};
use crate::measure::{CONNECTIONS, median};
use crate::progress;
use crate::work::Operation;

/// A rate that wrk found.
#[derive(Debug)]
pub(crate) struct Rate {
    pub(crate) operation: Operation,
    pub(crate) target: Target,
    pub(crate) per_second: f64,
}

/// Whether it is installed.
pub(crate) fn installed() -> bool {
    Command::new("wrk").arg("-v").output().is_ok()
}

/// Medians of `rounds`, each target in turn.
pub(crate) fn run(fleet: &Fleet, operation: Operation, rounds: usize, time: Duration) -> Result<Vec<Rate>> {
    let mut targets = vec![Target::Control, Target::Mount, Target::Rest];
    if operation == Operation::Read {
        targets.extend([Target::Sql, Target::Script]);
    }
    let mut found = vec![Vec::new(); targets.len()];
    for round in 0..rounds {
        for (target, found) in targets.iter().zip(&mut found) {
            let rate = once(fleet, *target, operation, time)?;
            progress(&format!(
                "wrk: {} {}/{rounds}  {:18} {rate:>8.0} a second",
                operation.name(),
                round + 1,
                target.name()
            ));
            found.push(rate);
        }
    }
    let rates = targets.into_iter().zip(found);
    Ok(rates.map(|(target, found)| Rate { operation, target, per_second: median(found) }).collect())
}

fn once(fleet: &Fleet, target: Target, operation: Operation, time: Duration) -> Result<f64> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("wrk").join("requests.lua");
    let work = fleet.work(target, operation);
    let grammar = match target {
        Target::Bare | Target::Control | Target::Mount => "plain",
        Target::Rest => "rest",
        Target::Sql => "sql",
        Target::Script => "script",
    };
    // What it creates shall not meet what our driver creates: it counts from where that is, and that goes on far above.
    let first = work.created.fetch_add(10_000_000, std::sync::atomic::Ordering::Relaxed);
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{}s", time.as_secs().max(1)), "-s"])
        .arg(script)
        .arg(format!("http://{}", fleet.server(target).address))
        .args(["--", operation.name(), grammar, &first.to_string(), work.headers.trim_end()])
        .output()
        .context("cannot start wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        bail!("wrk met errors: {text}");
    }
    let rate = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:")).map(|rate| rate.trim().parse());
    rate.context(format!("wrk says no rate: {text}{}", String::from_utf8_lossy(&output.stderr)))?.context("wrk's rate")
}
