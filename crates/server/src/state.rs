//! What the server keeps while it serves an app: made once, shared by all requests.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pintle_model::Caller;
use pintle_query::Planner;
use pintle_query::rest::Asker;
use pintle_store::Store;
use uuid::Uuid;

use crate::authenticate::Tokens;
use crate::metrics::Metrics;
use crate::router::Router;

/// An app, ready to be served.
#[derive(Debug, Clone)]
pub struct App {
    /// Its model, with compiled policies.
    pub planner: Arc<Planner>,
    /// Its data, migrated to the model.
    pub store: Store,
    /// How it is served.
    pub settings: Settings,
}

/// How an app is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Anonymous callers act as `service_role`; only loopback may ask. Default off.
    pub dev: bool,
    /// One line a request in the log. Default on.
    pub access_log: bool,
    /// `Prefer: tx=rollback` is honoured: for tests. Default off.
    pub allow_rollback: bool,
    /// Connections at a time; more wait in the system's queue. Each costs some kilobytes and a file. Default 4096.
    pub connections_max: usize,
    /// How long requests that were accepted may take to end when the server stops. Default 30 s.
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            dev: false,
            access_log: true,
            allow_rollback: false,
            connections_max: 4096,
            drain: Duration::from_secs(30),
        }
    }
}

/// What requests share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) planner: Arc<Planner>,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) tokens: Tokens,
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
}

impl State {
    pub(crate) fn new(app: App) -> State {
        let router = Router::new(app.planner.model());
        let metrics = Metrics::new(router.patterns());
        State { planner: app.planner, store: app.store, settings: app.settings, tokens: Tokens::new(), router, metrics }
    }

    /// Who asks, now.
    pub(crate) fn asker(&self, caller: Arc<Caller>) -> Asker {
        Asker { caller, now: Timestamp::now().as_microsecond(), new_uuid: Uuid::now_v7 }
    }
}
