//! The life of a server.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use parking_lot::RwLock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::handle::handle;
use crate::metrics::{self, OneMore};
use crate::patience::Patient;
use crate::state::State;
use crate::{App, Error, idempotency};

/// How long a caller may take to begin, and over HTTP/1 to send each request's head, so that slow ones do not hold
/// connections for nothing. Over HTTP/1 it also ends connections that nobody uses.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a caller may leave what it is sent unread.
const WRITE_TIME_MAX: Duration = Duration::from_secs(30);
/// How often a caller over HTTP/2 is asked whether it is still there, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIME_MAX: Duration = Duration::from_secs(20);
/// Requests at a time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 200;
/// Bytes of a request's head beside its URL.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long to wait when the system has no more files for connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    let room = Arc::new(Semaphore::new(settings.connections_max));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut turn = 0;
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&room).acquire_owned() => permit,
            () = &mut shutdown => break,
        };
        let taken = tokio::select! {
            taken = taken(&listeners, turn) => taken,
            () = &mut shutdown => break,
        };
        turn = taken.listener + 1;
        connect(&mut connections, &graceful, &server, taken, permit.ok());
        while connections.try_join_next().is_some() {}
    }
    // Those that the system has taken for us already.
    for (at, listener) in listeners.iter().enumerate() {
        while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
            connect(&mut connections, &graceful, &server, Taken { listener: at, stream, remote: peer.ip() }, None);
        }
    }
    drop(listeners);
    let (stopping, drain) = (Instant::now(), settings.drain);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests did not end in time and are broken off");
    }
    connections.shutdown().await;
    server.state().outbox.drain(drain.saturating_sub(stopping.elapsed())).await;
    upkeep.shutdown().await;
    Ok(())
}

/// A connection.
struct Taken {
    /// The place of the listener that it came in by.
    listener: usize,
    stream: TcpStream,
    remote: IpAddr,
}

/// The next connection; where several listeners have one, that of the first from `turn` on, so that none waits for the others.
/// Errors are a connection's own, or pass.
async fn taken(listeners: &[TcpListener], turn: usize) -> Taken {
    loop {
        let next = poll_fn(|context| {
            let order = (0..listeners.len()).map(|step| (turn + step) % listeners.len());
            for at in order {
                if let Poll::Ready(accepted) = listeners[at].poll_accept(context) {
                    return Poll::Ready((at, accepted));
                }
            }
            Poll::Pending
        });
        match next.await {
            (listener, Ok((stream, peer))) => return Taken { listener, stream, remote: peer.ip() },
            (_, Err(error)) if is_of_connection(&error) => {}
            (_, Err(error)) => {
                tracing::warn!(reason = %error, "no connection can be taken for now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers a connection's requests in a task of its own.
fn connect(
    connections: &mut JoinSet<()>,
    graceful: &GracefulShutdown,
    server: &Server,
    Taken { listener, stream, remote }: Taken,
    permit: Option<tokio::sync::OwnedSemaphorePermit>,
) {
    // An answer is written at once and whole: waiting for more would only delay it.
    let _ = stream.set_nodelay(true);
    let state = server.state();
    let url_bytes = usize::try_from(state.model().limits.url_bytes).unwrap_or(usize::MAX);
    let head_bytes = HEAD_BYTES_MAX.saturating_add(url_bytes);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).max_buf_size(head_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIME_MAX);
    let server = server.clone();
    let service = service_fn(move |request| {
        // Each request has the app as it is when it begins, to its end.
        let state = server.state();
        async move { Ok::<_, Infallible>(handle(state, listener, remote, request).await) }
    });
    let stream = Patient::new(stream, HEAD_TIME_MAX, WRITE_TIME_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let connection = graceful.watch(connection);
    let connections_open = state.totals.connections.clone();
    connections.spawn(async move {
        let _permit = permit;
        let _one_more = OneMore::of(&connections_open);
        if let Err(error) = connection.await {
            tracing::debug!(reason = %error, "connection ended");
        }
    });
}
