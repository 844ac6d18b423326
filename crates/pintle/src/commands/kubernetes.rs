//! `pintle kubernetes APP`: what Kubernetes needs to run an app, as files for `kubectl apply -f`.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use pintle_kubernetes::{AppFile, Manifest, Options, is_made_here, manifests};
use pintle_pipeline::JetStream;
use pintle_query::Dialect;

use crate::app::{App, MANIFEST};
use crate::failure::Failure;
use crate::output::write;
use crate::queue;
use crate::ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// For which kind of cluster
    #[arg(long, value_enum, default_value_t = Overlay::Local)]
    overlay: Overlay,
    /// Where the data lives
    #[arg(long, value_enum, default_value_t = Store::Sqlite)]
    store: Store,
    /// Where the records of pipelines wait
    #[arg(long, value_enum, default_value_t = Queue::Embedded)]
    queue: Queue,
    /// The image with Pintle
    #[arg(long, default_value = concat!("pintle:", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// The image has the app at /app: nothing brings it
    #[arg(long)]
    app_in_image: bool,
    /// The namespace to make and to use [default: the one that kubectl is set to]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The host name that callers use: an Ingress leads there
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// How many servers each service has, on PostgreSQL; in a cloud it is the least
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=100))]
    replicas: u16,
    /// The folder to write to: a file a concern, and a README.md with the commands; without it, standard output has what
    /// `kubectl apply -f -` takes
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Overlay {
    /// One on a laptop (k3s, minikube)
    Local,
    /// A provider's (GKE and the like)
    Cloud,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Store {
    /// In a file on a volume: one server
    Sqlite,
    /// In PostgreSQL: any number of servers
    Postgres,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Queue {
    /// In the store itself
    Embedded,
    /// In NATS JetStream, from where workers store them in PostgreSQL
    Nats,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (store, dialect) = match args.store {
        Store::Sqlite => (pintle_kubernetes::Store::Sqlite, Dialect::Sqlite),
        Store::Postgres => (pintle_kubernetes::Store::Postgres, Dialect::Postgres),
    };
    let app = App::load_at(&args.app, dialect)?;
    if matches!(args.queue, Queue::Nats) {
        JetStream::fits(app.model()).map_err(|error| queue::failed("there are no manifests", &error))?;
    }
    let options = Options {
        overlay: match args.overlay {
            Overlay::Local => pintle_kubernetes::Overlay::Local,
            Overlay::Cloud => pintle_kubernetes::Overlay::Cloud,
        },
        store,
        queue: match args.queue {
            Queue::Embedded => pintle_kubernetes::Queue::Embedded,
            Queue::Nats => pintle_kubernetes::Queue::Nats,
        },
        image: args.image.clone(),
        namespace: args.namespace.clone(),
        host: args.host.clone(),
        replicas: args.replicas,
        app_in_image: args.app_in_image,
        manifest: manifest_name(&app),
    };
    let made = manifests(app.model(), &files(&app)?, &options)
        .map_err(|error| Failure::because("there are no manifests", &error).help(error.help()))?;
    match &args.output {
        Some(folder) => write_all(folder, &made),
        None => {
            let applied = made.iter().filter(|made| !made.path.contains('/') && made.path.ends_with(".yaml"));
            ui::out(applied.map(|made| made.text.as_str()).collect::<String>().trim_end());
            ui::err(
                "With `--output DIR` these are files, beside a README.md with the commands that make the Secrets that they name.",
            );
            Ok(())
        }
    }
}

/// The manifest's file name.
fn manifest_name(app: &App) -> String {
    let path = Path::new(&app.model().source.path);
    path.file_name().map_or_else(|| MANIFEST.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What a server reads of the app's folder: the manifest, what it names, and the pages.
fn files(app: &App) -> Result<Vec<AppFile>, Failure> {
    let mut paths = app.named.clone();
    paths.insert(manifest_name(app));
    if let Some(pages) = &app.model().pages {
        pages_below(&app.folder, &pages.folder, &mut paths)?;
    }
    let read = |path: String| match std::fs::read(app.folder.join(&path)) {
        Ok(bytes) => Ok(AppFile { path, bytes }),
        Err(error) => Err(unread(&app.folder.join(&path), &error)),
    };
    paths.into_iter().map(read).collect()
}

/// Adds the files of a folder of pages. What begins with a dot is no page; what leads out of the app's folder is none either.
fn pages_below(app: &Path, path: &str, paths: &mut BTreeSet<String>) -> Result<(), Failure> {
    let folder = app.join(path);
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| unread(&folder, &error))?,
    };
    let home = app.canonicalize().map_err(|error| unread(app, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unread(&folder, &error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let below = format!("{path}/{name}");
        let Ok(real) = entry.path().canonicalize() else { continue };
        match real.metadata() {
            Ok(kind) if kind.is_dir() && entry.file_type().is_ok_and(|kind| kind.is_dir()) => {
                pages_below(app, &below, paths)?;
            }
            Ok(kind) if kind.is_file() && real.starts_with(&home) => drop(paths.insert(below)),
            _ => {}
        }
    }
    Ok(())
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    Failure::because(format!("cannot read `{}`", path.display()), error)
}

/// Writes the files, and takes away those that an earlier call made and this one does not: `kubectl apply` would take them too.
fn write_all(folder: &Path, made: &[Manifest]) -> Result<(), Failure> {
    for manifest in made {
        let path = folder.join(&manifest.path);
        if std::fs::read_to_string(&path).is_ok_and(|text| !is_made_here(&text)) {
            return Err(Failure::new(format!(
                "`{}` is there, and was not made by `pintle kubernetes`",
                path.display()
            ))
            .help("name another folder with --output: nothing of yours is written over"));
        }
    }
    for place in ["", "once", "monitoring"] {
        let Ok(entries) = std::fs::read_dir(folder.join(place)) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let stale = made.iter().all(|manifest| folder.join(&manifest.path) != path);
            if stale && std::fs::read_to_string(&path).is_ok_and(|text| is_made_here(&text)) {
                let gone = std::fs::remove_file(&path);
                gone.map_err(|error| Failure::because(format!("cannot remove `{}`", path.display()), &error))?;
            }
        }
    }
    for manifest in made {
        write(&folder.join(&manifest.path), &manifest.text)?;
    }
    let readme = folder.join("README.md");
    ui::out(&format!("Wrote {} files. What to do with them stands in `{}`.", made.len(), readme.display()));
    Ok(())
}
