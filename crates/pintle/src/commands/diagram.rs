//! `pintle diagram APP`: an app as a picture, for its documentation.

use std::path::{Path, PathBuf};

use pintle_model::RouteId;
use pintle_query::Dialect;

use crate::app::App;
use crate::failure::Failure;
use crate::output::write;
use crate::ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// What of it
    #[arg(long, value_enum, default_value_t = Subject::Services)]
    of: Subject,
    /// The file to write, in the place of standard output: .svg, or .png for a picture of dots
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Subject {
    /// The services, what each answers, and who talks to whom
    Services,
    /// The collections, their fields and their references
    Collections,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let format = args.output.as_deref().map(Format::of).transpose()?.unwrap_or(Format::Svg);
    // The picture is of no store's.
    let app = App::load_at(&args.app, Dialect::Sqlite)?;
    let svg = match args.of {
        Subject::Services => pintle_diagram::services(app.model(), &|route| fetches(&app, route)),
        Subject::Collections => pintle_diagram::collections(app.model()),
    };
    match (&args.output, format) {
        (None, _) => ui::out(svg.trim_end()),
        (Some(file), Format::Svg) => write(file, &svg)?,
        (Some(file), Format::Png) => {
            let picture =
                pintle_diagram::png(&svg).map_err(|error| Failure::because("cannot draw the picture", &error))?;
            write(file, &picture)?;
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Svg,
    Png,
}

impl Format {
    fn of(file: &Path) -> Result<Format, Failure> {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => Ok(Format::Svg),
            Some("png") => Ok(Format::Png),
            _ => Err(Failure::usage(format!("`{}` says no format", file.display()))
                .help("a file that ends with .svg or with .png")),
        }
    }
}

/// Whether the script of a route, or what it imports, calls other hosts: its text says so.
fn fetches(app: &App, route: RouteId) -> bool {
    let Some(program) = app.scripts.programs.get(&route) else { return false };
    let calls =
        |file: &String| std::fs::read_to_string(app.folder.join(file)).is_ok_and(|text| text.contains("fetch("));
    program.files().iter().any(calls)
}
