//! Finds out how replicas are doing: looks names up every few seconds, and asks each address each second, by a connection
//! of its own, whether it is ready. So what is known is also whether it takes new connections.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::replica::{Health, Replica, Service, is_gone};

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
/// Bytes of an answer that are read: its status is all that matters.
const ANSWER_BYTES: usize = 64;

/// Watches a service's replicas, forever.
pub(super) async fn watch(service: Arc<Service>) -> Infallible {
    let mut probes = JoinSet::new();
    let mut probed: Vec<(Arc<Replica>, tokio::task::AbortHandle)> = Vec::new();
    for replica in service.replicas().iter() {
        let handle = probes.spawn(probe(Arc::clone(&service), Arc::clone(replica)));
        probed.push((Arc::clone(replica), handle));
    }
    if service.upstreams.iter().all(|upstream| upstream.address().is_some()) {
        std::future::pending::<()>().await;
    }
    loop {
        let found = look_up(&service).await;
        // What cannot be looked up for now is where it was.
        if let Some(found) = found {
            probed.retain(|(replica, handle)| {
                let stays = found.contains(&replica.address);
                if !stays {
                    handle.abort();
                }
                stays
            });
            let new: Vec<_> = found.into_iter().filter(|a| probed.iter().all(|(r, _)| r.address != *a)).collect();
            for address in new {
                let replica = Arc::new(Replica::new(address));
                let handle = probes.spawn(probe(Arc::clone(&service), Arc::clone(&replica)));
                probed.push((replica, handle));
            }
            service.replace(probed.iter().map(|(replica, _)| Arc::clone(replica)).collect());
        }
        while probes.try_join_next().is_some() {}
        sleep(if probed.is_empty() { INTERVAL } else { LOOK_UP_INTERVAL }).await;
    }
}

/// The addresses of all of a service's upstreams, or none if one of them cannot be looked up.
async fn look_up(service: &Service) -> Option<BTreeSet<SocketAddr>> {
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
async fn probe(service: Arc<Service>, replica: Arc<Replica>) -> Infallible {
    let mut slow = 0;
    loop {
        replica.answers.store(false, Ordering::Relaxed);
        let (health, why) = match tokio::time::timeout(TIME_MAX, ask(replica.address)).await {
            Ok(Ok(200)) => {
                slow = 0;
                (Health::Up, String::new())
            }
            Ok(Ok(status)) => (Health::Down, format!("/health/ready answers {status}")),
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

/// The status that a replica answers.
async fn ask(address: SocketAddr) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(ANSWER_BYTES);
    (&mut stream).take(ANSWER_BYTES as u64).read_to_end(&mut answer).await?;
    status(&answer).ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "what it says is no HTTP"))
}

fn status(answer: &[u8]) -> Option<u16> {
    let text = str::from_utf8(answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_s_status_is_read() {
        assert_eq!(status(b"HTTP/1.1 503 Service Unavailable\r\n"), Some(503));
        for wrong in [b"".as_slice(), b"HTTP/1.1 2", b"SSH-2.0 200", b"HTTP/1.1 abc"] {
            assert_eq!(status(wrong), None);
        }
    }
}
