//! What the manifests say of services, files, names and folders.

use serde_json::{Value, json};

use crate::common::{self, App};
use crate::folder::Folder;
use crate::manifests::{OVERLAYS, STORES, is_valid};

/// Two services at ports of their own, and one at the app's address.
const SERVICES: &str = r#"
pintle: 1
name: My_Chirps
services:
  persons: { port: 30001, collections: [persons] }
  page: { port: 30000, pages: true }
  chirps: { collections: "*" }
collections:
  persons:
    fields: { name: text }
    policies: { select: "true" }
  chirps:
    fields: { text: text }
    policies: { select: "true", insert: auth.role() = 'authenticated' }
public: { folder: public }
"#;

fn services(words: &[&str]) -> Folder {
    let app = App::of(SERVICES);
    std::fs::create_dir_all(app.folder.path().join("public")).expect("a folder");
    std::fs::write(app.folder.path().join("public/index.html"), "<h1>Chirps</h1>\n").expect("a page");
    Folder::of(app.folder.path(), words)
}

fn container(object: &Value) -> &Value {
    &object["spec"]["template"]["spec"]["containers"][0]
}

fn variable<'o>(object: &'o Value, name: &str) -> Option<&'o str> {
    let all = container(object)["env"].as_array().expect("variables");
    all.iter().find(|variable| variable["name"] == name).and_then(|variable| variable["value"].as_str())
}

fn names(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["metadata"]["name"].as_str().expect("a name")).collect()
}

#[test]
fn each_service_has_a_deployment_on_postgres_and_the_gateway_leads_to_them() {
    let folder = services(&["--store", "postgres", "--replicas", "3"]);
    let deployments = folder.kind("Deployment");
    assert_eq!(names(&deployments), ["my-chirps-chirps", "my-chirps-page", "my-chirps-persons", "my-chirps-gateway"]);
    let persons = folder.object("Deployment", "my-chirps-persons");
    assert_eq!(container(&persons)["args"], json!(["serve", "--service", "persons"]));
    assert_eq!(persons["spec"]["replicas"], 3);
    assert_eq!(variable(&persons, "PINTLE_GATEWAY_SECRET_FILE"), Some("/secrets/gateway/secret"));
    let gateway = folder.object("Deployment", "my-chirps-gateway");
    assert_eq!(container(&gateway)["args"], json!(["gateway"]));
    assert_eq!(variable(&gateway, "PINTLE_UPSTREAM_PERSONS"), Some("http://my-chirps-persons-replicas:8080"));
    let replicas = folder.object("Service", "my-chirps-persons-replicas");
    assert_eq!((&replicas["spec"]["clusterIP"], &replicas["spec"]["ports"][0]["port"]), (&json!("None"), &json!(8080)));
    assert_eq!(persons["spec"]["minReadySeconds"], 30);
    assert_eq!(variable(&gateway, "PINTLE_STORE_FILE"), None, "the gateway opens no store");
    assert!(gateway["spec"]["minReadySeconds"].is_null());
    // Services find their own pods and no others'.
    for name in ["persons", "page", "chirps"] {
        let service = folder.object("Service", &format!("my-chirps-{name}"));
        assert_eq!(service["spec"]["selector"]["pintle/service"], name);
        assert_eq!(service["spec"]["ports"][0]["targetPort"], 8080);
    }
    assert_eq!(folder.object("Service", "my-chirps-persons")["spec"]["ports"][0]["nodePort"], 30001);
    assert_eq!(folder.object("Service", "my-chirps-chirps")["spec"]["type"], "ClusterIP");
    assert_eq!(folder.object("Service", "my-chirps-gateway")["spec"]["type"], "NodePort");
}

