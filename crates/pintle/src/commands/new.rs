//! `pintle new DIR`: a small app that runs at once. With `--pipeline`, the files that deploy it; also for an app that is there.

use std::path::{Path, PathBuf};

use crate::app::{App, MANIFEST};
use crate::failure::Failure;
use crate::output::write;
use crate::pipelines::Pipeline;
use crate::{declarations, shell, ui};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to make; it may be there if it is empty
    dir: PathBuf,
    /// Add the files that check, test and deploy the app; where there is an app, they are all that is added
    #[arg(long, value_enum, value_name = "WHOSE")]
    pipeline: Option<Pipeline>,
}

/// The files, by their path in the app. `APP` in them is the app's name.
const FILES: [(&str, &str); 6] = [
    ("pintle.yaml", include_str!("../../templates/pintle.yaml")),
    ("routes/progress.sql", include_str!("../../templates/progress.sql")),
    ("routes/tidy.js", include_str!("../../templates/tidy.js")),
    ("jsconfig.json", include_str!("../../templates/jsconfig.json")),
    ("README.md", include_str!("../../templates/README.md")),
    (".gitignore", include_str!("../../templates/gitignore")),
];

/// Where editors find the manifest's schema.
const SCHEMA: &str = ".pintle/schema.json";
/// Where editors find what scripts see; `jsconfig.json` names it.
const TYPES: &str = ".pintle/types.d.ts";

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.pipeline.is_none() || !args.dir.join(MANIFEST).exists() {
        make(&args.dir)?;
    }
    if let Some(pipeline) = args.pipeline {
        let added = pipeline.add(&args.dir, &App::manifest(&args.dir)?.name)?;
        let added: Vec<_> = added.iter().map(|path| format!("`{}`", path.display())).collect();
        match added.as_slice() {
            [] => ui::out("The pipeline is there already."),
            _ => ui::out(&format!("Wrote {}. What the pipeline needs stands at its top.", added.join(", "))),
        }
    }
    Ok(())
}

fn make(dir: &Path) -> Result<(), Failure> {
    refuse_taken(dir)?;
    let name = name_of(dir);
    for (path, text) in FILES {
        write(&dir.join(path), text.replace("{{name}}", &name))?;
    }
    write(&dir.join(SCHEMA), format!("{:#}\n", pintle_model::schema()))?;
    write(&dir.join(TYPES), declarations::of(&App::manifest(dir)?))?;

    let program = shell::program();
    let app = shell::quote(dir);
    ui::out(&format!("`{}` is an app now. Serve it:\n\n  {program} serve {app}\n", dir.display()));
    ui::out(&format!(
        "Its collections and policies stand in `{}`, its own routes in `{}`.",
        dir.join("pintle.yaml").display(),
        dir.join("routes").display()
    ));
    Ok(())
}

/// Nothing of the user's is ever written over.
fn refuse_taken(dir: &Path) -> Result<(), Failure> {
    let shown = dir.display();
    match std::fs::read_dir(dir) {
        Ok(mut entries) => {
            match entries.next() {
                None => Ok(()),
                Some(_) => Err(Failure::new(format!("`{shown}` is not empty"))
                    .help("name a folder that is empty, or not there yet")),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(Failure::new(format!("`{shown}` is no folder")).help("name a folder that is empty, or not there yet"))
        }
        Err(error) => Err(Failure::because(format!("cannot look into `{shown}`"), &error)),
    }
}

/// The folder's name, as far as an app's name may have it.
fn name_of(dir: &Path) -> String {
    let full = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("app_{name}") }
}

#[cfg(test)]
mod tests {
    use super::name_of;
    use std::path::Path;

    #[test]
    fn an_app_is_named_after_its_folder() {
        assert_eq!(name_of(Path::new("/srv/notes")), "notes");
        assert_eq!(name_of(Path::new("/srv/my notes/")), "my_notes");
        assert_eq!(name_of(Path::new("/srv/2024")), "app_2024");
    }
}
