//! Migrations of a PostgreSQL schema beside others who read and write it, and such as are interrupted.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use pintle_model::{Model, OnDelete, Type, Value};
use pintle_store::{Consent, Error, MigrationPlan};
use support::tables::{migrated, people, reference, rows, schema, with};
use support::{On, Place, collection, field};

/// A session of somebody else.
struct Other {
    runtime: tokio::runtime::Runtime,
    client: tokio_postgres::Client,
}

impl Other {
    fn of(place: &Place) -> Other {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let url = &place.database.as_ref().unwrap().url;
        let (client, connection) = runtime.block_on(tokio_postgres::connect(url, tokio_postgres::NoTls)).unwrap();
        runtime.spawn(connection);
        Other { runtime, client }
    }

    fn run(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap();
    }

    fn is(&self, sql: &str) -> bool {
        self.runtime.block_on(self.client.query_one(sql, &[])).unwrap().get(0)
    }

    /// Waits until it is so.
    fn until(&self, sql: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.is(sql) {
            assert!(Instant::now() < end, "never so: {sql}");
        }
    }

    /// Waits until the migration waits for others in a statement that begins like this.
    fn until_waits(&self, statement: &str) {
        self.until(&format!(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '{statement}%' AND wait_event_type = 'Lock')"
        ));
    }
}

fn migrate(place: &Place) -> Result<MigrationPlan, Error> {
    place.open().migrate(Consent::Forward)
}

/// People before, of two towns.
fn before() -> Model {
    let fields = vec![field("name", Type::Text), field("level", Type::Integer), field("town", Type::Integer)];
    let mut before = people(fields);
    before.collections.push(collection("towns", vec![field("id", Type::Integer)]));
    before
}

/// People with everything that is made after the transaction, and something of what is made in it.
fn after() -> Model {
    let mut name = field("name", Type::Text);
    name.unique = true;
    name.description = Some("As it's called".to_owned());
    let mut level = field("level", Type::Integer);
    level.required = true;
    level.maximum = Some(Value::Integer(9));
    let mut after = people(vec![name, level, reference("town", 1, OnDelete::Cascade), field("note", Type::Text)]);
    after.collections.push(collection("towns", vec![field("id", Type::Integer)]));
    after
}

fn two_towns(place: &Place) {
    place.run(
        "INSERT INTO towns VALUES (1), (2); INSERT INTO people (name, level, town) VALUES ('a', 1, 1), ('b', 2, 2)",
    );
}

/// What a finished migration to `after` looks like.
fn is_after(place: &Place) {
    static ANEW: OnceLock<Vec<String>> = OnceLock::new();
    assert_eq!(&schema(place), ANEW.get_or_init(|| schema(&migrated(On::Postgres, after()))));
    let last = "SELECT finished_at IS NOT NULL AS a, pending = '[]' AS b FROM _pintle_migrations ORDER BY counter DESC LIMIT 1";
    assert_eq!(rows(place, last), ["true true"]);
    assert_eq!(rows(place, "SELECT name, level, town, note FROM people ORDER BY id"), ["a 1 1 null", "b 2 2 null"]);
}

