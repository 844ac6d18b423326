//! Real replicas under load: one is killed, one is told to stop.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use pintle_testbed::Port;
use serde_json::json;
use tokio::task::JoinSet;

use super::{app, gateway, until_ready};
use crate::common::{App, PATIENCE, Place, Server, pintle};

/// Requests at a time; each of them is a connection.
const CALLERS: usize = 12;
/// Answers to wait for before and after something happens.
const ENOUGH: usize = 150;

/// Callers that read and write all the time, each waiting for its answer before it asks again.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    /// What was asked and answered other than well.
    failed: Arc<Mutex<Vec<(&'static str, String)>>>,
    tasks: JoinSet<()>,
}

impl Load {
    fn on(gateway: &Server) -> Load {
        let mut load =
            Load { stop: Arc::default(), answered: Arc::default(), failed: Arc::default(), tasks: JoinSet::new() };
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let next = Arc::new(AtomicUsize::new(1));
        for _ in 0..CALLERS {
            let (stop, answered) = (Arc::clone(&load.stop), Arc::clone(&load.answered));
            let (failed, next) = (Arc::clone(&load.failed), Arc::clone(&next));
            let (client, url) = (client.clone(), format!("{}/rest/v1/persons", gateway.origin));
            load.tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    let (what, request) = match id % 3 {
                        0 => ("POST", client.post(&url).json(&json!({ "id": id }))),
                        _ => ("GET", client.get(format!("{url}?limit=1"))),
                    };
                    let told = match request.send().await {
                        Ok(answer) if answer.status().is_success() => {
                            answer.bytes().await.map_err(|e| format!("{e:?}"))
                        }
                        Ok(answer) => Err(answer.text().await.unwrap_or_default()),
                        Err(error) => Err(format!("{error:?}")),
                    };
                    if let Err(reason) = told {
                        failed.lock().unwrap().push((what, reason));
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        load
    }

    /// Waits until so many more were answered.
    async fn more(&self, count: usize) {
        let (begun, wanted) = (Instant::now(), self.answered.load(Ordering::Relaxed) + count);
        while self.answered.load(Ordering::Relaxed) < wanted {
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.failed);
            tokio::task::yield_now().await;
        }
    }

    /// Ends it: what failed.
    async fn end(mut self) -> Vec<(&'static str, String)> {
        self.stop.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        std::mem::take(&mut *self.failed.lock().unwrap())
    }
}

/// A replica at this port.
fn replica(app: &App, port: &Port) -> Server {
    let address = format!("127.0.0.1:{}", port.number());
    Server::start(pintle(&["serve", app.path(), "--listen", &address]).args(app.store()))
}

/// Two replicas behind a gateway, both ready, at ports that stay theirs.
async fn two() -> (App, [(Server, Port); 2], Server) {
    let app = app().on(Place::Postgres);
    let replicas = [(); 2].map(|()| {
        let port = Port::reserve().unwrap();
        (replica(&app, &port), port)
    });
    let [one, two] = replicas.each_ref().map(|(replica, _)| replica.origin.clone());
    let gateway = gateway(&app, &format!("{one},{two}"), &one);
    until_ready(&gateway, 200).await;
    both_are_ready(&gateway).await;
    (app, replicas, gateway)
}

async fn both_are_ready(gateway: &Server) {
    let begun = Instant::now();
    while !gateway.get("/metrics").await.text.contains("pintle_gateway_replicas_ready{service=\"persons\"} 2") {
        assert!(begun.elapsed() < PATIENCE, "{}", gateway.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_on_postgres_that_is_killed_costs_its_own_writes_alone() {
    let (_app, [(mut killed, _port), _other], gateway) = two().await;
    let load = Load::on(&gateway);
    load.more(ENOUGH).await;
    killed.kill();
    load.more(ENOUGH).await;
    let failed = load.end().await;
    assert!(failed.iter().all(|(what, _)| *what == "POST"), "{failed:#?}");
    assert!(failed.len() <= CALLERS, "those that it was asked for at that moment: {failed:#?}");
    assert!(failed.iter().all(|(_, reason)| reason.contains("\"PT502\"")), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_on_postgres_are_replaced_under_load_and_no_request_fails() {
    let (app, replicas, gateway) = two().await;
    let load = Load::on(&gateway);
    let mut newer = Vec::new();
    for (mut old, port) in replicas {
        load.more(ENOUGH).await;
        old.signal("TERM");
        assert_eq!(old.wait(), Some(0), "{}", old.log());
        load.more(ENOUGH).await;
        // The next one takes its place, at its address.
        newer.push((replica(&app, &port), port));
        both_are_ready(&gateway).await;
    }
    let failed = load.end().await;
    assert!(failed.is_empty(), "{failed:#?}");
}
