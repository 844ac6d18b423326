//! `pintle serve APP`: the life of a server process on one screen.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use pintle_pipeline::JetStream;
use pintle_query::Dialect;
use pintle_server::{Environment, Server, Settings};
use pintle_store::{Access, Store};
use tokio::net::{TcpListener, TcpSocket};

use crate::app::App;
use crate::banner::Banner;
use crate::environment;
use crate::failure::Failure;
use crate::gateway_key;
use crate::listeners::{self, Place};
use crate::logs;
use crate::place::StoreArg;
use crate::queue::{self, QueueArg};
use crate::reload::{self, Reload};
use crate::ui::{self, Look};
use crate::watch::Watcher;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// Where to listen: IP:PORT; port 0 takes a free one, also for services with a port of their own
    /// [default: 127.0.0.1:8080]
    #[arg(long, env = "PINTLE_LISTEN", value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Serve this service of the app alone, at its port unless --listen says where
    #[arg(long, env = "PINTLE_SERVICE", value_name = "NAME")]
    service: Option<String>,
    #[command(flatten)]
    store: StoreArg,
    #[command(flatten)]
    queue: QueueArg,
    /// Let anonymous callers act as service_role: for trying things out, on loopback alone
    #[arg(long, env = "PINTLE_DEV", value_parser = BoolishValueParser::new())]
    dev: bool,
    /// Take over each change of the app's files; a mistake in them is shown, and the app is served as before
    #[arg(long, env = "PINTLE_WATCH", value_parser = BoolishValueParser::new())]
    watch: bool,
    /// How log lines look [default: pretty on a terminal, json otherwise]; PINTLE_LOG says how much (info)
    #[arg(long, env = "PINTLE_LOG_FORMAT", value_enum)]
    log_format: Option<logs::Format>,
    /// Log no line for each request
    #[arg(long, env = "PINTLE_NO_ACCESS_LOG", value_parser = BoolishValueParser::new())]
    no_access_log: bool,
    /// Honour `Prefer: tx=rollback`, for tests: the write is answered and undone
    #[arg(long, env = "PINTLE_TX_ROLLBACK", value_parser = BoolishValueParser::new())]
    tx_rollback: bool,
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let found = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}").parse(),
        None => text.parse(),
    };
    found.map_err(|_| "an address is IP:PORT, like 127.0.0.1:8080, 0.0.0.0:80 or [::1]:8080".to_owned())
}

/// 1. The app is checked. 2. The addresses are taken. 3. The store is opened, the server made, and the store brought to the
///    model. 4. It is served and the lines are printed; meanwhile changes are taken over, with --watch or when SIGHUP says
///    so. 5. A signal drains it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    refuse_open_dev(args)?;
    logs::start(args.log_format)?;
    // Before the store is opened, which takes its handles then.
    pintle_server::metrics::install().map_err(|error| Failure::because("cannot record metrics", &error))?;
    let (app, location) = App::load(&args.app, &args.store)?;
    let environment = environment::read(app.model())?;
    let queue = args.queue.url()?;
    if queue.is_some() {
        queue::fits(app.model(), location.dialect())?;
    }
    if let Some(variable) = app.model().credentials.tokens.as_deref().filter(|name| environment.get(name).is_none()) {
        tracing::warn!(variable, "not set: there are no tokens but those of `pintle token create`");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::because("cannot start", &error))?;
    let inside = runtime.enter();
    let places = listeners::places(app.model(), args.listen, args.service.as_deref())?;
    let listeners = places.iter().map(|place| listeners::listen(app.model(), place)).collect::<Result<Vec<_>, _>>()?;
    let access = args.service.clone().map_or(Access::Serve, Access::Service);
    let store = Store::open(&location, app.model(), access)
        .map_err(|error| Failure::because("cannot open the store", &error).help(OTHER_STORE))?;
    let queue = queue.map(|url| runtime.block_on(queue::open(&url, app.model()))).transpose()?;
    let server = server(args, &app, &places, environment, (&store, queue.clone()))?;
    // Migrated last, as when the app is reloaded: a server that cannot be made leaves the store to the one before.
    reload::migrate(&store, &app, &args.store)?;
    let pages = reload::pages_of(app.model());
    let watcher = args.watch.then(|| Watcher::start(&app.folder, pages.as_deref())).transpose()?;
    if queue.is_some() {
        tracing::info!("records of pipelines wait in the queue until `pintle worker` stores them");
    }
    let kept = (location.dialect(), store, queue);
    let ended = runtime.block_on(serve(args, &app, server, kept, (&places, listeners), watcher));
    drop(inside);
    // What nothing can break off, such as one long step of a script, does not keep the process.
    runtime.shutdown_timeout(LAST_TIME);
    ended
}

