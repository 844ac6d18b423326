//! `pintle backup FILE`: a consistent copy of an app's data, taken while the server serves.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::place::AppArg;
use crate::progress::Bar;
use crate::ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write; an older backup there is replaced
    file: PathBuf,
    #[command(flatten)]
    at: AppArg,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    // The copy does not hang on what the manifest says, so a manifest with mistakes is no obstacle.
    let location = args.at.location()?;
    let mut bar = Bar::new();
    let done = pintle_store::backup(&location, &args.file, &mut |progress| bar.show(progress));
    bar.clear();
    done.map_err(|error| Failure::because("no backup was made", &error))?;
    ui::out(&format!("The data is copied to `{}`.", args.file.display()));
    Ok(())
}
