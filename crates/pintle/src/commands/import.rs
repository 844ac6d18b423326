//! `pintle import APP PIPELINE FILE`: stores the records of a file, as if they had been posted.
//!
//! After each batch it is noted how far the file is stored, so that an import that was stopped goes on where it was. Between the batch and the
//! note it may be killed: then that batch comes again, and records that have ids are stored once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pintle_model::PipelineId;
use pintle_pipeline::{Error, Taken};
use pintle_query::pipeline::Record;
use pintle_query::{Details, Fault};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::app::App;
use crate::copying::{grouped, rows};
use crate::failure::Failure;
use crate::importing::{Format, Mark};
use crate::intake::{self, Intake};
use crate::place::StoreArg;
use crate::progress::{Line, bar};
use crate::ui;

/// Mistakes that are shown.
const FAULTS_MAX: u64 = 20;
/// How many characters the bar has.
const WIDTH: usize = 30;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    app: PathBuf,
    /// The pipeline that the records go in by
    pipeline: String,
    /// The file: CSV with a line of names, NDJSON, or GeoJSON; its ending says which (.csv, .ndjson or .jsonl, .geojson or .json)
    file: PathBuf,
    /// Begin anew, though a part was imported before
    #[arg(long)]
    from_start: bool,
    #[command(flatten)]
    store: StoreArg,
}

/// How far an import is, as it is noted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Note {
    /// Bytes that the file had.
    size: u64,
    mark: Mark,
    stored: u64,
    refused: u64,
    dead: u64,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let shown = args.file.display();
    let format = Format::of(&args.file).ok_or_else(|| {
        Failure::usage(format!("what `{shown}` holds is not known"))
            .help("its name ends with .csv, .ndjson, .jsonl, .geojson or .json")
    })?;
    let (app, location) = App::load(&args.app, &args.store)?;
    let id = intake::find(&app, &args.pipeline)?;
    let cannot = |error: std::io::Error| Failure::because(format!("cannot read `{shown}`"), &error);
    let file = std::fs::File::open(&args.file).map_err(cannot)?;
    let size = file.metadata().map_err(cannot)?.len();
    let notes = Notes::of(&app, id, &args.file).map_err(cannot)?;
    let mut note = if args.from_start { Note::default() } else { notes.read(size) };
    note.size = size;
    let runtime = intake::runtime()?;
    let _inside = runtime.enter();
    let store = intake::open(&app, &location, &args.store)?;
    if note.mark.records > 0 {
        ui::err(&format!("Going on behind {} that are in already.", records(note.mark.records)));
    }
    let from = note.mark;
    let mut import = Import {
        intake: Intake::new(&app, id, &store)?,
        runtime: &runtime,
        notes: &notes,
        line: Line::new(),
        note,
        behind: from,
        records: Vec::new(),
        lines: Vec::new(),
        most: app.model().pipeline(id).batch.records,
        told: 0,
        stop: stopped(),
    };
    let collection = app.model().collection(app.model().pipeline(id).into);
    let read = format.read(file, from, collection, &mut |json, line, behind| import.take(json, line, behind));
    let read = read.and_then(|()| import.flush());
    import.line.clear();
    read.map_err(|why| Failure::new(format!("`{shown}` was not imported to its end: {why}")).help(GO_ON))?;
    import.end(&notes)
}

const GO_ON: &str = "what was stored stays: the same command goes on where this one ended";

/// Whether somebody wants it to stop.
fn stopped() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            told.store(true, Ordering::Relaxed);
        }
    });
    stop
}

/// An import at work.
struct Import<'a> {
    intake: Intake,
    runtime: &'a Runtime,
    notes: &'a Notes,
    line: Line,
    /// What is durable.
    note: Note,
    /// How far the file is read.
    behind: Mark,
    records: Vec<Record>,
    /// The line of each record.
    lines: Vec<u64>,
    /// Records of a batch.
    most: usize,
    /// Mistakes that were shown.
    told: u64,
    stop: Arc<AtomicBool>,
}

