//! Migrations of a PostgreSQL schema: what only a server has.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use pintle_model::{DefaultValue, OnDelete, Type, Value};
use pintle_store::{Access, Consent, Error, MigrationPlan, Store};
use support::tables::{migrated, people, reference, rows, schema, with};
use support::{On, Place, collection, field, model};

fn migrate(place: &Place) -> Result<MigrationPlan, Error> {
    place.open().migrate(Consent::Forward)
}

#[test]
fn psql_shows_what_a_careful_person_would_have_written() {
    let mut places = support::tables::places();
    let own = &mut places.collections[0];
    own.description = Some("Where one can go".to_owned());
    own.fields[2].description = Some("How high it's built".to_owned());
    own.fields.push(field("x", Type::Number));
    own.fields.push(field("at", Type::Timestamp));
    own.fields.push(field("day", Type::Date));
    own.fields.push(field("tag", Type::Uuid));
    own.fields.push(field("hash", Type::Bytes));
    own.fields[9].default = Some(DefaultValue::Uuid);
    own.fields[10].min_length = Some(2);
    own.fields.push(reference("next", 0, OnDelete::SetNull));
    let place = migrated(On::Postgres, places);
    let expected = r#"CREATE INDEX places_data_a_b_idx ON public.places USING btree ((((data -> 'a'::text) ->> 'b'::text)) COLLATE "C" DESC, id)
CREATE INDEX places_level_kind_idx ON public.places USING btree (level, kind, id)
CREATE INDEX places_next_idx ON public.places USING btree (next, id)
CREATE UNIQUE INDEX places_name_key ON public.places USING btree (name)
CREATE UNIQUE INDEX places_pkey ON public.places USING btree (id)
places places_at_check CHECK (((at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (at < '10000-01-01 00:00:00+00'::timestamp with time zone)))
places places_day_check CHECK (((day >= '0001-01-01'::date) AND (day <= '9999-12-31'::date)))
places places_hash_check CHECK ((octet_length(hash) >= 2))
places places_kind_check CHECK ((kind = ANY (ARRAY['inn'::text, 'o''r'::text])))
places places_level_check CHECK ((level >= 0))
places places_name_check CHECK ((char_length(name) <= 40))
places places_next_fkey FOREIGN KEY (next) REFERENCES places(id) ON DELETE SET NULL
places places_pkey PRIMARY KEY (id)
places places_x_check CHECK (((x > '-Infinity'::double precision) AND (x < 'Infinity'::double precision)))
places.at timestamp with time zone
places.data jsonb
places.day date
places.hash bytea
places.id bigint not null identity
places.kind text collate C default 'inn'::text
places.level bigint not null -- How high it's built
places.name text collate C
places.next bigint
places.open boolean
places.tag uuid default gen_random_uuid()
places.x double precision
table places -- Where one can go
"#;
    assert_eq!(schema(&place), expected.lines().collect::<Vec<_>>());
}

#[test]
fn a_column_that_a_person_widens_by_hand_keeps_numbers_and_times_within_what_the_api_can_say() {
    let place = migrated(On::Postgres, people(vec![field("x", Type::Number), field("at", Type::Timestamp)]));
    for value in
        ["(x) VALUES ('NaN')", "(x) VALUES ('Infinity')", "(at) VALUES ('infinity')", "(at) VALUES ('10000-01-01Z')"]
    {
        assert!(support::tables::refused(&place, &format!("INSERT INTO people {value}")), "{value}");
    }
    place.run("INSERT INTO people (x, at) VALUES (1e308, '9999-12-31T23:59:59.999999Z'), (NULL, '0001-01-01Z')");
}

#[test]
fn descriptions_are_comments_and_change_with_them() {
    let place = migrated(On::Postgres, people(vec![field("name", Type::Text)]));
    let mut told = people(vec![field("name", Type::Text)]);
    told.collections[0].description = Some("Who's there".to_owned());
    told.collections[0].fields[1].description = Some("As called".to_owned());
    let place = with(place, told);
    assert_eq!(
        place.open().plan().unwrap().to_string(),
        "~ collection people\n    ~ description of field name\n    ~ description\n"
    );
    migrate(&place).unwrap();
    let comments = "SELECT obj_description('people'::regclass) AS a, col_description('people'::regclass, 2) AS b";
    assert_eq!(rows(&place, comments), ["Who's there As called"]);
    // The old one's start leaves them, somebody who asks for it takes them away.
    let place = with(place, people(vec![field("name", Type::Text)]));
    assert!(migrate(&place).unwrap().is_empty());
    place.open().migrate(Consent::Lossless).unwrap();
    assert_eq!(rows(&place, comments), ["null null"]);
}

#[test]
fn long_names_stay_apart() {
    let long = "n".repeat(60);
    let mut fields = Vec::new();
    for end in ["a", "b"] {
        let mut one = field(&format!("{long}{end}"), Type::Integer);
        one.minimum = Some(Value::Integer(0));
        one.unique = true;
        fields.push(one);
    }
    let place = migrated(On::Postgres, people(fields.clone()));
    assert!(migrate(&place).unwrap().is_empty());
    fields.remove(0);
    let place = with(place, people(fields.clone()));
    migrate(&place).unwrap();
    assert_eq!(schema(&place), schema(&migrated(On::Postgres, people(fields))));
}

#[test]
fn each_transaction_that_changes_tokens_is_logged_once() {
    let tokens = collection("_pintle_tokens", vec![field("name", Type::Text)]);
    let place = migrated(On::Postgres, model(vec![tokens]));
    let logged = || rows(&place, "SELECT count(*) FROM _pintle_changed WHERE collection = '_pintle_tokens'");
    assert_eq!(logged(), ["0"]);
    place.run(
        "BEGIN; INSERT INTO _pintle_tokens VALUES ('a'), ('b'); UPDATE _pintle_tokens SET name = 'c' WHERE name = 'a'; COMMIT",
    );
    assert_eq!(logged(), ["1"]);
    // Also by somebody whose tables are elsewhere, and who may do nothing else.
    let guest = format!("guest_{}", uuid::Uuid::now_v7().simple());
    place.run(&format!(
        "CREATE ROLE {guest}; GRANT SELECT, DELETE, TRUNCATE ON _pintle_tokens TO {guest}; SET search_path = pg_catalog; \
         SET ROLE {guest}; DELETE FROM public._pintle_tokens WHERE name = 'b'; COMMIT; TRUNCATE public._pintle_tokens"
    ));
    assert_eq!(logged(), ["3"]);
    place.run(&format!("DROP OWNED BY {guest}; DROP ROLE {guest}"));
}

#[test]
fn a_schema_of_another_name_is_made_and_holds_everything() {
    let place = Place::on(On::Postgres, people(vec![field("name", Type::Text)]));
    let database = place.database.as_ref().unwrap();
    // Apps share a database, each in a schema of its own; the second one's tables have the first one's names.
    for schema in ["Ann", "b"] {
        let url = format!("{}?schema={schema}", database.url).parse().unwrap();
        let store = Store::open(&url, &place.model, Access::Beside).unwrap();
        let plan = store.plan().unwrap();
        assert_eq!(plan.sql().next().unwrap(), format!("CREATE SCHEMA \"{schema}\""));
        assert_eq!(store.migrate(Consent::Forward).unwrap(), plan);
        assert!(store.plan().unwrap().is_empty());
    }
    let tables = "SELECT table_schema, count(*) FROM information_schema.tables WHERE table_schema NOT IN \
                  ('pg_catalog', 'information_schema') GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&place, tables), ["Ann 3", "b 3"]);
}

#[test]
fn without_the_right_to_it_the_error_says_which() {
    let place = Place::on(On::Postgres, people(vec![]));
    let database = place.database.as_ref().unwrap();
    let name = format!("guest_{}", std::process::id());
    place.run(&format!("CREATE ROLE {name} LOGIN"));
    let url = database.url.replace("postgres@", &format!("{name}@")).parse().unwrap();
    let store = Store::open(&url, &place.model, Access::Serve).unwrap();
    let refused = store.migrate(Consent::Forward).unwrap_err().to_string();
    place.run(&format!("DROP ROLE {name}"));
    assert!(refused.contains("permission denied for schema public"), "{refused}");
    assert!(refused.contains("GRANT USAGE, CREATE ON SCHEMA \"public\" TO that user"), "{refused}");
}

#[test]
fn an_app_in_the_schema_that_another_would_keep_points_in_lends_it_no_history() {
    let place = Place::on(On::Postgres, people(Vec::new()));
    place.run("CREATE SCHEMA a");
    for schema in ["a_pintle_points", "a"] {
        support::postgres::open_with(&place, &format!("?schema={schema}")).migrate(Consent::Forward).unwrap();
        assert_eq!(rows(&place, &format!("SELECT count(*) AS n FROM {schema}.people")), ["0"]);
    }
}
