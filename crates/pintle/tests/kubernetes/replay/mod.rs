//! The manifests at work: their processes, started on this machine with what the manifests give them.
//!
//! A [`Cluster`] has the objects and the disks. A [`Pod`] is a process with the manifest's words, variables, mounts, user, probes
//! and signals; paths of the container become folders, and each pod has an address of loopback. What is done to pods is what
//! Kubernetes does, in its own times: they become ready by their probes, are replaced one by one, and end by their hook and SIGTERM.
//! What is not replayed: images, the read-only root, limits, network policies, and PostgreSQL's own pod.

mod cluster;
mod deployed;
mod gateway;
mod load;
mod pod;
mod volume;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use pintle_testbed::Postgres;
use regex::Regex;
use serde_json::json;

use crate::common::App;
use crate::folder::Folder;
use cluster::Cluster;
use deployed::Deployed;
use load::{Endpoints, Load};
use pod::{Container, Pod};

/// How long a server may take until callers reach it: a second of its own, up to two of its probes, which ask each second.
const READY_MAX: Duration = Duration::from_secs(3);
/// How often all replicas are replaced, unless `PINTLE_TEST_ROUNDS` says so.
const ROUNDS: usize = 2;

/// The shipped app, with these services in the place of its own.
fn configs(services: &str) -> App {
    let app = App::shipped("configs");
    let path = app.file("pintle.yaml");
    let text = std::fs::read_to_string(&path).expect("the manifest");
    let own = Regex::new(r"(?m)^services:.*\n(?:[ \n].*\n?)*").expect("a pattern");
    std::fs::write(&path, format!("{}\n{services}", own.replace(&text, ""))).expect("the manifest");
    app
}

/// The middle one, of two the slower: other tests keep the machine busy too, so one pod may be slow.
fn median(ready: &[Duration]) -> Duration {
    let mut sorted = ready.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// Replicas of `configs` as one service, and what leads to them.
fn replicas() -> (Deployed, Endpoints) {
    let (mut app, endpoints) = (Deployed::new(configs("")), Endpoints::default());
    let ready = app.start("configs", None, &endpoints);
    assert_eq!(ready.len(), 3);
    assert!(median(&ready) < READY_MAX, "ready after {ready:?}");
    (app, endpoints)
}

#[test]
fn replicas_on_postgres_are_replaced_under_load_and_no_request_fails() {
    let rounds = std::env::var("PINTLE_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let (mut app, endpoints) = replicas();
    let token = app.token("configs");
    for round in 0..rounds {
        let load = Load::start(&endpoints, &token, &format!("round_{round}"));
        load.more(50);
        app.change();
        let took = app.roll("configs", &endpoints);
        load.more(50);
        let seen = load.end();
        eprintln!("round {round}: {} answered, {} failed, ready after {took:?}", seen.answered, seen.failed.len());
        assert!(seen.failed.is_empty(), "{:#?}", seen.failed);
        app.has(&seen.written);
    }
    assert!(rounds < 2 || app.count("more_2") == "0", "every second version has a field more");
}

#[test]
fn a_killed_replica_on_postgres_costs_only_its_own_requests() {
    let (mut app, endpoints) = replicas();
    let token = app.token("configs");
    let load = Load::start(&endpoints, &token, "kills");
    load.more(50);
    let mut victims = BTreeSet::new();
    for _ in 0..2 {
        victims.insert(app.kill("configs", &endpoints));
        load.more(50);
    }
    let seen = load.end();
    eprintln!("{} answered, {} failed", seen.answered, seen.failed.len());
    let of_others = |failed: &&load::Failed| failed.address.is_none_or(|address| !victims.contains(&address));
    let others: Vec<_> = seen.failed.iter().filter(of_others).collect();
    assert!(others.is_empty(), "{others:#?}");
    app.has(&seen.written);
}

#[test]
fn jobs_on_postgres_migrate_seed_and_back_up() {
    let database = Postgres::shared().database();
    // With parameters of Pintle's own, which PostgreSQL's programs do not know.
    let url = format!("{}?schema=public&sslmode=disable&connections_max=4", database.url);
    let mut cluster = Cluster::new(&[("retriever-store", "url", &url)]);
    cluster.apply(&Folder::of(&crate::common::shipped("retriever"), &["--store", "postgres"]));
    job(&cluster, "retriever-migrate-");
    job(&cluster, "retriever-seed-");
    assert_ne!(database.psql("select count(*) from tiles").trim(), "0");
    let dump = std::process::Command::new("pg_dump").arg("--version").output();
    if dump.is_err() {
        return eprintln!("SKIPPED: there is no pg_dump, so the backup of PostgreSQL was not run");
    }
    backup(&cluster, "retriever");
    assert!(cluster.claim("retriever-backup").join("day.dump").metadata().expect("a backup").len() > 1000);
}

#[test]
fn the_server_on_sqlite_keeps_its_data_and_jobs_work_beside_it() {
    let mut cluster = Cluster::new(&[("retriever-environment", "AUTH_TOKENS", r#"{"secret":"Aldric"}"#)]);
    cluster.apply(&Folder::of(&crate::common::shipped("retriever"), &[]));
    let set = cluster.object("StatefulSet", "retriever").clone();
    let claim = &set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"];
    assert_eq!((claim, &set["spec"]["replicas"]), (&json!("data"), &json!(1)));
    let start = || {
        Pod::start(Container::new(&cluster, &set["spec"]["template"], "retriever-0", &[("data", "data-retriever-0")]))
    };
    let server = start();
    let first = server.ready();
    job(&cluster, "retriever-migrate-");
    job(&cluster, "retriever-seed-");
    backup(&cluster, "retriever");
    let kept = cluster.claim("retriever-backup").join("day.db");
    assert!(is_database(&kept), "{} is no backup", kept.display());
    let tiles = |server: &Pod| get(server, "/tiles", Some("secret")).matches("\"type\"").count();
    let seeded = tiles(&server);
    assert!(seeded > 1000, "{seeded} tiles");
    // Pages come through the links by which a node lays out a ConfigMap.
    assert!(get(&server, "/map/", None).contains("<html"));
    assert!(server.end() > Duration::from_secs(20), "an idle server ends at once");
    let server = start();
    let again = server.ready();
    assert!(first.max(again) < READY_MAX, "ready after {first:?} and {again:?}\n{}", server.log());
    assert_eq!(tiles(&server), seeded);
}

/// Runs a Job to its end.
fn job(cluster: &Cluster, begin: &str) {
    let job = cluster.named("Job", begin);
    let said = Container::new(cluster, &job["spec"]["template"], begin, &[]).run();
    eprintln!("{begin}…: {said}");
}

/// Runs the Job of the nightly backup.
fn backup(cluster: &Cluster, app: &str) {
    let name = format!("{app}-backup-day");
    let job = &cluster.object("CronJob", &name)["spec"]["jobTemplate"];
    Container::new(cluster, &job["spec"]["template"], &name, &[]).run();
}

fn is_database(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0"))
}

/// What a pod answers, to a caller with this token of the environment.
fn get(pod: &Pod, path: &str, token: Option<&str>) -> String {
    let url = format!("http://{}{path}", pod.address());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = token
            .iter()
            .fold(client.get(url), |request, token| request.header("Authorization", format!("Basic {token}")));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.expect("a text")
    })
}
