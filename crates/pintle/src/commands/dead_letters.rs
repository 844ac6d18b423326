//! `pintle dead-letters list | remove`: what pipelines took and could not store.

use std::path::PathBuf;

use pintle_model::PipelineId;
use pintle_pipeline::{Error, Letter};
use pintle_store::Store;
use tokio::runtime::Runtime;

use crate::app::App;
use crate::copying::grouped;
use crate::failure::Failure;
use crate::intake::{self, Intake};
use crate::place::StoreArg;
use crate::ui;

/// Letters that are read at once.
const PAGE: u64 = 200;

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show dead letters, the earliest first: their ids, when their records came, and why they could not be stored
    List {
        /// The app: a folder with a pintle.yaml, or a manifest
        app: PathBuf,
        /// The pipeline whose dead letters are shown. Default: all
        pipeline: Option<String>,
        /// Write each as a line of JSON, with its record and who sent it
        #[arg(long)]
        json: bool,
        /// How many are shown of each pipeline [default: 100; with --json all]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        limit: Option<u64>,
    },
    /// Remove dead letters: their records are given up
    Remove {
        /// The app: a folder with a pintle.yaml, or a manifest
        app: PathBuf,
        /// The pipeline whose dead letters are removed
        pipeline: String,
        /// Their ids, as `list` shows them
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,
        /// Remove all that are there
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::List { app, pipeline, json, limit } => {
            let (app, location) = App::load(app, &args.store)?;
            let ids = intake::pipelines(&app, pipeline.as_deref())?;
            let runtime = intake::runtime()?;
            let _inside = runtime.enter();
            let store = intake::open(&app, &location, &args.store)?;
            let limit = limit.unwrap_or(if *json { u64::MAX } else { 100 });
            let (mut found, named) = (false, !json && ids.len() > 1);
            for id in ids {
                found |= list(&Letters::new(&app, id, &store, &runtime)?, *json, named, limit)?;
            }
            if !found && !json {
                ui::err("There are no dead letters.");
            }
            Ok(())
        }
        Action::Remove { app, pipeline, ids, all } => {
            let (app, location) = App::load(app, &args.store)?;
            let id = intake::find(&app, pipeline)?;
            let runtime = intake::runtime()?;
            let _inside = runtime.enter();
            let store = intake::open(&app, &location, &args.store)?;
            let letters = Letters::new(&app, id, &store, &runtime)?;
            let removed = if *all { letters.remove_all()? } else { letters.remove(ids)? };
            ui::out(&format!("{pipeline}: {} removed", grouped(removed)));
            Ok(())
        }
    }
}

/// The dead letters of one pipeline.
struct Letters<'a> {
    name: &'a str,
    intake: Intake,
    runtime: &'a Runtime,
}

impl<'a> Letters<'a> {
    fn new(app: &'a App, id: PipelineId, store: &Store, runtime: &'a Runtime) -> Result<Letters<'a>, Failure> {
        Ok(Letters { name: &app.model().pipeline(id).name, intake: Intake::new(app, id, store)?, runtime })
    }

    fn wait<T>(&self, for_it: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
        let failed = |error| Failure::because(format!("the dead letters of `{}` cannot be reached", self.name), &error);
        self.runtime.block_on(for_it).map_err(failed)
    }

    fn newest(&self) -> Result<i64, Failure> {
        let Intake { door, asker } = &self.intake;
        self.wait(door.dead_letters().newest(asker))
    }

    fn page(&self, limit: u64, behind: Option<&Letter>, until: i64) -> Result<Vec<Letter>, Failure> {
        let Intake { door, asker } = &self.intake;
        self.wait(door.dead_letters().page(limit, behind, until, asker))
    }

    /// All of them, or none.
    fn remove(&self, ids: &[String]) -> Result<u64, Failure> {
        let Intake { door, asker } = &self.intake;
        let ids = ids.iter().cloned().collect();
        match self.wait(door.dead_letters().remove(&ids, asker))? {
            Some(missing) => Err(intake::no_letter(self.name, &missing)),
            None => Ok(ids.len() as u64),
        }
    }

    fn remove_all(&self) -> Result<u64, Failure> {
        let Intake { door, asker } = &self.intake;
        self.wait(door.dead_letters().remove_until(self.newest()?, asker))
    }
}

/// Prints those of one pipeline, below its name if they are to be told apart; whether there are any.
fn list(letters: &Letters<'_>, json: bool, named: bool, limit: u64) -> Result<bool, Failure> {
    let (mut left, until) = (limit, letters.newest()?);
    let mut page = letters.page(PAGE.min(left), None, until)?;
    if page.is_empty() {
        return Ok(false);
    }
    if named {
        ui::out(&format!("{}:", letters.name));
    }
    if !json {
        ui::out(&format!("{:<36}  {:<20}  {:>5}  {:<5}  WHY", "ID", "RECEIVED", "TRIED", "CODE"));
    }
    while !page.is_empty() {
        for letter in &page {
            ui::out(&if json { line_of_json(letter)? } else { line(letter) });
        }
        left -= page.len() as u64;
        page = letters.page(PAGE.min(left), page.last(), until)?;
    }
    if left == 0 && !json {
        let Intake { door, asker } = &letters.intake;
        let all = letters.wait(door.dead_letters().count(asker))?;
        if all > limit {
            ui::err(&format!("… {} more of `{}` are not shown: --limit", grouped(all - limit), letters.name));
        }
    }
    Ok(true)
}

fn line_of_json(letter: &Letter) -> Result<String, Failure> {
    serde_json::to_string(letter).map_err(|error| Failure::because("a dead letter cannot be written", &error))
}

fn line(letter: &Letter) -> String {
    let Letter { id, received_at, attempts, code, message, .. } = letter;
    let moment: String = received_at.chars().take("2026-01-31T12:30:00".len()).collect();
    format!("{id:<36}  {:<20}  {attempts:>5}  {code:<5}  {message}", moment.replace('T', " ") + "Z")
}
