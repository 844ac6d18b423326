//! What the fuzz targets share: a model with every type, a caller, and what must hold of each statement.

use std::sync::Arc;

use pintle_model::{Caller, Diagnostic, Model, Role};
use pintle_query::plan::Statement;
use pintle_query::rest::Asker;
use pintle_query::{Dialect, Planner};

const MANIFEST: &str = include_str!("things.yaml");

/// A planner for a collection `things` with a field of every type, under one policy for all actions.
///
/// # Errors
/// When the policy does not compile.
///
/// # Panics
/// When `things.yaml` is no manifest.
pub fn planner(policy: &str, dialect: Dialect) -> Result<Planner, Vec<Diagnostic>> {
    let (model, mistakes) =
        pintle_model::load("things.yaml", MANIFEST, &|_| Err("there are no other files".to_owned()));
    let mut model: Model = model.unwrap_or_else(|| panic!("things.yaml: {mistakes:?}"));
    let policies = &mut model.collections[0].policies;
    let update = policies.update.as_mut().map(|update| [&mut update.using, &mut update.check]);
    let each = [&mut policies.select, &mut policies.insert, &mut policies.delete].into_iter().flatten();
    for one in each.chain(update.into_iter().flatten()) {
        policy.clone_into(&mut one.source);
    }
    Planner::new(Arc::new(model), dialect)
}

/// A signed-in caller at a fixed time.
#[must_use]
pub fn asker() -> Asker {
    let caller = Caller { user: Some("alice".to_owned()), ..Caller::of(Role::Authenticated) };
    Asker { caller: Arc::new(caller), now: 1_767_225_600_000_000, new_uuid: uuid::Uuid::nil }
}

/// Each placeholder has its value and each value its placeholder, and nothing else of SQL's is cut short.
///
/// # Panics
/// When they differ.
pub fn assert_bound(statement: &Statement) {
    for n in 1..=statement.params.len() {
        assert!(statement.sql.contains(&format!("?{n}")), "value {n} has no place in {}", statement.sql);
    }
    let beyond = format!("?{}", statement.params.len() + 1);
    assert!(!statement.sql.contains(&beyond), "{beyond} has no value in {}", statement.sql);
}
