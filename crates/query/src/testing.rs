//! What the tests of this crate share: a small app, and callers.

use std::sync::{Arc, LazyLock};

use pintle_model::{Caller, Collection, CollectionId, Model, Role, Value};

use crate::rest::Asker;
use crate::{Dialect, Planner};

const MANIFEST: &str = "
pintle: 1
name: library
collections:
  books:
    key: { id: { type: integer, generated: true } }
    fields:
      title: { type: text, required: true, maxLength: 20 }
      pages: { type: integer, minimum: 1 }
      price: { type: number, default: 9.5 }
      lent: { type: boolean, default: false }
      born: date
      seen: { type: timestamp, readonly: true, default: now() }
      data: json
      tags:
        type: json
        schema: { type: array, items: { type: object, required: [id], properties: { id: { type: integer } } } }
    policies:
      select: auth.role() = 'authenticated'
      insert: auth.role() in ('anon', 'authenticated')
      update: auth.role() = 'authenticated'
      delete: auth.role() = 'authenticated'
    rest: { path: /books, limit: { default: 10, max: 50 } }
  shelves:
    key: { name: text }
    fields:
      place: { type: text, pattern: '^[a-z]+$', enum: [cellar, attic] }
      code: { type: uuid, default: uuid(), unique: true }
      owner: { type: text, default: auth.uid() }
    rest: /shelves
  tiles:
    key: { x: integer, y: integer }
    fields: { kind: text }
";

/// The app's model, read once.
pub(crate) fn model() -> Arc<Model> {
    static MODEL: LazyLock<Arc<Model>> = LazyLock::new(read);
    Arc::clone(&MODEL)
}

fn read() -> Arc<Model> {
    let (model, diagnostics) = pintle_model::load("pintle.yaml", MANIFEST, &|path| Err(path.to_owned()));
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    Arc::new(model.expect("the manifest has no mistakes"))
}

/// The app's planner, made once.
pub(crate) fn planner() -> &'static Planner {
    static PLANNER: LazyLock<Planner> =
        LazyLock::new(|| Planner::new(model(), Dialect::Sqlite).expect("the policies have no mistakes"));
    &PLANNER
}

/// The id of a collection.
pub(crate) fn id(planner: &Planner, name: &str) -> CollectionId {
    planner.model.find(name).expect("a collection of the app").0
}

/// A caller of a role, whose user is `ann`, at a fixed time, with UUIDs of zeros.
pub(crate) fn asker(role: Role) -> Asker {
    let caller = Caller { user: Some("ann".to_owned()), ..Caller::of(role) };
    Asker { caller: Arc::new(caller), now: 1_700_000_000_000_000, new_uuid: uuid::Uuid::nil }
}

/// A value as a test writes it.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Null => "null".to_owned(),
        other => other.to_text(),
    }
}

/// Names of fields.
pub(crate) fn names<'a>(collection: &'a Collection, fields: &[usize]) -> Vec<&'a str> {
    fields.iter().map(|at| collection.fields[*at].name.as_str()).collect()
}
