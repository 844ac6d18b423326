//! Reads and writes together, as they come in life: what the slowest of each take, beside the control's.

use anyhow::Result;

use crate::driver::{self, Load};
use crate::fleet::{Fleet, Target};
use crate::measure::{CONNECTIONS, Plan, WARM_UP, median};
use crate::progress;
use crate::work::Operation;

/// One request of so many writes.
pub(crate) const WRITES_ONE_OF: u64 = 5;

/// One target: medians of the rounds.
#[derive(Debug)]
pub(crate) struct Mixed {
    pub(crate) target: Target,
    /// Reads and writes together.
    pub(crate) per_second: f64,
    /// The 99th of 100 reads, and of 100 writes.
    pub(crate) slow_ms: [f64; 2],
}

/// Measures the control and both ways to Pintle, in turn, each with checkpoints going on.
pub(crate) fn run(fleet: &Fleet, plan: Plan) -> Result<Vec<Mixed>> {
    let targets = [Target::Control, Target::Mount, Target::Rest];
    let mut rounds = targets.map(|_| (Vec::new(), [Vec::new(), Vec::new()]));
    for round in 0..plan.rounds {
        for (target, (rates, slow)) in targets.into_iter().zip(&mut rounds) {
            let works = [Operation::Read, Operation::Create].map(|operation| fleet.work(target, operation));
            let address = fleet.server(target).address;
            let drive = |time| {
                let load = Load { connections: CONNECTIONS, time, each: u64::MAX };
                driver::drive_both(address, [&works[0], &works[1]], WRITES_ONE_OF, load)
            };
            drive(WARM_UP)?;
            let [reads, writes] = std::thread::scope(|scope| {
                scope.spawn(|| fleet.stores.checkpoint());
                drive(plan.time)
            })?;
            rates.push(reads.per_second() + writes.per_second());
            for (slow, run) in slow.iter_mut().zip([&reads, &writes]) {
                slow.push(run.latency_ms(0.99));
            }
            progress(&format!(
                "mixed {}/{}  {:16} {:>8.0} a second, 99 % of reads within {:.2} ms, of writes within {:.2} ms",
                round + 1,
                plan.rounds,
                target.name(),
                reads.per_second() + writes.per_second(),
                reads.latency_ms(0.99),
                writes.latency_ms(0.99),
            ));
        }
    }
    let medians = |(target, (rates, slow)): (Target, (Vec<f64>, [Vec<f64>; 2]))| Mixed {
        target,
        per_second: median(rates),
        slow_ms: slow.map(median),
    };
    Ok(targets.into_iter().zip(rounds).map(medians).collect())
}
