//! What Pintle keeps in the schema for itself: the history of models, functions that statements call, and a log by which
//! every server learns what others have written.
//!
//! A transaction that writes a watched collection adds a row to the log, by triggers. Rows are only added: writers that
//! changed one row would wait for each other. A row is told by its transaction, since that is what snapshots tell apart: a
//! server that remembers the snapshot of its last look sees exactly what was committed since, however late.

use pintle_query::sql::POSTGRES_FUNCTIONS;

use crate::migrate::review::quoted;

/// Where each applied model is kept.
pub(super) const HISTORY: &str = "_pintle_migrations";
/// The triggers of a watched collection: event and name, and what the rows are called that it has changed.
const TRIGGERS: [(&str, &str); 4] = [
    ("INSERT", "REFERENCING NEW TABLE AS changed"),
    ("UPDATE", "REFERENCING NEW TABLE AS changed"),
    ("DELETE", "REFERENCING OLD TABLE AS changed"),
    ("TRUNCATE", ""),
];
/// The names of tables that have all of these, and none is disabled: their changes are told.
pub(in crate::postgres) const TOLD: &str = "SELECT c.relname::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
     WHERE c.relnamespace = current_schema()::regnamespace AND t.tgfoid = to_regprocedure('_pintle_changed()') \
     AND t.tgenabled IN ('O', 'A') GROUP BY 1 HAVING count(*) = 4";
/// Tells every server that any row may be another now: a migration changes them without triggers.
pub(super) const ALL_CHANGED: &str = "INSERT INTO _pintle_changed VALUES (pg_current_xact_id(), '')";

/// What makes the table of history.
pub(super) fn history() -> String {
    format!(
        "CREATE TABLE {HISTORY} (
  counter bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hash text COLLATE \"C\" NOT NULL,
  system text COLLATE \"C\" NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  sql text NOT NULL,
  model jsonb NOT NULL,
  pending jsonb NOT NULL
)"
    )
}

/// What makes the rest, for the names of the collections that are watched; each statement may be run again.
pub(super) fn rest(watched: &[String]) -> Vec<String> {
    let mut sql: Vec<String> = POSTGRES_FUNCTIONS.iter().map(|&function| function.to_owned()).collect();
    // A counter, in earlier versions: a server of those that does not find it trusts nothing that it remembers.
    sql.push("DROP TABLE IF EXISTS _pintle_changes".to_owned());
    sql.push(
        "CREATE TABLE IF NOT EXISTS _pintle_changed (
  transaction xid8 NOT NULL,
  collection text COLLATE \"C\" NOT NULL,
  PRIMARY KEY (transaction, collection)
)"
        .to_owned(),
    );
    // Whoever may write the collection may be told of.
    sql.push(
        "CREATE OR REPLACE FUNCTION _pintle_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO _pintle_changed VALUES (pg_current_xact_id(), TG_TABLE_NAME) ON CONFLICT DO NOTHING;
  ELSE
    INSERT INTO _pintle_changed SELECT pg_current_xact_id(), TG_TABLE_NAME WHERE EXISTS (SELECT FROM changed)
      ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$"
            .to_owned(),
    );
    sql.push(
        "DO $$
DECLARE
  it record;
BEGIN
  FOR it IN SELECT tgname, tgrelid::regclass AS of FROM pg_trigger WHERE tgfoid = '_pintle_changed()'::regprocedure LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', it.tgname, it.of);
  END LOOP;
END $$"
            .to_owned(),
    );
    for name in watched {
        for (event, changed) in TRIGGERS {
            let (trigger, table) = (format!("_pintle_{}", event.to_ascii_lowercase()), quoted(name));
            sql.push(format!(
                "CREATE TRIGGER {trigger} AFTER {event} ON {table} {changed} FOR EACH STATEMENT EXECUTE FUNCTION _pintle_changed()"
            ));
        }
    }
    sql
}
