//! `pintle gateway`: one address for services that run elsewhere.

mod fake;
mod headers;
mod protocols;
mod replicas;
mod routing;
mod streams;
mod tls;
mod troubles;
mod trust;

use std::sync::LazyLock;
use std::time::Instant;

use pintle_testbed::Port;

use crate::common::{App, PATIENCE, Server, pintle};

/// Two services, and a route whose script tells what it is told.
const MANIFEST: &str = "
pintle: 1
name: split
collections:
  persons: { key: { id: integer }, policies: { select: 'true', insert: 'true' }, rest: /api/persons }
  things: { key: { id: integer }, policies: { select: 'true', insert: 'true' } }
routes:
  /who: { get: { script: who.js } }
services:
  persons: { collections: [persons], routes: [/who] }
  things: { collections: [things] }
public: none
limits: { body: 256MiB, timeout: 20s }
";
const WHO: &str = "
export default ({ remote, id, headers }) => ({ remote, id, headers });
";

fn app() -> App {
    let app = App::of(MANIFEST);
    std::fs::write(app.folder.path().join("who.js"), WHO).unwrap();
    app
}

/// A gateway of an app, whose services are found at these URLs.
fn gateway(app: &App, persons: &str, things: &str) -> Server {
    gateway_with(app, persons, things, &[])
}

fn gateway_with(app: &App, persons: &str, things: &str, environment: &[(&str, &str)]) -> Server {
    let mut command = pintle(&["gateway", app.path(), "--listen", "127.0.0.1:0"]);
    command.args(["--upstream", &format!("persons={persons}"), "--upstream", &format!("things={things}")]);
    Server::start(command.envs(environment.iter().copied()))
}

/// Waits until the gateway says about its services what is wanted.
async fn until_ready(gateway: &Server, status: u16) {
    let begun = Instant::now();
    loop {
        let told = gateway.get("/health/ready").await;
        if told.status == status {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{told}\n{}", gateway.log());
    }
}

/// An address where nobody listens, and nobody will.
fn nowhere() -> String {
    static HELD: LazyLock<Port> = LazyLock::new(|| Port::reserve().unwrap());
    format!("http://127.0.0.1:{}", HELD.number())
}

/// The same services without the script, within other limits.
fn plain(timeout: &str, body: &str) -> App {
    let without =
        |line: &&str| !["routes:", "limits:"].iter().any(|key| line.starts_with(key)) && !line.contains("who.js");
    let lines: Vec<&str> = MANIFEST.lines().filter(without).collect();
    let manifest = lines.join("\n").replace(", routes: [/who]", "");
    App::of(&format!("{manifest}\nlimits: {{ body: {body}, timeout: {timeout} }}\n"))
}
