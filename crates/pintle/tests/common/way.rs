//! The ways to serve an app, which must not differ in what is answered.

use std::process::Command;
use std::time::Instant;

use super::{App, PATIENCE, Server, finish, pintle};

/// How an app is served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Way {
    /// By one process.
    #[default]
    Whole,
    /// By a process for each of its services, behind a gateway.
    Services,
}

impl Way {
    /// Serves an app with more words and variables.
    pub(super) fn start(self, app: &App, words: &[&str], environment: &[(&str, &str)]) -> Server {
        let started = |command: &mut Command| Server::start(command.envs(environment.iter().copied()));
        if self == Way::Whole {
            return started(&mut app.serving(words));
        }
        let names = services(app);
        let services: Vec<Server> = std::thread::scope(|scope| {
            let start = |name: &str| started(app.serving(words).args(["--service", name]));
            let starting: Vec<_> = names.iter().map(|name| scope.spawn(move || start(name))).collect();
            starting.into_iter().map(|service| service.join().expect("a service starts")).collect()
        });
        let mut gateway = pintle(&["gateway", app.path(), "--listen", "127.0.0.1:0"]);
        for (name, service) in names.iter().zip(&services) {
            gateway.args(["--upstream", &format!("{name}={}", service.origin)]);
        }
        let mut gateway = started(&mut gateway);
        gateway.behind = services;
        until_ready(&gateway);
        gateway
    }
}

/// The names of an app's services.
fn services(app: &App) -> Vec<String> {
    let path = app.file("pintle.yaml");
    let text = std::fs::read_to_string(&path).expect("a manifest");
    let file = |path: &str| std::fs::read_to_string(app.file(path)).map_err(|error| error.to_string());
    let (model, _) = pintle_model::load(&path, &text, &file);
    model.expect("a model").services.into_iter().map(|service| service.name).collect()
}

/// Waits until all services have told the gateway that they are.
fn until_ready(gateway: &Server) {
    let begun = Instant::now();
    loop {
        let (code, _, err) = finish(&mut pintle(&["health", &gateway.origin]));
        if code == 0 {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{err}\n{}", gateway.log());
    }
}
