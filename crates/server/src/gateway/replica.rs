//! Where a service answers: its replicas, how each is doing, and which one is asked next.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use metrics::{Counter, Gauge};
use parking_lot::RwLock;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::sync::Notify;

use super::lend::Lent;
use super::upstream::{Place, Upstream};
use crate::metrics::{self as figures, Meter};

/// How long a connection to a replica may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
/// How long a connection is kept that nobody uses. A service closes it after 30 s: the gateway is to be the first, since what is
/// sent on a connection that closes at that moment may be lost.
const IDLE_TIME_MAX: Duration = Duration::from_secs(15);
/// Connections to one replica that are kept without a use.
const IDLE_MAX: usize = 1024;
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 256 << 10;

/// What connects to a replica.
pub(super) type Connector = HttpsConnector<HttpConnector>;
type Connections = Client<Connector, Lent>;

/// A service, as the gateway knows it.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) upstreams: Vec<Upstream>,
    /// How replicas are asked over TLS.
    tls: ClientConfig,
    pub(super) meter: Meter,
    pub(super) retries: Counter,
    replicas: RwLock<Arc<[Arc<Replica>]>>,
    next: AtomicUsize,
    ready: Gauge,
}

/// How a replica is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Health {
    /// It says that it is ready.
    Up,
    /// It has not been asked yet, or something went wrong since: asked where no other is up.
    Unsure,
    /// It does not answer, or says that it is not ready.
    Down,
}

/// One address of a service.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) address: SocketAddr,
    pub(super) place: Place,
    pub(super) connector: Connector,
    health: AtomicU8,
    connections: RwLock<Connections>,
    /// Told when there is a reason to look at it at once.
    pub(super) doubted: Notify,
    /// Whether it answered a request since it was last asked how it is doing.
    pub(super) answers: AtomicBool,
}

impl Service {
    pub(super) fn new(name: String, upstreams: Vec<Upstream>, tls: ClientConfig) -> Service {
        // Addresses are known at once, names when they have been looked up.
        let known = upstreams.iter().filter_map(Upstream::place).map(|place| Arc::new(Replica::new(place, &tls)));
        Service {
            meter: Meter::of_service(&name),
            retries: metrics::counter!(figures::GATEWAY_RETRIES, "service" => name.clone()),
            ready: metrics::gauge!(figures::GATEWAY_REPLICAS, "service" => name.clone()),
            replicas: RwLock::new(known.collect()),
            next: AtomicUsize::new(0),
            name,
            upstreams,
            tls,
        }
    }

    /// A replica at an address that was found.
    pub(super) fn replica(&self, place: Place) -> Replica {
        Replica::new(place, &self.tls)
    }

    pub(super) fn replicas(&self) -> Arc<[Arc<Replica>]> {
        Arc::clone(&self.replicas.read())
    }

    /// Has these from now on.
    pub(super) fn replace(&self, replicas: Vec<Arc<Replica>>) {
        *self.replicas.write() = replicas.into();
        self.count();
    }

    /// The next replica that was not tried yet: one that is up, else one that may be.
    pub(super) fn choose(&self, tried: &[SocketAddr]) -> Option<Arc<Replica>> {
        let replicas = self.replicas();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let turn = |wanted| {
            let in_turn = (0..replicas.len()).map(|at| &replicas[(first.wrapping_add(at)) % replicas.len()]);
            in_turn.into_iter().find(|r| r.health() == wanted && !tried.contains(&r.address)).cloned()
        };
        turn(Health::Up).or_else(|| turn(Health::Unsure))
    }

    /// Whether a replica says that it is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.replicas().iter().any(|replica| replica.health() == Health::Up)
    }

    /// Remembers how a replica is doing; why is for the log.
    pub(super) fn mark(&self, replica: &Replica, health: Health, why: &str) {
        let before = replica.set(health);
        if before == health {
            return;
        }
        let (service, address) = (self.name.as_str(), replica.address);
        match health {
            Health::Up => tracing::info!(service, %address, "a replica is ready"),
            Health::Unsure => tracing::debug!(service, %address, why, "a replica is in doubt"),
            Health::Down => tracing::warn!(service, %address, why, "a replica is not asked any more until it is ready"),
        }
        self.count();
    }

    /// Something went wrong with a replica: others are preferred, and it is looked at now.
    pub(super) fn doubt(&self, replica: &Replica, why: &str) {
        if replica.health() == Health::Up {
            self.mark(replica, Health::Unsure, why);
        }
        replica.doubted.notify_one();
    }

    fn count(&self) {
        let up = self.replicas().iter().filter(|replica| replica.health() == Health::Up).count();
        #[expect(clippy::cast_precision_loss, reason = "there are not 2^52 replicas")]
        self.ready.set(up as f64);
    }
}

