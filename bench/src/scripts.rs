//! Routes of the app's own: a script beside a statement that does the same, and what scripts that write cost others.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::driver::{self, Load, Run};
use crate::fleet::{Fleet, Target};
use crate::measure::{CONNECTIONS, Plan, median};
use crate::progress;
use crate::work::Operation;

/// Connections that create items.
pub(crate) const CREATORS: u64 = 16;
/// Connections that call a script which writes, beside them.
const VISITORS: u64 = 2;
/// How long a server and its caches run in before they are measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// What was found: medians of the rounds.
#[derive(Debug)]
pub(crate) struct Scripts {
    /// Of the SQL route and of the script, on one connection.
    pub(crate) latency_ms: [f64; 2],
    /// Of both, on all connections.
    pub(crate) per_second: [f64; 2],
    /// The 99th of 100 creates, alone and beside writing scripts.
    pub(crate) create_ms: [f64; 2],
    /// Calls of writing scripts a second, meanwhile.
    pub(crate) visits: f64,
}

/// Measures them.
pub(crate) fn run(fleet: &Fleet, plan: Plan) -> Result<Scripts> {
    same(fleet)?;
    let (mut latencies, mut rates) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let (mut creates, mut visits) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 0..plan.rounds {
        for (at, target) in [Target::Sql, Target::Script].into_iter().enumerate() {
            let alone = load(fleet, target, 1, plan.time)?;
            latencies[at].push(alone.latency_ms(0.5));
            let all = load(fleet, target, CONNECTIONS, plan.time)?;
            rates[at].push(all.per_second());
            progress(&format!(
                "own route {}/{}  {:18} {:.3} ms alone, {:>8.0} a second",
                round + 1,
                plan.rounds,
                target.name(),
                alone.latency_ms(0.5),
                all.per_second()
            ));
        }
        let create = |time| fleet.run(Target::Rest, Operation::Create, limit(CREATORS, time));
        creates[0].push(create(plan.time)?.latency_ms(0.99));
        let (created, visited) = std::thread::scope(|scope| -> Result<(Run, Run)> {
            let visits = scope.spawn(|| fleet.run(Target::Script, Operation::Visit, limit(VISITORS, plan.time)));
            let created = create(plan.time)?;
            let visited = visits.join().map_err(|_| anyhow::anyhow!("the scripts' load panicked"))?;
            Ok((created, visited?))
        })?;
        creates[1].push(created.latency_ms(0.99));
        visits.push(visited.per_second());
        let [alone, beside] = [creates[0][round], creates[1][round]];
        progress(&format!(
            "creates {}/{}  99 % within {alone:.2} ms, beside {:.0} writing scripts a second {beside:.2} ms",
            round + 1,
            plan.rounds,
            visited.per_second()
        ));
    }
    Ok(Scripts {
        latency_ms: latencies.map(median),
        per_second: rates.map(median),
        create_ms: creates.map(median),
        visits: median(visits),
    })
}

fn limit(connections: u64, time: Duration) -> Load {
    Load { connections, time, each: u64::MAX }
}

fn load(fleet: &Fleet, target: Target, connections: u64, time: Duration) -> Result<Run> {
    fleet.run(target, Operation::Read, limit(connections, WARM_UP))?;
    fleet.run(target, Operation::Read, limit(connections, time))
}

/// Both must answer what the mount answers.
fn same(fleet: &Fleet) -> Result<()> {
    let answer = |target| -> Result<Value> {
        let body = driver::ask(fleet.server(target).address, &fleet.work(target, Operation::Read), 42)?;
        serde_json::from_slice(&body).context("the answer is no JSON")
    };
    let should = answer(Target::Mount)?;
    for target in [Target::Sql, Target::Script] {
        let is = answer(target)?;
        ensure!(is == should, "{} answers\n{is}\nnot\n{should}", target.name());
    }
    Ok(())
}
