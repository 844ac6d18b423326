//! The servers that are measured, each a process of its own, on stores of their own with the same items.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::driver::{self, Load, Run};
use crate::item;
use crate::process::{self, Server};
use crate::stores::{Kind, Stores};
use crate::work::{Grammar, Operation, Work};

/// Items of a request that fills Pintle's store.
const SEED_BATCH: u64 = 1000;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Bare,
    Control,
    /// Pintle, through the mount.
    Mount,
    /// Pintle, through `/rest/v1`.
    Rest,
    /// Pintle, through a route that a statement answers.
    Sql,
    /// Pintle, through routes that scripts answer.
    Script,
}

impl Target {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Target::Bare => "bare axum",
            Target::Control => "control",
            Target::Mount => "Pintle, mount",
            Target::Rest => "Pintle, /rest/v1",
            Target::Sql => "Pintle, SQL route",
            Target::Script => "Pintle, script",
        }
    }
}

/// Pintle's binary and an app.
#[derive(Debug)]
pub(crate) struct Pintle {
    pub(crate) binary: PathBuf,
    app: PathBuf,
    store: String,
    token: String,
}

impl Pintle {
    /// Makes a token, and with it the store. `app` is a folder, by its path or beside the benchmark's source.
    pub(crate) fn prepare(binary: PathBuf, app: &str, store: String, role: &str) -> Result<Pintle> {
        let app = Path::new(env!("CARGO_MANIFEST_DIR")).join(app);
        let mut pintle = Pintle { binary, app, store, token: String::new() };
        let mut command = pintle.command(&["token", "create", "bench", "--role", role, "--user", item::OWNER]);
        let output = command.arg("--app").arg(&pintle.app).output();
        let output = output.with_context(|| format!("cannot start {}", pintle.binary.display()))?;
        if !output.status.success() {
            bail!("no token: {}", String::from_utf8_lossy(&output.stderr));
        }
        pintle.token = String::from_utf8(output.stdout)?.trim().to_owned();
        Ok(pintle)
    }

    /// Stores the app's sample data, with these settings. It shows how far it is.
    pub(crate) fn seed(&self, settings: &[(&str, u64)]) -> Result<()> {
        let mut command = self.command(&["seed"]);
        command.arg(&self.app).stdout(Stdio::null());
        command.args(settings.iter().flat_map(|(name, value)| ["--set".to_owned(), format!("{name}={value}")]));
        let status = command.status().with_context(|| format!("cannot start {}", self.binary.display()))?;
        if status.success() { Ok(()) } else { bail!("the seed of {} ended with {status}", self.app.display()) }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(words).args(["--store", &self.store]).env("PINTLE_LOG", "error");
        command
    }

    /// `pintle serve`, on this address.
    pub(crate) fn serve(&self, address: std::net::SocketAddr) -> Command {
        let mut command = self.command(&["serve"]);
        command.arg(&self.app).args(["--no-access-log", "--listen", &address.to_string()]);
        command
    }

    /// The same for `pintle worker`.
    pub(crate) fn worker(&self, address: std::net::SocketAddr) -> Command {
        let mut command = self.command(&["worker"]);
        command.arg(&self.app).args(["--listen", &address.to_string()]);
        command
    }

    /// Header lines of who asks.
    pub(crate) fn headers(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.token)
    }
}

/// All servers, running.
#[derive(Debug)]
pub(crate) struct Fleet {
    bare: Server,
    control: Server,
    pub(crate) served: Server,
    pub(crate) pintle: Pintle,
    created: [Arc<AtomicU64>; 2],
    // Last: what the servers use goes after them.
    pub(crate) stores: Stores,
}

impl Fleet {
    /// Makes the stores (files in `folder`), fills them, and starts the servers.
    pub(crate) fn start(binary: PathBuf, kind: Kind, folder: &Path) -> Result<Fleet> {
        let stores = Stores::make(kind, folder)?;
        let own = std::env::current_exe()?;
        let address = process::free_address()?;
        let mut command = Command::new(&own);
        command.args(["bare", &address.to_string()]);
        let bare = Server::start(command, address)?;
        let pintle = Pintle::prepare(binary, "app", stores.pintle(), "authenticated")?;
        let address = process::free_address()?;
        let mut command = Command::new(&own);
        command.args(["control", &address.to_string(), &stores.control(), &pintle.token]);
        let control = Server::start(command, address)?;
        let address = process::free_address()?;
        let served = Server::start(pintle.serve(address), address)?;
        let created = [item::SEEDED, 0].map(|count| Arc::new(AtomicU64::new(count)));
        let mut fleet = Fleet { bare, control, served, pintle, created, stores };
        fleet.seed()?;
        Ok(fleet)
    }

    /// Fills Pintle's store through its own API, then starts it anew.
    fn seed(&mut self) -> Result<()> {
        let load = Load { connections: 1, time: Duration::from_secs(600), each: item::SEEDED / SEED_BATCH };
        self.run(Target::Rest, Operation::Rows(SEED_BATCH), load)?;
        self.served.stop()?;
        let address = process::free_address()?;
        self.served = Server::start(self.pintle.serve(address), address)?;
        self.stores.settle();
        Ok(())
    }

    /// The process that a target is.
    pub(crate) fn server(&self, target: Target) -> &Server {
        match target {
            Target::Bare => &self.bare,
            Target::Control => &self.control,
            Target::Mount | Target::Rest | Target::Sql | Target::Script => &self.served,
        }
    }

    /// What is asked of a target.
    pub(crate) fn work(&self, target: Target, operation: Operation) -> Work {
        let ours = !matches!(target, Target::Bare | Target::Control);
        // The control on SQLite does not ask who calls.
        let headers = if ours || self.stores.kind() == Kind::Postgres { self.pintle.headers() } else { String::new() };
        Work {
            operation,
            grammar: match target {
                Target::Bare | Target::Control | Target::Mount => Grammar::Plain,
                Target::Rest => Grammar::Rest,
                Target::Sql => Grammar::Sql,
                Target::Script => Grammar::Script,
            },
            headers: headers.into(),
            created: Arc::clone(&self.created[usize::from(ours)]),
        }
    }

    /// Numbers of `count` items that the control's store does not have.
    pub(crate) fn fresh(&self, count: u64) -> u64 {
        self.created[0].fetch_add(count, Ordering::Relaxed)
    }

    /// Drives a target.
    pub(crate) fn run(&self, target: Target, operation: Operation, load: Load) -> Result<Run> {
        driver::drive(self.server(target).address, &self.work(target, operation), load)
    }
}
