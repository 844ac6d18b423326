//! Statements of an app's own, as tables of texts and of what becomes of them.

mod cached;
mod mistakes;
mod sql;

use std::sync::{Arc, LazyLock};

use pintle_model::{Model, Role, Type};

use crate::{Dialect, Fault, OwnPlan, Planner};

const MANIFEST: &str = "
pintle: 1
name: map
collections:
  tiles:
    key: { x: integer, y: integer }
    fields:
      kind: { type: text, required: true }
      seen: { type: timestamp, default: now() }
      user: { type: text, readonly: true, default: auth.uid() }
    policies: { select: auth.role() = 'authenticated' }
  notes:
    key: { id: { type: integer, generated: true } }
    fields:
      owner: { type: text, required: true, default: auth.uid() }
      title: { type: text, required: true, maxLength: 40 }
      rank: { type: integer, minimum: 0 }
      price: number
      done: { type: boolean, default: false }
      born: date
      data: json
      code: { type: uuid, unique: true }
      slug: { type: text, pattern: '^[a-z]+$' }
    policies:
      select: owner = auth.uid() or done
      insert: owner = auth.uid()
      update: { using: owner = auth.uid(), check: owner = auth.uid() and rank < 10 }
      delete: owner = auth.uid() and not done
  teams:
    key: { team: text, member: text }
    policies:
      select: exists (select 1 from notes where notes.owner = teams.member)
  secrets:
    key: { name: text }
    fields: { value: text }
";

fn model() -> Arc<Model> {
    let (model, diagnostics) = pintle_model::load("pintle.yaml", MANIFEST, &|_| Err("no files here".to_owned()));
    assert_eq!(diagnostics, []);
    Arc::new(model.expect("a model"))
}

fn planner(dialect: Dialect) -> &'static Planner {
    static PLANNERS: LazyLock<[Planner; 2]> =
        LazyLock::new(|| [Dialect::Sqlite, Dialect::Postgres].map(|dialect| Planner::new(model(), dialect).unwrap()));
    &PLANNERS[usize::from(dialect == Dialect::Postgres)]
}

/// What a test gives.
fn params() -> Vec<(String, Type)> {
    [("n", Type::Integer), ("t", Type::Text), ("f", Type::Number), ("j", Type::Json)]
        .map(|(name, ty)| (name.to_owned(), ty))
        .to_vec()
}

fn compile(dialect: Dialect, text: &str, role: Role) -> Result<Arc<OwnPlan>, Fault> {
    let after = |name: &str| {
        text.split(&format!(":{name}")).skip(1).any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    let named = |name: &str| after(name) && !text.contains(&format!("::{name}"));
    let params: Vec<(String, Type)> = params().into_iter().filter(|(name, _)| named(name)).collect();
    planner(dialect).own_sql(text, &params, role, true)
}
