//! What cannot be kept: a kept answer holds until something is written, and what `now()` decides changes without a write.

use std::sync::Arc;

use pintle_model::{CollectionId, Diagnostic, Role, Route, Severity};

use crate::plan::{Param, ReadPlan};
use crate::planner::{Planner, Right};

/// What the author can do.
const HELP: &str = "no write says that the time has come: leave out `cache`, and the answer has an `ETag` all the same";

/// Why the answer of this statement cannot be kept, if `cache` asks for it.
pub(super) fn statement(planner: &Planner, route: &Route, role: Role, plan: &ReadPlan) -> Option<Diagnostic> {
    route.cache.filter(|_| plan.rows.params.contains(&Param::Now))?;
    let message = match timed(planner, role, plan.reads.iter().copied()) {
        Some(name) => {
            format!("a kept answer would show what the `select` policy of `{name}` hides by then: it asks for `now()`")
        }
        None => "a kept answer would go on with a time that has passed: its SQL asks for `now()`".to_owned(),
    };
    Some(diagnostic(planner, route, message, HELP.to_owned()))
}

/// Why the answer of this route's script cannot be kept, if `cache` asks for it: it may read every collection.
pub(super) fn script(planner: &Planner, route: &Route) -> Option<Diagnostic> {
    route.cache?;
    let all = || (0..planner.model.collections.len()).map(CollectionId);
    let apps = || all().filter(|id| !planner.model.collection(*id).system);
    let roles = Role::ALL.into_iter().filter(|role| super::may_call(route.access, *role));
    let name = roles.map(|role| route.acts_as.unwrap_or(role)).find_map(|role| timed(planner, role, apps()))?;
    let message = format!(
        "a kept answer would show what the `select` policy of `{name}` hides by then: it asks for `now()`, and a script may \
         read `{name}`"
    );
    let help = format!("{HELP}; or let the route say `as: service_role`, which passes all policies");
    Some(diagnostic(planner, route, message, help))
}

/// The first of these collections of which the time decides what the role sees.
fn timed(planner: &Planner, role: Role, mut among: impl Iterator<Item = CollectionId>) -> Option<String> {
    let by_time = |id: &CollectionId| planner.right(*id, role, Right::Select).is_ok_and(|policy| policy.tells_time());
    among.find(by_time).map(|id| planner.model.collection(id).name.clone())
}

fn diagnostic(planner: &Planner, route: &Route, message: String, help: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        message,
        label: Some("kept until something is written".to_owned()),
        help: Some(help),
        file: Arc::clone(&planner.model.source),
        span: route.cache_span,
    }
}
