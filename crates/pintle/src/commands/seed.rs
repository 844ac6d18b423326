//! `pintle seed APP`: an app's sample data, made by the script that its manifest names.
//!
//! 1. The script runs to its end while nothing is stored: what it yields is held against the model and counted, and what it
//!    fills is looked at. So a script with a mistake leaves nothing behind.
//! 2. It runs again, and each batch that it yields is stored in a transaction of its own.
//!
//! Its chance is no chance, so that it yields the same in both runs, and at every other time.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use pintle_model::likeness::meant;
use pintle_script::{
    DbAnswer, DbRequest, Ended, Engine, Failure as Fault, FetchRequest, Fetched, Host, Level, Mistake, Program,
};
use serde_json::{Map, Value};

use crate::app::App;
use crate::copying::{grouped, rows};
use crate::failure::Failure;
use crate::place::StoreArg;
use crate::progress::{Line, bar};
use crate::sowing::{Batch, Sower, Told};
use crate::ui::{self, Look};
use crate::{environment, intake, report, scripts};

/// Bytes that the script may take: it makes a world, and does so on its author's machine.
const MEMORY_BYTES: usize = 1 << 30;
/// How long one of its runs may take.
const TIME: Duration = Duration::from_secs(3600);
/// How many characters the bar has.
const WIDTH: usize = 30;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// Write over rows that are there already
    #[arg(long)]
    again: bool,
    /// What the app's seed takes, as `--set radius=60` or `--radius 60`: numbers, true, false and null are such, all else is text
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, Value)>,
    #[command(flatten)]
    store: StoreArg,
}

/// The words of a command line where, behind `seed`, each `--NAME VALUE` that is no flag's stands as `--set NAME=VALUE`.
pub(crate) fn with_settings(words: Vec<OsString>, cli: &clap::Command) -> Vec<OsString> {
    let Some(seed) = cli.find_subcommand("seed").filter(|_| words.get(1).is_some_and(|word| word == "seed")) else {
        return words;
    };
    let flags: Vec<&str> = seed.get_arguments().filter_map(clap::Arg::get_long).chain(["help"]).collect();
    let (mut told, mut words) = (Vec::new(), words.into_iter().peekable());
    while let Some(word) = words.next() {
        let flag = word.to_str().and_then(|word| word.strip_prefix("--")).map(str::to_owned);
        let Some(flag) = flag.filter(|flag| !flags.contains(&flag.split('=').next().unwrap_or_default())) else {
            told.push(word);
            continue;
        };
        if flag.is_empty() {
            told.push(word);
            told.extend(words);
            break;
        }
        let setting = if flag.contains('=') {
            Some(flag.clone())
        } else {
            let value = words.next_if(|value| value.to_str().is_some_and(|value| !value.starts_with("--")));
            value.and_then(|value| Some(format!("{flag}={}", value.to_str()?)))
        };
        let setting = setting.or_else(|| meant(&flag, flags.iter().copied()).is_none().then_some(flag));
        match setting {
            Some(setting) => told.extend(["--set".into(), setting.into()]),
            // Nearly a flag that there is.
            None => told.push(word),
        }
    }
    told
}

fn setting(text: &str) -> Result<(String, Value), String> {
    let found = text.split_once('=');
    let (name, value) = found.ok_or_else(|| format!("a value is missing: `--{text} VALUE` or `--set {text}=VALUE`"))?;
    if name.is_empty() {
        return Err("a setting is NAME=VALUE, like radius=60".to_owned());
    }
    let read: Option<Value> = serde_json::from_str(value).ok();
    let scalar = read.filter(|read| !read.is_object() && !read.is_array());
    Ok((name.to_owned(), scalar.unwrap_or_else(|| value.into())))
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    for (at, (name, _)) in args.set.iter().enumerate() {
        if args.set[..at].iter().any(|(earlier, _)| earlier == name) {
            return Err(Failure::usage(format!("`--set {name}=…` is given twice")).help("give it once"));
        }
    }
    let (app, location) = App::load(&args.app, &args.store)?;
    let script = Script::of(&app, &args.set)?;
    let runtime = intake::runtime()?;
    let _inside = runtime.enter();
    let store = intake::open(&app, &location, &args.store)?;
    let sower = Sower { planner: &app.planner, store: &store, runtime: runtime.handle(), again: args.again };

    let line = Line::new();
    let show = |text: &dyn Fn() -> String| {
        if line.is_seen() {
            line.show(&text());
        }
    };
    let mut wanted = Told::default();
    let tried = script.run(&mut |batch| {
        wanted.add(&sower.look(batch)?);
        show(&|| format!("making {}", rows(wanted.total())));
        Ok(())
    });
    line.clear();
    tried.map_err(|told| told.help("nothing was stored"))?;
    refuse_taken(&wanted, args)?;

    let mut stored = Told::default();
    let done = script.run(&mut |batch| {
        stored.add(&sower.store(batch)?);
        show(&|| format!("storing {} {}", bar(stored.total(), wanted.total(), WIDTH), rows(stored.total())));
        Ok(())
    });
    line.clear();
    done.map_err(|told| match stored.total() {
        0 => told.help("nothing was stored"),
        n => told.help(format!("{} were stored before that; with `--again` they are written over", rows(n))),
    })?;
    ui::out(&summary(&stored));
    Ok(())
}

