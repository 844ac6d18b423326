//! Finds out how replicas are doing: looks names up every few seconds, and asks each address each second, by a connection
//! of its own, whether it is ready, and which services it has. So what is known is also whether it takes new connections.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use pintle_auth::{GatewayKey, Passed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::Service as _;

use super::forward::io_error;
use super::replica::{Health, Replica, Service, is_gone};
use super::upstream::Place;
use crate::failure::reasons;
use crate::ids::X_REQUEST_ID;
use crate::passed::{self, FORWARDED, PINTLE_GATEWAY, PINTLE_SERVICE};

/// How often a replica is asked, and how much that varies, so that several gateways do not ask at the same moment.
const INTERVAL: Duration = Duration::from_secs(1);
const JITTER_MS: u64 = 200;
/// How soon it is asked again when something went wrong.
const PAUSE: Duration = Duration::from_millis(20);
/// How long it may take to answer.
const TIME_MAX: Duration = Duration::from_secs(2);
/// One that is only slow is given up when it was so this many times in a row.
const SLOW_MAX: u32 = 3;
/// How often names are looked up; sooner where there was no address.
const LOOK_UP_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read: its head is all that matters.
const ANSWER_BYTES: usize = 4096;
/// The question's id, which its signature holds for.
const QUESTION: &str = "is-it-ready";

/// Watches a service's replicas, forever.
pub(super) async fn watch(service: Arc<Service>, key: GatewayKey) -> Infallible {
    let mut probes = JoinSet::new();
    let mut probed: Vec<(Arc<Replica>, tokio::task::AbortHandle)> = Vec::new();
    for replica in service.replicas().iter() {
        let handle = probes.spawn(probe(Arc::clone(&service), Arc::clone(replica), key.clone()));
        probed.push((Arc::clone(replica), handle));
    }
    if service.upstreams.iter().all(|upstream| upstream.place().is_some()) {
        std::future::pending::<()>().await;
    }
    loop {
        let found = look_up(&service).await;
        // What cannot be looked up for now is where it was.
        if let Some(found) = found {
            probed.retain(|(replica, handle)| {
                let stays = found.contains(&replica.place);
                if !stays {
                    handle.abort();
                }
                stays
            });
            let new: Vec<_> = found.into_iter().filter(|p| probed.iter().all(|(r, _)| r.place != *p)).collect();
            for place in new {
                let replica = Arc::new(service.replica(place));
                let handle = probes.spawn(probe(Arc::clone(&service), Arc::clone(&replica), key.clone()));
                probed.push((replica, handle));
            }
            service.replace(probed.iter().map(|(replica, _)| Arc::clone(replica)).collect());
        }
        while probes.try_join_next().is_some() {}
        sleep(if probed.is_empty() { INTERVAL } else { LOOK_UP_INTERVAL }).await;
    }
}

/// The addresses of all of a service's upstreams, or none if one of them cannot be looked up.
async fn look_up(service: &Service) -> Option<BTreeSet<Place>> {
    let mut all = BTreeSet::new();
    for upstream in &service.upstreams {
        match upstream.look_up().await {
            Ok(found) => all.extend(found),
            Err(error) => {
                tracing::warn!(service = service.name, %upstream, reason = %error, "no address is found");
                return None;
            }
        }
    }
    Some(all)
}

