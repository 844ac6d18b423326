//! `pintle types APP`: TypeScript declarations of what an app's scripts see, for editors.

use std::path::PathBuf;

use crate::app::App;
use crate::declarations;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    #[command(flatten)]
    to: Output,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let text = declarations::of(&App::manifest(&args.app)?);
    args.to.text(&text)
}
