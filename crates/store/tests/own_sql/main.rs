//! SQL of an app's own, held against the plainest measure that there is: what a caller gets from all rows under the policies
//! is what an unrestricted reader gets from a database that holds only the rows that a few lines of Rust let the caller see.
//!
//! 1. [`world`] makes rows of three collections, and says who sees which.
//! 2. [`generate`] makes queries, all from a seed.
//! 3. Each query runs four times: on SQLite and PostgreSQL, restricted and unrestricted. All answers must be the same.
//!
//! A round is one query. `PINTLE_ORACLE_ROUNDS` says how many, `PINTLE_ORACLE_SEED` where to begin.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../oracle/chance.rs"]
#[expect(dead_code, reason = "the other oracle uses all of it")]
mod chance;
mod generate;
mod same;
mod secret;
mod served;
#[path = "../support/mod.rs"]
mod support;
mod world;
mod writes;

use chance::Chance;
use pintle_model::{Caller, Role};
use served::{Said, Served};
use std::sync::Arc;
use support::On;
use world::World;

/// Queries in each world.
const QUERIES: u64 = 40;

#[tokio::test]
async fn nothing_is_seen_of_hidden_rows_on_postgres_and_sqlite() {
    let rounds = setting("PINTLE_ORACLE_ROUNDS").unwrap_or(240);
    let first = setting("PINTLE_ORACLE_SEED").unwrap_or(1);
    let mut count = Count::default();
    let whole = [Served::new(On::Sqlite), Served::new(On::Postgres)];
    let part = [Served::new(On::Sqlite), Served::new(On::Postgres)];
    let mut seed = first;
    while count.rounds < rounds {
        let mut chance = Chance::new(seed);
        let caller = caller(&mut chance);
        let world = World::new(&mut chance, &caller);
        let visible = world.seen_by(&caller);
        for (all, some) in whole.iter().zip(&part) {
            all.fill(&world).await;
            some.fill(&visible).await;
        }
        for _ in 0..QUERIES.min(rounds - count.rounds) {
            let query = generate::query(&mut chance);
            let mut said: Vec<(&str, Said)> = Vec::new();
            let unrestricted = Caller { role: Role::ServiceRole, ..caller.clone() };
            for (name, served, caller) in [
                ("SQLite", &whole[0], &caller),
                ("SQLite, what is visible", &part[0], &unrestricted),
                ("PostgreSQL", &whole[1], &caller),
                ("PostgreSQL, what is visible", &part[1], &unrestricted),
            ] {
                said.push((name, served.read(&query, caller).await));
            }
            count.add(&said[0].1);
            if said.iter().any(|(_, other)| *other != said[0].1) {
                let told: Vec<String> = said.iter().map(|(name, said)| format!("{name}: {said:?}")).collect();
                let sql: Vec<String> = whole.iter().map(|served| served.sql(&query, &caller)).collect();
                panic!("seed {seed}, {caller:?}\n{query}\n{}\n{}", told.join("\n"), sql.join("\n"));
            }
        }
        seed += 1;
    }
    eprintln!("seeds {first} to {}: {count:?}", seed - 1);
    assert!(count.rows * 4 > count.rounds, "most queries find nothing: {count:?}");
    assert!(count.mistakes * 10 < count.rounds, "many queries are none: {count:?}");
}

/// What became of the queries.
#[derive(Debug, Default)]
struct Count {
    rounds: u64,
    /// With rows, without any, failed in the database, and refused before.
    rows: u64,
    empty: u64,
    failed: u64,
    mistakes: u64,
}

impl Count {
    fn add(&mut self, said: &Said) {
        self.rounds += 1;
        match said {
            Said::Rows(rows) if rows.is_empty() => self.empty += 1,
            Said::Rows(_) => self.rows += 1,
            Said::Failed(_) => self.failed += 1,
            Said::Refused(_) => self.mistakes += 1,
        }
    }
}

fn caller(chance: &mut Chance) -> Caller {
    if chance.percent(10) {
        return Caller::of(Role::Anon);
    }
    let mut caller = Caller { user: Some("ann".to_owned()), ..Caller::of(Role::Authenticated) };
    if chance.percent(90) {
        caller.claims = [("team".to_owned(), chance.word(&["a", "b"]).to_owned())].into_iter().collect();
    }
    caller
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text}")))
}

/// The same for all.
fn shared(caller: &Caller) -> Arc<Caller> {
    Arc::new(caller.clone())
}
