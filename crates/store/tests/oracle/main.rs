//! Policies held against an oracle: plain PostgreSQL, where row-level security was made by people who had two decades to get
//! it right.
//!
//! 1. [`generate`] makes a small app with policies and rows, callers and requests, all from a seed.
//! 2. [`pintle`] serves it from each store: the manifest's text, the request's text, a plan, the store.
//! 3. [`rls`] makes the same tables by hand, with the same policies (word for word) as PostgreSQL's own, and asks for the same
//!    in SQL that [`sql`] writes from what the request means.
//! 4. [`judge`] compares: the rows as JSON, the counts, the kind of refusal, and every table afterwards. What may differ stands
//!    there, each with its reason.
//! 5. [`shrink`] makes a difference small, and shows it.
//!
//! A round is one request. `PINTLE_ORACLE_ROUNDS` says how many, `PINTLE_ORACLE_SEED` where to begin; `cargo xtask oracle` sets
//! both.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod answer;
mod chance;
mod generate;
mod judge;
mod pintle;
mod place;
mod policy;
mod request;
mod rls;
mod shrink;
mod smaller;
mod sql;
mod world;

use chance::Chance;
use judge::{Case, Listed, judge};
use pintle::Pintle;
use pintle_testbed::Postgres;
use place::Place;
use rls::Rls;

/// Requests in each world.
const REQUESTS: u64 = 25;

#[tokio::test]
async fn policies_mean_what_they_mean_to_postgresql() {
    let rounds = setting("PINTLE_ORACLE_ROUNDS").unwrap_or(200);
    let first = setting("PINTLE_ORACLE_SEED").unwrap_or(1);
    // The oracle's roles belong to the whole server.
    let server = Postgres::start(&[]).unwrap();
    let rls = Rls::new(&server).await;
    let mut places = places(&server).await;
    let (mut listed, mut summary) = (Listed::default(), Summary::default());
    let mut seed = first;
    while summary.rounds < rounds {
        places = world(seed, rounds, &rls, places, &mut listed, &mut summary).await;
        seed += 1;
    }
    eprintln!("seeds {first} to {}: {summary:?}, {listed:?}", seed - 1);
}

async fn places(server: &Postgres) -> Vec<Place> {
    vec![Place::sqlite(), Place::postgres(server.database()).await]
}

/// What the oracle said, so often.
#[derive(Debug, Default)]
struct Summary {
    rounds: u64,
    /// Refused, done without any row, and done with rows.
    refused: u64,
    empty: u64,
    done: u64,
}

/// All requests of one seed's world. Panics with a picture where the answers differ.
async fn world(
    seed: u64,
    rounds: u64,
    rls: &Rls,
    places: Vec<Place>,
    listed: &mut Listed,
    summary: &mut Summary,
) -> Vec<Place> {
    let mut chance = Chance::new(seed);
    let world = generate::world(&mut chance);
    rls.enter(&world).await;
    let mut stores = Vec::new();
    for place in places {
        stores.push(Pintle::enter(place, &world).await);
    }
    for _ in 0..REQUESTS.min(rounds - summary.rounds) {
        let (caller, request) = (generate::caller(&mut chance), generate::request(&mut chance, &world));
        let case = Case { world: world.clone(), caller, request };
        match judge(&case, rls, &stores, listed).await {
            Ok(answer) => summary.add(&answer),
            Err(difference) => {
                let places = stores.into_iter().map(Pintle::leave).collect();
                let picture = shrink::picture(case, difference, rls, places).await;
                panic!("seed {seed}, after {} rounds:\n{picture}", summary.rounds);
            }
        }
    }
    stores.into_iter().map(Pintle::leave).collect()
}

impl Summary {
    fn add(&mut self, answer: &answer::Answer) {
        self.rounds += 1;
        match &answer.said {
            Err(_) => self.refused += 1,
            Ok(done) if done.rows.is_empty() && done.affected == 0 => self.empty += 1,
            Ok(_) => self.done += 1,
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text}")))
}
