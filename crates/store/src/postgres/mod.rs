//! PostgreSQL 15 or newer, on a server.
//!
//! Each plan is one statement, so most requests are one round trip; PostgreSQL itself keeps writers apart.

mod connect;
mod migrate;

use std::sync::Arc;

use pintle_model::Model;
use pintle_query::{Read, Write};

use crate::{Access, Consent, Error, MigrationPlan, Mode, PostgresUrl, Rows, Tx, Written};

/// An open PostgreSQL database. Cheap to clone; the last one closes it.
#[derive(Debug, Clone)]
pub struct Postgres {
    open: Arc<Open>,
}

#[derive(Debug)]
struct Open {
    url: PostgresUrl,
    model: Arc<Model>,
}

impl Postgres {
    /// Opens the database: the URL is checked, and nothing is sent yet. In the context of a runtime.
    ///
    /// # Errors
    /// When the URL is none.
    pub(crate) fn open(url: &PostgresUrl, model: &Arc<Model>, _access: Access) -> Result<Postgres, Error> {
        Ok(Postgres { open: Arc::new(Open { url: url.clone(), model: Arc::clone(model) }) })
    }

    pub(crate) async fn read(&self, _read: Read) -> Result<Rows, Error> {
        Err(not_built())
    }

    pub(crate) async fn write(&self, _write: Write) -> Result<Written, Error> {
        Err(not_built())
    }

    pub(crate) async fn transaction<T, E>(
        &self,
        _mode: Mode,
        _steps: impl FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        Err(not_built().into())
    }

    pub(crate) async fn ready(&self) -> Result<(), Error> {
        Err(not_built())
    }

    pub(crate) fn plan(&self) -> Result<MigrationPlan, Error> {
        blocking(migrate::plan(&self.open.url, &self.open.model))
    }

    pub(crate) fn migrate(&self, consent: Consent) -> Result<MigrationPlan, Error> {
        blocking(migrate::apply(&self.open.url, &self.open.model, consent))
    }

    pub(crate) fn version(&self) -> u64 {
        0
    }
}

/// Runs to the end on a thread and a runtime of its own, so that it may be called from anywhere.
fn blocking<T: Send>(work: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(Error::internal)?.block_on(work)
    };
    let ended = std::thread::scope(|scope| scope.spawn(run).join());
    ended.unwrap_or_else(|_| Err(Error::internal("a migration ended in a panic")))
}

fn not_built() -> Error {
    Error::Open("the store `postgres` is not built yet".to_owned())
}
