//! `pintle check APP`: every mistake in an app, as pictures, and one line that says how it went. With `--secrets`, secret
//! values in its files instead.

use std::path::{Path, PathBuf};

use pintle_query::Dialect;

use crate::app::{App, MANIFEST, absent};
use crate::failure::Failure;
use crate::ui::{self, Look};
use crate::{report, secrets};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// Look for secret values in the files of any folder, but for those that its .gitignore names and git does not have
    #[arg(long)]
    secrets: bool,
    /// With --secrets: look into what .gitignore names too, as in a fresh clone, where all that is there was committed
    #[arg(long, requires = "secrets")]
    ignored: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.secrets {
        return secrets(&args.app, args.ignored);
    }
    let checked = App::check(&args.app, Dialect::Sqlite)?;
    if !checked.diagnostics.is_empty() {
        ui::out(&report::render(&checked.diagnostics, Look::of_out()));
    }
    ui::out(&report::verdict(&checked));
    if checked.app.is_some() { Ok(()) } else { Err(Failure::said()) }
}

fn secrets(given: &Path, ignored: bool) -> Result<(), Failure> {
    if !given.exists() {
        return Err(absent(given));
    }
    // An app may be called by its manifest, and is all of its folder then.
    let manifest = given.file_name().is_some_and(|name| name == MANIFEST) && given.is_file();
    let parent = given.parent().filter(|parent| manifest && !parent.as_os_str().is_empty());
    let folder = if manifest { parent.unwrap_or(Path::new(".")) } else { given };
    let scanned = secrets::scan(folder, ignored)?;
    if scanned.git_unheard {
        ui::err(
            "note: git did not tell what is committed here, so what .gitignore names was left out, committed or not: \
             --ignored looks into that too",
        );
    }
    for finding in &scanned.findings {
        ui::out(&finding.to_string());
    }
    let files = report::plural(scanned.files, "file");
    if scanned.findings.is_empty() {
        ui::out(&format!("no secret in {files}"));
        return Ok(());
    }
    ui::out(&format!("\n{} in {files}", report::plural(scanned.findings.len(), "secret")));
    ui::out(
        "  help: take it out, and make it worthless where it was made: whoever has the repository's history has it",
    );
    ui::out(&format!("        of what is no secret, say so in a comment on its line: {}", secrets::MARK));
    Err(Failure::said())
}
