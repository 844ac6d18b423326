//! `pintle restore FILE`: puts a backup in the place of an app's data, after checking it.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::place::AppArg;
use crate::progress::Bar;
use crate::ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backup
    file: PathBuf,
    #[command(flatten)]
    at: AppArg,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let location = args.at.location()?;
    let mut bar = Bar::new();
    let done = pintle_store::restore(&location, &args.file, &mut |progress| bar.show(progress));
    bar.clear();
    let restored = done.map_err(|error| Failure::because("nothing was restored", &error))?;
    ui::out(&format!("The data is that of `{}`.", args.file.display()));
    if let Some(before) = restored.before {
        ui::out(&format!("What was there before is kept in `{}`: remove it when all is well.", before.display()));
    }
    Ok(())
}
