//! The life of a server.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Request;
use parking_lot::RwLock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::answer::{self, Answer};
use crate::body::Incoming;
use crate::connections::{self, Answers, Bounds};
use crate::handle::handle;
use crate::state::State;
use crate::{App, Error, idempotency, metrics, pipeline};

/// After such a time a server has answered its first requests: what nobody waits for does not keep them from the processors.
pub(crate) const SETTLED: Duration = Duration::from_secs(1);

/// A server of an app, which may be given a newer one while it serves. Cheap to clone; all clones are one server.
#[derive(Debug, Clone)]
pub struct Server(Arc<RwLock<Arc<State>>>);

/// An app that a [`Server`] can serve at once: nothing of it can fail any more.
#[derive(Debug)]
pub struct Prepared(Arc<State>);

impl Server {
    /// Makes what requests share of an app.
    ///
    /// # Errors
    /// When the app cannot be served as it is told.
    pub fn new(app: App) -> Result<Server, Error> {
        Ok(Server(Arc::new(RwLock::new(Arc::new(State::new(app, None)?)))))
    }

    /// Makes what requests share of another app, which is not served yet: its store may be migrated meanwhile. How it is
    /// served ([`App::settings`]) stays as it was.
    ///
    /// # Errors
    /// When the app cannot be served as it is told.
    pub fn prepare(&self, app: App) -> Result<Prepared, Error> {
        let earlier = self.state();
        let newer = State::new(App { settings: earlier.settings.clone(), ..app }, Some(&earlier))?;
        Ok(Prepared(Arc::new(newer)))
    }

    /// Serves this app from now on, whole. Requests that were begun end with the one that they began with.
    pub fn swap(&self, prepared: Prepared) {
        *self.0.write() = prepared.0;
    }

    /// What requests that begin now share.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.0.read())
    }
}

/// Serves until `shutdown` ends. The listeners are those of [`crate::Settings::listeners`], in their order.
///
/// 1. Connections are taken from all of them, up to a bound, each with a task of its own.
/// 2. When told to stop, no more are taken; requests that were begun are answered, for as long as `drain` says.
/// 3. With the last of them the store is closed, which ends what still waits for it.
///
/// # Errors
/// When the app cannot be served as it is told.
pub async fn run(listeners: Vec<TcpListener>, server: Server, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let settings = server.state().settings.clone();
    if listeners.len() != settings.listeners.len() {
        return Err(Error::Listeners { given: listeners.len(), told: settings.listeners.len() });
    }
    for listener in &listeners {
        let address = listener.local_addr().map_err(Error::Listener)?;
        if settings.dev && !address.ip().is_loopback() {
            return Err(Error::DevBeyondLoopback(address));
        }
    }
    let mut upkeep = JoinSet::new();
    upkeep.spawn(metrics::upkeep());
    upkeep.spawn(idempotency::sweep(server.clone()));
    upkeep.spawn(pipeline::upkeep(server.clone()));
    let bounds = Bounds {
        connections_max: settings.connections_max,
        drain: settings.drain,
        open: server.state().totals.connections.clone(),
    };
    let mut ending = None;
    let shutdown = async {
        shutdown.await;
        ending = Some(Instant::now());
    };
    connections::serve(listeners, &bounds, server.clone(), shutdown).await;
    let left = settings.drain.saturating_sub(ending.map_or(settings.drain, |since| since.elapsed()));
    server.state().outbox.drain(left).await;
    upkeep.shutdown().await;
    Ok(())
}

impl Answers for Server {
    type Body = answer::Body;

    fn url_bytes(&self) -> u64 {
        self.state().model().limits.url_bytes
    }

    async fn answer(&self, listener: usize, remote: IpAddr, request: Request<Incoming>) -> Answer {
        // Each request has the app as it is when it begins, to its end.
        handle(self.state(), listener, remote, request).await
    }
}
