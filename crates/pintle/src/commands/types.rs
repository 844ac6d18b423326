//! `pintle types APP`: TypeScript declarations of what an app's scripts see, for editors.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::declarations;
use crate::failure::Failure;
use crate::ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// The file to write, in the place of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let text = declarations::of(&App::manifest(&args.app)?);
    match &args.out {
        Some(file) => write(file, &text),
        None => {
            ui::out(text.trim_end());
            Ok(())
        }
    }
}

/// Writes a file, and the folder that it stands in.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Failure> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, content));
    written.map_err(|error| Failure::because(format!("cannot write `{}`", path.display()), &error))
}
