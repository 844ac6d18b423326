//! The project's own commands: `cargo xtask test | bench | fuzz | oracle | image | release | ci`.

mod fuzz;
mod image;
mod oracle;
mod run;
mod testing;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use run::{cargo, say};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test; installs or starts what they need
    Test {
        /// Given on to the test runner: a part of a test's name, for example
        args: Vec<String>,
    },
    /// Measure against the hand-written control
    Bench {
        /// Given on to the benchmarks: `cargo xtask bench -- --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the fuzz targets
    Fuzz {
        /// How long each runs
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Hold random policies and requests against PostgreSQL's own row-level security
    Oracle {
        /// How many requests
        #[arg(long, default_value_t = 10_000)]
        rounds: u64,
        /// Where chance begins; the clock says unless given
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Build the container's image of a release, with Docker or buildah, and hold it against its bars
    Image,
    /// Lay out what the image holds in a folder; the Dockerfile's first stage does so
    Files {
        /// Made anew
        folder: PathBuf,
        /// What is built
        #[arg(long, value_enum, default_value = "release")]
        profile: image::Profile,
    },
    /// Make the archive of a release, with its checksum, in target/dist
    Release,
    /// What must hold before a change lands: format, lints, documentation, every test
    Ci,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Test { args } => testing::run(&args),
        Command::Bench { args } => bench(&args),
        Command::Fuzz { seconds } => fuzz::run(seconds),
        Command::Oracle { rounds, seed } => oracle::run(rounds, seed),
        Command::Image => image::build(),
        Command::Files { folder, profile } => image::files(profile, &folder),
        Command::Release => image::release(),
        Command::Ci => ci(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Cheap checks first; the tests' summary is the last thing said.
fn ci() -> Result<()> {
    step("format", cargo(&["fmt", "--all", "--check"]))?;
    step("lints", cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
    documentation.env("RUSTDOCFLAGS", "--deny warnings");
    step("documentation", documentation)?;
    testing::run(&[])
}

fn bench(args: &[String]) -> Result<()> {
    step("build", cargo(&["build", "--release", "--package", "pintle"]))?;
    let mut bench = cargo(&["run", "--release", "--package", "pintle-bench", "--"]);
    bench.args(args);
    step("bench", bench)
}

fn step(name: &str, command: std::process::Command) -> Result<()> {
    say(&format!("── {name}"));
    run::run(command).with_context(|| format!("{name} failed"))
}
