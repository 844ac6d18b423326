//! `pintle token create | list | revoke`: long-lived credentials for programs.
//!
//! They are rows of the system collection `_pintle_tokens` and go the way of everyone's data, as service_role. A server
//! that serves the store sees a change within a second.

use std::sync::Arc;

use pintle_model::{Caller, CollectionId, Role};
use pintle_query::Write;
use pintle_query::rest::{Asker, Preferences};
use pintle_store::{Access, Consent, Error, Store};
use serde::Deserialize;

use crate::app::App;
use crate::failure::Failure;
use crate::place::AppArg;
use crate::shell::{program, quote};
use crate::{migration, ui};

/// What a token may be: whoever has none is anonymous already.
const ROLES: [Role; 2] = [Role::Authenticated, Role::ServiceRole];

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    at: AppArg,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a token and print it, alone, on standard output: it is shown this once
    Create {
        /// What it is called in the list
        name: String,
        /// What it may do: `authenticated` goes by the policies, `service_role` passes them all
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(ROLES.map(Role::name)))]
        role: String,
        /// Whom it stands for: policies see it as auth.uid()
        #[arg(long)]
        user: Option<String>,
    },
    /// Show all tokens: names, roles, users, and when they were made
    List,
    /// Make a token worthless, at once
    Revoke {
        /// What it is called in the list
        name: String,
    },
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::because("cannot start", &error))?;
    runtime.block_on(async {
        let tokens = Tokens::open(args)?;
        match &args.action {
            Action::Create { name, role, user } => tokens.create(name, role, user.as_deref()).await,
            Action::List => tokens.list().await,
            Action::Revoke { name } => tokens.revoke(name).await,
        }
    })
}

/// The tokens of an app's store.
struct Tokens {
    app: App,
    store: Store,
    collection: CollectionId,
    asker: Asker,
    /// The words of `--app` and `--store`, for commands that are shown.
    words: String,
}

impl Tokens {
    fn open(args: &Args) -> Result<Tokens, Failure> {
        let (app, location) = App::load(&args.at.app, &args.at.store)?;
        let failed = |error: Error| migration::refused(&error, &app, &args.at.store);
        let store = Store::open(&location, app.model(), Access::Beside).map_err(failed)?;
        // The first token may be made before the first start. Any later change of the tables is not this command's: a
        // server may be at work on them.
        if store.plan().map_err(failed)?.first {
            store.migrate(Consent::Forward).map_err(failed)?;
        }
        let Some((collection, _)) = app.model().find("_pintle_tokens") else {
            return Err(Failure::new("the model has no `_pintle_tokens`: a defect of Pintle's"));
        };
        let asker = Asker { caller: Arc::new(Caller::of(Role::ServiceRole)), now: now(), new_uuid: uuid::Uuid::now_v7 };
        let words = args.at.words();
        Ok(Tokens { app, store, collection, asker, words })
    }

    async fn create(&self, name: &str, role: &str, user: Option<&str>) -> Result<(), Failure> {
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(Failure::new("a token's name is a word or a line of text").help("like `importer` or `ci`"));
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| Failure::because("the system gives no random bytes", &error))?;
        let token = pintle_auth::token(random);
        let row = serde_json::json!({
            "name": name, "role": role, "user": user, "hash": hex(&pintle_auth::hash(&token)),
        });
        let planner = &self.app.planner;
        let planned =
            planner.rest_insert(self.collection, "", row.to_string().as_bytes(), &Preferences::default(), &self.asker);
        match self.write(planned.map(|planned| planned.write)).await {
            Ok(_) => {
                ui::out(&token);
                Ok(())
            }
            Err(Trouble::Store(Error::Unique { .. })) => {
                let revoke = format!("{} token revoke {}{}", program(), quote(name), self.words);
                Err(Failure::new(format!("there is a token named `{name}` already"))
                    .help(format!("revoke it (`{revoke}`), or choose another name")))
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    async fn list(&self) -> Result<(), Failure> {
        let query = "select=name,role,user,created_at&order=name";
        let planned = self.app.planner.rest_read(self.collection, query, &Preferences::default(), &self.asker);
        let planned = planned.map_err(|fault| Failure::because("cannot list the tokens", &fault))?;
        let rows = self.store.read(planned.read).await;
        let rows = rows.map_err(|error| Failure::because("cannot list the tokens", &error))?;
        let rows: Vec<Row> =
            serde_json::from_slice(&rows.json).map_err(|error| Failure::because("cannot list the tokens", &error))?;
        if rows.is_empty() {
            let create = format!("{} token create NAME --role ROLE{}", program(), self.words);
            ui::err(&format!("No tokens. Make one: {create}"));
        } else {
            ui::out(&table(&rows));
        }
        Ok(())
    }

    async fn revoke(&self, name: &str) -> Result<(), Failure> {
        let query =
            format!("name=eq.{}", percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC));
        let planned = self.app.planner.rest_delete(self.collection, &query, &Preferences::default(), &self.asker);
        match self.write(planned.map(|planned| planned.write)).await? {
            0 => Err(Failure::new(format!("there is no token named `{name}`")).help(format!(
                "`{} token list{}` shows all",
                program(),
                self.words
            ))),
            _ => {
                ui::out(&format!("`{name}` is revoked: servers refuse it within a second"));
                Ok(())
            }
        }
    }

    /// Runs a write: how many rows it touched.
    async fn write(&self, planned: Result<Option<Write>, pintle_query::Fault>) -> Result<u64, Trouble> {
        match planned.map_err(Trouble::Fault)? {
            Some(write) => Ok(self.store.write(write).await.map_err(Trouble::Store)?.affected),
            None => Ok(0),
        }
    }
}

/// Why a token was not written.
enum Trouble {
    Fault(pintle_query::Fault),
    Store(Error),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Fault(fault) => Failure::because("the token cannot be written", &fault),
            Trouble::Store(error) => Failure::because("the token cannot be written", &error),
        }
    }
}

/// A token as the list shows it.
#[derive(Deserialize)]
struct Row {
    name: String,
    role: String,
    user: Option<String>,
    created_at: String,
}

fn table(rows: &[Row]) -> String {
    let header = ["NAME", "ROLE", "USER", "CREATED"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let moment: String = row.created_at.chars().take("2026-01-31T12:30:00".len()).collect();
        let user = row.user.clone().unwrap_or_else(|| "-".to_owned());
        [row.name.clone(), row.role.clone(), user, moment.replace('T', " ") + "Z"]
    });
    let lines: Vec<[String; 4]> = std::iter::once(header).chain(cells).collect();
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: [usize; 3] = std::array::from_fn(width);
    let lines = lines.iter().map(|[name, role, user, created]| {
        let [a, b, c] = widths;
        format!("{name:<a$}  {role:<b$}  {user:<c$}  {created}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Microseconds since 1970.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
