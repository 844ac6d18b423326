//! The conformance suite: every file of `conformance/`, on every store, over HTTP, with the binary.
//!
//! 1. [`parse`] reads a file of cases. 2. [`run`] serves its app in each place and sends the requests. 3. [`expect`] compares
//!    the answers with what the file expects, and the stores' with each other. Each file is one test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's way to fail")]

#[path = "../common/mod.rs"]
mod common;

mod differences;
mod expect;
mod parse;
mod run;
mod tests;

use std::io::Write;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use pintle_testbed::{NONE, SHARED};

use common::Place;
use run::{Suite, Way};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let suites = Suite::all();
    let mut trials: Vec<Trial> = suites.iter().flat_map(trials).collect();
    let cases: usize = suites.iter().filter_map(|suite| suite.read().ok()).map(|file| file.cases.len()).sum();
    trials.extend(tests::trials());
    trials.push(Trial::test("every difference between the stores is documented", differences::documented));
    if !arguments.list {
        // Beside what the runner says; nobody reading it is no failure.
        let _ = writeln!(std::io::stderr(), "{cases} cases in {} files", suites.len());
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A file on one server of each store; on three servers of one PostgreSQL whose own order of texts is another; on services behind a
/// gateway; and if it is about places, on a PostgreSQL without PostGIS. Where a test run goes without PostgreSQL, on SQLite alone.
fn trials(suite: &Suite) -> Vec<Trial> {
    let on = |name: String, places: Vec<(Place, Way)>| {
        let suite = suite.clone();
        Trial::test(name, move || block_on(suite.run(&places)))
    };
    let behind = on(format!("{} behind a gateway", suite.0), vec![(Place::Sqlite, Way::Gateway)]);
    if std::env::var(SHARED).is_ok_and(|shared| shared == NONE) {
        return vec![on(suite.0.clone(), vec![(Place::Sqlite, Way::Direct(1))]), behind];
    }
    let mut trials = vec![
        on(suite.0.clone(), vec![(Place::Sqlite, Way::Direct(1)), (Place::Postgres, Way::Direct(1))]),
        on(format!("{} on three postgres replicas", suite.0), vec![(Place::EnglishPostgres, Way::Direct(3))]),
        behind,
    ];
    if ["places/", "proximity/", "pipelines/points"].iter().any(|about| suite.0.starts_with(about)) {
        let places = vec![(Place::Sqlite, Way::Direct(1)), (Place::PostgresWithoutPostgis, Way::Direct(1))];
        trials.push(on(format!("{} on postgres without postgis", suite.0), places));
    }
    trials
}

fn block_on(run: impl Future<Output = Result<(), String>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run).map_err(Failed::from)
}
