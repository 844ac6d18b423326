//! `pintle copy APP --to URL`: moves an app's data from one store to another, and proves that it arrived.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pintle_model::{Limits, Model};
use pintle_query::{Dialect, Planner};
use pintle_store::copy::{Copied, Proof, Side, copy, prove};
use pintle_store::{Access, Consent, Error, Location, Store};

use crate::app::App;
use crate::copying::{self, Meter};
use crate::failure::Failure;
use crate::migration;
use crate::place::{StoreArg, TargetArg};
use crate::ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// Where the data is: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`
    /// [default: sqlite:APP/.pintle/data.db]
    ///
    /// May also stand in a file that PINTLE_STORE_FILE names.
    #[arg(long, value_name = "URL", env = "PINTLE_STORE", hide_env_values = true)]
    from: Option<String>,
    #[command(flatten)]
    to: TargetArg,
    /// Make the target's rows those of the source: rows that changed since they were copied are written over, and rows
    /// that the source does not have are removed
    #[arg(long, conflicts_with = "check")]
    overwrite: bool,
    /// Copy nothing: only count, sum and compare what both hold
    #[arg(long)]
    check: bool,
}

/// 1. Both stores are opened, and the target is brought to the model. 2. Rows are copied. 3. Both are read and compared.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let folder = App::folder(&args.app)?;
    let places = Places {
        source: args.source().location(&folder)?,
        target: args.to.location()?,
        from: args.source(),
        to: StoreArg { store: args.to.to.clone() },
    };
    places.differ()?;
    let app = App::load_at(&args.app, places.source.dialect())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::because("cannot start", &error))?;
    let _inside = runtime.enter();
    let model = patient(app.model());
    let source = places.open_source(&app, &model)?;
    let target = places.open_target(&app, &model, args.check)?;
    let (from, to) = (planner(&model, places.source.dialect())?, planner(&model, places.target.dialect())?);
    let source = Side { store: &source, planner: &from };
    let target = Side { store: &target, planner: &to };
    runtime.block_on(async {
        // In boxes: what is nested too deeply has no layout that the compiler finds.
        let copied = Box::pin(copied(source, target, args.overwrite));
        let copied = if args.check { Copied::default() } else { copied.await? };
        let proof = Box::pin(proved(source, target)).await?;
        verdict(&proof, &copied)
    })
}

async fn copied(source: Side<'_>, target: Side<'_>, overwrite: bool) -> Result<Copied, Failure> {
    let (mut meter, began) = (Meter::new(), Instant::now());
    let done = copy(source, target, overwrite, &mut |progress| meter.show(progress)).await;
    meter.clear();
    let copied = done.map_err(|error| {
        Failure::because("the data is not copied", &error)
            .help("what was copied stays: run the same command again, and it goes on there")
    })?;
    ui::out(&copying::summary(&copied, began.elapsed()));
    Ok(copied)
}

async fn proved(source: Side<'_>, target: Side<'_>) -> Result<Proof, Failure> {
    let mut meter = Meter::new();
    let done = prove(source, target, &mut |progress| meter.show(progress)).await;
    meter.clear();
    done.map_err(|error| {
        Failure::because("the copy is not proved", &error).help("run the same command with --check to prove it")
    })
}

fn verdict(proof: &Proof, copied: &Copied) -> Result<(), Failure> {
    ui::out(&copying::table(proof));
    for refused in &copied.refused {
        ui::err(&copying::refused(refused));
    }
    if proof.holds() {
        ui::out("\nBoth stores hold the same.");
        return Ok(());
    }
    Err(Failure::new(format!("the target is not the same as the source: {}", copying::differences(proof)))
        .help(copying::advice(proof)))
}

/// How long a statement of a copy may take: to count the rows of a large collection takes longer than any request.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// The same model for work that takes longer than requests.
fn patient(model: &Model) -> Arc<Model> {
    let limits = Limits { timeout: TIMEOUT, ..model.limits.clone() };
    Arc::new(Model { limits, ..model.clone() })
}

/// The planner of a model that was checked: there are no mistakes left in it.
fn planner(model: &Arc<Model>, dialect: Dialect) -> Result<Planner, Failure> {
    Planner::new(Arc::clone(model), dialect)
        .map_err(|_| Failure::new("the manifest's policies cannot be compiled: `pintle check` says why"))
}

/// Both stores, and how they were named.
struct Places {
    source: Location,
    target: Location,
    from: StoreArg,
    to: StoreArg,
}

impl Places {
    fn differ(&self) -> Result<(), Failure> {
        let same = match (&self.source, &self.target) {
            (Location::Sqlite(source), Location::Sqlite(target)) => {
                let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
                real(source) == real(target)
            }
            (source, target) => source == target,
        };
        if same {
            return Err(Failure::usage("the source and the target are the same store").help("name another one in --to"));
        }
        match &self.source {
            Location::Sqlite(path) if !path.exists() => {
                Err(Failure::new(format!("there is nothing to copy: there is no database `{}`", path.display()))
                    .help("name the store that holds the data in --from"))
            }
            _ => Ok(()),
        }
    }

    /// The source as it is: a server may be at work on it, and its tables are not this command's to change.
    fn open_source(&self, app: &App, model: &Arc<Model>) -> Result<Store, Failure> {
        let failed = |error: Error| failed(&error, "source", app, &self.from);
        let store = Store::open(&self.source, model, Access::Beside).map_err(failed)?;
        current(&store, "source", app, &self.from)?;
        Ok(store)
    }

    fn open_target(&self, app: &App, model: &Arc<Model>, check: bool) -> Result<Store, Failure> {
        let failed = |error: Error| failed(&error, "target", app, &self.to);
        if check {
            if let Location::Sqlite(path) = &self.target
                && !path.exists()
            {
                return Err(Failure::new(format!("there is no database `{}` to compare with", path.display())));
            }
            let store = Store::open(&self.target, model, Access::Beside).map_err(failed)?;
            current(&store, "target", app, &self.to)?;
            return Ok(store);
        }
        // As a server: another one on the same file keeps this out, and this keeps others out.
        let store = Store::open(&self.target, model, Access::Serve).map_err(|error| match error {
            Error::Open(_) => failed(error).help("stop the server that is there, or name another store in --to"),
            other => failed(other),
        })?;
        store.migrate(Consent::Forward).map_err(failed)?;
        Ok(store)
    }
}

impl Args {
    fn source(&self) -> StoreArg {
        StoreArg { store: self.from.clone() }
    }
}

/// Refuses a store whose tables are not the manifest's.
fn current(store: &Store, whose: &str, app: &App, place: &StoreArg) -> Result<(), Failure> {
    let plan = store.plan().map_err(|error| failed(&error, whose, app, place))?;
    if plan.first {
        return Err(Failure::new(format!("the {whose} holds no data of an app of Pintle's")));
    }
    if plan.is_empty() {
        return Ok(());
    }
    let command = migration::command(app, place);
    Err(Failure::new(format!("the tables of the {whose} are not what the manifest says"))
        .help(format!("bring them there first: {command}\nsee what would change: {command} --dry-run")))
}

fn failed(error: &Error, whose: &str, app: &App, place: &StoreArg) -> Failure {
    match error {
        Error::Migration(_) => migration::refused(error, app, place),
        other => Failure::because(format!("cannot open the {whose}"), other),
    }
}