#[test]
fn a_selector_finds_no_pod_of_another_service_also_when_an_app_is_split() {
    let several = services(&["--store", "postgres"]);
    let pods: Vec<_> = several.kind("Deployment").iter().map(labels_of_pod).collect();
    assert_eq!(pods.len(), 4);
    let collections = SERVICES.split("collections:\n").nth(1).unwrap().split("public:").next().unwrap();
    let app = App::of(&format!("pintle: 1\nname: My_Chirps\ncollections:\n{collections}"));
    let one = Folder::of(app.folder.path(), &["--store", "postgres"]);
    let sqlite = Folder::of(app.folder.path(), &[]);
    for (folder, kinds) in [
        (&several, ["Deployment", "Service", "PodDisruptionBudget"]),
        (&one, ["Deployment", "Service", "PodDisruptionBudget"]),
        (&sqlite, ["StatefulSet", "Service", "PodDisruptionBudget"]),
    ] {
        for object in kinds.iter().flat_map(|kind| folder.kind(kind)) {
            let selector = &object["spec"]["selector"];
            let selector = selector.get("matchLabels").unwrap_or(selector);
            let component = &selector["app.kubernetes.io/component"];
            assert_eq!(selector.get("pintle/service").is_some(), component == "server", "{object}");
            let finds = |pod: &&Value| selector.as_object().unwrap().iter().all(|(key, value)| &pod[key] == value);
            let found = pods.iter().filter(finds).count();
            // PostgreSQL's own is a StatefulSet, whose pods are not among these.
            let own = component != "postgres" && std::ptr::eq(folder, &several);
            assert_eq!(found, usize::from(own), "{object}");
        }
    }
}

#[test]
fn the_backup_on_postgres_refuses_an_object_and_shows_nothing_of_it() {
    let folder = Folder::of(&common::shipped("configs"), &["--store", "postgres"]);
    let day = folder.object("CronJob", "configs-backup-day");
    let script = container(&day["spec"]["jobTemplate"])["command"][2].as_str().unwrap().to_owned();
    let secret = tempfile::NamedTempFile::new().unwrap();
    for object in [r#"{"username":"app","password":"hunter=22"}"#, "\n { \n\"password\": \"hunter=22\" }\n"] {
        std::fs::write(secret.path(), object).unwrap();
        let mut shell = std::process::Command::new("/bin/sh");
        let (code, out, err) = common::finish(shell.args(["-c", &script]).env("PINTLE_STORE_FILE", secret.path()));
        assert!(code == 1 && err.contains("write it as a URL"), "{out}{err}");
        assert!(!format!("{out}{err}").contains("hunter") && !err.contains("pg_dump:"), "{out}{err}");
    }
}

fn labels_of_pod(deployment: &Value) -> Value {
    deployment["spec"]["template"]["metadata"]["labels"].clone()
}

#[test]
fn services_of_one_process_on_sqlite_have_each_their_port() {
    let folder = services(&[]);
    assert_eq!(names(&folder.kind("StatefulSet")), ["my-chirps"]);
    let server = folder.object("StatefulSet", "my-chirps");
    assert_eq!(container(&server)["args"], json!(["serve"]));
    let ports: Vec<_> = container(&server)["ports"].as_array().expect("ports").iter().collect();
    assert_eq!(ports.iter().map(|port| &port["containerPort"]).collect::<Vec<_>>(), [8080, 30000, 30001]);
    assert_eq!(folder.object("Service", "my-chirps-persons")["spec"]["ports"][0]["targetPort"], 30001);
    // What has no port of its own is found at the app's address.
    assert_eq!(folder.object("Service", "my-chirps")["spec"]["ports"][0]["targetPort"], 8080);
    let gateway = folder.object("Deployment", "my-chirps-gateway");
    assert_eq!(variable(&gateway, "PINTLE_UPSTREAM_CHIRPS"), Some("http://my-chirps"));
    assert_eq!(variable(&gateway, "PINTLE_UPSTREAM_PAGE"), Some("http://my-chirps-page"));
    // One process, one place to read its metrics.
    let read = folder.kind("Service").into_iter().filter(|service| {
        service["metadata"]["labels"]["pintle/metrics"] == "true"
            && service["metadata"]["labels"]["app.kubernetes.io/component"] == "server"
    });
    assert_eq!(read.count(), 1);
}

#[test]
fn services_at_one_port_of_one_process_need_no_gateway() {
    let app = App::of(&SERVICES.replace("port: 30001, ", "").replace("port: 30000, ", ""));
    let folder = Folder::of(app.folder.path(), &["--overlay", "cloud"]);
    assert_eq!(names(&folder.kind("Service")), ["my-chirps"]);
    assert_eq!(folder.object("Service", "my-chirps")["spec"]["type"], "LoadBalancer");
    assert!(folder.kind("Deployment").is_empty());
}

