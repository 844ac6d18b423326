//! `pintle check APP`: every mistake in an app, as pictures, and one line that says how it went.

use std::path::PathBuf;

use pintle_query::Dialect;

use crate::app::App;
use crate::failure::Failure;
use crate::report;
use crate::ui::{self, Look};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let checked = App::check(&args.app, Dialect::Sqlite)?;
    if !checked.diagnostics.is_empty() {
        ui::out(&report::render(&checked.diagnostics, Look::of_out()));
    }
    ui::out(&report::verdict(&checked));
    if checked.app.is_some() { Ok(()) } else { Err(Failure::said()) }
}
