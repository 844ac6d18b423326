//! Measures Pintle beside a server written by hand with the same libraries, in the same run: `cargo xtask bench`.
//!
//! 1. The servers start as processes of their own ([`fleet`]) on stores of their own ([`stores`]): a bare axum answer, the control ([`control`]), Pintle. The first
//!    two are this program under another command.
//! 2. All answer the same, or nothing is measured ([`compare`]).
//! 3. Each operation is measured on each of them in turn, five times ([`measure`], [`driver`]), and with wrk where that is
//!    installed ([`wrk`]).
//! 4. Medians, ratios and what they should be are printed, and kept in a document if one is named ([`report`]).

mod bare;
mod compare;
mod connect;
mod control;
mod driver;
mod fleet;
mod item;
mod location;
mod measure;
mod mixed;
mod process;
mod report;
mod retriever;
mod scripts;
mod stores;
mod stream;
mod work;
mod world;
mod wrk;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use connect::Scale;
use fleet::Fleet;
use measure::Plan;
use report::{Memory, Report};
use stores::Kind;
use work::Operation;

/// Measures Pintle beside a server written by hand with the same libraries
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench --")]
struct Cli {
    /// Where the data lives; for `postgres`, a server is started for it, and stopped
    #[arg(long, value_enum, default_value_t = Kind::Sqlite)]
    store: Kind,
    /// How often each is measured; the medians count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Leave wrk out, even where it is installed
    #[arg(long)]
    no_wrk: bool,
    /// Locations of the conference in which one person's meetings are asked for, 33,333 a day; 0 leaves that out
    #[arg(long, default_value_t = 100_000)]
    locations: u64,
    /// Ask in one of ten times as many days too
    #[arg(long)]
    longer: bool,
    /// Measure `apps/connect` alone
    #[arg(long, conflicts_with = "write")]
    connect: bool,
    /// Put the result into this document, between its two marks: docs/performance.md
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Pintle's binary [default: beside this program]
    #[arg(long, value_name = "PATH")]
    pintle: Option<PathBuf>,
    #[command(subcommand)]
    serve: Option<Serve>,
}

#[derive(Debug, Subcommand)]
enum Serve {
    /// Serve the bare answer
    #[command(hide = true)]
    Bare { address: SocketAddr },
    /// Serve the control
    #[command(hide = true)]
    Control { address: SocketAddr, store: String, token: String },
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match &cli.serve {
        Some(serve) => tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(self::serve(serve)),
        None => bench(&cli),
    }
}

async fn serve(what: &Serve) -> Result<()> {
    match what {
        Serve::Bare { address } => bare::serve(tokio::net::TcpListener::bind(address).await?).await,
        // The control listens when its items are there: until then the port is closed.
        Serve::Control { address, store, token } => match store.strip_prefix("sqlite:").map(Path::new) {
            Some(database) => {
                let connection = control::sqlite::prepare(database, item::SEEDED)?;
                let listener = tokio::net::TcpListener::bind(address).await?;
                control::sqlite::serve(listener, connection, database).await
            }
            None => {
                let server = control::postgres::Server::prepare(store, token, item::SEEDED).await?;
                let listener = tokio::net::TcpListener::bind(address).await?;
                control::postgres::serve(listener, server).await
            }
        },
    }
}

fn bench(cli: &Cli) -> Result<()> {
    let own = std::env::current_exe()?;
    let binary = cli.pintle.clone().unwrap_or_else(|| own.with_file_name("pintle"));
    if !binary.is_file() {
        bail!("there is no {}: build it, `cargo build --release --package pintle`", binary.display());
    }
    // Beside the binaries: a temporary folder may lie in memory, where a sync costs nothing.
    let folder = tempfile::tempdir_in(own.parent().unwrap_or(Path::new(".")))?;
    progress("starting the servers, filling their stores");
    let mut fleet = Fleet::start(binary, cli.store, folder.path())?;
    compare::check(&fleet)?;
    if cli.connect {
        let found = connect::run(&fleet, plan(cli), scale(cli), folder.path())?;
        let mut text = String::new();
        found.text(cli.store, &mut text);
        let _ = writeln!(std::io::stdout(), "{text}");
        return Ok(());
    }
    let report = run(cli, &mut fleet, folder.path())?.text();
    // Nobody reads any more: nothing to be done.
    let _ = writeln!(std::io::stdout(), "{report}");
    match &cli.write {
        Some(document) => {
            report::put(document, cli.store, &report).with_context(|| format!("cannot write {}", document.display()))
        }
        None => Ok(()),
    }
}

fn plan(cli: &Cli) -> Plan {
    Plan { rounds: cli.rounds.max(1), time: Duration::from_secs_f64(cli.seconds) }
}

fn scale(cli: &Cli) -> Scale {
    Scale { locations: cli.locations, longer: cli.longer }
}

fn run(cli: &Cli, fleet: &mut Fleet, folder: &Path) -> Result<Report> {
    let plan = plan(cli);
    let with_wrk = !cli.no_wrk && wrk::installed();
    if !with_wrk && !cli.no_wrk {
        progress("wrk is not installed: it is left out");
    }
    std::thread::sleep(Duration::from_secs(1));
    let idle_mib = fleet.served.resident_mib()?;
    let (mut findings, mut rates) = (Vec::new(), Vec::new());
    for operation in [Operation::Bare, Operation::Read, Operation::List, Operation::Create] {
        findings.extend(plan.operation(fleet, operation)?);
        if with_wrk && operation != Operation::Bare {
            rates.extend(wrk::run(fleet, operation, plan.rounds, plan.time)?);
        }
    }
    let loaded_mib = fleet.served.resident_mib()?;
    progress("once more, for the memory");
    for operation in [Operation::Read, Operation::List, Operation::Create] {
        Plan { rounds: 1, ..plan }.operation(fleet, operation)?;
    }
    let again_mib = fleet.served.resident_mib()?;
    let mixed = mixed::run(fleet, plan)?;
    let rows = plan.rows(fleet, folder)?;
    let scripts = scripts::run(fleet, plan)?;
    let retriever = retriever::run(fleet, plan, folder)?;
    let connect = connect::run(fleet, plan, scale(cli), folder)?;
    progress("starting twenty times");
    let binary_mib = std::fs::metadata(&fleet.pintle.binary)?.len() as f64 / f64::from(1 << 20);
    Ok(Report {
        kind: cli.store,
        store: fleet.stores.text(),
        plan,
        findings,
        rates,
        mixed,
        rows,
        scripts,
        retriever,
        connect,
        memory: Memory { idle_mib, loaded_mib, again_mib },
        start_ms: measure::start_ms(fleet)?,
        binary_mib,
    })
}

/// Tells how far it is, on standard error.
pub(crate) fn progress(text: &str) {
    // Nobody reads any more: nothing to be done.
    let _ = writeln!(std::io::stderr(), "{text}");
}