#[test]
fn the_one_service_of_an_app_is_found_at_its_port() {
    let app = App::of("pintle: 1\nname: one\nservices:\n  api: { port: 31000, pages: true }\n");
    for store in STORES {
        let folder = Folder::of(app.folder.path(), &["--store", store]);
        let kind = if store == "sqlite" { "StatefulSet" } else { "Deployment" };
        let server = folder.object(kind, "one");
        assert_eq!(container(&server)["ports"][0]["containerPort"], 31000);
        assert_eq!(container(&server)["readinessProbe"]["httpGet"]["port"], 31000);
        let port = &folder.object("Service", "one")["spec"]["ports"][0];
        assert_eq!((&port["targetPort"], &port["nodePort"]), (&json!(31000), &json!(31000)));
    }
}

#[test]
fn kubernetes_takes_the_manifests_of_an_app_of_several_services() {
    for overlay in OVERLAYS {
        for store in STORES {
            let words = ["--overlay", overlay, "--store", store, "--namespace", "chirps", "--host", "chirps.example"];
            let folder = services(&words);
            is_valid(&format!("{overlay} {store}"), &folder);
            for object in folder.objects().iter().filter(|object| object["kind"] != "Namespace") {
                assert_eq!(object["metadata"]["namespace"], "chirps", "{object}");
            }
            let ingress = folder.object("Ingress", "my-chirps");
            let rule = &ingress["spec"]["rules"][0];
            assert_eq!(rule["host"], "chirps.example");
            assert_eq!(rule["http"]["paths"][0]["backend"]["service"]["name"], "my-chirps-gateway");
            assert_eq!(ingress["spec"]["tls"].is_null(), overlay == "local");
        }
    }
}

