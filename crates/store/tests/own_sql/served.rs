//! An app that is served from one store, and what it says.

use std::sync::Arc;

use pintle_model::{Caller, Role, Type, Value};
use pintle_query::plan::{Inputs, Read};
use pintle_query::{OwnPlan, Planner};
use pintle_store::{Error, Store};

use crate::support::{On, Place};
use crate::world::World;

/// Three collections: one of whose rows a field says who sees them, one that looks into the first, one for all who are known.
pub(crate) const APP: &str = "
pintle: 1
name: test
collections:
  people:
    key: { id: integer }
    fields:
      name: { type: text, required: true }
      team: text
      level: { type: integer }
      score: number
      active: boolean
      seen: timestamp
      born: date
      digits: text
    indexes: [[team, level]]
    policies:
      select: team = auth.claim('team') or id = 1
      update: { using: team = auth.claim('team') or id = 1, check: level < 50 and team = auth.claim('team') }
      insert: team = auth.claim('team') and level < 50
      delete: team = auth.claim('team') or id = 1
  posts:
    key: { id: { type: integer, generated: true } }
    fields:
      person: { type: integer, required: true }
      title: { type: text, maxLength: 200 }
      likes: { type: integer, default: 7 }
      data: json
      digits: text
      made: { type: timestamp, default: now() }
      code: { type: uuid, unique: true, default: uuid() }
    policies:
      select: exists (select 1 from people where people.id = posts.person and people.active)
      insert: exists (select 1 from people where people.id = posts.person)
  marks:
    key: { x: integer, y: integer }
    fields: { kind: { type: text, required: true } }
    policies: { select: auth.role() = 'authenticated' }
  members:
    key: { team: integer, member: text }
    policies: { select: member = auth.uid() }
  notes:
    key: { id: integer }
    fields: { owner: integer, secret: integer, weight: number, body: text }
    indexes: [[owner]]
    policies:
      select: owner = 99 or exists (select 1 from members where members.team = notes.owner and members.member = auth.uid())
      update: owner = 99
      delete: owner = 99
  spots:
    key: { x: integer, y: integer }
    fields: { kind: { type: text, required: true }, owner: text }
    policies: { select: owner = auth.uid() or owner is null }
";

/// An app on one store.
pub(crate) struct Served {
    place: Place,
    pub(crate) store: Store,
    pub(crate) planner: Planner,
}

/// What became of a statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    /// Its rows, sorted.
    Rows(Vec<String>),
    /// The database failed, so.
    Failed(String),
    /// It was refused before.
    Refused(String),
}

impl Served {
    pub(crate) fn new(on: On) -> Served {
        let (model, mistakes) = pintle_model::load("pintle.yaml", APP, &|_| Err(String::new()));
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let place = Place::on(on, model.unwrap());
        let store = place.open();
        store.migrate(pintle_store::Consent::Forward).unwrap();
        let planner = Planner::new(Arc::clone(&place.model), place.location().dialect()).unwrap();
        Served { place, store, planner }
    }

    /// Stores rows, by statements of the app's own.
    pub(crate) async fn fill(&self, world: &World) {
        let service = Caller::of(Role::ServiceRole);
        for insert in world.inserts() {
            match self.write(&insert, &service).await {
                Said::Rows(_) => {}
                other => panic!("{insert}\n{other:?}"),
            }
        }
    }

    fn plan(&self, sql: &str, caller: &Caller, may_write: bool) -> Result<(Arc<OwnPlan>, Inputs), String> {
        let params = [("n", Type::Integer), ("t", Type::Text)];
        let bare = sql.replace("::", "");
        let named = params.into_iter().filter(|(name, _)| bare.contains(&format!(":{name}")));
        let params: Vec<(String, Type)> = named.map(|(name, ty)| (name.to_owned(), ty)).collect();
        let plan = self.planner.own_sql(sql, &params, caller.role, may_write);
        let plan = plan.map_err(|fault| format!("{} {:?} {:?}", fault.message, fault.details, fault.hint))?;
        let value = |(name, ty): &(String, Type)| match (name.as_str(), ty) {
            ("n", Type::Number) => Value::Number(3.0),
            ("n", Type::Integer) => Value::Integer(3),
            (_, Type::Text) => Value::Text("b".to_owned()),
            (name, ty) => panic!("{name} is read as {ty:?}: {sql}"),
        };
        let values = plan.params.iter().map(value).collect();
        Ok((plan, Inputs { values, caller: crate::shared(caller), now: 1_700_000_000_000_000 }))
    }

    /// The statement that runs.
    pub(crate) fn sql(&self, sql: &str, caller: &Caller) -> String {
        match self.plan(sql, caller, true) {
            Ok((plan, _)) => plan.plan.rows.sql.clone(),
            Err(message) => message,
        }
    }

    /// How the database would find the rows.
    pub(crate) fn explained(&self, sql: &str, caller: &Caller) -> String {
        let (plan, _) = self.plan(sql, caller, false).unwrap();
        let sql = &plan.plan.rows.sql;
        match &self.place.database {
            Some(database) => {
                let types: Vec<&str> = (1..=plan.plan.rows.params.len())
                    .map(|n| {
                        sql.split(&format!("${n}::"))
                            .nth(1)
                            .unwrap()
                            .split(|c: char| !c.is_alphanumeric())
                            .next()
                            .unwrap()
                    })
                    .collect();
                let values = vec!["'3'"; types.len()].join(", ");
                let (types, values) = if types.is_empty() {
                    (String::new(), String::new())
                } else {
                    (format!("({})", types.join(", ")), format!("({values})"))
                };
                database.psql(&format!("ANALYZE; PREPARE q{types} AS {sql}; EXPLAIN EXECUTE q{values}"))
            }
            None => {
                let db = self.place.by_hand();
                let mut prepared = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                let lines = prepared
                    .query_map(rusqlite::params_from_iter(plan.plan.rows.params.iter().map(|_| 3)), |row| row.get(3));
                lines.unwrap().map(|line| line.unwrap()).collect::<Vec<String>>().join("\n")
            }
        }
    }

    pub(crate) async fn read(&self, sql: &str, caller: &Caller) -> Said {
        self.run(sql, caller, false).await
    }

    pub(crate) async fn write(&self, sql: &str, caller: &Caller) -> Said {
        self.run(sql, caller, true).await
    }

    async fn run(&self, sql: &str, caller: &Caller, may_write: bool) -> Said {
        let (plan, inputs) = match self.plan(sql, caller, may_write) {
            Ok(planned) => planned,
            Err(message) => return Said::Refused(message),
        };
        match self.store.read(Read { plan: Arc::clone(&plan.plan), inputs }).await {
            Ok(rows) => {
                let rows: Vec<serde_json::Value> = serde_json::from_slice(&rows.json).unwrap();
                let mut rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
                rows.sort();
                Said::Rows(rows)
            }
            Err(Error::Constraint { code, .. }) => Said::Failed(code.to_owned()),
            Err(Error::Policy(collection)) => Said::Failed(format!("policy of {collection}")),
            Err(Error::Unique { fields, .. }) => Said::Failed(format!("taken {fields:?}")),
            Err(other) => panic!("{other:?}\n{sql}\n{}", plan.plan.rows.sql),
        }
    }
}