fn refuse_taken(wanted: &Told, args: &Args) -> Result<(), Failure> {
    if args.again || wanted.taken.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = wanted.taken.iter().map(|name| format!("`{name}`")).collect();
    let have = if names.len() == 1 { "has" } else { "have" };
    Err(Failure::new(format!("{} {have} rows already: nothing was stored", names.join(", ")))
        .help("with `--again` rows of the same keys are written over, and all others stay"))
}

/// `1,200 rows in 2 collections: 1,000 tiles, 200 places`
fn summary(stored: &Told) -> String {
    let each: Vec<String> = stored.rows.iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
    match each.len() {
        0 => "The seed has no rows.".to_owned(),
        1 => format!("Stored {} of {}.", rows(stored.total()), stored.rows[0].0),
        n => format!("Stored {} in {n} collections: {}.", rows(stored.total()), each.join(", ")),
    }
}

/// The app's seed, compiled.
struct Script<'a> {
    app: &'a App,
    engine: Engine,
    program: Program,
    /// A JSON object.
    settings: Bytes,
}

impl Script<'_> {
    fn of<'a>(app: &'a App, settings: &[(String, Value)]) -> Result<Script<'a>, Failure> {
        let Some(seed) = &app.model().seed else {
            return Err(Failure::new(format!("the app `{}` has no seed", app.model().name))
                .help("name one in the manifest: `seed: seed/world.js`, a script that yields rows"));
        };
        let environment = environment::read(app.model())?;
        let limits = scripts::settings(app.model(), &environment);
        let engine = Engine::new(pintle_script::Settings { memory_bytes: MEMORY_BYTES, ..limits });
        let compiled = engine.compile(&seed.file.path, &seed.file.text, &|path| app.text(path));
        // It was compiled when the app was checked.
        let program = compiled.map_err(|mistakes| {
            Failure::new(mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; "))
        })?;
        let settings: Map<String, Value> = settings.iter().cloned().collect();
        Ok(Script { app, engine, program, settings: Value::Object(settings).to_string().into() })
    }

    /// Runs it to its end, or to the first batch that is refused.
    fn run(&self, each: &mut dyn FnMut(&Batch) -> Result<(), String>) -> Result<(), Failure> {
        let mut refused = None;
        let mut take = |json: Bytes| {
            Batch::read(&json).and_then(|batch| each(&batch)).inspect_err(|why| refused = Some(why.clone()))
        };
        let ended = self.engine.produce(&self.program, self.settings.clone(), TIME, &mut Alone, &mut take);
        match (ended, refused) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(why)) => {
                Err(Failure::new(format!("the seed `{}` yields what cannot be stored: {why}", self.program.path())))
            }
            (Err(fault), None) => Err(self.told(fault)),
        }
    }

    /// What went wrong, with a picture of the place where that is known.
    fn told(&self, fault: Fault) -> Failure {
        let path = self.program.path();
        match fault {
            Fault::Thrown { message, at: Some(place), .. } => {
                let mistake = Mistake { path: place.path, line: place.line, column: place.column, message, help: None };
                let folder = Path::new(&self.app.model().source.path).parent().unwrap_or(Path::new(""));
                let picture = scripts::diagnostic(folder, &|path| self.app.text(path), mistake);
                ui::err(&report::render(&[picture], Look::of_err()));
                Failure::new(format!("the seed `{path}` did not run to its end"))
            }
            other => Failure::because(format!("the seed `{path}` did not run to its end"), &other),
        }
    }
}

/// What a seed reaches outside itself: nothing.
struct Alone;

impl Host for Alone {
    fn database(&mut self, _: &DbRequest) -> Result<Option<DbAnswer>, Ended> {
        Ok(Some(refused()))
    }

    fn sql(&mut self, _: &str, _: &Bytes) -> Result<Option<DbAnswer>, Ended> {
        Ok(Some(refused()))
    }

    fn fetch(&mut self, _: FetchRequest) -> Result<Fetched, Ended> {
        Ok(Fetched::Failed("a seed cannot fetch".to_owned()))
    }

    fn log(&mut self, _: Level, message: &str) {
        ui::err(message);
    }

    fn random(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn refused() -> DbAnswer {
    let error = serde_json::json!({
        "code": "PT400", "message": "a seed has no `db`", "details": null,
        "hint": "yield the rows: yield { places: [{ name: \"a\" }] }",
    });
    DbAnswer { status: 400, body: Bytes::from(error.to_string()), count: None }
}