impl Import<'_> {
    /// Takes one record; whether to go on.
    fn take(&mut self, json: &[u8], line: u64, behind: Mark) -> Result<bool, String> {
        match self.intake.door.read(json, &self.intake.asker) {
            Ok(record) => {
                self.records.push(record);
                self.lines.push(line);
            }
            Err(fault) => {
                self.note.refused += 1;
                self.tell(line, &faults(&fault));
            }
        }
        self.behind = behind;
        if self.records.len() >= self.most {
            self.flush()?;
        }
        Ok(!self.stop.load(Ordering::Relaxed))
    }

    /// Stores what was taken, and notes how far that is.
    fn flush(&mut self) -> Result<(), String> {
        let (records, lines) = (std::mem::take(&mut self.records), std::mem::take(&mut self.lines));
        let taken = self.runtime.block_on(self.intake.door.take(records, &self.intake.asker));
        let taken = taken.map_err(|error: Error| error.to_string())?;
        for (line, taken) in lines.into_iter().zip(taken) {
            match taken {
                Taken::Stored | Taken::Accepted => self.note.stored += 1,
                Taken::Dead(error) => {
                    self.note.dead += 1;
                    self.tell(line, &error.to_string());
                }
                // What is not noted is tried again by the next import.
                Taken::TurnedAway(error) => return Err(error.to_string()),
            }
        }
        self.note.mark = self.behind;
        self.notes.write(&self.note).map_err(|error| format!("how far it is cannot be noted: {error}"))?;
        if self.line.is_seen() {
            let done = bar(self.note.mark.bytes, self.note.size, WIDTH);
            self.line.show(&format!("importing {done} {}", rows(self.note.mark.records)));
        }
        Ok(())
    }

    fn tell(&mut self, line: u64, why: &str) {
        self.told += 1;
        if self.told > FAULTS_MAX {
            return;
        }
        self.line.clear();
        ui::err(&format!("{line}: {why}"));
        if self.told == FAULTS_MAX {
            ui::err("… more are not shown");
        }
    }

    /// Says what was done.
    fn end(self, notes: &Notes) -> Result<(), Failure> {
        let Note { mark, stored, refused, dead, .. } = self.note;
        let counts = format!(
            "{}: {} stored, {} refused, {} dead",
            records(mark.records),
            grouped(stored),
            grouped(refused),
            grouped(dead)
        );
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::new(format!("stopped after {counts}")).help(GO_ON));
        }
        // Nobody would go on with it.
        let _ = std::fs::remove_file(&notes.path);
        ui::out(&counts);
        match (refused, dead) {
            (0, 0) => Ok(()),
            (_, 0) => Err(Failure::new("not all records are stored").help("mend those that were refused, and import them again")),
            _ => Err(Failure::new("not all records are stored")
                .help("the dead ones are kept with their reasons: `pintle replay` tries them again once what they need is there")),
        }
    }
}

fn records(count: u64) -> String {
    format!("{} record{}", grouped(count), if count == 1 { "" } else { "s" })
}

fn faults(fault: &Fault) -> String {
    match &fault.details {
        Details::List(all) if !all.is_empty() => {
            all.iter().map(|(path, message)| format!("{path}: {message}")).collect::<Vec<_>>().join("; ")
        }
        _ => fault.message.clone(),
    }
}

/// Where it is noted how far an import is: a file in the app's own folder, for this pipeline and this file.
struct Notes {
    path: PathBuf,
}

impl Notes {
    fn of(app: &App, id: PipelineId, file: &Path) -> std::io::Result<Notes> {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hash = DefaultHasher::new();
        file.canonicalize()?.hash(&mut hash);
        let name = format!("import-{}-{:016x}.json", app.model().pipeline(id).name, hash.finish());
        Ok(Notes { path: app.folder.join(".pintle").join(name) })
    }

    /// How far it is: nowhere, where the file has become shorter.
    fn read(&self, size: u64) -> Note {
        let text = std::fs::read(&self.path).unwrap_or_default();
        let note: Note = serde_json::from_slice(&text).unwrap_or_default();
        if note.size <= size { note } else { Note::default() }
    }

    fn write(&self, note: &Note) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let next = self.path.with_extension("next");
        std::fs::write(&next, serde_json::to_vec(note)?)?;
        std::fs::rename(next, &self.path)
    }
}