#[test]
fn a_plan_tells_what_is_made_afterwards() {
    let place = migrated(On::Postgres, before());
    let place = with(place, after());
    let plan = place.open().plan().unwrap();
    assert_eq!(
        plan.sql().collect::<Vec<_>>().join(";\n"),
        r#"ALTER TABLE "people" ADD COLUMN "note" text COLLATE "C";
ALTER TABLE "people" ADD CONSTRAINT "people_level_not_null" CHECK ("level" IS NOT NULL) NOT VALID;
ALTER TABLE "people" ADD CONSTRAINT "people_level_check" CHECK ("level" <= 9) NOT VALID;
ALTER TABLE "people" ADD CONSTRAINT "people_town_fkey" FOREIGN KEY ("town") REFERENCES "towns" ("id") ON DELETE CASCADE NOT VALID;
COMMENT ON COLUMN "people"."name" IS 'As it''s called'"#
    );
    assert_eq!(
        plan.later().collect::<Vec<_>>().join(";\n"),
        r#"ALTER TABLE "people" VALIDATE CONSTRAINT "people_level_not_null";
ALTER TABLE "people" ALTER COLUMN "level" SET NOT NULL;
ALTER TABLE "people" DROP CONSTRAINT IF EXISTS "people_level_not_null";
ALTER TABLE "people" VALIDATE CONSTRAINT "people_level_check";
ALTER TABLE "people" VALIDATE CONSTRAINT "people_town_fkey";
CREATE UNIQUE INDEX CONCURRENTLY "people_name_key" ON "people" ("name");
CREATE INDEX CONCURRENTLY "people_town_idx" ON "people" ("town", "id")"#
    );
}

#[test]
fn a_migration_that_is_interrupted_anywhere_goes_on_at_the_next_start() {
    let mut at = 1;
    loop {
        let place = migrated(On::Postgres, before());
        two_towns(&place);
        // The connection is killed at so many statements that change tables; what a sequence has counted stays.
        place.run(&format!(
            "CREATE SEQUENCE public.statements; CREATE FUNCTION interrupt() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
               IF nextval('public.statements') = {at} THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END $$;
             CREATE EVENT TRIGGER interrupt ON ddl_command_start EXECUTE FUNCTION interrupt()"
        ));
        let place = with(place, after());
        match migrate(&place) {
            Ok(_) => break,
            Err(Error::Unavailable(_)) => {}
            Err(other) => panic!("{other}"),
        }
        place.run("DROP EVENT TRIGGER interrupt; DROP SEQUENCE statements");
        migrate(&place).unwrap();
        is_after(&place);
        assert!(migrate(&place).unwrap().is_empty());
        at += 1;
    }
    assert!(at > 12, "only {at} places to be interrupted at");
}

#[test]
fn an_index_whose_making_was_killed_is_made_again() {
    let place = migrated(On::Postgres, before());
    two_towns(&place);
    let place = with(place, after());
    let (reader, other) = (Other::of(&place), Other::of(&place));
    // It waits for whoever may still see the table without the index.
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM towns");
    thread::scope(|scope| {
        let migration = scope.spawn(|| migrate(&place));
        other.until_waits("CREATE UNIQUE INDEX CONCURRENTLY");
        other
            .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE UNIQUE INDEX CONC%'");
        assert!(matches!(migration.join().unwrap(), Err(Error::Unavailable(_))));
    });
    assert_eq!(rows(&place, "SELECT count(*) AS n FROM pg_index WHERE NOT indisvalid"), ["1"]);
    reader.run("COMMIT");
    let left = place.open().plan().unwrap();
    assert_eq!(left.to_string(), "~ what an interrupted migration left to do\n");
    assert_eq!(left.later().next().unwrap(), "DROP INDEX CONCURRENTLY IF EXISTS \"people_name_key\"");
    assert_eq!(migrate(&place).unwrap(), left);
    is_after(&place);
}

#[test]
fn one_who_reads_for_long_keeps_nobody_from_writing() {
    let place = migrated(On::Postgres, before());
    two_towns(&place);
    let place = with(place, after());
    let (reader, writer) = (Other::of(&place), Other::of(&place));
    reader.run("BEGIN; SELECT count(*) FROM people");
    // Far more than it may take, far less than forever.
    writer.run("SET statement_timeout = '10s'");
    thread::scope(|scope| {
        let migration = scope.spawn(|| migrate(&place));
        for _ in 0..3 {
            writer.until_waits("ALTER TABLE");
            writer.run("INSERT INTO people (name, level) VALUES ('c', 3); DELETE FROM people WHERE name = 'c'");
        }
        assert!(!migration.is_finished());
        reader.run("COMMIT");
        migration.join().unwrap().unwrap();
    });
    is_after(&place);
}

