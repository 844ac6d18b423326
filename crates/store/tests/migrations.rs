//! Migrations: from the tables that are there to those that the model wants, with nothing lost unless allowed. Each
//! scenario goes the same way on both stores, and says the same.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use pintle_model::{DefaultValue, Index, IndexPart, KeyOrigin, Model, OnDelete, Type, Value};
use pintle_store::{Access, Consent, Error, Store};
use support::tables::{migrated, people, reference, refused, rows, schema, with};
use support::{On, Place, collection, configs, field, model};

/// Each scenario as a test of each store.
macro_rules! scenarios {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name(super::On::Sqlite); })*
        }
        mod postgres {
            $(#[test] fn $name() { super::$name(super::On::Postgres); })*
        }
    };
}

scenarios! {
    a_new_model_is_told_line_by_line
    fields_are_added_and_old_rows_get_the_default
    a_required_field_on_rows_without_a_value_is_refused_with_their_count
    what_loses_data_is_refused_until_it_is_allowed
    dropping_what_holds_nothing_loses_nothing
    another_app_s_collections_are_not_taken_away
    renamed_fields_and_collections_keep_their_rows_and_counters
    types_change_where_every_value_fits
    types_that_do_not_fit_lose_values_or_are_refused
    limits_that_rows_do_not_keep_are_refused_with_their_count
    values_inside_json_that_are_not_unique_are_refused_with_their_count
    references_are_checked_and_survive_their_targets_change
    a_name_that_is_still_wanted_was_not_given_away
    a_table_that_somebody_else_made_is_left_alone
    an_older_app_does_not_change_a_newer_database
    a_migration_that_fails_half_way_leaves_nothing
    several_processes_may_start_at_once
}

/// What a migration to the model would do, what it answers without and with `allow_loss`.
fn plan_of(place: &Place) -> String {
    place.open().plan().unwrap().to_string()
}

fn refusal(place: &Place) -> String {
    match place.open().migrate(Consent::Forward) {
        Err(Error::Migration(message)) => message,
        other => panic!("not refused: {other:?}"),
    }
}

fn a_new_model_is_told_line_by_line(on: On) {
    let place = Place::on(on, support::tables::places());
    let plan = place.open().plan().unwrap();
    assert_eq!(
        plan.to_string(),
        "+ collection places
    + field id: integer, key
    + field name: text, maxLength 40
    + field level: integer, required, minimum 0
    + field kind: text, default inn, one of inn, o'r
    + field open: boolean
    + field data: json
    + index places_name_key
    + index places_level_kind_idx
    + index places_data_a_b_idx
"
    );
    assert!(schema(&place).is_empty(), "a plan changes nothing");
    assert_eq!(place.open().migrate(Consent::Forward).unwrap(), plan);
    assert!(!schema(&place).is_empty());
    assert!(place.open().migrate(Consent::Forward).unwrap().is_empty());
    assert!(place.open().plan().unwrap().is_empty());
    assert_eq!(rows(&place, "SELECT counter FROM _pintle_migrations"), ["1"]);
}

fn fields_are_added_and_old_rows_get_the_default(on: On) {
    let place = migrated(on, people(vec![]));
    place.run("INSERT INTO people DEFAULT VALUES; INSERT INTO people DEFAULT VALUES");
    let mut level = field("level", Type::Integer);
    level.required = true;
    level.default = Some(DefaultValue::Literal(Value::Integer(3)));
    let place = with(place, people(vec![level.clone(), field("note", Type::Text)]));
    assert_eq!(
        plan_of(&place),
        "~ collection people\n    + field level: integer, required, default 3\n    + field note: text\n"
    );
    place.open().migrate(Consent::Forward).unwrap();
    assert_eq!(rows(&place, "SELECT id, level, note FROM people"), ["1 3 null", "2 3 null"]);
    // What only a copy can do: each row its own time and UUID.
    let mut at = field("at", Type::Timestamp);
    at.required = true;
    at.default = Some(DefaultValue::Now);
    let mut tag = field("tag", Type::Uuid);
    tag.required = true;
    tag.unique = true;
    tag.default = Some(DefaultValue::Uuid);
    let place = with(place, people(vec![level, field("note", Type::Text), at, tag]));
    place.open().migrate(Consent::Forward).unwrap();
    assert_eq!(rows(&place, "SELECT count(*) AS a, count(at) AS b, count(DISTINCT tag) AS c FROM people"), ["2 2 2"]);
}

