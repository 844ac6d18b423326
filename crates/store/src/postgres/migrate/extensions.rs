//! What points need of a server beyond PostgreSQL itself: PostGIS, and `btree_gist` where an index has a time.

use pintle_model::{Collection, Model, Type};

use super::session::Session;
use crate::Error;
use crate::migrate::review::text_literal;

/// How a statement begins that makes an extension.
const CREATE: &str = "CREATE EXTENSION IF NOT EXISTS ";

/// The statements that make the extensions which the model needs and the database lacks.
///
/// # Errors
/// When the server has no such extension, or the app's schema does not see it.
pub(super) async fn missing(session: &Session, model: &Model) -> Result<Vec<String>, Error> {
    let mut needed = Vec::new();
    let has_points = |collection: &Collection| {
        !collection.positions.is_empty() || collection.fields.iter().any(|field| field.ty == Type::Point)
    };
    if model.collections.iter().any(has_points) {
        needed.push(("postgis", "points need PostGIS", "-postgis-3"));
    }
    if model.collections.iter().flat_map(|collection| &collection.spaces).any(|space| space.time.is_some()) {
        needed.push(("btree_gist", "indexes of space and time need btree_gist", ""));
    }
    let mut sql = Vec::new();
    if needed.is_empty() {
        return Ok(sql);
    }
    let version = "SELECT current_setting('server_version_num')::int / 10000";
    let version: i32 = session.one(version, &[]).await?.map_or(15, |row| row.get(0));
    for (name, why, package) in needed {
        let look = format!(
            "SELECT (SELECT count(*) FROM pg_available_extensions WHERE name = {0}) > 0, n.nspname::text, \
             n.nspname = ANY (current_schemas(true)) FROM (VALUES ({0})) AS v (name) LEFT JOIN pg_extension e ON \
             e.extname = v.name LEFT JOIN pg_namespace n ON n.oid = e.extnamespace",
            text_literal(name)
        );
        let Some(row) = session.one(&look, &[]).await? else { continue };
        let (available, schema, seen): (bool, Option<String>, Option<bool>) = (row.get(0), row.get(1), row.get(2));
        match (schema, seen) {
            (Some(_), Some(true)) => {}
            (Some(schema), _) => {
                return Err(Error::Migration(format!(
                    "{why}, and the extension `{name}` is in the schema `{schema}`, which the app's schema `{}` does not \
                     see: keep the app in a database of its own, or let it use the schema `{schema}`",
                    session.schema
                )));
            }
            _ if available => sql.push(format!("{CREATE}{name}")),
            _ => {
                return Err(Error::Migration(format!(
                    "{why}, and the server does not have it: install it where PostgreSQL runs, which is version {version} \
                     (Debian's package is postgresql-{version}{package})"
                )));
            }
        }
    }
    Ok(sql)
}

/// What to do where this statement was not allowed, if it makes an extension.
pub(super) fn forbidden(sql: &str) -> Option<String> {
    let name = sql.strip_prefix(CREATE)?;
    Some(format!(
        "the app has points, which need the extension `{name}`, and the user of the store's URL may not make it: let a \
         superuser run `CREATE EXTENSION {name}` in the app's database"
    ))
}
