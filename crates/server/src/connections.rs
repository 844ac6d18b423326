//! The connections of a server: taken from its listeners, bounded in number and in time, answered, and at the end drained.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use hyper::body::Body;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use metrics::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::body::Incoming;
use crate::metrics::OneMore;
use crate::patience::Patient;

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
/// Bytes of a request's body, over HTTP/2, that may come before anybody reads them; and of all on a connection. What is sent in many small
/// frames, as records are by gRPC, costs more than its bytes: h2 takes it as long as that is less than half of a connection's bytes,
/// and else ends the connection. So the first must be small beside the second.
const STREAM_BYTES_MAX: u32 = 64 << 10;
const CONNECTION_BYTES_MAX: u32 = 16 << 20;
/// Bytes of a request's head beside its URL.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long to wait when the system has no more files for connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a connection of a gateway is kept when the server stops, unless the gateway closes it before: what it has just sent would
/// be lost, and it asks each second whether it should go on sending.
const GATEWAY_LINGER: Duration = Duration::from_secs(3);
/// The same for a connection that was just made: its first request may be on its way.
const NEW_LINGER: Duration = Duration::from_millis(200);

/// What answers the requests of connections. Cheap to clone.
pub(crate) trait Answers: Clone + Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static;

    /// Bytes of a URL that it takes.
    fn url_bytes(&self) -> u64;

    /// The answer to a request that came in by this listener, from this address.
    fn answer(
        &self,
        listener: usize,
        remote: IpAddr,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Set in an answer's extensions when a gateway asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByGateway;

/// Within which bounds connections are served.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// Connections at a time.
    pub(crate) connections_max: usize,
    /// How long requests that were begun may take to end.
    pub(crate) drain: Duration,
    /// Counts those that are open.
    pub(crate) open: Gauge,
}

/// Serves connections until `shutdown` ends; then no more are taken, and what was begun is answered.
pub(crate) async fn serve<A: Answers>(
    listeners: Vec<TcpListener>,
    bounds: &Bounds,
    answers: A,
    shutdown: impl Future<Output = ()>,
) {
    let room = Arc::new(Semaphore::new(bounds.connections_max));
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut turn = 0;
    let connect = |taken: Taken| connection(&answers, bounds.open.clone(), stopping.clone(), taken);
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
        let connection = connect(taken);
        connections.spawn(async move {
            let _permit = permit;
            connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
    // Those that the system has taken for us already.
    for (at, listener) in listeners.iter().enumerate() {
        while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
            connections.spawn(connect(Taken { listener: at, stream, remote: peer.ip() }));
        }
    }
    drop(listeners);
    // Nobody hears it where there is no connection.
    let _ = stop.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(bounds.drain, all).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests did not end in time and are broken off");
    }
    connections.shutdown().await;
}

/// A connection that was taken.
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

/// Who asks by a connection, which says how long it lingers.
#[derive(Debug, Default)]
struct Asker(AtomicU8);

impl Asker {
    const ANYBODY: u8 = 1;
    const GATEWAY: u8 = 2;

    fn asks(&self, by_gateway: bool) {
        self.0.store(if by_gateway { Asker::GATEWAY } else { Asker::ANYBODY }, Ordering::Relaxed);
    }

    fn linger(&self) -> Duration {
        match self.0.load(Ordering::Relaxed) {
            Asker::GATEWAY => GATEWAY_LINGER,
            Asker::ANYBODY => Duration::ZERO,
            _ => NEW_LINGER,
        }
    }
}

/// Answers a connection's requests, until it ends or the server stops.
fn connection<A: Answers>(
    answers: &A,
    open: Gauge,
    mut stopping: watch::Receiver<bool>,
    Taken { listener, stream, remote }: Taken,
) -> impl Future<Output = ()> + Send + use<A> {
    // An answer is written at once and whole: waiting for more would only delay it.
    let _ = stream.set_nodelay(true);
    let builder = builder(answers.url_bytes());
    let asker = Arc::new(Asker::default());
    let service = service_fn({
        let (answers, asker, stopping) = (answers.clone(), Arc::clone(&asker), stopping.clone());
        move |request: Request<hyper::body::Incoming>| {
            let (answers, asker, stopping) = (answers.clone(), Arc::clone(&asker), stopping.clone());
            async move {
                let (head, body) = request.into_parts();
                let version = head.version;
                let body = Incoming::of(&head, body);
                let mut answer = answers.answer(listener, remote, Request::from_parts(head, body)).await;
                asker.asks(answer.extensions().get::<ByGateway>().is_some());
                if version <= Version::HTTP_11 && *stopping.borrow() {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        }
    });
    async move {
        let _one_more = OneMore::of(&open);
        let stream = TokioIo::new(Patient::new(stream, HEAD_TIME_MAX, WRITE_TIME_MAX));
        let mut connection = pin!(builder.serve_connection(stream, service));
        let stop = async { _ = stopping.wait_for(|stopping| *stopping).await };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop => {
                match tokio::time::timeout(asker.linger(), connection.as_mut()).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(reason = %error, "connection ended");
        }
    }
}

fn builder(url_bytes: u64) -> auto::Builder<TokioExecutor> {
    let head_bytes = HEAD_BYTES_MAX.saturating_add(usize::try_from(url_bytes).unwrap_or(usize::MAX));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).max_buf_size(head_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_BYTES_MAX)
        .initial_connection_window_size(CONNECTION_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIME_MAX);
    builder
}
