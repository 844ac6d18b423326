//! Takes over an app that changed while it is served.

use std::convert::Infallible;
use std::io::{self, IsTerminal as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pintle_model::Model;
use pintle_pipeline::JetStream;
use pintle_query::Dialect;
use pintle_server::{Server, Settings};
use pintle_store::{Consent, Store};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, Checked};
use crate::environment;
use crate::failure::Failure;
use crate::migration;
use crate::place::StoreArg;
use crate::queue;
use crate::report;
use crate::ui;
use crate::watch::Watcher;

/// An app that is served, and where it comes from.
pub(crate) struct Reload {
    /// What the user called the app.
    pub(crate) given: PathBuf,
    pub(crate) store_arg: StoreArg,
    pub(crate) dialect: Dialect,
    pub(crate) server: Server,
    pub(crate) store: Store,
    pub(crate) queue: Option<JetStream>,
    /// The state of its files when they were looked at last.
    pub(crate) seen: Option<u64>,
    /// Its folder of pages.
    pub(crate) pages: Option<String>,
    /// The store for an app whose tables were refused: somebody may make them on purpose.
    pub(crate) awaited: Option<Store>,
}

/// How often a store is asked whether its tables are those of an app that waits for them.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

impl Reload {
    /// Looks at the app whenever something changed, and when SIGHUP says so; but the SIGHUP of a terminal that is closed ends
    /// the process, as ever.
    ///
    /// # Errors
    /// When the system does not let it wait for signals.
    pub(crate) fn follow(mut self, mut watcher: Option<Watcher>) -> io::Result<impl Future<Output = Infallible>> {
        let of_terminal = io::stderr().is_terminal();
        let mut hangup = (!of_terminal).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(async move {
            // At first for what changed before anybody looked out.
            let mut due = watcher.is_some().then_some(false);
            loop {
                let always = match due.take() {
                    Some(always) => always,
                    None => tokio::select! {
                        () = changed(&mut watcher) => false,
                        () = hung_up(&mut hangup) => true,
                        () = migrated(self.awaited.as_ref()) => true,
                    },
                };
                let look = move || {
                    if catch_unwind(AssertUnwindSafe(|| self.look(always))).is_err() {
                        tracing::error!("looking at the changed app panicked, a defect: it is served as before");
                    }
                    self
                };
                self = match tokio::task::spawn_blocking(look).await {
                    Ok(reload) => reload,
                    // The runtime is about to end.
                    Err(_) => std::future::pending().await,
                };
                if let Some(watcher) = &mut watcher
                    && watcher.leave_out(self.pages.as_deref())
                {
                    // What changed before the folders were others.
                    due = Some(false);
                }
            }
        })
    }

    /// Looks at the app, and serves it from now on as it is, whole; or says why not, and serves it as before. With `always` also when
    /// none of its files changed. Blocks.
    fn look(&mut self, always: bool) {
        let awaited = self.awaited.take();
        let checked = match App::check(&self.given, self.dialect) {
            Ok(checked) => checked,
            Err(failure) => return self.refuse(None, &failure),
        };
        let now = Some(checked.fingerprint);
        if now == self.seen && !always {
            self.awaited = awaited;
            return;
        }
        report::tell(&checked);
        let verdict = report::verdict(&checked);
        match self.take_over(checked) {
            Ok(()) => {
                self.seen = now;
                tracing::info!("the app changed and is served as it is now: {verdict}");
            }
            Err(failure) => self.refuse(now, &failure),
        }
    }

    fn take_over(&mut self, checked: Checked) -> Result<(), Failure> {
        let verdict = report::verdict(&checked);
        let app = checked.app.ok_or_else(|| Failure::new(verdict))?;
        let environment = environment::read(app.model())?;
        if self.queue.is_some() {
            queue::fits(app.model(), self.dialect)?;
        }
        let store = self
            .store
            .with_model(app.model())
            .map_err(|error| Failure::because("cannot open the store for it", &error))?;
        let served = pintle_server::App {
            planner: Arc::clone(&app.planner),
            scripts: app.scripts.clone(),
            folder: app.folder.clone(),
            environment,
            store: store.clone(),
            queue: self.queue.clone(),
            settings: Settings::default(),
        };
        // Migrated last: the app that is served now could not be served with the other one's tables.
        let prepared = self.server.prepare(served).map_err(|error| Failure::because("cannot serve it", &error))?;
        self.awaited = Some(store.clone());
        migrate(&store, &app, &self.store_arg)?;
        self.awaited = None;
        self.server.swap(prepared);
        self.store = store;
        self.pages = pages_of(app.model());
        Ok(())
    }

    fn refuse(&mut self, now: Option<u64>, failure: &Failure) {
        self.seen = now;
        ui::err(&failure.to_string());
        tracing::error!("the app changed, but is served as it was before");
    }
}

/// The folder of an app's pages, if it has one.
pub(crate) fn pages_of(model: &Model) -> Option<String> {
    model.pages.as_ref().map(|pages| pages.folder.clone())
}

async fn changed(watcher: &mut Option<Watcher>) {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => std::future::pending().await,
    }
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => _ = hangup.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits until the tables are those that this store is for.
async fn migrated(awaited: Option<&Store>) {
    let Some(store) = awaited else { return std::future::pending().await };
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        if store.ready().await.is_ok() {
            return;
        }
    }
}

/// Brings the store's tables to the model of an app, as far as that loses nothing.
pub(crate) fn migrate(store: &Store, app: &App, store_arg: &StoreArg) -> Result<(), Failure> {
    let plan = store.migrate(Consent::Forward).map_err(|error| migration::refused(&error, app, store_arg))?;
    for change in migration::changes(&plan) {
        tracing::info!(change, "migrated");
    }
    if let Some(why) = plan.slower {
        tracing::warn!("{why}");
    }
    Ok(())
}
