//! What Pintle keeps in the schema for itself: the history of models, functions that statements call, and a counter that
//! tells every server when tokens have changed.

use pintle_query::sql::POSTGRES_FUNCTIONS;

use crate::migrate::snapshot::Snapshot;

/// Where each applied model is kept.
pub(super) const HISTORY: &str = "_pintle_migrations";
/// The collection whose changes every server must learn of.
pub(in crate::postgres) const WATCHED: &str = "_pintle_tokens";

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

/// What makes the rest; each statement may be run again.
pub(super) fn rest(wanted: &Snapshot) -> Vec<String> {
    let mut sql: Vec<String> = POSTGRES_FUNCTIONS.iter().map(|&function| function.to_owned()).collect();
    sql.push("CREATE TABLE IF NOT EXISTS _pintle_changes (counter bigint NOT NULL)".to_owned());
    sql.push("INSERT INTO _pintle_changes SELECT 0 WHERE NOT EXISTS (SELECT FROM _pintle_changes)".to_owned());
    sql.push(
        "CREATE OR REPLACE FUNCTION _pintle_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE _pintle_changes SET counter = counter + 1;
  RETURN NULL;
END $$"
            .to_owned(),
    );
    if wanted.table(WATCHED).is_some() {
        sql.push(format!(
            "CREATE OR REPLACE TRIGGER _pintle_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {WATCHED} \
             FOR EACH STATEMENT EXECUTE FUNCTION _pintle_changed()"
        ));
    }
    sql
}
