//! `pintle import APP PIPELINE FILE`: stores the records of a file, as if they had been posted.
//!
//! After each batch it is noted how far the file is stored, so that an import that was stopped goes on where it was. Between the batch and the
//! note it may be killed: then that batch comes again, and records that have ids are stored once.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pintle_model::PipelineId;
use pintle_pipeline::{Error, Taken};
use pintle_query::pipeline::Record;
use pintle_query::{Details, Fault};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
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
/// Bytes of the file that are hashed at once.
const PIECE_BYTES: usize = 64 << 10;
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
    /// SHA-256 of what was read of the file: up to the mark.
    read: String,
    mark: Mark,
    stored: u64,
    refused: u64,
    dead: u64,
}

impl Note {
    fn counts(&self) -> String {
        let Note { mark, stored, refused, dead, .. } = self;
        let [stored, refused, dead] = [stored, refused, dead].map(|count| grouped(*count));
        format!("{}: {stored} stored, {refused} refused, {dead} dead", records(mark.records))
    }
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
    let file = File::open(&args.file).map_err(cannot)?;
    let of = file.metadata().map_err(cannot)?;
    if !of.is_file() {
        return Err(Failure::new(format!("cannot read `{shown}`: it is no file"))
            .help("an import goes on where it was, which takes a file; a stream can be posted to the pipeline"));
    }
    let size = of.len();
    let notes = Notes::of(&app, id, &args.file).map_err(cannot)?;
    let mut behind = Behind::of(file.try_clone().map_err(cannot)?);
    let note = if args.from_start { Note::default() } else { notes.read() };
    if behind.up_to(note.mark.bytes).map_err(cannot)? != note.read && note.mark.records > 0 {
        return Err(Failure::new(format!("`{shown}` is not what {} of it were imported from", records(note.mark.records)))
            .help("`--from-start` imports all of it, and records that have ids are stored once; or put the file back as it was"));
    }
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
        size,
        read: behind,
        line: Line::new(),
        note,
        behind: from,
        records: Vec::new(),
        lines: Vec::new(),
        most: app.model().pipeline(id).batch.records,
        told: 0,
        sound: true,
        stop: stopped(),
    };
    let collection = app.model().collection(app.model().pipeline(id).into);
    let most = app.model().limits.body_bytes;
    let read = format.read(file, from, collection, most, &mut |json, line, behind| import.take(json, line, behind));
    // What was read before a mistake in the file's form is sound; what was not stored is not noted.
    let kept = if import.sound { import.flush() } else { Ok(()) };
    let read = read.and(kept);
    import.line.clear();
    read.map_err(|why| {
        Failure::new(format!("`{shown}` was not imported to its end: {why}"))
            .help(format!("{}; {GO_ON}", import.note.counts()))
    })?;
    import.end(&notes)
}

const MEND: &str = "mend those that were refused, and import them again";
const REPLAY: &str =
    "the dead ones are kept with their reasons: `pintle replay` tries them again once what they need is there";
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
    /// Bytes of the file.
    size: u64,
    read: Behind,
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
    /// Whether all is stored that was handed over.
    sound: bool,
    stop: Arc<AtomicBool>,
}

impl Import<'_> {
    /// Takes one record; whether to go on.
    fn take(&mut self, json: Result<&[u8], &str>, line: u64, behind: Mark) -> Result<bool, String> {
        let read = json.map_err(str::to_owned);
        match read.and_then(|json| self.intake.door.read(json, &self.intake.asker).map_err(|fault| faults(&fault))) {
            Ok(record) => {
                self.records.push(record);
                self.lines.push(line);
            }
            Err(why) => {
                self.note.refused += 1;
                self.tell(line, &why);
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
        self.sound = false;
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
        self.sound = true;
        self.note.mark = self.behind;
        self.note.read = self.read.up_to(self.behind.bytes).map_err(|error| error.to_string())?;
        self.notes.write(&self.note).map_err(|error| format!("how far it is cannot be noted: {error}"))?;
        if self.line.is_seen() {
            let done = bar(self.note.mark.bytes, self.size, WIDTH);
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
        let Note { refused, dead, .. } = self.note;
        let counts = self.note.counts();
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::new(format!("stopped after {counts}")).help(GO_ON));
        }
        // Nobody would go on with it.
        let _ = std::fs::remove_file(&notes.path);
        ui::out(&counts);
        match (refused, dead) {
            (0, 0) => Ok(()),
            (_, 0) => Err(Failure::new("not all records are stored").help(MEND)),
            (0, _) => Err(Failure::new("not all records are stored").help(REPLAY)),
            _ => Err(Failure::new("not all records are stored").help(format!("{MEND}; {REPLAY}"))),
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

/// What of the file is read, by its checksum: somebody may mend the file before the import goes on.
struct Behind {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Behind {
    fn of(file: File) -> Behind {
        Behind { file, hash: Sha256::new(), bytes: 0 }
    }

    /// The checksum of so many bytes from the beginning on, which are no fewer than before.
    fn up_to(&mut self, bytes: u64) -> std::io::Result<String> {
        let mut piece = vec![0; PIECE_BYTES];
        while self.bytes < bytes {
            let wanted = usize::try_from(bytes - self.bytes).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            // By place: the reader of the records shares the file's position.
            let read = self.file.read_at(&mut piece[..wanted], self.bytes)?;
            if read == 0 {
                break;
            }
            self.hash.update(&piece[..read]);
            self.bytes += read as u64;
        }
        Ok(self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect())
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

    fn read(&self) -> Note {
        let text = std::fs::read(&self.path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
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
