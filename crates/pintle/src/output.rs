//! What a command makes goes to a file, or to standard output.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Output {
    /// The file to write, in the place of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Output {
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        match &self.output {
            Some(file) => write(file, text)?,
            None => ui::out(text.trim_end()),
        }
        Ok(())
    }
}

/// Writes a file, and the folder that it stands in.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Failure> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, content));
    written.map_err(|error| Failure::because(format!("cannot write `{}`", path.display()), &error))
}
