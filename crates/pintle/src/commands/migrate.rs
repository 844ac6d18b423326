//! `pintle migrate APP`: brings the store's tables to what the manifest says.

use std::path::PathBuf;

use pintle_store::{Access, Consent, MigrationPlan, Store};

use crate::app::App;
use crate::failure::Failure;
use crate::migration;
use crate::place::StoreArg;
use crate::ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// Show what would change and its SQL, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Apply it though data is lost
    #[arg(long)]
    allow_loss: bool,
    #[command(flatten)]
    store: StoreArg,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (app, location) = App::load(&args.app, &args.store)?;
    let failed = |error: pintle_store::Error| migration::refused(&error, &app, &args.store);
    let store = Store::open(&location, app.model(), Access::Beside).map_err(failed)?;
    let consent = if args.allow_loss { Consent::Loss } else { Consent::Lossless };
    if args.dry_run {
        let plan = store.plan().map_err(failed)?;
        ui::out(&shown(&plan));
        // So that a pipeline learns of it before it deploys.
        return plan.check(consent).map_err(failed);
    }
    let applied = store.migrate(consent).map_err(failed)?;
    ui::out(if applied.is_empty() { "Nothing to do: the store is what the manifest says." } else { "" });
    ui::out(applied.to_string().trim_end());
    if let Some(why) = &applied.slower {
        ui::err(&format!("note: {why}"));
    }
    Ok(())
}

/// The diff, then the SQL: what is one transaction, and what is made afterwards.
fn shown(plan: &MigrationPlan) -> String {
    if plan.is_empty() {
        return "Nothing to do: the store is what the manifest says.".to_owned();
    }
    let ended = |statement: &str| format!("{};", statement.trim_end_matches(';'));
    let mut sql: Vec<_> = plan.sql().map(ended).collect();
    if plan.later().next().is_some() {
        sql.push("-- Afterwards, one by one, while others read and write:".to_owned());
        sql.extend(plan.later().map(ended));
    }
    format!("{plan}\n{}", sql.join("\n"))
}
