//! Looks out for changes of an app's folder.
//!
//! The folder itself is watched, and each folder in it with all below, but for what the app is not read from: its pages, its data,
//! and what is hidden or belongs to another tool.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::failure::Failure;

/// Programs write a file in several steps, and several files one after the other: a change is over when nothing happened for
/// this long.
const QUIET: Duration = Duration::from_millis(100);
/// But it is looked at after this long in any case.
const STEPS_MAX: u32 = 20;
/// Large, and never the app's own.
const NOT_THE_APPS: [&str; 2] = ["node_modules", "target"];

/// What looks out.
#[derive(Debug)]
pub(crate) struct Watcher {
    inner: RecommendedWatcher,
    folder: PathBuf,
    pages: Option<PathBuf>,
    /// The folders in it that are watched.
    watched: BTreeSet<PathBuf>,
    changes: mpsc::Receiver<()>,
}

impl Watcher {
    /// Watches an app's folder, but for its folder of pages.
    ///
    /// # Errors
    /// When the system does not let it.
    pub(crate) fn start(folder: &Path, pages: Option<&str>) -> Result<Watcher, Failure> {
        // One that waits stands for all that follow it.
        let (changed, changes) = mpsc::channel(1);
        let tell = move |event: notify::Result<Event>| {
            // To read a file is no change of it; what cannot be told may be one.
            if event.map_or(true, |event| !event.kind.is_access()) {
                let _ = changed.try_send(());
            }
        };
        let failed = |error: notify::Error| {
            Failure::because(format!("cannot watch `{}`", folder.display()), &error)
                .help("serve it without --watch; SIGHUP tells the server to look at the app")
        };
        let mut inner = notify::recommended_watcher(tell).map_err(failed)?;
        inner.watch(folder, RecursiveMode::NonRecursive).map_err(failed)?;
        let pages = pages.map(|pages| folder.join(pages));
        let mut watcher = Watcher { inner, folder: folder.to_owned(), pages, watched: BTreeSet::new(), changes };
        watcher.watch_folders();
        Ok(watcher)
    }

    /// Waits until something changed, and until that is over.
    pub(crate) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // Nothing will be told any more.
            std::future::pending::<()>().await;
        }
        for _ in 0..STEPS_MAX {
            if timeout(QUIET, self.changes.recv()).await.is_err() {
                break;
            }
        }
        // Before the app is looked at, so that what is written to a new folder later is told.
        self.watch_folders();
    }

    /// From now on this is the folder of pages. Whether it was another one before.
    pub(crate) fn leave_out(&mut self, pages: Option<&str>) -> bool {
        let pages = pages.map(|pages| self.folder.join(pages));
        let is_other = pages != self.pages;
        if is_other {
            self.pages = pages;
            self.watch_folders();
        }
        is_other
    }

    /// Watches the folders that there are now.
    fn watch_folders(&mut self) {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let found: BTreeSet<PathBuf> = entries.filter(|path| path.is_dir() && self.is_the_apps(path)).collect();
        // One that went away and came back is another one.
        for path in self.watched.difference(&found) {
            // What went away is not watched any more.
            let _ = self.inner.unwatch(path);
        }
        self.watched.retain(|path| found.contains(path));
        for path in found {
            match self.inner.watch(&path, RecursiveMode::Recursive) {
                Ok(()) => _ = self.watched.insert(path),
                Err(error) => tracing::warn!(folder = %path.display(), reason = %error, "changes here are not seen"),
            }
        }
    }

    fn is_the_apps(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && !NOT_THE_APPS.contains(&&*name) && self.pages.as_deref() != Some(path)
    }
}
