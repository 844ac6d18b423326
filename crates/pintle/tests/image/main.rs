//! The image of the Dockerfile that users build: what is in it, and how its processes run.
//!
//! `cargo xtask test` lays out what it holds, with a binary of the dev profile, and names the folder in `PINTLE_TEST_IMAGE`;
//! `cargo xtask image` does so with a release, and sets `PINTLE_TEST_IMAGE_BARS`: then size and start are held against
//! their bars. Without the folder these tests say so and check nothing.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::print_stdout, reason = "who runs the tests is told what was left out, and what was measured")]

#[path = "../common/mod.rs"]
mod common;

mod container;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{App, Place, Server, finish};
use container::{Image, USER};
use serde_json::json;

/// The largest image of a release, in bytes, before it is compressed.
const BYTES_MAX: u64 = 35 << 20;
/// The longest that a release may take from the start of its process until it is ready.
const START_MAX: Duration = Duration::from_millis(200);

fn bars() -> bool {
    std::env::var_os("PINTLE_TEST_IMAGE_BARS").is_some()
}

/// Every file and folder below one, by its path there.
fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        found.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        if entry.path().is_dir() {
            walk(&entry.path(), root, found);
        }
    }
}

#[test]
fn the_image_holds_the_binary_and_certificates_and_nothing_else() {
    let Some(image) = Image::build() else { return };
    let mut found = Vec::new();
    walk(&image.root, &image.root, &mut found);
    found.sort();
    let certificates = "etc/ssl/certs/ca-certificates.crt";
    let licences = ["licenses", "licenses/LICENSE-APACHE", "licenses/LICENSE-MIT"];
    let folders = ["app", "data", "etc", "etc/ssl", "etc/ssl/certs"];
    assert_eq!(found, [folders.as_slice(), &[certificates], &licences, &["pintle"]].concat());
    let authorities = std::fs::read_to_string(image.root.join(certificates)).unwrap();
    assert!(authorities.matches("BEGIN CERTIFICATE").count() > 50, "the authorities of the web");

    let binary = std::fs::metadata(image.root.join("pintle")).unwrap().len();
    assert!(image.bytes < binary + (1 << 20), "{} bytes, of which the binary has {binary}", image.bytes);
    println!("the image has {} bytes, the binary {binary}", image.bytes);
    assert!(!bars() || image.bytes < BYTES_MAX, "{} bytes, at most {BYTES_MAX}", image.bytes);

    let told = |key: &str| image.config[key].clone();
    assert_eq!(told("User"), json!(format!("{USER}:{USER}")));
    assert_eq!([told("Entrypoint"), told("Cmd")], [json!(["/pintle"]), json!(["serve"])]);
    assert_eq!([told("ExposedPorts"), told("Volumes")], [json!({ "8080/tcp": {} }), json!({ "/data": {} })]);
    assert_eq!(told("Healthcheck")["Test"], json!(["CMD", "/pintle", "health"]));
    let environment = told("Env");
    for variable in ["PINTLE_APP=/app", "PINTLE_STORE=sqlite:/data/data.db", "PINTLE_LISTEN=0.0.0.0:8080"] {
        assert!(environment.as_array().unwrap().contains(&json!(variable)), "{environment}");
    }
}

#[tokio::test]
async fn it_serves_an_app_as_another_user_where_only_the_volume_can_be_written() {
    let Some(image) = Image::build() else { return };
    let app = App::shipped("configs");
    let container = image.container(app.folder.path());
    let mut server = Server::start(&mut container.command(&[], &[]));

    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    assert!(status.contains(&format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}")), "{status}");
    assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", server.pid())).unwrap();
    let mode = |at: &str| {
        let found = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).rfind(|words| words[4] == at);
        found.unwrap_or_else(|| panic!("{at} is mounted\n{mounts}"))[5].split(',').next().unwrap().to_owned()
    };
    assert_eq!([mode("/"), mode("/app"), mode("/data")], ["ro", "ro", "rw"]);

    let (code, token, err) = finish(&mut container.command(&["token", "create", "t", "--role", "authenticated"], &[]));
    assert_eq!((code, err.as_str()), (0, ""), "a token is made beside it");
    let record = json!({ "name": "one", "data": [{ "id": 1 }] });
    server.post("/configs", record.clone()).token(token.trim()).await.is(201, record.clone());
    server.get("/configs/one").await.is(200, record.clone());

    // As the health check asks, where the server was told to listen.
    let address = server.origin.strip_prefix("http://").unwrap().to_owned();
    let healthy = || finish(&mut container.command(&["health"], &[("PINTLE_LISTEN", &address)])).0;
    assert_eq!(healthy(), 0);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert_eq!(healthy(), 1);
    let server = Server::start(&mut container.command(&[], &[]));
    server.get("/configs/one").await.is(200, record);
    assert!(container.data.path().join("data.db").exists());
    assert!(!app.folder.path().join(".pintle").exists(), "nothing is written into the app");
}

/// An answer that is ordered and does not fit in SQLite's cache goes through files.
#[tokio::test]
async fn a_long_answer_is_ordered_where_only_the_volume_can_be_written() {
    let Some(image) = Image::build() else { return };
    let manifest = "pintle: 1\nname: a\ncollections:\n  t:\n    key: { id: integer }\n    fields: { a: { type: text } }\n    \
                    policies: { select: \"true\", insert: \"true\" }\nlimits: { body: 16MiB }\n";
    let app = App::of(manifest);
    let container = image.container(app.folder.path());
    let server = Server::start(&mut container.command(&[], &[]));
    let rows: Vec<_> =
        (0..500).map(|id| json!({ "id": id, "a": format!("{}{}", id * 7 % 500, "x".repeat(20_000)) })).collect();
    server.post("/rest/v1/t", json!(rows)).await.has(201);
    let answer = server.get("/rest/v1/t?order=a.desc&select=a,id").await.has(200).json();
    assert_eq!(answer[0]["id"], json!(287), "its text begins with `9x`, the last of all");
}

#[test]
fn it_is_ready_at_once() {
    let Some(image) = Image::build() else { return };
    let app = App::shipped("configs");
    let container = image.container(app.folder.path());
    // The first start makes the tables. Of the next ones the fastest counts: other programs are at work here.
    drop(Server::start(&mut container.command(&[], &[])));
    let start = || {
        let begun = Instant::now();
        let server = Server::start(&mut container.command(&[], &[]));
        (begun.elapsed(), server).0
    };
    let fastest = (0..5).map(|_| start()).min().unwrap();
    println!("ready after {fastest:?}");
    assert!(!bars() || fastest < START_MAX, "{fastest:?}, at most {START_MAX:?}");
}

#[tokio::test]
async fn a_file_with_a_secret_beats_the_images_own_store_on_postgres() {
    let Some(image) = Image::build() else { return };
    let app = App::shipped("configs").on(Place::Postgres);
    let [_, url] = app.store()[..] else { panic!("a database") };
    let container = image.container(app.folder.path());
    let file = container.data.path().join("store");
    std::fs::write(&file, format!("{url}\n")).unwrap();
    let server = Server::start(&mut container.command(&[], &[("PINTLE_STORE_FILE", "/data/store")]));
    server.get("/health/ready").await.has(200);
    assert!(!container.data.path().join("data.db").exists(), "the image's own store is not used");
}
