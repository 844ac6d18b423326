//! Migrations of a PostgreSQL schema of which something is still to be made: who is ready meanwhile, and what comes next.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use pintle_model::{Model, Type};
use pintle_store::{Consent, Error};
use support::tables::{migrated, people, rows, schema, with};
use support::{On, Place, field};

const NULLABLE: &str =
    "SELECT count(*) AS n FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 0 AND NOT attnotnull";
const CHECKS: &str = "SELECT conname FROM pg_constraint WHERE conrelid = 'people'::regclass AND contype = 'c'";

fn named(name: &str, required: bool, before: Option<&str>) -> Model {
    let mut one = field(name, Type::Text);
    one.required = required;
    one.renamed_from = before.map(str::to_owned);
    people(vec![one])
}

/// People whose name is to be required, with a row without one that came in between: the migration is not finished.
fn unfinished() -> Place {
    let place = migrated(On::Postgres, named("name", false, None));
    // The row is stored after the rows were asked, with the first statement that changes the table.
    place.run(
        "CREATE FUNCTION meanwhile() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
           IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.people'::regclass AND attname = 'name') THEN
             INSERT INTO public.people (name) VALUES (NULL);
           END IF; END $$;
         CREATE EVENT TRIGGER meanwhile ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION meanwhile()",
    );
    let place = with(place, named("name", true, None));
    let ended = place.open().migrate(Consent::Forward);
    place.run("DROP EVENT TRIGGER meanwhile");
    assert!(matches!(&ended, Err(Error::Migration(told)) if told.contains("has no value")), "{ended:?}");
    assert_eq!(rows(&place, CHECKS), ["people_name_not_null"]);
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_before_stays_ready_until_the_new_one_is_finished() {
    let place = migrated(On::Postgres, people(vec![field("name", Type::Text)]));
    let old = place.open();
    let mut unique = people(vec![field("name", Type::Text)]);
    unique.collections[0].fields[1].unique = true;
    place.run(
        "CREATE FUNCTION stop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
         CREATE EVENT TRIGGER stop ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION stop()",
    );
    let place = with(place, unique);
    let new = place.open();
    new.migrate(Consent::Forward).unwrap_err();
    old.ready().await.unwrap();
    assert!(matches!(new.ready().await, Err(Error::Migration(_))));
    place.run("DROP EVENT TRIGGER stop");
    new.migrate(Consent::Forward).unwrap();
    new.ready().await.unwrap();
    assert!(matches!(old.ready().await, Err(Error::Migration(_))));
}

#[test]
fn a_field_that_is_renamed_before_it_is_proved_to_be_required_is_proved_by_its_new_name() {
    let place = with(unfinished(), named("title", true, Some("name")));
    let ended = place.open().migrate(Consent::Forward);
    assert!(matches!(&ended, Err(Error::Migration(told)) if told.contains("field `title`")), "{ended:?}");
    assert_eq!(rows(&place, NULLABLE), ["1"]);
    place.run("DELETE FROM people");
    place.open().migrate(Consent::Forward).unwrap();
    assert_eq!(schema(&place), schema(&migrated(On::Postgres, named("title", true, None))));
    assert!(place.open().migrate(Consent::Forward).unwrap().is_empty());
}

#[test]
fn a_field_that_need_not_be_required_any_more_keeps_no_check_whatever_its_name_was() {
    let place = with(unfinished(), named("title", true, Some("name")));
    place.open().migrate(Consent::Forward).unwrap_err();
    let place = with(place, named("heading", false, Some("title")));
    place.open().migrate(Consent::Forward).unwrap();
    assert_eq!(schema(&place), schema(&migrated(On::Postgres, named("heading", false, None))));
    place.run("INSERT INTO people (heading) VALUES (NULL)");
}

#[test]
fn what_a_model_could_not_finish_the_next_one_does() {
    let place = unfinished();
    let mut wider = named("name", true, None);
    wider.collections[0].fields.push(field("note", Type::Text));
    let place = with(place, wider.clone());
    let ended = place.open().migrate(Consent::Forward);
    assert!(matches!(&ended, Err(Error::Migration(told)) if told.contains("field `name`")), "{ended:?}");
    place.run("DELETE FROM people");
    place.open().migrate(Consent::Forward).unwrap();
    assert_eq!(schema(&place), schema(&migrated(On::Postgres, wider)));
}