impl Replica {
    fn new(place: Place, tls: &ClientConfig) -> Replica {
        let connector = connector(&place, tls);
        Replica {
            address: place.address,
            place,
            health: AtomicU8::new(Health::Unsure as u8),
            connections: RwLock::new(connections(&connector)),
            connector,
            doubted: Notify::new(),
            answers: AtomicBool::new(false),
        }
    }

    pub(super) fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            0 => Health::Up,
            1 => Health::Unsure,
            _ => Health::Down,
        }
    }

    /// How it was doing before.
    fn set(&self, health: Health) -> Health {
        let before = self.health();
        self.health.store(health as u8, Ordering::Release);
        if health == Health::Down && before != Health::Down {
            // Connections that nobody uses are closed, so that a replica that stops need not wait for them.
            *self.connections.write() = connections(&self.connector);
        }
        before
    }

    /// The URL of a target there.
    pub(super) fn url(&self, target: &str) -> Result<Uri, hyper::http::Error> {
        let scheme = if self.place.certified.is_some() { "https" } else { "http" };
        Uri::builder().scheme(scheme).authority(self.address.to_string()).path_and_query(target).build()
    }

    pub(super) fn connections(&self) -> Connections {
        self.connections.read().clone()
    }
}

/// Whether an error says of a replica that it is not there, or speaks no HTTP. Others are the gateway's own: it has no more files
/// or ports.
pub(super) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    // What goes wrong with TLS is an error in an error.
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return is_gone(inner);
    }
    matches!(
        error.kind(),
        Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::TimedOut
            | Kind::InvalidData
            | Kind::UnexpectedEof
    )
}

fn connector(place: &Place, tls: &ClientConfig) -> Connector {
    let mut plain = HttpConnector::new();
    plain.set_nodelay(true);
    plain.set_connect_timeout(Some(CONNECT_TIME_MAX));
    plain.enforce_http(false);
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
    let name = place.certified.clone().and_then(|name| ServerName::try_from(name).ok());
    let builder = match name {
        Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
        // Either it is plain, or no certificate can be for what it is called: the address stands in its place.
        None => builder,
    };
    builder.enable_http1().wrap_connector(plain)
}

fn connections(connector: &Connector) -> Connections {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIME_MAX).pool_max_idle_per_host(IDLE_MAX);
    builder.http1_max_buf_size(HEAD_BYTES_MAX);
    builder.build(connector.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(ports: &[u16]) -> Service {
        let urls = ports.iter().map(|port| Upstream::parse(&format!("http://127.0.0.1:{port}")).unwrap());
        Service::new("s".to_owned(), urls.collect(), crate::tls::none().unwrap())
    }

    fn ports(service: &Service, tried: &[SocketAddr]) -> Vec<Option<u16>> {
        (0..4).map(|_| service.choose(tried).map(|replica| replica.address.port())).collect()
    }

    #[tokio::test]
    async fn those_that_are_up_take_turns() {
        let service = service(&[1, 2, 3]);
        let replicas = service.replicas();
        service.mark(&replicas[0], Health::Up, "");
        service.mark(&replicas[2], Health::Up, "");
        let turns = ports(&service, &[]);
        assert!(turns.contains(&Some(1)) && turns.contains(&Some(3)) && !turns.contains(&Some(2)), "{turns:?}");
        assert_eq!(ports(&service, &[replicas[0].address]), [Some(3); 4]);
    }

    #[tokio::test]
    async fn one_in_doubt_is_asked_where_no_other_is_up_and_one_that_is_down_never() {
        let service = service(&[1, 2]);
        let replicas = service.replicas();
        service.mark(&replicas[0], Health::Down, "");
        assert_eq!(ports(&service, &[]), [Some(2); 4]);
        assert!(!service.is_ready());
        service.mark(&replicas[1], Health::Down, "");
        assert_eq!(ports(&service, &[]), [None; 4]);
        service.mark(&replicas[0], Health::Up, "");
        assert!(service.is_ready());
        service.doubt(&replicas[0], "");
        assert_eq!(ports(&service, &[]), [Some(1); 4]);
    }

    #[test]
    fn what_the_gateway_lacks_is_no_fault_of_a_replica() {
        let of = |code| is_gone(&io::Error::from_raw_os_error(code));
        let (emfile, enfile, no_address, refused, reset, unreachable) = (24, 23, 99, 111, 104, 113);
        assert!(!of(emfile) && !of(enfile) && !of(no_address));
        assert!(of(refused) && of(reset) && of(unreachable));
    }
}