#[test]
fn every_pod_gives_up_its_rights_and_every_server_says_how_it_is() {
    for store in STORES {
        let folder = services(&["--overlay", "cloud", "--store", store]);
        let mut pods = 0;
        for object in folder.objects() {
            let template = match object["kind"].as_str() {
                Some("CronJob") => &object["spec"]["jobTemplate"]["spec"]["template"],
                Some("Deployment" | "StatefulSet" | "Job") => &object["spec"]["template"],
                _ => continue,
            };
            pods += 1;
            let (spec, container) = (&template["spec"], &template["spec"]["containers"][0]);
            assert_eq!(spec["securityContext"]["runAsUser"], 65532);
            assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
            assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
            assert_eq!(spec["automountServiceAccountToken"], false);
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
            assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
            assert_eq!(container["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
            assert!(container["resources"]["requests"]["cpu"].is_string());
            assert!(container["resources"]["limits"]["memory"].is_string());
            if ["Deployment", "StatefulSet"].contains(&object["kind"].as_str().expect("a kind")) {
                // A gateway begins when it finds all services, and goes on when one of them is away.
                let [first, later] = match container["name"].as_str() {
                    Some("gateway") => ["/health/ready", "/health/live"],
                    _ => ["/health/live", "/health/ready"],
                };
                assert_eq!(container["startupProbe"]["httpGet"]["path"], first);
                assert_eq!(container["readinessProbe"]["httpGet"]["path"], later);
                assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/health/live");
                let leave = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_i64().expect("a pause");
                let grace = spec["terminationGracePeriodSeconds"].as_i64().expect("a time");
                assert!(grace > leave + 30, "the server drains for 30 s, after {leave} s: {grace} s");
            }
        }
        assert!(pods > 3, "{pods} pods");
    }
}

#[test]
fn the_apps_folder_is_there_as_it_is_with_its_folders_and_its_pictures() {
    let app = App::of("pintle: 1\nname: pages\n");
    let picture = [0x89, b'P', 0xff, 0];
    let write = |path: &str, bytes: &[u8]| {
        let path = app.folder.path().join("public").join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    };
    write("index.html", b"<h1>one</h1>\n");
    write("a/b.html", b"<h1>a/b</h1>");
    write("a_b.html", b"yes");
    write("picture.png", &picture);
    write(".secret", b"not a page");
    let folder = Folder::of(app.folder.path(), &[]);
    let map = &folder.kind("ConfigMap")[0];
    assert_eq!(map["data"]["public_a_b.html"], "<h1>a/b</h1>");
    assert_eq!(map["data"]["public_a_b.html-2"], "yes");
    assert_eq!(map["binaryData"]["public_picture.png"], "iVD/AA==");
    let server = folder.object("StatefulSet", "pages");
    let items = &server["spec"]["template"]["spec"]["volumes"][0]["projected"]["sources"][0]["configMap"]["items"];
    let paths: Vec<_> =
        items.as_array().expect("items").iter().map(|item| item["path"].as_str().expect("a path")).collect();
    assert_eq!(paths, ["pintle.yaml", "public/a/b.html", "public/a_b.html", "public/index.html", "public/picture.png"]);
    assert!(!folder.text().contains("not a page"));
}

#[test]
fn an_app_that_is_too_large_goes_into_several_maps_or_into_the_image() {
    let app = App::of("pintle: 1\nname: large\n");
    let public = app.folder.path().join("public");
    std::fs::create_dir(&public).expect("a folder");
    let page = |name: &str, bytes: usize| std::fs::write(public.join(name), "x".repeat(bytes)).expect("a page");
    for number in 0..4 {
        page(&format!("{number}.html"), 200_000);
    }
    let folder = Folder::of(app.folder.path(), &[]);
    assert_eq!(folder.kind("ConfigMap").len(), 4 + 1, "four and the dashboard");
    is_valid("large", &folder);

    let refused = |said: &str| {
        let (code, _, err) = common::run(&["kubernetes", app.path()]);
        assert_eq!(code, 1);
        assert!(err.contains(said) && err.contains("--app-in-image"), "{err}");
    };
    page("3.html", 300_000);
    refused("error: there are no manifests: `public/3.html` has 3000");
    for number in 3..6 {
        page(&format!("{number}.html"), 200_000);
    }
    refused("error: there are no manifests: the app has 12001");
    let folder = Folder::of(app.folder.path(), &["--app-in-image", "--image", "registry.example/large:1"]);
    assert!(!folder.files.contains_key("10-app.yaml"));
    let server = folder.object("StatefulSet", "large");
    assert_eq!(container(&server)["image"], "registry.example/large:1");
    assert_eq!(variable(&server, "PINTLE_APP"), Some("/app"));
}

#[test]
fn what_was_made_before_goes_and_what_is_the_users_own_stays() {
    let app = App::of("pintle: 1\nname: notes\n");
    let output = tempfile::tempdir().expect("a temporary folder");
    let at = output.path().to_str().expect("a path");
    let make = |words: &[&str]| common::run(&[&["kubernetes", app.path(), "--output", at], words].concat());
    let has = |name: &str| output.path().join(name).exists();
    assert_eq!(make(&["--store", "postgres"]).0, 0);
    std::fs::write(output.path().join("mine.yaml"), "# mine\n").expect("a file");
    assert!(has("30-postgres.yaml") && has("40-migrate.yaml"));
    assert_eq!(make(&[]).0, 0);
    assert!(!has("30-postgres.yaml") && !has("40-migrate.yaml") && has("once/migrate.yaml") && has("mine.yaml"));

    std::fs::write(output.path().join("README.md"), "# Mine\n").expect("a file");
    let (code, _, err) = make(&[]);
    assert_eq!(code, 1);
    assert!(err.contains("was not made by `pintle kubernetes`"), "{err}");
    assert_eq!(std::fs::read_to_string(output.path().join("README.md")).expect("a file"), "# Mine\n");
}

#[test]
fn names_that_kubernetes_does_not_take_are_refused() {
    let app = App::of("pintle: 1\nname: notes\n");
    for (flag, given, what) in [
        ("--namespace", "My_Space", "namespace"),
        ("--host", "a..b", "host name"),
        ("--image", "", "image"),
        ("--image", "pintle: 1", "image"),
    ] {
        let (code, _, err) = common::run(&["kubernetes", app.path(), flag, given]);
        assert_eq!(code, 1);
        assert!(err.contains(&format!("`{given}` is no {what}")), "{err}");
    }
}

#[test]
fn without_a_folder_standard_output_has_what_is_applied() {
    let app = App::of("pintle: 1\nname: notes\n");
    let (code, out, _) = common::run(&["kubernetes", app.path()]);
    assert_eq!(code, 0);
    let objects = crate::folder::documents("standard output", &out);
    let kinds: Vec<_> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert!(kinds.contains(&"StatefulSet") && kinds.contains(&"ConfigMap") && kinds.contains(&"CronJob"));
    assert!(!kinds.contains(&"ServiceMonitor") && !kinds.contains(&"Job"), "{kinds:?}");
}
