//! Every shipped app, for every kind of cluster and every store.

use std::path::PathBuf;
use std::process::Command;

use regex::Regex;
use serde_json::Value;

use crate::common::{self, App, Place, Server, finish};
use crate::folder::Folder;

pub(crate) const OVERLAYS: [&str; 2] = ["local", "cloud"];
pub(crate) const STORES: [&str; 2] = ["sqlite", "postgres"];

/// Every shipped app for every kind of cluster and every store, each with a name.
fn all() -> Vec<(String, Folder)> {
    let mut apps: Vec<PathBuf> =
        std::fs::read_dir(common::shipped("")).expect("the apps").map(|entry| entry.expect("an app").path()).collect();
    apps.sort();
    let mut made = Vec::new();
    for app in apps.iter().filter(|app| app.join("pintle.yaml").is_file()) {
        let name = app.file_name().expect("a name").to_string_lossy().into_owned();
        for overlay in OVERLAYS {
            for store in STORES {
                let folder = Folder::of(app, &["--overlay", overlay, "--store", store, "--image", "pintle:test"]);
                made.push((format!("{name}_{overlay}_{store}"), folder));
            }
            // Of the apps this one has a pipeline.
            if name == "connect" {
                let words = ["--overlay", overlay, "--store", "postgres", "--queue", "nats", "--image", "pintle:test"];
                made.push((format!("{name}_{overlay}_nats"), Folder::of(app, &words)));
            }
        }
    }
    assert!(made.len() >= 8, "the apps are not where they were thought to be");
    made
}

#[test]
fn every_app_has_manifests_for_every_cluster_and_store() {
    for (name, folder) in all() {
        insta::assert_snapshot!(name.as_str(), shown(&name, &folder));
    }
}

/// All files, one after the other. What the app itself holds is left out, and so is the hash of it: both are the app's. The
/// dashboard is the same for every cluster, so it is shown for one.
fn shown(name: &str, folder: &Folder) -> String {
    let hash = Regex::new(r"-[0-9a-f]{10}\b").expect("a pattern");
    let held = Regex::new(r"(?m)^  (\S+): .*\n(?:(?:    .*)?\n)*").expect("a pattern");
    let mut shown = String::new();
    for (path, text) in &folder.files {
        if path == "monitoring/dashboard.yaml" && name.contains("cloud") {
            continue;
        }
        let text = if path == "10-app.yaml" {
            let (data, rest) = text.split_once("immutable:").expect("a ConfigMap that never changes");
            let (head, data) = data.split_once("data:\n").expect("data");
            format!("{head}data:\n{}immutable:{rest}", held.replace_all(data, "  $1: …\n"))
        } else {
            text.clone()
        };
        shown.push_str(&format!("=== {path}\n{}", hash.replace_all(&text, "-HASH")));
    }
    shown
}

#[test]
fn the_same_app_makes_the_same_bytes() {
    let words = ["--overlay", "cloud", "--store", "postgres", "--namespace", "games", "--host", "game.example"];
    let (one, other) =
        (Folder::of(&common::shipped("retriever"), &words), Folder::of(&common::shipped("retriever"), &words));
    assert_eq!(one.files, other.files);
}

/// Holds YAML files against Kubernetes' own schemas.
pub(crate) fn is_valid(name: &str, folder: &Folder) {
    let Some(programs) = std::env::var_os("PINTLE_TEST_PYTHON").map(PathBuf::from) else {
        eprintln!("SKIPPED: run `cargo xtask test`, which fetches kubernetes-validate");
        return;
    };
    let (code, out, err) = finish(
        Command::new(programs.join("kubernetes-validate")).args(["--strict", "--quiet"]).args(folder.validated()),
    );
    assert_eq!((code, out.as_str()), (0, ""), "{name}: {out}{err}");
}

#[test]
fn kubernetes_takes_every_manifest() {
    for (name, folder) in all() {
        is_valid(&name, &folder);
    }
}

