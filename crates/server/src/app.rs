//! What a server is given: an app, and how to serve it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pintle_auth::GatewayKey;
use pintle_model::RouteId;
use pintle_pipeline::JetStream;
use pintle_query::Planner;
use pintle_script::{Engine, Program};
use pintle_store::Store;

use crate::{Environment, Exposes};

/// An app, ready to be served.
#[derive(Debug)]
pub struct App {
    /// Its model, with compiled policies.
    pub planner: Arc<Planner>,
    /// The scripts of its routes, compiled.
    pub scripts: Scripts,
    /// The app's folder, which holds its pages and the files that its scripts import.
    pub folder: PathBuf,
    /// The variables of the environment that its manifest names.
    pub environment: Environment,
    /// Its data, migrated to the model. Serving ends with closing it, unless others hold it too.
    pub store: Store,
    /// Where its pipelines' records wait; nothing where the store itself is the queue.
    pub queue: Option<JetStream>,
    /// How it is served.
    pub settings: Settings,
}

/// The scripts that answer an app's routes.
#[derive(Clone)]
pub struct Scripts {
    /// What compiled them.
    pub engine: Arc<Engine>,
    /// The program of each route that a script answers.
    pub programs: BTreeMap<RouteId, Program>,
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.programs.iter().map(|(route, program)| (route, program.path()))).finish()
    }
}

/// How an app is served, beside what its manifest says.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What each listener exposes, in their order. Default: one, with the services that have no port of their own.
    pub listeners: Vec<Exposes>,
    /// Anonymous callers act as `service_role`; only loopback may ask. Default off.
    pub dev: bool,
    /// One line a request in the log. Default on.
    pub access_log: bool,
    /// `Prefer: tx=rollback` is honoured: for tests. Default off.
    pub allow_rollback: bool,
    /// Connections at a time; more wait in the system's queue. Each costs a file and some kilobytes. Default 8192.
    pub connections_max: usize,
    /// What a gateway signs what it passes on with; without it no gateway is believed. Default none.
    pub gateway: Option<GatewayKey>,
    /// How long requests that were begun may take to end when the server stops. Default 30 s.
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            listeners: vec![Exposes::Ports(vec![None])],
            dev: false,
            access_log: true,
            allow_rollback: false,
            connections_max: 8192,
            gateway: None,
            drain: Duration::from_secs(30),
        }
    }
}

/// Why an app is not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listener does not know its address.
    #[error("the listener has no address")]
    Listener(#[source] io::Error),
    /// The listeners are others than the settings say.
    #[error("{given} listeners where {told} are told of")]
    Listeners {
        /// How many there are.
        given: usize,
        /// How many there should be.
        told: usize,
    },
    /// Everybody who reaches a server in dev mode may do everything.
    #[error("dev mode listens on loopback alone, not on {0}")]
    DevBeyondLoopback(SocketAddr),
    /// Two things want the same path.
    #[error("the path `{path}` is taken: {reason}")]
    Path {
        /// The path.
        path: String,
        /// By what.
        reason: String,
    },
    /// A service was asked for by a name that none has.
    #[error("there is no service `{0}`")]
    NoService(String),
    /// A listener would expose nothing.
    #[error("this server listens at a port that no service has any more")]
    IdleListener,
    /// A service would not be served.
    #[error("the service `{service}` has {}", unserved(*.port))]
    Unserved {
        /// The service.
        service: String,
        /// Its port.
        port: Option<u16>,
    },
    /// What should be reached by `fetch` is no URL; the name says where it stands, as the value may be a secret.
    #[error("`{0}` holds no URL of http or https that fetch could reach")]
    FetchTarget(String),
    /// Nothing can be sent over HTTPS.
    #[error("fetch cannot be made ready")]
    Fetch(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing can be asked over HTTPS.
    #[error("services cannot be asked over HTTPS")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The model lacks what every model has.
    #[error("the model has no `{0}`")]
    Model(&'static str),
    /// The tokens of the environment cannot be read. The reason shows none of them.
    #[error("the variable {variable} {reason}")]
    Tokens {
        /// The variable that the manifest names.
        variable: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another recorder of metrics was installed in this process.
    #[error("metrics cannot be recorded")]
    Metrics(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why no listener serves a service of this port.
fn unserved(port: Option<u16>) -> String {
    match port {
        Some(port) => format!("the port {port}, where this server does not listen"),
        None => "no port, and this server listens at those of others alone".to_owned(),
    }
}