fn refuse_open_dev(args: &Args) -> Result<(), Failure> {
    // Without an address it is loopback.
    if let Some(listen) = args.listen.filter(|listen| args.dev && !listen.ip().is_loopback()) {
        let what =
            format!("--dev lets anybody who reaches {listen} act as service_role, so it listens on loopback alone");
        return Err(Failure::usage(what).help("leave --dev away and make a token, or listen on 127.0.0.1"));
    }
    Ok(())
}

/// What work on other threads has to end, once the server is drained.
const LAST_TIME: Duration = Duration::from_secs(1);

/// Connections that the system keeps until the server takes them: a burst of many is no reason to refuse one.
const BACKLOG: u32 = 1024;

/// Takes an address, for the service that has its port in the manifest if it is one's.
pub(crate) fn listen_for(address: SocketAddr, service: Option<&str>) -> Result<TcpListener, Failure> {
    let whom = service.map(|name| format!(" for the service `{name}`")).unwrap_or_default();
    let another = |port: &str| match service {
        Some(name) => format!("give `{name}` {port} in the manifest"),
        None => format!("choose {port} with --listen"),
    };
    let take = || -> std::io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    take().map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            Failure::new(format!("cannot listen on {address}{whom}: another program does"))
                .help(format!("stop that program, or {}", another("another port")))
        }
        std::io::ErrorKind::PermissionDenied => {
            Failure::new(format!("cannot listen on {address}{whom}: ports below 1024 need more rights"))
                .help(another("a port from 1024 on"))
        }
        std::io::ErrorKind::AddrNotAvailable => {
            Failure::new(format!("cannot listen on {address}{whom}: this machine has no such address"))
                .help("listen on 127.0.0.1 for this machine alone, on 0.0.0.0 for all")
        }
        _ => Failure::because(format!("cannot listen on {address}{whom}"), &error),
    })
}

const OTHER_STORE: &str = "--store sqlite:PATH names another file";

/// Whether an app has several services, which a gateway may stand before.
fn of_several(app: &App) -> bool {
    app.model().services.len() > 1
}

/// What can fail of serving the app does so here.
fn server(
    args: &Args,
    app: &App,
    places: &[Place],
    environment: Environment,
    (store, queue): (&Store, Option<JetStream>),
) -> Result<Server, Failure> {
    let settings = Settings {
        listeners: places.iter().map(|place| place.exposes.clone()).collect(),
        dev: args.dev,
        access_log: !args.no_access_log,
        allow_rollback: args.tx_rollback,
        // In dev mode nobody may come by a proxy.
        gateway: if args.dev {
            None
        } else {
            gateway_key::of_service(&app.folder, of_several(app), args.service.is_some())?
        },
        ..Settings::default()
    };
    let served = pintle_server::App {
        planner: Arc::clone(&app.planner),
        scripts: app.scripts.clone(),
        folder: app.folder.clone(),
        environment,
        store: store.clone(),
        queue,
        settings,
    };
    Server::new(served).map_err(|error| stopped(&error))
}

fn stopped(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::because("the server stopped", error)
}

async fn serve(
    args: &Args,
    app: &App,
    server: Server,
    (dialect, store, queue): (Dialect, Store, Option<JetStream>),
    (places, listeners): (&[Place], Vec<TcpListener>),
    watcher: Option<Watcher>,
) -> Result<(), Failure> {
    let (given, seen, pages) = (app.given.clone(), Some(app.fingerprint), reload::pages_of(app.model()));
    let mut bound = Vec::with_capacity(places.len());
    for (place, listener) in places.iter().zip(&listeners) {
        bound.push((listener.local_addr().map_err(|error| stopped(&error))?, place.services.clone()));
    }
    let ended = ended().map_err(|error| stopped(&error))?;
    let look = Look::of_out();
    let banner = Banner { app, store: &args.store, bound: &bound, dev: args.dev, watch: args.watch, look }.text();
    let (store_arg, awaited) = (args.store.clone(), None);
    let reload = Reload { given, store_arg, dialect, server: server.clone(), store, queue, seen, pages, awaited };
    let changes = reload.follow(watcher).map_err(|error| stopped(&error))?;
    for (address, services) in &bound {
        // What is not a part of the app needs no name.
        let services = app.model().services_named.then(|| listeners::names(app.model(), services));
        tracing::info!(address = %address, services, "ready");
    }
    ui::out(&banner);
    tokio::select! {
        ended = pintle_server::run(listeners, server, ended) => ended.map_err(|error| stopped(&error)),
        never = changes => match never {},
    }
}

/// Ends at SIGTERM or SIGINT; a second one ends the process at once.
pub(super) fn ended() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let first = tokio::select! { _ = terminate.recv() => "SIGTERM", _ = interrupt.recv() => "SIGINT" };
        tracing::info!(signal = first, "stopping: what was begun is answered, nothing new is taken");
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            tracing::warn!("stopped at once, by a second signal");
            std::process::exit(1);
        });
    })
}
