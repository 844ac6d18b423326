//! The manifests at work: their processes, started on this machine with what the manifests give them.
//!
//! A [`Cluster`] has the objects and the disks. A [`Pod`] is a process with the manifest's words, variables, mounts, user, probes
//! and signals; paths of the container become folders, and each pod has an address of loopback. What is done to pods is what
//! Kubernetes does, in its own times: they become ready by their probes, are replaced one by one, and end by their hook and SIGTERM.
//! What is not replayed: images, the read-only root, limits, network policies, and PostgreSQL's own pod.

mod cluster;
mod load;
mod pod;
mod volume;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use pintle_testbed::{Database, Postgres};
use serde_json::{Value, json};

use crate::common::App;
use crate::folder::Folder;
use cluster::Cluster;
use load::{Endpoints, Load};
use pod::{Container, Pod};

/// How long a server may take until callers reach it.
const READY_MAX: Duration = Duration::from_secs(2);
/// How often all replicas are replaced, unless `PINTLE_TEST_ROUNDS` says so.
const ROUNDS: usize = 2;

/// Replicas of `configs` on a database of their own.
struct Replicas {
    app: App,
    database: Database,
    cluster: Cluster,
    endpoints: Endpoints,
    pods: Vec<Pod>,
    version: usize,
}

impl Replicas {
    fn start() -> Replicas {
        let database = Postgres::shared().database();
        let cluster = Cluster::new(&[("configs-store", "url", &database.url)]);
        let (app, endpoints) = (App::shipped("configs"), Endpoints::default());
        let mut replicas = Replicas { app, database, cluster, endpoints, pods: Vec::new(), version: 0 };
        replicas.apply();
        let deployment = replicas.deployment();
        let count = deployment["spec"]["replicas"].as_u64().expect("a number of replicas");
        for number in 0..count {
            let pod = replicas.pod(&deployment, usize::try_from(number).expect("a small number"));
            replicas.pods.push(pod);
        }
        let ready: Vec<Duration> = replicas.pods.iter().map(Pod::ready).collect();
        // Others keep the machine busy too, so the quickest counts.
        assert!(ready.iter().min().is_some_and(|quickest| *quickest < READY_MAX), "ready after {ready:?}");
        replicas.pods.iter().for_each(|pod| replicas.endpoints.add(pod.endpoint()));
        replicas
    }

    /// `pintle kubernetes` and `kubectl apply -f`.
    fn apply(&mut self) {
        let words = ["--store", "postgres", "--replicas", "3"];
        self.cluster.apply(&Folder::of(self.app.folder.path(), &words));
    }

    fn deployment(&self) -> Value {
        self.cluster.object("Deployment", "configs").clone()
    }

    fn pod(&self, deployment: &Value, number: usize) -> Pod {
        let name = format!("configs-{}-{number}", self.version);
        Pod::start(Container::new(&self.cluster, &deployment["spec"]["template"], &name, &[]))
    }

    /// Another version of the app: each has a version of its own, and every second one a field more, which is a migration.
    fn change(&mut self) {
        self.version += 1;
        let path = self.app.file("pintle.yaml");
        let mut text = std::fs::read_to_string(&path).expect("the manifest");
        text =
            text.replacen(&format!("version: 1.{}.0", self.version - 1), &format!("version: 1.{}.0", self.version), 1);
        if self.version.is_multiple_of(2) {
            text = text.replacen("    fields:\n", &format!("    fields:\n      more_{}: text\n", self.version), 1);
        }
        std::fs::write(&path, text).expect("the manifest");
    }

    /// Replaces every pod by one of the version that was applied, as a Deployment does: with at most so many more than there should be, and
    /// none less.
    fn roll(&mut self) -> Vec<Duration> {
        let deployment = self.deployment();
        let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
        assert_eq!((&rolling["maxSurge"], &rolling["maxUnavailable"]), (&json!(1), &json!(0)));
        let (mut new, mut took) = (Vec::new(), Vec::new());
        std::thread::scope(|scope| {
            for (number, old) in std::mem::take(&mut self.pods).into_iter().enumerate() {
                let pod = self.pod(&deployment, number);
                took.push(pod.ready());
                self.endpoints.add(pod.endpoint());
                new.push(pod);
                self.endpoints.remove_later(&old.endpoint());
                scope.spawn(move || old.end());
            }
        });
        self.pods = new;
        took
    }

    fn token(&self) -> String {
        self.pods[0].exec(&["/pintle", "token", "create", "load", "--role", "authenticated"])
    }

    /// Everything that was answered is there.
    fn has(&self, written: &[String]) {
        let names = self.database.psql("select name from configs");
        let names: BTreeSet<&str> = names.lines().collect();
        let lost: Vec<&String> = written.iter().filter(|name| !names.contains(name.as_str())).collect();
        assert!(lost.is_empty(), "answered and lost: {lost:?}");
    }
}

#[test]
fn replicas_on_postgres_are_replaced_under_load_and_no_request_fails() {
    let rounds = std::env::var("PINTLE_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut replicas = Replicas::start();
    let token = replicas.token();
    for round in 0..rounds {
        let load = Load::start(&replicas.endpoints, &token, &format!("round_{round}"));
        load.more(50);
        replicas.change();
        replicas.apply();
        let took = replicas.roll();
        load.more(50);
        let seen = load.end();
        eprintln!("round {round}: {} answered, {} failed, ready after {took:?}", seen.answered, seen.failed.len());
        assert!(seen.failed.is_empty(), "{:#?}", seen.failed);
        replicas.has(&seen.written);
    }
    assert!(rounds < 2 || replicas.database.psql("select count(more_2) from configs").trim() == "0");
}

#[test]
fn a_killed_replica_on_postgres_costs_only_its_own_requests() {
    let mut replicas = Replicas::start();
    let token = replicas.token();
    let load = Load::start(&replicas.endpoints, &token, "kills");
    load.more(50);
    let mut victims = BTreeSet::new();
    for _ in 0..2 {
        let victim = replicas.pods.remove(0);
        let before = victim.endpoint();
        victims.insert(before.address);
        replicas.endpoints.remove_later(&before);
        let again = victim.kill();
        again.ready();
        replicas.endpoints.add(again.endpoint());
        replicas.pods.push(again);
        load.more(50);
    }
    let seen = load.end();
    eprintln!("{} answered, {} failed", seen.answered, seen.failed.len());
    let others: Vec<_> =
        seen.failed.iter().filter(|failed| failed.address.is_none_or(|a| !victims.contains(&a))).collect();
    assert!(others.is_empty(), "{others:#?}");
    replicas.has(&seen.written);
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
    let tiles = |server: &Pod| get(server, "/tiles").matches("\"type\"").count();
    let seeded = tiles(&server);
    assert!(seeded > 1000, "{seeded} tiles");
    // Pages come through the links by which a node lays out a ConfigMap.
    assert!(get(&server, "/map/").contains("<html"));
    assert!(server.end() > Duration::from_secs(20), "an idle server ends at once");
    let server = start();
    let again = server.ready();
    assert!(first.min(again) < READY_MAX, "ready after {first:?} and {again:?}\n{}", server.log());
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

/// What a pod answers to a caller with a token of the environment.
fn get(pod: &Pod, path: &str) -> String {
    let url = format!("http://{}{path}", pod.address());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.get(url).header("Authorization", "Basic secret").send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.expect("a text")
    })
}
