//! Which routes may not say `cache`.

use std::sync::Arc;

use crate::{Dialect, Planner};

const MANIFEST: &str = "
pintle: 1
name: board
collections:
  notes:
    key: { id: integer }
    fields: { until: timestamp, title: text }
    policies: { select: until > now() }
  links:
    key: { id: integer }
    fields: { note: integer }
    policies: { select: exists (select 1 from notes where notes.id = links.note) }
  places:
    key: { id: integer }
    fields: { seen: { type: timestamp, default: now() } }
    policies: { select: auth.role() = 'authenticated', insert: seen <= now() }
routes:
  /route:
    get: ";

fn told(manifest: &str, route: &str) -> Vec<String> {
    let manifest = format!("{manifest}{{ {route} }}\n");
    let (model, diagnostics) = pintle_model::load("pintle.yaml", &manifest, &|_| Ok(String::new()));
    assert_eq!(diagnostics, []);
    match Planner::new(Arc::new(model.unwrap()), Dialect::Sqlite) {
        Ok(_) => Vec::new(),
        Err(mistakes) => {
            let at = |one: &pintle_model::Diagnostic| manifest.get(one.span.start..one.span.end).unwrap().to_owned();
            mistakes.iter().map(|one| format!("{}: {}", at(one), one.message)).collect()
        }
    }
}

#[test]
fn an_answer_that_the_time_changes_is_not_kept() {
    let hides = |name: &str| {
        format!(
            "cache: a kept answer would show what the `select` policy of `{name}` hides by then: it asks for `now()`"
        )
    };
    let script = format!("{}, and a script may read `notes`", hides("notes"));
    for (route, wanted) in [
        ("cache: 30m, sql: SELECT id FROM notes", hides("notes").as_str()),
        ("cache: 30m, sql: SELECT id FROM links", &hides("notes")),
        (
            "cache: 30m, as: service_role, sql: SELECT id FROM notes WHERE until > now()",
            "cache: a kept answer would go on with a time that has passed: its SQL asks for `now()`",
        ),
        ("cache: 30m, sql: { sqlite: SELECT id FROM places, postgres: SELECT id FROM notes }", &hides("notes")),
        ("cache: 30m, script: route.js", &script),
    ] {
        assert_eq!(told(MANIFEST, route), [wanted], "{route}");
    }
    for route in [
        "sql: SELECT id FROM notes WHERE until > now()",
        "script: route.js",
        "cache: 30m, sql: SELECT id FROM places",
        "cache: 30m, as: service_role, sql: SELECT id FROM notes",
        "cache: 30m, auth: service_role, sql: SELECT id FROM notes",
        "cache: 30m, as: service_role, script: route.js",
    ] {
        assert!(told(MANIFEST, route).is_empty(), "{route}");
    }
    let timeless = MANIFEST.replace("until > now()", "title = 'a'");
    assert!(told(&timeless, "cache: 30m, script: route.js").is_empty());
}
