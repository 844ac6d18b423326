//! The log: structured, on standard error; for people on a terminal, JSON lines otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use crate::ui::Look;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Logs from here on. `PINTLE_LOG` says what, as `warn` or `info,pintle_store=debug`.
pub(crate) fn start(format: Option<Format>) -> Result<(), Failure> {
    let wanted = std::env::var("PINTLE_LOG").unwrap_or_default();
    // Of the client of NATS the queue itself tells what matters.
    let wanted = if wanted.is_empty() { "info,async_nats=warn" } else { &wanted };
    let filter = EnvFilter::try_new(wanted).map_err(|error| {
        Failure::because(format!("PINTLE_LOG is `{wanted}`"), &error)
            .help("give a level (error, warn, info, debug), or levels by part: `info,pintle_store=debug`")
    })?;
    let by_stream = if std::io::stderr().is_terminal() { Format::Pretty } else { Format::Json };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match format.unwrap_or(by_stream) {
        Format::Pretty => lines.with_ansi(Look::of_err().colour).with_target(false).try_init(),
        Format::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    set.map_err(|error| Failure::because("cannot start the log", error.as_ref()))
}
