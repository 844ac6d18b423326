//! What is said of migrations: what changed, or why nothing did.

use pintle_store::{Error, MigrationPlan};

use crate::app::App;
use crate::failure::Failure;
use crate::place::StoreArg;
use crate::shell::{program, quote};

/// Why the tables are not brought to the model, and the commands that show more.
pub(crate) fn refused(error: &Error, app: &App, store: &StoreArg) -> Failure {
    let failure = Failure::because("the store is not what the manifest says", error);
    match error {
        Error::Migration(_) => {
            let command = format!("{} migrate {}{}", program(), quote(&app.given), store.words());
            failure.help(format!("see what would change: {command} --dry-run\nallow the loss: {command} --allow-loss"))
        }
        _ => failure,
    }
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
