//! Where the servers' data lies: files in a folder, or two databases of a PostgreSQL server that was started for it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use pintle_testbed::{Database, Postgres};

use crate::process;

/// What a real server has. They come after the testbed's own settings, so they win.
const SETTINGS: [&str; 3] = ["fsync=on", "full_page_writes=on", "synchronous_commit=on"];

/// Which store is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Sqlite => "sqlite",
            Kind::Postgres => "postgres",
        }
    }
}

/// The control's data and Pintle's, apart.
#[derive(Debug)]
pub(crate) enum Stores {
    Sqlite { folder: PathBuf },
    // In the order in which they are dropped.
    Postgres { control: Database, pintle: Database, server: Box<Postgres> },
}

/// A store beside them.
#[derive(Debug)]
pub(crate) struct Another {
    /// As `--store` names it.
    pub(crate) url: String,
    database: Option<Database>,
}

impl Another {
    /// How many rows a table of a database has.
    pub(crate) fn count(&self, table: &str) -> Result<u64> {
        let database = self.database.as_ref().context("a store without a database")?;
        Ok(database.psql(&format!("SELECT count(*) FROM {table}")).parse()?)
    }

    /// As [`Stores::settle`].
    pub(crate) fn settle(&self) {
        self.database.iter().for_each(settle);
    }
}

/// Does at once what PostgreSQL would do some minutes after a database was filled: plans depend on its statistics.
fn settle(database: &Database) {
    database.psql("VACUUM (ANALYZE)");
    database.psql("CHECKPOINT");
}

impl Stores {
    /// Empty ones; files lie in `folder`.
    ///
    /// # Errors
    /// When PostgreSQL does not start, or would not keep what it answered.
    pub(crate) fn make(kind: Kind, folder: &Path) -> Result<Stores> {
        if kind == Kind::Sqlite {
            return Ok(Stores::Sqlite { folder: folder.to_owned() });
        }
        let server = Postgres::start(&SETTINGS)?;
        let (control, pintle) = (server.database(), server.database());
        for setting in SETTINGS {
            let (name, wanted) = setting.split_once('=').context("a setting")?;
            let is = control.psql(&format!("SHOW {name}"));
            if is != wanted {
                bail!("PostgreSQL has {name}={is}, not {wanted}: what it answered would not be durable");
            }
        }
        Ok(Stores::Postgres { control, pintle, server: Box::new(server) })
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Stores::Sqlite { .. } => Kind::Sqlite,
            Stores::Postgres { .. } => Kind::Postgres,
        }
    }

    /// The control's, as `--store` names it.
    pub(crate) fn control(&self) -> String {
        match self {
            Stores::Sqlite { folder } => format!("sqlite:{}", folder.join("control.db").display()),
            Stores::Postgres { control, .. } => control.url.clone(),
        }
    }

    /// Pintle's, as `--store` names it.
    pub(crate) fn pintle(&self) -> String {
        match self {
            Stores::Sqlite { folder } => format!("sqlite:{}", folder.join("pintle.db").display()),
            Stores::Postgres { pintle, .. } => pintle.url.clone(),
        }
    }

    /// A further one, empty: a file in `folder`, or a database of the same server.
    pub(crate) fn another(&self, folder: &Path) -> Another {
        match self {
            Stores::Sqlite { .. } => {
                Another { url: format!("sqlite:{}", folder.join("another.db").display()), database: None }
            }
            Stores::Postgres { server, .. } => {
                let database = server.database();
                Another { url: database.url.clone(), database: Some(database) }
            }
        }
    }

    /// Has the databases ready for what is measured.
    pub(crate) fn settle(&self) {
        if let Stores::Postgres { control, pintle, .. } = self {
            [control, pintle].into_iter().for_each(settle);
        }
    }

    /// Has PostgreSQL write its log into its tables, as it does by itself every few minutes; SQLite does every few thousand writes.
    pub(crate) fn checkpoint(&self) {
        if let Stores::Postgres { control, .. } = self {
            control.psql("CHECKPOINT");
        }
    }

    /// Processor time of the database's own processes so far, in seconds; none where it lives in the server's.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let Stores::Postgres { server, .. } = self else { return Ok(0.0) };
        let folder = server.folder().context("the server's folder")?;
        let first = std::fs::read_to_string(folder.join("pid")).context("PostgreSQL's process")?;
        process::family_cpu_seconds(first.trim())
    }

    /// What runs there, in a few words.
    pub(crate) fn text(&self) -> String {
        match self {
            Stores::Sqlite { .. } => String::new(),
            Stores::Postgres { control, .. } => {
                let version = control.psql("SHOW server_version");
                let version = version.split(' ').next().unwrap_or_default();
                format!(" PostgreSQL {version}, on the same machine over TCP, has {}.", SETTINGS.join(", "))
            }
        }
    }
}
