//! `pintle worker APP`: stores what waits in the queue of an app's pipelines.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pintle_model::{Durability, Model, PipelineId};
use pintle_pipeline::JetStream;
use pintle_pipeline::jetstream::Worker;
use pintle_server::{Environment, Exposes, Server, Settings};
use pintle_store::{Access, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::serve::{address, ended, listen_for};
use crate::app::App;
use crate::banner::origin;
use crate::failure::Failure;
use crate::listeners::no_service;
use crate::logs;
use crate::place::StoreArg;
use crate::queue::{self, QueueArg};
use crate::reload;
use crate::ui::{self, Look};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// Where it tells of its health and its metrics: IP:PORT; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8081", env = "PINTLE_LISTEN", value_name = "ADDRESS", value_parser = address)]
    listen: SocketAddr,
    /// Store the records of this service's pipelines alone
    #[arg(long, env = "PINTLE_SERVICE", value_name = "NAME")]
    service: Option<String>,
    #[command(flatten)]
    store: StoreArg,
    #[command(flatten)]
    queue: QueueArg,
    /// How log lines look [default: pretty on a terminal, json otherwise]; PINTLE_LOG says how much (info)
    #[arg(long, env = "PINTLE_LOG_FORMAT", value_enum)]
    log_format: Option<logs::Format>,
}

/// What work on other threads has to end, once the worker has ended.
const LAST_TIME: Duration = Duration::from_secs(1);
/// How long the batches that were begun may take.
const DRAIN: Duration = Duration::from_secs(30);

/// 1. The app is checked, and the address taken. 2. The store and the queue are opened, and brought to the model. 3. Records are stored
///    until a signal ends it; those that were taken out of the queue are stored first.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    logs::start(args.log_format)?;
    pintle_server::metrics::install().map_err(|error| Failure::because("cannot record metrics", &error))?;
    let (app, location) = App::load(&args.app, &args.store)?;
    let pipelines = pipelines(app.model(), args.service.as_deref())?;
    let Some(url) = args.queue.url()? else {
        return Err(Failure::usage("a worker needs a queue: without one the server stores records itself")
            .help("--queue nats://HOST:PORT, as for `pintle serve`"));
    };
    queue::fits(app.model(), location.dialect())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::because("cannot start", &error))?;
    let inside = runtime.enter();
    let listener = listen_for(args.listen, None)?;
    // What is acknowledged is removed from the queue, so it must be on disk, whatever is enough for who waits for an answer.
    let lasting = Arc::new(Model { durability: Durability::Full, ..Model::clone(app.model()) });
    let store = Store::open(&location, &lasting, Access::Serve)
        .map_err(|error| Failure::because("cannot open the store", &error))?;
    let queue = runtime.block_on(queue::open(&url, app.model()))?;
    reload::migrate(&store, &app, &args.store)?;
    let worked = runtime.block_on(work(&app, &store, queue, &pipelines, listener));
    drop(inside);
    runtime.shutdown_timeout(LAST_TIME);
    worked
}

/// The pipelines whose records are stored here.
fn pipelines(model: &Model, service: Option<&str>) -> Result<Vec<PipelineId>, Failure> {
    let pipelines = match service {
        Some(name) => model.find_service(name).ok_or_else(|| no_service(model, name))?.1.pipelines.clone(),
        None => (0..model.pipelines.len()).map(PipelineId).collect(),
    };
    if pipelines.is_empty() {
        let whose = service.map_or_else(|| format!("the app `{}`", model.name), |name| format!("the service `{name}`"));
        return Err(Failure::new(format!("{whose} has no pipelines: there is nothing to store")));
    }
    Ok(pipelines)
}

async fn work(
    app: &App,
    store: &Store,
    queue: JetStream,
    pipelines: &[PipelineId],
    listener: TcpListener,
) -> Result<(), Failure> {
    let stopped = |error: &dyn std::error::Error| Failure::because("the worker stopped", error);
    let worker = Worker::new(&queue, &app.planner, store, pipelines)
        .ok_or_else(|| Failure::new("the model has no dead letters"))?;
    let served = pintle_server::App {
        planner: Arc::clone(&app.planner),
        scripts: app.scripts.clone(),
        folder: app.folder.clone(),
        environment: Environment::default(),
        store: store.clone(),
        queue: Some(queue),
        settings: Settings { listeners: vec![Exposes::Nothing], access_log: false, ..Settings::default() },
    };
    let server = Server::new(served).map_err(|error| stopped(&error))?;
    let address = listener.local_addr().map_err(|error| stopped(&error))?;
    let ended = ended().map_err(|error| stopped(&error))?;
    let names: Vec<&str> = pipelines.iter().map(|id| app.model().pipeline(*id).name.as_str()).collect();
    tracing::info!(address = %address, pipelines = names.join(", "), "ready");
    ui::out(&banner(app, address, &names, Look::of_out()));
    let (end, ends) = watch::channel(false);
    let told = |mut ends: watch::Receiver<bool>| async move { drop(ends.wait_for(|ended| *ended).await) };
    let mut working = tokio::spawn(worker.run(told(ends.clone())));
    let serving = tokio::spawn(pintle_server::run(vec![listener], server, told(ends)));
    let broken = tokio::select! {
        () = ended => None,
        broken = &mut working => Some(broken),
    };
    // Both hear it; an error is that neither listens any more.
    let _ = end.send(true);
    if broken.is_none() && tokio::time::timeout(DRAIN, working).await.is_err() {
        tracing::warn!("stopped amid a batch: what is not stored of it comes again");
    }
    match serving.await {
        Ok(_) if broken.is_some() => Err(Failure::new("the worker stopped: a part of it panicked, a defect")
            .help("start it again, and report what the log says: what it took comes again")),
        Ok(served) => served.map_err(|error| stopped(&error)),
        Err(error) => Err(stopped(&error)),
    }
}

fn banner(app: &App, address: SocketAddr, names: &[&str], look: Look) -> String {
    format!(
        "\n  {} stores what waits for {} {}\n\n  {}  {}\n  {}  {}\n\n  {}",
        look.bold(concat!("Pintle ", env!("CARGO_PKG_VERSION"))),
        look.bold(&app.model().name),
        look.dim(&format!("({})", app.given.display())),
        look.dim("Pipelines"),
        names.join(", "),
        look.dim("Health   "),
        look.link(&format!("{}/health/ready", origin(address))),
        look.dim("Ctrl-C stops it."),
    )
}
