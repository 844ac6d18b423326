//! Deployments of one app on PostgreSQL, and what is done to them: applied, replaced, changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pintle_testbed::{Database, Postgres};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::load::Endpoints;
use super::pod::{Container, Pod};
use crate::common::App;
use crate::folder::Folder;

/// An app like `configs` on a database of its own.
pub(crate) struct Deployed {
    pub(crate) app: App,
    database: Database,
    cluster: Cluster,
    /// By the name of their Deployment.
    pods: BTreeMap<String, Vec<Pod>>,
    version: usize,
}

impl Deployed {
    /// `pintle kubernetes` and `kubectl apply -f`, with the Secrets that its README asks for; no pod is started yet.
    pub(crate) fn new(app: App) -> Deployed {
        let database = Postgres::shared().database();
        let secret = "a-secret-of-the-gateway-for-this-test";
        let secrets = [("configs-store", "url", database.url.as_str()), ("configs-gateway", "secret", secret)];
        let cluster = Cluster::new(&secrets);
        let mut deployed = Deployed { app, database, cluster, pods: BTreeMap::new(), version: 0 };
        deployed.apply();
        deployed
    }

    fn apply(&mut self) {
        let words = ["--store", "postgres", "--replicas", "3"];
        self.cluster.apply(&Folder::of(self.app.folder.path(), &words));
    }

    /// Keeps addresses for the pods that a Service will lead to.
    pub(crate) fn reserve(&mut self, service: &str, count: usize) {
        self.cluster.reserve(service, count);
    }

    fn deployment(&self, name: &str) -> Value {
        self.cluster.object("Deployment", name).clone()
    }

    fn pod(&self, deployment: &str, number: usize) -> Pod {
        let template = &self.deployment(deployment)["spec"]["template"];
        Pod::start(Container::new(&self.cluster, template, &format!("{deployment}-{}-{number}", self.version), &[]))
    }

    pub(crate) fn pods(&self, deployment: &str) -> &[Pod] {
        &self.pods[deployment]
    }

    /// Starts so many pods of a Deployment, or as many as it says, and waits until they are ready: how long each took.
    pub(crate) fn start(&mut self, deployment: &str, count: Option<usize>, endpoints: &Endpoints) -> Vec<Duration> {
        let replicas = self.deployment(deployment)["spec"]["replicas"].as_u64().expect("a number of replicas");
        let count = count.unwrap_or(usize::try_from(replicas).expect("a small number"));
        let pods: Vec<Pod> = (0..count).map(|number| self.pod(deployment, number)).collect();
        let took = pods.iter().map(Pod::ready).collect();
        pods.iter().for_each(|pod| endpoints.add(pod.endpoint()));
        self.pods.insert(deployment.to_owned(), pods);
        took
    }

    /// Another version of the app: each has a number of its own, and every second one a field more, which is a migration.
    pub(crate) fn change(&mut self) {
        self.version += 1;
        let path = self.app.file("pintle.yaml");
        let mut text = std::fs::read_to_string(&path).expect("the manifest");
        let version = |number: usize| format!("version: 1.{number}.0");
        text = text.replacen(&version(self.version - 1), &version(self.version), 1);
        if self.version.is_multiple_of(2) {
            text = text.replacen("    fields:\n", &format!("    fields:\n      more_{}: text\n", self.version), 1);
        }
        std::fs::write(&path, text).expect("the manifest");
        self.apply();
    }

    /// Replaces every pod by one of what was applied, as a Deployment does: with one more than there should be at the most, and none less.
    /// A pause before a new pod counts (`minReadySeconds`) is a tenth of what it says.
    pub(crate) fn roll(&mut self, name: &str, endpoints: &Endpoints) -> Vec<Duration> {
        let deployment = self.deployment(name);
        let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
        assert_eq!((&rolling["maxSurge"], &rolling["maxUnavailable"]), (&json!(1), &json!(0)));
        let counts = Duration::from_secs(deployment["spec"]["minReadySeconds"].as_u64().unwrap_or(0)) / 10;
        let (mut new, mut took) = (Vec::new(), Vec::new());
        let old = self.pods.remove(name).expect("pods");
        std::thread::scope(|scope| {
            for (number, old) in old.into_iter().enumerate() {
                let pod = self.pod(name, number);
                took.push(pod.ready());
                endpoints.add(pod.endpoint());
                new.push(pod);
                std::thread::sleep(counts);
                endpoints.remove_later(&old.endpoint());
                scope.spawn(move || old.end());
            }
        });
        self.pods.insert(name.to_owned(), new);
        took
    }

    /// Kills the pod that is there longest, and waits until its node has started it again.
    pub(crate) fn kill(&mut self, name: &str, endpoints: &Endpoints) -> std::net::SocketAddr {
        let pods = self.pods.get_mut(name).expect("pods");
        let victim = pods.remove(0);
        let before = victim.endpoint();
        endpoints.remove_later(&before);
        let again = victim.kill();
        again.ready();
        endpoints.add(again.endpoint());
        pods.push(again);
        before.address
    }

    /// A token, made in a pod.
    pub(crate) fn token(&self, deployment: &str) -> String {
        self.pods(deployment)[0].exec(&["/pintle", "token", "create", "load", "--role", "authenticated"])
    }

    /// Everything that was answered is there.
    pub(crate) fn has(&self, written: &[String]) {
        let names = self.database.psql("select name from configs");
        let names: BTreeSet<&str> = names.lines().collect();
        let lost: Vec<&String> = written.iter().filter(|name| !names.contains(name.as_str())).collect();
        assert!(lost.is_empty(), "answered and lost: {lost:?}");
    }

    /// The rows of a column, to see that it is there.
    pub(crate) fn count(&self, column: &str) -> String {
        self.database.psql(&format!("select count({column}) from configs")).trim().to_owned()
    }
}
