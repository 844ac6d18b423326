//! What is said of migrations: what changed, or why nothing did.

use pintle_store::{Error, MigrationPlan};

use crate::app::App;
use crate::failure::Failure;
use crate::place::StoreArg;
use crate::shell::{program, quote};

/// Why the tables are not brought to the model, and the command that shows more.
pub(crate) fn refused(error: &Error, app: &App, store: &StoreArg) -> Failure {
    let Error::Migration(reason) = error else {
        return Failure::because("cannot open the store", error);
    };
    let command = command(app, store);
    // The store names the command as such; whoever reads this wants to copy it.
    let reason = reason.replace("`pintle migrate", &format!("`{command}"));
    Failure::new(format!("the store is not what the manifest says: {reason}"))
        .help(format!("see what would change: {command} --dry-run"))
}

/// The command that migrates.
pub(crate) fn command(app: &App, store: &StoreArg) -> String {
    format!("{} migrate {}{}", program(), quote(&app.given), store.words())
}

/// What a plan changes, one line a collection of the app's: `+ collection notes: + field id: integer, key; …`.
pub(crate) fn changes(plan: &MigrationPlan) -> impl Iterator<Item = String> {
    plan.steps.iter().filter_map(|step| {
        let mut lines = step.lines.iter().map(|line| format!("{} {}", line.sign, line.text));
        let collection = lines.next()?;
        let inner = lines.collect::<Vec<_>>().join("; ");
        let own = collection.contains(" _pintle_");
        (!own).then(|| if inner.is_empty() { collection } else { format!("{collection}: {inner}") })
    })
}
