//! Where an app's data lives.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use pintle_store::Location;

use crate::app::App;
use crate::failure::Failure;
use crate::secret;
use crate::shell::quote;

/// `--app` and `--store`, for commands whose own words are about something else.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AppArg {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(long, default_value = ".", env = "PINTLE_APP", global = true)]
    pub(crate) app: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

impl AppArg {
    /// Where the app's data lives, whatever its manifest says.
    pub(crate) fn location(&self) -> Result<Location, Failure> {
        self.store.location(&App::folder(&self.app)?)
    }

    /// ` --app … --store …` for a command that is shown.
    pub(crate) fn words(&self) -> String {
        format!(" --app {}{}", quote(&self.app), self.store.words())
    }
}

/// `--store`, for every command that speaks to one.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct StoreArg {
    /// Where the data lives: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`
    /// [default: sqlite:APP/.pintle/data.db]
    ///
    /// Or a JSON object, as secret managers write it: username, password, host, port, dbname. May also stand in a file that
    /// PINTLE_STORE_FILE names.
    #[arg(long, value_name = "URL", env = "PINTLE_STORE", hide_env_values = true, global = true)]
    pub(crate) store: Option<String>,
}

impl StoreArg {
    /// The store of the app in this folder.
    pub(crate) fn location(&self, folder: &Path) -> Result<Location, Failure> {
        match secret::or_file(self.store.clone(), "PINTLE_STORE")? {
            Some(text) => Location::from_str(&text).map_err(Failure::new),
            None => Ok(Location::Sqlite(if folder == Path::new(".") {
                Path::new(".pintle").join("data.db")
            } else {
                folder.join(".pintle").join("data.db")
            })),
        }
    }

    /// ` --store …` for a command that is shown, without what might be a password; nothing where none was given.
    pub(crate) fn words(&self) -> String {
        match &self.store {
            Some(store) => format!(" --store {}", quote(without_password(store))),
            None => String::new(),
        }
    }
}

/// A store's URL with `…` where its password stands: whoever copies it and forgets that learns so at once, and does not
/// work on another store.
fn without_password(store: &str) -> String {
    if store.trim_start().starts_with('{') {
        return "{…}".to_owned();
    }
    let Some((scheme, rest)) = store.split_once("://") else { return store.to_owned() };
    if rest.contains("password=") {
        return format!("{scheme}://…");
    }
    match rest.rsplit_once('@') {
        Some((user, place)) => match user.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:…@{place}"),
            None => store.to_owned(),
        },
        None => store.to_owned(),
    }
}

/// `--to`, where data is copied.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TargetArg {
    /// Where the data goes: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`
    ///
    /// May also stand in a file that PINTLE_COPY_TO_FILE names.
    #[arg(long, value_name = "URL", env = "PINTLE_COPY_TO", hide_env_values = true)]
    pub(crate) to: Option<String>,
}

impl TargetArg {
    /// The store that is named.
    pub(crate) fn location(&self) -> Result<Location, Failure> {
        match secret::or_file(self.to.clone(), "PINTLE_COPY_TO")? {
            Some(text) => Location::from_str(&text).map_err(Failure::new),
            None => Err(Failure::usage("--to is missing: where does the data go?")
                .help("like --to postgres://USER:PASSWORD@HOST/DATABASE or --to sqlite:PATH; PINTLE_COPY_TO and PINTLE_COPY_TO_FILE do as well")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_shown_without_its_password() {
        for (store, shown) in [
            ("sqlite:a.db", "sqlite:a.db"),
            ("postgres://host/db?schema=s", "postgres://host/db?schema=s"),
            ("postgres://me@host/db", "postgres://me@host/db"),
            ("postgres://me:s3:cr@et@host/db", "postgres://me:…@host/db"), // pintle:no-secret
            ("postgres://host/db?password=x", "postgres://…"),
            (r#"{"username":"me","password":"s3cret","host":"h"}"#, "{…}"),
        ] {
            assert_eq!(without_password(store), shown);
        }
    }
}