fn a_required_field_on_rows_without_a_value_is_refused_with_their_count(on: On) {
    let place = migrated(on, people(vec![field("name", Type::Text)]));
    place.run("INSERT INTO people (name) VALUES ('a'), (NULL), (NULL)");
    let mut name = field("name", Type::Text);
    name.required = true;
    let place = with(place, people(vec![name.clone()]));
    assert_eq!(
        refusal(&place),
        "the tables cannot be changed:\n  field `name` of `people` is required, but 2 rows have no value: fill it \
         first (a field that is new may have a default)"
    );
    let mut level = field("level", Type::Integer);
    level.required = true;
    let place = with(place, people(vec![field("name", Type::Text), level]));
    assert!(refusal(&place).contains("field `level` of `people` is required, but 3 rows have no value"));
    // A default speaks of rows to come: those that are there are not changed without a word.
    name.default = Some(DefaultValue::Literal(Value::Text("nobody".to_owned())));
    let place = with(place, people(vec![name]));
    assert!(refusal(&place).contains("field `name` of `people` is required, but 2 rows have no value"));
    place.run("UPDATE people SET name = 'b' WHERE name IS NULL");
    place.open().migrate(Consent::Forward).unwrap();
    assert_eq!(rows(&place, "SELECT name FROM people ORDER BY id"), ["a", "b", "b"]);
}

fn what_loses_data_is_refused_until_it_is_allowed(on: On) {
    let place = migrated(on, people(vec![field("name", Type::Text), field("note", Type::Text)]));
    place.run("INSERT INTO people (name, note) VALUES ('a', 'x'), ('b', NULL)");
    let place = with(place, people(vec![field("name", Type::Text)]));
    assert_eq!(plan_of(&place), "~ collection people\n    - field note  (loses 1 value)\n");
    let message = refusal(&place);
    assert!(
        message.starts_with("this would lose data:\n  collection people: - field note loses 1 value\n"),
        "{message}"
    );
    assert_eq!(rows(&place, "SELECT note FROM people ORDER BY id"), ["x", "null"]);
    place.open().migrate(Consent::Loss).unwrap();
    assert_eq!(rows(&place, "SELECT * FROM people"), ["1 a", "2 b"]);

    let place = with(place, model(vec![]));
    assert_eq!(plan_of(&place), "- collection people  (loses 2 rows)\n");
    assert!(refusal(&place).contains("- collection people loses 2 rows"));
    place.open().migrate(Consent::Loss).unwrap();
    assert!(schema(&place).is_empty());
}

fn another_app_s_collections_are_not_taken_away(on: On) {
    let place = migrated(on, people(vec![]));
    let mut other = configs();
    other.name = "another".to_owned();
    let place = with(place, other);
    assert_eq!(
        refusal(&place),
        "the store holds another app, `test`, whose collections would be removed: serve this app from a store of its own \
         (another file, database or `schema`). If it is the same app under a new name, run `pintle migrate --allow-loss`"
    );
    place.open().migrate(Consent::Loss).unwrap();
}

fn dropping_what_holds_nothing_loses_nothing(on: On) {
    let place = migrated(on, people(vec![field("note", Type::Text)]));
    place.run("INSERT INTO people DEFAULT VALUES");
    let place = with(place, people(vec![]));
    place.open().migrate(Consent::Forward).unwrap();
    place.run("DELETE FROM people");
    let place = with(place, model(vec![]));
    place.open().migrate(Consent::Forward).unwrap();
    assert!(schema(&place).is_empty());
}

fn renamed_fields_and_collections_keep_their_rows_and_counters(on: On) {
    let place = migrated(on, people(vec![field("name", Type::Text)]));
    place.run("INSERT INTO people (name) VALUES ('a'), ('b'), ('c'); DELETE FROM people WHERE id = 3");
    let mut title = field("title", Type::Text);
    title.renamed_from = Some("name".to_owned());
    title.unique = true;
    let mut renamed = people(vec![title]);
    renamed.collections[0].name = "humans".to_owned();
    renamed.collections[0].renamed_from = Some("people".to_owned());
    let place = with(place, renamed);
    assert_eq!(
        plan_of(&place),
        "~ collection humans (was people)\n    ~ field title: text (was name)\n    + unique index humans_title_key\n"
    );
    place.open().migrate(Consent::Forward).unwrap();
    place.run("INSERT INTO humans (title) VALUES ('d')");
    assert_eq!(rows(&place, "SELECT * FROM humans"), ["1 a", "2 b", "4 d"]);
    assert!(place.open().migrate(Consent::Forward).unwrap().is_empty(), "`renamed_from` may stay");
}