#[test]
fn several_processes_that_start_at_once_make_indexes_of_tables_that_are_there() {
    let place = migrated(On::Postgres, before());
    two_towns(&place);
    let place = with(place, after());
    let done: Vec<bool> = thread::scope(|scope| {
        let starts: Vec<_> = (0..3).map(|_| scope.spawn(|| migrate(&place).unwrap().is_empty())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(done.iter().filter(|empty| !**empty).count(), 1, "one of them did it");
    is_after(&place);
}

/// Brings `place` to `after` while somebody else's transaction is open that has done `sql`; it is committed when the
/// migration waits for it.
fn meanwhile(place: &Place, sql: &str, waits: &str) -> String {
    let (writer, other) = (Other::of(place), Other::of(place));
    writer.run(&format!("BEGIN; {sql}"));
    thread::scope(|scope| {
        let migration = scope.spawn(|| migrate(place));
        other.until_waits(waits);
        writer.run("COMMIT");
        match migration.join().unwrap() {
            Err(Error::Migration(message)) => message,
            other => panic!("not refused: {other:?}"),
        }
    })
}

#[test]
fn what_is_written_during_a_migration_against_its_rules_is_told_and_gone_on_with() {
    let place = migrated(On::Postgres, before());
    two_towns(&place);
    let place = with(place, after());
    let sql = "INSERT INTO people (id, name, level, town) VALUES (9, 'a', NULL, 7)";
    assert_eq!(
        meanwhile(&place, sql, "ALTER TABLE"),
        "rows that were written meanwhile keep the last of the changes from being made:\n  \
         field `level` of `people` is required, but 1 row has no value: fill it first (a field that is new may have a \
         default)\n  \
         field `town` of `people` refers to `towns`, but 1 row points at nothing there: change those rows first\n  \
         (name) of `people` must be unique, but 2 rows share their values with another: change those rows first\n\
         The next start goes on with them"
    );
    assert!(matches!(migrate(&place), Err(Error::Migration(_))));
    place.run("DELETE FROM people WHERE id = 9");
    migrate(&place).unwrap();
    is_after(&place);
}

#[test]
fn a_model_that_asks_for_less_ends_what_rows_were_against() {
    let place = migrated(On::Postgres, before());
    two_towns(&place);
    let mut unique = before();
    unique.collections[0].fields[1].unique = true;
    let place = with(place, unique);
    let sql = "INSERT INTO people (id, name) VALUES (9, 'a')";
    let message = meanwhile(&place, sql, "CREATE UNIQUE INDEX");
    assert!(message.contains("(name) of `people` must be unique, but 2 rows share their values"), "{message}");
    assert_eq!(rows(&place, "SELECT count(*) AS n FROM pg_index WHERE NOT indisvalid"), ["0"]);
    let mut other = before();
    other.collections[0].fields.push(field("note", Type::Text));
    let place = with(place, other.clone());
    migrate(&place).unwrap();
    assert_eq!(schema(&place), schema(&migrated(On::Postgres, other)));
    assert!(migrate(&place).unwrap().is_empty());
}

#[test]
fn a_model_that_asks_for_the_same_and_more_tries_it_again() {
    let place = migrated(On::Postgres, before());
    two_towns(&place);
    let mut unique = before();
    unique.collections[0].fields[1].unique = true;
    let place = with(place, unique.clone());
    meanwhile(&place, "INSERT INTO people (id, name) VALUES (9, 'a')", "CREATE UNIQUE INDEX");
    let mut more = unique;
    more.collections[0].fields.push(field("note", Type::Text));
    let place = with(place, more.clone());
    assert!(matches!(migrate(&place), Err(Error::Migration(_))));
    assert!(matches!(migrate(&place), Err(Error::Migration(_))));
    place.run("DELETE FROM people WHERE id = 9");
    migrate(&place).unwrap();
    assert_eq!(schema(&place), schema(&migrated(On::Postgres, more)));
}