#[test]
fn a_service_monitor_reads_the_metrics_of_services_that_are_there() {
    for (name, folder) in all() {
        let monitors = folder.kind("ServiceMonitor");
        assert_eq!(monitors.len(), 1, "{name}");
        let monitor = &monitors[0];
        assert_eq!(monitor["apiVersion"], "monitoring.coreos.com/v1");
        assert_eq!(
            monitor["spec"]["endpoints"],
            serde_json::json!([{ "port": "http", "path": "/metrics", "interval": "15s" }])
        );
        let wanted = monitor["spec"]["selector"]["matchLabels"].as_object().expect("labels");
        let reached = folder.kind("Service").into_iter().filter(|service| {
            wanted.iter().all(|(label, value)| service["metadata"]["labels"][label] == *value)
                && service["spec"]["ports"][0]["name"] == "http"
        });
        // Each workload that serves is read once.
        let serves = |object: &&Value| ["server", "gateway", "worker"].iter().any(|c| component(object) == *c);
        let workloads = [folder.kind("Deployment"), folder.kind("StatefulSet")].concat();
        assert_eq!(reached.count(), workloads.iter().filter(serves).count(), "{name}");
    }
}

fn component(object: &Value) -> &str {
    object["metadata"]["labels"]["app.kubernetes.io/component"].as_str().unwrap_or_default()
}

/// Every metric of the dashboard is one that a server has, once it has answered something.
async fn dashboard_is_real(place: Place, store: &str) {
    let folder = Folder::of(&common::shipped("retriever"), &["--store", store]);
    let dashboard = folder.object("ConfigMap", "retriever-dashboard");
    let dashboard = dashboard["data"]["pintle-retriever.json"].as_str().expect("a dashboard");
    let dashboard: Value = serde_json::from_str(dashboard).expect("a dashboard in JSON");
    let app = App::shipped("retriever").on(place);
    let server = app.serve_in(&[("AUTH_TOKENS", r#"{"secret":"Aldric"}"#)]);
    server.get("/tiles").header("Authorization", "Basic secret").await.has(200);
    let sample: Value = serde_json::from_str(include_str!("../../../../apps/retriever/sample.json")).expect("JSON");
    server.post("/view", sample).header("Authorization", "Basic secret").await.has(200);
    let mut metrics = server.get("/metrics").await.has(200).text;
    if place == Place::Postgres {
        metrics.push_str(&gateway_metrics(&app, &server).await);
    }
    let name = Regex::new(r"pintle_[a-z_]+").expect("a pattern");
    let drawn = dashboard["panels"].as_array().expect("panels").iter().flat_map(|panel| panel["targets"].as_array());
    let mut seen = 0;
    for expression in drawn.flatten().map(|target| target["expr"].as_str().expect("a query")) {
        for metric in name.find_iter(expression).map(|found| found.as_str()) {
            seen += 1;
            let known = |line: &str| line.strip_prefix(metric).is_some_and(|rest| rest.starts_with(['{', ' ']));
            assert!(metrics.lines().any(known), "no `{metric}` in\n{metrics}");
        }
        assert!(expression.contains(r#"job="retriever""#) && !expression.contains("{}"), "{expression}");
    }
    assert!(seen > 10, "the dashboard draws {seen} metrics");
}

/// What a gateway measures, once it has passed something on.
async fn gateway_metrics(app: &App, server: &Server) -> String {
    let manifest: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(app.file("pintle.yaml")).expect("a manifest"))
            .expect("a manifest in YAML");
    let services = manifest["services"].as_object().into_iter().flat_map(|services| services.keys().cloned());
    let upstreams: Vec<String> =
        services.flat_map(|name| ["--upstream".to_owned(), format!("{name}={}", server.origin)]).collect();
    if upstreams.is_empty() {
        return String::new();
    }
    let mut command = common::pintle(&["gateway", app.path(), "--listen", "127.0.0.1:0"]);
    let gateway = Server::start(command.args(upstreams));
    gateway.get("/tiles").header("Authorization", "Basic secret").await.has(200);
    gateway.get("/metrics").await.has(200).text
}

#[tokio::test]
async fn what_the_dashboard_draws_is_what_a_server_measures() {
    dashboard_is_real(Place::Sqlite, "sqlite").await;
}

#[tokio::test]
async fn what_the_dashboard_draws_is_what_a_server_on_postgres_measures() {
    dashboard_is_real(Place::Postgres, "postgres").await;
}