fn types_change_where_every_value_fits(on: On) {
    let place = migrated(
        on,
        people(vec![field("a", Type::Integer), field("b", Type::Text), field("c", Type::Date), field("d", Type::Text)]),
    );
    place.run("INSERT INTO people (a, b, c, d) VALUES (7, '42', '2026-01-02', 'x'), (NULL, NULL, NULL, NULL)");
    let changed = || {
        people(vec![
            field("a", Type::Number),
            field("b", Type::Integer),
            field("c", Type::Timestamp),
            field("d", Type::Json),
        ])
    };
    let place = with(place, changed());
    place.open().migrate(Consent::Forward).unwrap();
    assert_eq!(
        rows(&place, "SELECT a, b, c, CAST(d AS text) AS d FROM people ORDER BY id"),
        [r#"7 42 2026-01-02T00:00:00+00:00 "x""#, "null null null null"]
    );
}

fn types_that_do_not_fit_lose_values_or_are_refused(on: On) {
    let place = migrated(on, people(vec![field("a", Type::Text)]));
    place.run("INSERT INTO people (a) VALUES ('1'), ('one'), ('2')");
    let place = with(place, people(vec![field("a", Type::Integer)]));
    assert_eq!(plan_of(&place), "~ collection people\n    ~ field a: integer (was text)  (loses 1 value)\n");
    refusal(&place);
    place.open().migrate(Consent::Loss).unwrap();
    assert_eq!(rows(&place, "SELECT a FROM people"), ["1", "null", "2"]);
    let place = with(place, people(vec![field("a", Type::Uuid)]));
    assert!(refusal(&place).contains("field `a` of `people` cannot become uuid from integer"));
}

fn limits_that_rows_do_not_keep_are_refused_with_their_count(on: On) {
    let place = migrated(on, people(vec![field("level", Type::Integer), field("name", Type::Text)]));
    place.run("INSERT INTO people (level, name) VALUES (1, 'a'), (20, 'a'), (30, NULL), (NULL, NULL)");
    let mut level = field("level", Type::Integer);
    level.maximum = Some(Value::Integer(10));
    let mut name = field("name", Type::Text);
    name.unique = true;
    let place = with(place, people(vec![level, name]));
    assert_eq!(
        refusal(&place),
        "the tables cannot be changed:\n  \
         field `level` of `people` has limits that 2 rows do not keep: change those rows first\n  \
         (name) of `people` must be unique, but 2 rows share their values with another: change those rows first"
    );
    place.run("UPDATE people SET level = 10 WHERE level > 10; UPDATE people SET name = 'b' WHERE level = 1");
    place.open().migrate(Consent::Forward).unwrap();
    assert!(refused(&place, "UPDATE people SET level = 11"));
}

fn values_inside_json_that_are_not_unique_are_refused_with_their_count(on: On) {
    let place = migrated(on, people(vec![field("data", Type::Json)]));
    place.run(r#"INSERT INTO people (data) VALUES ('{"a": 1}'), ('{"a": "1"}'), ('{"a": null}'), ('{}'), (NULL)"#);
    let mut wanted = people(vec![field("data", Type::Json)]);
    let parts = vec![IndexPart { field: 1, path: vec!["a".to_owned()], descending: true }];
    wanted.collections[0].indexes = vec![Index { parts, unique: true }];
    let place = with(place, wanted);
    assert_eq!(
        refusal(&place),
        "the tables cannot be changed:\n  index people_data_a_key of `people` must be unique, but 2 rows share their \
         values with another: change those rows first"
    );
    place.run("DELETE FROM people WHERE id = 2");
    place.open().migrate(Consent::Forward).unwrap();
    assert!(refused(&place, r#"INSERT INTO people (data) VALUES ('{"a": 1}')"#));
}

fn towns_and_people(with_ref: bool) -> Model {
    let town = if with_ref { reference("town", 0, OnDelete::Cascade) } else { field("town", Type::Integer) };
    let mut people = collection("people", vec![field("id", Type::Integer), town]);
    people.key.origin = KeyOrigin::Counted;
    model(vec![collection("towns", vec![field("id", Type::Integer), field("name", Type::Text)]), people])
}

fn references_are_checked_and_survive_their_targets_change(on: On) {
    let place = migrated(on, towns_and_people(false));
    place.run("INSERT INTO towns VALUES (1, 'x'); INSERT INTO people (town) VALUES (1), (2), (NULL)");
    let place = with(place, towns_and_people(true));
    assert!(refusal(&place).contains("field `town` of `people` refers to `towns`, but 1 row points at nothing there"),);
    place.run("DELETE FROM people WHERE town = 2");
    place.open().migrate(Consent::Forward).unwrap();
    let mut renamed = towns_and_people(true);
    renamed.collections[0].name = "cities".to_owned();
    renamed.collections[0].renamed_from = Some("towns".to_owned());
    let place = with(place, renamed);
    place.open().migrate(Consent::Forward).unwrap();
    assert!(refused(&place, "INSERT INTO people (town) VALUES (9)"));
    assert!(!refused(&place, "DELETE FROM cities"));
    assert_eq!(rows(&place, "SELECT town FROM people"), ["null"]);
}

fn a_name_that_is_still_wanted_was_not_given_away(on: On) {
    let place = migrated(on, model(vec![collection("x", vec![field("id", Type::Integer)])]));
    place.run("INSERT INTO x VALUES (1)");
    let mut other = collection("z", vec![field("id", Type::Integer)]);
    other.renamed_from = Some("x".to_owned());
    let place = with(place, model(vec![other, collection("x", vec![field("id", Type::Integer)])]));
    assert_eq!(plan_of(&place), "+ collection z\n    + field id: integer, key\n");
    place.open().migrate(Consent::Forward).unwrap();
    assert_eq!(rows(&place, "SELECT id FROM x"), ["1"]);
}

fn a_table_that_somebody_else_made_is_left_alone(on: On) {
    let place = Place::on(on, configs());
    place.run("CREATE TABLE Configs (a integer)");
    let before = schema(&place);
    assert_eq!(
        refusal(&place),
        "the tables cannot be changed:\n  the database has a table `configs` that Pintle did not make: rename that table, \
         or the collection"
    );
    assert_eq!(schema(&place), before);
}

fn an_older_app_does_not_change_a_newer_database(on: On) {
    let place = migrated(on, people(vec![]));
    let place = with(place, people(vec![field("note", Type::Text)]));
    place.open().migrate(Consent::Forward).unwrap();
    let place = with(place, people(vec![]));
    let message = refusal(&place);
    assert!(message.starts_with("this app is older than its database"), "{message}");
    // On purpose it can, since nothing is lost.
    place.open().migrate(Consent::Lossless).unwrap();
    assert_eq!(rows(&place, "SELECT count(*) FROM _pintle_migrations"), ["3"]);
}

fn a_migration_that_fails_half_way_leaves_nothing(on: On) {
    let place = migrated(on, people(vec![field("a", Type::Integer)]));
    place.run("INSERT INTO people (a) VALUES (1), (1); CREATE TABLE notes_text_key (a integer)");
    let mut wanted = people(vec![field("a", Type::Text), field("note", Type::Text)]);
    // Only making its index tells that it cannot be.
    let mut text = field("text", Type::Text);
    text.unique = true;
    wanted.collections.push(collection("notes", vec![field("id", Type::Integer), text]));
    let before = schema(&place);
    let place = with(place, wanted);
    let refusal = refusal(&place);
    assert!(refusal.starts_with("the tables cannot be changed: ") && refusal.contains("notes_text_key"), "{refusal}");
    assert_eq!(schema(&place), before);
    assert_eq!(rows(&place, "SELECT count(*) FROM _pintle_migrations"), ["1"]);
}

fn several_processes_may_start_at_once(on: On) {
    let place = Place::on(on, towns_and_people(true));
    let done: Vec<bool> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let store = Store::open(&place.location(), &place.model, Access::Beside).unwrap();
                    store.migrate(Consent::Forward).unwrap().is_empty()
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(done.iter().filter(|empty| !**empty).count(), 1, "one of them did it");
    assert_eq!(rows(&place, "SELECT counter FROM _pintle_migrations"), ["1"]);
}
