//! Plans as the planner makes them, on tables as migrations make them: the words of errors, and all types there and back.
//! The same on both stores.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::sync::Arc;

use pintle_model::{Model, Role, Type, Value};
use pintle_query::Planner;
use pintle_query::plan::{Inputs, Read, Write};
use pintle_query::request::{Comparison, Filter, ReadShape, Returning, SelectItem, Target, Test, WriteShape};
use pintle_store::{Error, Store, Written};
use support::{On, Place, inputs, text};

support::scenarios! {
    every_type_comes_back_as_it_was_given
    counted_keys_are_never_given_out_twice
    what_is_taken_is_told_by_the_constraints_name
    references_that_point_at_nothing_are_told_by_field
    limits_hold_in_the_database_too
    a_cast_that_a_row_does_not_allow_is_the_callers_mistake
}

const APP: &str = r"
pintle: 1
name: test
collections:
  towns:
    key: { id: integer }
    fields: { name: { type: text, required: true, unique: true } }
    policies: { select: 'true' }
  people:
    key: { id: { type: integer, generated: true } }
    fields:
      town: { type: ref, to: towns }
      friend: { type: ref, to: people }
      level: { type: integer, minimum: 0 }
    policies: { select: 'true' }
  tiles:
    key: { x: integer, y: integer }
    fields: { kind: text }
    indexes: [{ fields: [kind, x], unique: true }]
  things:
    key: { id: uuid }
    fields:
      text: text
      number: number
      boolean: boolean
      timestamp: timestamp
      date: date
      json: json
      bytes: bytes
      whole: integer
";

/// An app that is served.
struct App {
    _place: Place,
    store: Store,
    planner: Planner,
}

impl App {
    fn new(on: On) -> App {
        let (model, mistakes) = pintle_model::load("pintle.yaml", APP, &|_| Err(String::new()));
        let messages: Vec<_> = mistakes.iter().map(|mistake| &mistake.message).collect();
        let model: Model = model.unwrap_or_else(|| panic!("{messages:?}"));
        let place = Place::on(on, model);
        let store = place.open();
        store.migrate(pintle_store::Consent::Forward).unwrap();
        let planner = Planner::new(Arc::clone(&place.model), place.location().dialect()).unwrap();
        App { _place: place, store, planner }
    }

    fn returning(&self, collection: &str) -> Vec<SelectItem> {
        let (_, collection) = self.planner.model().find(collection).unwrap();
        let item = |(at, field): (usize, &pintle_model::Field)| SelectItem {
            target: Target::field(at),
            name: field.name.clone(),
            cast: None,
        };
        collection.fields.iter().enumerate().map(item).collect()
    }

    /// Inserts a row: each field's name and value as it stands in a URL (null for `null`).
    async fn insert(&self, collection: &str, values: &[(&str, &str)]) -> Result<Written, Error> {
        let (id, found) = self.planner.model().find(collection).unwrap();
        let (fields, row) = values
            .iter()
            .map(|(name, value)| {
                let (at, field) = found.field(name).unwrap();
                let value = if *value == "null" { Value::Null } else { field.ty.read_text(value).unwrap() };
                (at, value)
            })
            .unzip();
        let returning = Returning { select: self.returning(collection), order: Vec::new(), strip_nulls: false };
        let shape = WriteShape::Insert { fields, conflict: None, returning };
        let plan = self.planner.plan_write(id, Role::ServiceRole, shape).unwrap();
        self.run(plan, inputs(Vec::new()), vec![row]).await
    }

    async fn delete(&self, collection: &str, key: i64) -> Result<Written, Error> {
        let (id, _) = self.planner.model().find(collection).unwrap();
        let filter = Filter::Test(Target::field(0), Test::Compare(Comparison::Eq, 0));
        let returning = Returning { select: Vec::new(), order: Vec::new(), strip_nulls: false };
        let shape = WriteShape::Delete { filter, returning };
        let plan = self.planner.plan_write(id, Role::ServiceRole, shape).unwrap();
        self.run(plan, inputs(vec![Value::Integer(key)]), Vec::new()).await
    }

    async fn run(
        &self,
        plan: Arc<pintle_query::WritePlan>,
        inputs: Inputs,
        rows: Vec<Vec<Value>>,
    ) -> Result<Written, Error> {
        self.store.write(Write { plan, inputs, rows, single: false, max_affected: None, rollback: false }).await
    }
}

