//! `pintle`: serves a folder as an application's backend.
//!
//! 1. [`Cli`] reads the command line and `PINTLE_*` variables; a mistake there ends with exit code 2.
//! 2. One of [`commands`] runs. Each is one file; what they share is finding the app ([`app`]) and its store ([`place`]).
//! 3. A [`failure::Failure`] is printed (what, where, what would be right) and ends with exit code 1.

mod app;
mod banner;
mod board;
mod commands;
mod copying;
mod crew;
mod declarations;
mod environment;
mod failure;
mod gateway_key;
mod importing;
mod intake;
mod listeners;
mod logs;
mod migration;
mod output;
mod pipelines;
mod place;
mod progress;
mod queue;
mod reload;
mod report;
mod scripts;
mod secret;
mod secrets;
mod shell;
mod sowing;
mod ui;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::failure::Failure;

/// Serves a folder as an application's backend.
#[derive(Debug, Parser)]
#[command(name = "pintle", version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check an app's manifest and print every mistake in it; with --secrets, look for secret values in its files
    Check(commands::check::Args),
    /// Make a small app that runs at once, or add a pipeline to an app
    New(commands::new::Args),
    /// Print the JSON Schema of the manifest, for editors
    Schema,
    /// Print TypeScript declarations of what an app's scripts see, for editors
    Types(commands::types::Args),
    /// Print the .proto of an app's pipelines, for programs that send records by gRPC
    Proto(commands::proto::Args),
    /// Draw an app's services and who talks to whom, or its collections
    Diagram(commands::diagram::Args),
    /// Store an app's sample data
    Seed(commands::seed::Args),
    /// Store the records of a file by one of an app's pipelines
    Import(commands::import::Args),
    /// Try again what an app's pipelines took and could not store
    Replay(commands::replay::Args),
    /// Show what an app's pipelines took and could not store, or remove it
    DeadLetters(commands::dead_letters::Args),
    /// Serve an app
    Serve(commands::serve::Args),
    /// Store what waits in the queue of an app's pipelines, beside its servers
    Worker(commands::worker::Args),
    /// Pass requests on to an app's services, by path
    Gateway(commands::gateway::Args),
    /// Say whether a server is ready, by the exit code: for containers without a shell
    Health(commands::health::Args),
    /// Serve several apps side by side, in one terminal
    Up(commands::up::Args),
    /// Make, list and revoke tokens
    Token(commands::token::Args),
    /// Bring the store's tables to what the manifest says
    Migrate(commands::migrate::Args),
    /// Copy an app's data to a file, while it is served
    Backup(commands::backup::Args),
    /// Put a backup in the place of an app's data
    Restore(commands::restore::Args),
    /// Move an app's data to another store, such as PostgreSQL, and prove that it arrived
    Copy(commands::copy::Args),
    /// Write what Kubernetes needs to run an app
    Kubernetes(commands::kubernetes::Args),
}

fn main() -> ExitCode {
    let words = commands::seed::with_settings(std::env::args_os().collect(), &Cli::command());
    let done = match Cli::parse_from(words).command {
        Command::Check(args) => commands::check::run(&args),
        Command::New(args) => commands::new::run(&args),
        Command::Schema => commands::schema::run(),
        Command::Types(args) => commands::types::run(&args),
        Command::Proto(args) => commands::proto::run(&args),
        Command::Diagram(args) => commands::diagram::run(&args),
        Command::Seed(args) => commands::seed::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::DeadLetters(args) => commands::dead_letters::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Worker(args) => commands::worker::run(&args),
        Command::Gateway(args) => commands::gateway::run(&args),
        Command::Health(args) => commands::health::run(&args),
        Command::Up(args) => commands::up::run(&args),
        Command::Token(args) => commands::token::run(&args),
        Command::Migrate(args) => commands::migrate::run(&args),
        Command::Backup(args) => commands::backup::run(&args),
        Command::Restore(args) => commands::restore::run(&args),
        Command::Copy(args) => commands::copy::run(&args),
        Command::Kubernetes(args) => commands::kubernetes::run(&args),
    };
    let told = done.and_then(|()| match ui::unwritten() {
        None => Ok(()),
        Some(error) => Err(Failure::because("cannot write to standard output", error)),
    });
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            ui::err(&failure.to_string());
            failure.code()
        }
    }
}