/// Asks a replica again and again.
async fn probe(service: Arc<Service>, replica: Arc<Replica>, key: GatewayKey) -> Infallible {
    let mut slow = 0;
    loop {
        replica.answers.store(false, Ordering::Relaxed);
        let (health, why) = match tokio::time::timeout(TIME_MAX, ask(&replica, &key)).await {
            Ok(Ok(told)) => {
                slow = 0;
                match told.wrong(&service.name) {
                    None => (Health::Up, String::new()),
                    Some(why) => (Health::Down, why),
                }
            }
            Ok(Err(error)) if is_gone(&error) => (Health::Down, error.to_string()),
            Ok(Err(error)) => {
                let (service, address) = (service.name.as_str(), replica.address);
                tracing::warn!(service, %address, reason = %error, "the gateway cannot ask a replica whether it is ready");
                (replica.health(), String::new())
            }
            Err(_) => {
                // One that answers all else has no connection left for this.
                slow = if replica.answers.load(Ordering::Relaxed) { 0 } else { slow + 1 };
                let health = if slow < SLOW_MAX { replica.health() } else { Health::Down };
                (health, format!("/health/ready takes longer than {} s", TIME_MAX.as_secs()))
            }
        };
        service.mark(&replica, health, &why);
        let random = getrandom::u32().map_or(0, u64::from) % JITTER_MS;
        tokio::select! {
            () = sleep(INTERVAL - Duration::from_millis(random)) => {}
            () = replica.doubted.notified() => sleep(PAUSE).await,
        }
    }
}

/// What a replica answers.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    status: u16,
    /// The services that it has, if it says so.
    services: Option<String>,
}

impl Told {
    /// Reads the head of an answer.
    fn read(answer: &[u8]) -> Option<Told> {
        let text = String::from_utf8_lossy(answer);
        let (head, _) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let services = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(PINTLE_SERVICE.as_str()).then(|| value.trim().to_owned())
        });
        Some(Told { status, services })
    }

    /// Why requests for a service are not sent there.
    fn wrong(&self, service: &str) -> Option<String> {
        match (self.status, &self.services) {
            (200, Some(has)) if has.split(',').all(|name| name != service) => {
                Some(format!("it is the service `{has}`: its --upstream is another's"))
            }
            (200, _) => None,
            (403, _) => Some("/health/ready answers 403: a server with --dev answers no gateway".to_owned()),
            (status, _) => Some(format!("/health/ready answers {status}")),
        }
    }
}

/// Asks a replica, and signs the question, so that it says what it thinks of the signature.
async fn ask(replica: &Replica, key: &GatewayKey) -> io::Result<Told> {
    let url = replica.url("/health/ready").map_err(io::Error::other)?;
    let connected = replica.connector.clone().call(url).await;
    let mut stream = TokioIo::new(connected.map_err(|error| match io_error(&*error) {
        Some(found) if is_gone(found) => io::Error::new(io::ErrorKind::ConnectionRefused, reasons(&*error)),
        _ => io::Error::other(reasons(&*error)),
    })?);
    let address = replica.address;
    // It asks for itself.
    let forwarded = passed::forwarded(Ipv4Addr::LOCALHOST.into(), None, false);
    let told =
        Passed { method: "GET", target: "/health/ready", id: QUESTION.as_bytes(), forwarded: forwarded.as_bytes() };
    let signature = key.sign(told, passed::now());
    let request = format!(
        "GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{X_REQUEST_ID}: {QUESTION}\r\n\
         {FORWARDED}: {forwarded}\r\n{PINTLE_GATEWAY}: {signature}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(ANSWER_BYTES);
    (&mut stream).take(ANSWER_BYTES as u64).read_to_end(&mut answer).await?;
    Told::read(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what it says is no HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_s_head_is_read() {
        let of = |text: &str| Told::read(text.as_bytes());
        let told = |status, services: Option<&str>| Some(Told { status, services: services.map(str::to_owned) });
        assert_eq!(of("HTTP/1.1 503 Service Unavailable\r\n\r\n{}"), told(503, None));
        assert_eq!(of("HTTP/1.1 200 OK\r\na: b\r\nPintle-Service: x,y\r\n\r\n"), told(200, Some("x,y")));
        for wrong in ["", "HTTP/1.1 2", "SSH-2.0 200\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_replica_of_another_service_is_the_wrong_one() {
        let told = |status, services: &str| Told { status, services: Some(services.to_owned()) };
        assert_eq!(told(200, "x,y").wrong("y"), None);
        assert_eq!(Told { status: 200, services: None }.wrong("y"), None, "it does not say");
        for wrong in [told(200, "x"), told(200, "yy"), told(403, "y"), told(503, "y")] {
            assert!(wrong.wrong("y").is_some(), "{wrong:?}");
        }
    }
}