async fn every_type_comes_back_as_it_was_given(on: On) {
    let app = App::new(on);
    let written = app
        .insert(
            "things",
            &[
                ("id", "0195F1A0-0000-7000-8000-000000000001"),
                ("text", "Zoë \"quoted\" \u{1}"),
                ("number", "1.5e300"),
                ("boolean", "true"),
                ("timestamp", "2020-08-15T10:37:06.12Z"),
                ("date", "2020-02-29"),
                ("json", r#"{"b": [1, 2.50, null], "a": "ß"}"#),
                ("bytes", "\\x00ff"),
                ("whole", "-9223372036854775808"),
            ],
        )
        .await
        .unwrap();
    let expected = concat!(
        r#"[{"id":"0195f1a0-0000-7000-8000-000000000001","text":"Zoë \"quoted\" \u0001","number":1.5e+300,"boolean":true,"#,
        r#""timestamp":"2020-08-15T10:37:06.12+00:00","date":"2020-02-29","json":{"a": "ß", "b": [1, 2.50, null]},"#,
        r#""bytes":"\\x00ff","whole":-9223372036854775808}]"#
    );
    assert_eq!(text(&written.rows), expected);
    let (id, _) = app.planner.model().find("things").unwrap();
    let shape = ReadShape {
        select: None,
        filter: Filter::Test(Target::field(0), Test::Compare(Comparison::Eq, 0)),
        order: Vec::new(),
        limit: None,
        offset: None,
        count: true,
        strip_nulls: false,
    };
    let plan = app.planner.plan_read(id, Role::ServiceRole, shape).unwrap();
    let key = Type::Uuid.read_text("0195f1a0-0000-7000-8000-000000000001").unwrap();
    let rows = app.store.read(Read { plan, inputs: inputs(vec![key]) }).await.unwrap();
    assert_eq!(text(&rows), expected);
    assert_eq!(rows.total, Some(1));
}

async fn counted_keys_are_never_given_out_twice(on: On) {
    let app = App::new(on);
    let first = app.insert("people", &[("level", "1")]).await.unwrap();
    assert_eq!(text(&first.rows), r#"[{"id":1,"town":null,"friend":null,"level":1}]"#);
    app.delete("people", 1).await.unwrap();
    let second = app.insert("people", &[]).await.unwrap();
    assert_eq!(text(&second.rows), r#"[{"id":2,"town":null,"friend":null,"level":null}]"#);
}

async fn what_is_taken_is_told_by_the_constraints_name(on: On) {
    let app = App::new(on);
    app.insert("towns", &[("id", "1"), ("name", "Ulm")]).await.unwrap();
    app.insert("tiles", &[("x", "1"), ("y", "-2"), ("kind", "lake")]).await.unwrap();
    let taken = async |collection: &str, values: &[(&str, &str)]| match app.insert(collection, values).await {
        Err(Error::Unique { constraint, fields, details }) => {
            format!("{constraint} {} {}", fields.join("+"), details.unwrap_or_default())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(taken("towns", &[("id", "1"), ("name", "x")]).await, "towns_pkey id Key (id)=(1) already exists.");
    assert_eq!(
        taken("towns", &[("id", "2"), ("name", "Ulm")]).await,
        "towns_name_key name Key (name)=(Ulm) already exists."
    );
    assert_eq!(
        taken("tiles", &[("x", "1"), ("y", "-2"), ("kind", "x")]).await,
        "tiles_pkey x+y Key (x, y)=(1, -2) already exists."
    );
    assert_eq!(
        taken("tiles", &[("x", "1"), ("y", "7"), ("kind", "lake")]).await,
        "tiles_kind_x_key kind+x Key (kind, x)=(lake, 1) already exists."
    );
}

async fn references_that_point_at_nothing_are_told_by_field(on: On) {
    let app = App::new(on);
    let refused = async |values: &[(&str, &str)]| match app.insert("people", values).await {
        Err(Error::ForeignKey { message, constraint, details }) => (message, constraint.unwrap(), details.unwrap()),
        other => panic!("{other:?}"),
    };
    app.insert("towns", &[("id", "1"), ("name", "Ulm")]).await.unwrap();
    assert_eq!(
        refused(&[("town", "1"), ("friend", "9")]).await,
        (
            "insert or update on table \"people\" violates foreign key constraint \"people_friend_fkey\"".to_owned(),
            "people_friend_fkey".to_owned(),
            "Key (friend)=(9) is not present in table \"people\".".to_owned()
        )
    );
    assert_eq!(refused(&[("town", "2")]).await.1, "people_town_fkey");
    app.insert("people", &[("town", "1")]).await.unwrap();
    let Err(Error::ForeignKey { message, constraint, details }) = app.delete("towns", 1).await else {
        panic!("somebody lives there")
    };
    assert_eq!(
        message,
        "update or delete on table \"towns\" violates foreign key constraint \"people_town_fkey\" on table \"people\""
    );
    assert_eq!(constraint.as_deref(), Some("people_town_fkey"));
    assert_eq!(details.as_deref(), Some("Key is still referenced from table \"people\"."));
}

async fn limits_hold_in_the_database_too(on: On) {
    let app = App::new(on);
    let refused = app.insert("people", &[("level", "-1")]).await.unwrap_err();
    assert_eq!(refused.to_string(), "new row for relation \"people\" violates check constraint \"people_level_check\"");
    let refused = app.insert("towns", &[("id", "1"), ("name", "null")]).await.unwrap_err();
    assert_eq!(refused.to_string(), "null value in column \"name\" of relation \"towns\" violates not-null constraint");
}

async fn a_cast_that_a_row_does_not_allow_is_the_callers_mistake(on: On) {
    let app = App::new(on);
    app.insert("towns", &[("id", "1"), ("name", "17")]).await.unwrap();
    let (id, _) = app.planner.model().find("towns").unwrap();
    let number = SelectItem { target: Target::field(1), name: "n".to_owned(), cast: Some(Type::Integer) };
    let shape = ReadShape {
        select: Some(vec![number]),
        filter: Filter::all(),
        order: Vec::new(),
        limit: None,
        offset: None,
        count: false,
        strip_nulls: false,
    };
    let plan = app.planner.plan_read(id, Role::ServiceRole, shape).unwrap();
    let read = async || app.store.read(Read { plan: Arc::clone(&plan), inputs: inputs(Vec::new()) }).await;
    assert_eq!(text(&read().await.unwrap()), r#"[{"n":17}]"#);
    app.insert("towns", &[("id", "2"), ("name", "Ulm")]).await.unwrap();
    let Err(Error::Constraint { code, message }) = read().await else { panic!("Ulm is no number") };
    assert_eq!((code, &*message), ("22P02", "invalid input syntax for type bigint: \"Ulm\""));
}
