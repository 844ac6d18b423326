//! The process's life on one screen: accept, serve, drain.
//!
//! The listener is handed in. Every count has a bound: connections (more wait in the system's queue), the time for a
//! request's head, the time to drain. When `shutdown` completes nothing new is accepted; what was accepted is answered,
//! and then the store closes, which writes what was handed over.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::{ServiceBuilder, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::answer::{Answer, Failure};
use crate::state::{App, State};
use crate::{cors, edge, metrics, openapi};

/// A client that does not send a request's head within this time is let go, so that slow ones cannot hold all connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Answers below this size cost more to compress than to send.
const COMPRESS_BYTES: u64 = 1024;
/// How long to wait after the system refused a connection (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a server ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listener does not tell its address.
    #[error("the listener is no longer usable")]
    Listener(#[source] std::io::Error),
}

/// Serves an app until `shutdown` completes and what was accepted is answered.
///
/// # Errors
/// When the listener is not usable.
pub async fn run(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    listener.local_addr().map_err(Error::Listener)?;
    metrics::install();
    let settings = app.settings.clone();
    let state = Arc::new(State::new(app));
    let upkeep = tokio::spawn(upkeep());
    let docs: axum::Router = openapi::routes(state.planner.model(), true);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(settings.connections_max));
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    http.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_TIMEOUT);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let state = Arc::clone(&state);
        let docs = docs.clone();
        let cors = cors::layer(&state.planner.model().cors);
        let answers = service_fn(move |request: Request<Incoming>| {
            edge::handle(Arc::clone(&state), docs.clone(), request).map(Ok::<Response<Body>, Infallible>)
        });
        let service = ServiceBuilder::new()
            .layer(CatchPanicLayer::custom(panicked))
            .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESS_BYTES)))
            .option_layer(cors)
            .service(answers);
        let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
        let served = graceful.watch(served);
        tokio::spawn(async move {
            // A connection that breaks off is the caller's affair.
            let _ = served.await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(settings.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = settings.drain.as_secs(), "requests were still at work when the time to drain ended");
    }
    upkeep.abort();
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are written whole, so waiting for more only delays them.
            let _ = stream.set_nodelay(true);
            Some((stream, place))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn upkeep() {
    let mut ticks = tokio::time::interval(metrics::UPKEEP);
    loop {
        ticks.tick().await;
        metrics::upkeep();
    }
}

/// A defect of ours: the caller is told nothing of its insides.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Answer {
    tracing::error!("a request's handler panicked");
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error").code("XX000").answer()
}
