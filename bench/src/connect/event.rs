//! The app, served.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::fleet::{Fleet, Pintle};
use crate::location;
use crate::process::{self, Server};
use crate::stores::Another;

/// What the manifest has last: services at ports of their own. The benchmark serves all at one.
const SERVICES: &str = "\nservices:";

/// The app, served on a store of its own.
pub(super) struct Event {
    pub(super) server: Server,
    /// What stores the records that wait in a queue.
    worker: Option<Server>,
    // In the order in which they are dropped: the server uses both.
    pub(super) store: Another,
    _folder: TempDir,
}

impl Event {
    /// Serves it with everybody there and so many locations, on days of 33,333 each.
    pub(super) fn start(fleet: &Fleet, locations: u64, folder: &Path) -> Result<Event> {
        Event::with(fleet, locations, None, folder)
    }

    /// The same without locations, with a queue and a worker.
    pub(super) fn queued(fleet: &Fleet, queue: &str, folder: &Path) -> Result<Event> {
        Event::with(fleet, 0, Some(queue), folder)
    }

    fn with(fleet: &Fleet, locations: u64, queue: Option<&str>, folder: &Path) -> Result<Event> {
        let folder = tempfile::tempdir_in(folder)?;
        let app = folder.path().join("connect");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../apps/connect"), &app)?;
        let manifest = std::fs::read_to_string(app.join("pintle.yaml"))?;
        let end = manifest.find(SERVICES).context("apps/connect has no services")?;
        std::fs::write(app.join("pintle.yaml"), &manifest[..=end])?;
        let store = fleet.stores.another(folder.path());
        let app = app.to_str().context("a folder with a name that is no text")?;
        let pintle = Pintle::prepare(fleet.pintle.binary.clone(), app, store.url.clone(), "service_role")?;
        let days = (locations * 30 / 1_000_000).max(1);
        pintle.seed(&[("people", location::PERSONS), ("locations", locations), ("days", days)])?;
        store.settle();
        let start = |command: fn(&Pintle, SocketAddr) -> Command| {
            let address = process::free_address()?;
            let mut command = command(&pintle, address);
            command.args(queue.iter().flat_map(|queue| ["--queue", queue]));
            Server::start(command, address)
        };
        let server = start(Pintle::serve)?;
        let worker = queue.map(|_| start(Pintle::worker)).transpose()?;
        Ok(Event { server, worker, store, _folder: folder })
    }

    /// Processor time used so far, in seconds.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let worker = self.worker.as_ref().map_or(Ok(0.0), Server::cpu_seconds)?;
        Ok(self.server.cpu_seconds()? + worker)
    }
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            std::fs::copy(entry.path(), to)?;
        } else if entry.file_name() != ".pintle" {
            copy(&entry.path(), &to)?;
        }
    }
    Ok(())
}
