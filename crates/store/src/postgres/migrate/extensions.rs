//! How points are kept: with PostGIS, or where the database has none and the store may not make it, as pairs of numbers with functions of
//! Pintle's own (`points.sql`), which have PostGIS' names. Indexes with a time need `btree_gist` beside PostGIS.

use pintle_model::{Collection, Model, Type};

use super::session::Session;
use crate::Error;
use crate::migrate::review::{quoted, text_literal};
use crate::migrate::snapshot::{Index, Snapshot};
use crate::postgres::names::points_schema;

/// How a statement begins that makes an extension.
const CREATE: &str = "CREATE EXTENSION IF NOT EXISTS ";
/// What stands in for PostGIS; `@schema@` is its schema.
const POINTS: &str = include_str!("points.sql");
/// How a reason begins why there is no PostGIS.
const SLOWER: &str = "points are kept without PostGIS, so what is near is found and measured several times slower, and an index of space and time \
                      serves proximity alone";
const WITHOUT_BTREE: &str = "PostGIS is there, and `btree_gist` is not, which its indexes of space and time need beside it: let a superuser run \
                             `CREATE EXTENSION btree_gist` in the app's database, and start again";

/// How a model's points are kept.
pub(super) enum Points {
    /// There are none.
    None,
    /// With PostGIS.
    Postgis {
        /// The statements that make the extensions which the database lacks.
        missing: Vec<String>,
        /// They were kept without it.
        moved: bool,
    },
    /// As pairs of numbers.
    Pairs {
        /// Why, and what would change it.
        why: String,
        /// What they need is there: a backup of some schemas has no casts in it.
        whole: bool,
    },
}

impl Points {
    /// Finds out how a model's points are to be kept; `last` is what was applied last.
    ///
    /// # Errors
    /// When an extension cannot be used, or is gone.
    pub(super) async fn of(session: &Session, model: &Model, last: Option<&Snapshot>) -> Result<Points, Error> {
        let has_points = |collection: &Collection| {
            !collection.positions.is_empty() || collection.fields.iter().any(|field| field.ty == Type::Point)
        };
        if !model.collections.iter().any(has_points) {
            return Ok(Points::None);
        }
        let kept_as_pairs =
            format!("SELECT count(*) FROM pg_type WHERE oid = to_regtype({})", text_literal(&place(&session.schema)));
        let moved = session.count(&kept_as_pairs).await? > 0;
        let mut missing = Vec::new();
        match Extension::look(session, "postgis").await? {
            Extension::Seen => {}
            _ if !moved && last.is_some_and(Snapshot::has_geographies) => return Err(gone()),
            Extension::Elsewhere(schema) if !moved => return Err(elsewhere(session, "postgis", &schema)),
            Extension::Available if may_make(session, "postgis").await? => missing.push(format!("{CREATE}postgis")),
            found => return pairs(session, why(session, &found).await?).await,
        }
        let has_time = |collection: &Collection| collection.spaces.iter().any(|space| space.time.is_some());
        if model.collections.iter().any(has_time) {
            match Extension::look(session, "btree_gist").await? {
                Extension::Seen => {}
                Extension::Available if !moved || may_make(session, "btree_gist").await? => {
                    missing.push(format!("{CREATE}btree_gist"));
                }
                // What works goes on as it is.
                _ if moved => return pairs(session, format!("{SLOWER}: {WITHOUT_BTREE}")).await,
                Extension::Elsewhere(schema) => return Err(elsewhere(session, "btree_gist", &schema)),
                Extension::Available | Extension::Absent => {
                    return Err(Error::Migration(
                        "indexes of space and time need btree_gist, and the server does not have it: install PostgreSQL's \
                         additional modules (postgresql-contrib) where it runs"
                            .to_owned(),
                    ));
                }
            }
        }
        Ok(Points::Postgis { missing, moved })
    }

    /// What must be there before tables are made.
    pub(super) fn system(&self, schema: &str) -> Option<String> {
        let points = || POINTS.replace("@schema@", &quoted(&points_schema(schema)));
        matches!(self, Points::Pairs { .. }).then(|| points().trim_end().trim_end_matches(';').to_owned())
    }

    /// What drops it, once nothing is kept by it; what somebody else has made with it is in the way.
    pub(super) fn removal(schema: &str) -> String {
        let points = points_schema(schema);
        let (name, literal) = (quoted(&points), text_literal(&points));
        format!(
            "DO $$ DECLARE other text; BEGIN
  SELECT pg_describe_object(d.classid, d.objid, d.objsubid) INTO other FROM pg_depend d,
    LATERAL pg_identify_object(d.refclassid, d.refobjid, 0) of, LATERAL pg_identify_object(d.classid, d.objid, 0) who
    WHERE d.deptype = 'n' AND d.refclassid IN ('pg_type'::regclass, 'pg_proc'::regclass) AND of.schema = {literal}
    AND who.schema IS DISTINCT FROM {literal} AND d.classid <> 'pg_cast'::regclass LIMIT 1;
  IF other IS NOT NULL THEN
    RAISE 'what is none of the app''s needs the schema %, which the app needs no more: %', {literal}, other;
  END IF;
  DROP SCHEMA {name} CASCADE;
END $$"
        )
    }

    /// The tables as they are with these points.
    pub(super) fn kept(&self, mut snapshot: Snapshot) -> Snapshot {
        if !matches!(self, Points::Pairs { .. }) {
            return snapshot;
        }
        for table in &mut snapshot.tables {
            for column in table.columns.iter_mut().filter(|column| column.ty() == Some(Type::Point)) {
                column.pair = true;
            }
            table.indexes.iter_mut().for_each(without_postgis);
        }
        snapshot
    }
}

/// The type of a point as a pair, by its name.
fn place(schema: &str) -> String {
    format!("{}._pintle_place", quoted(&points_schema(schema)))
}

/// Space is found by a point of PostgreSQL's own, whatever the time. A point's numbers are taken out of it by other words, so that each index
/// is made anew when the points move.
fn without_postgis(index: &mut Index) {
    if index.space {
        index.parts.truncate(1);
        index.parts.iter_mut().for_each(|part| *part = format!("_pintle_xy({part})"));
    }
    index.parts.iter_mut().for_each(|part| *part = part.replace("\"::geometry)", "\")"));
}

/// What there is of an extension.
enum Extension {
    /// It is in the database, where the app sees it.
    Seen,
    /// It is in the database, in another schema.
    Elsewhere(String),
    /// The server has it.
    Available,
    Absent,
}

impl Extension {
    async fn look(session: &Session, name: &str) -> Result<Extension, Error> {
        let look = format!(
            "SELECT (SELECT count(*) FROM pg_available_extensions WHERE name = {0}) > 0, n.nspname::text, \
             n.nspname = ANY (current_schemas(true)) FROM (VALUES ({0})) AS v (name) LEFT JOIN pg_extension e ON \
             e.extname = v.name LEFT JOIN pg_namespace n ON n.oid = e.extnamespace",
            text_literal(name)
        );
        let Some(row) = session.one(&look, &[]).await? else { return Ok(Extension::Absent) };
        let (available, schema, seen): (bool, Option<String>, Option<bool>) = (row.get(0), row.get(1), row.get(2));
        Ok(match schema {
            Some(_) if seen == Some(true) => Extension::Seen,
            Some(schema) => Extension::Elsewhere(schema),
            None if available => Extension::Available,
            None => Extension::Absent,
        })
    }
}

/// Whether the store's user may make an extension: nobody can tell but by trying.
async fn may_make(session: &Session, name: &str) -> Result<bool, Error> {
    let superuser = "SELECT count(*) FROM pg_roles WHERE rolname = current_user AND rolsuper";
    if session.count(superuser).await? > 0 {
        return Ok(true);
    }
    let schema = quoted(&session.schema);
    let tried = session.step(&format!("BEGIN; CREATE SCHEMA IF NOT EXISTS {schema}; CREATE EXTENSION {name}")).await;
    session.run("ROLLBACK").await?;
    Ok(tried.is_ok())
}

fn elsewhere(session: &Session, name: &str, schema: &str) -> Error {
    Error::Migration(format!(
        "the app has points, and the extension `{name}` is in the schema `{schema}`, which the app's schema `{}` does not \
         see: keep the app in a database of its own, or let it use the schema `{schema}`",
        session.schema
    ))
}

fn gone() -> Error {
    Error::Migration(
        "the app's points were kept with PostGIS, which is not in the database any more: put it back (`CREATE EXTENSION postgis`), \
         and what was dropped with it from a backup. To go on without PostGIS, `pintle copy` the app to another database"
            .to_owned(),
    )
}

/// Why points are kept without PostGIS, and what would change it.
async fn why(session: &Session, found: &Extension) -> Result<String, Error> {
    let version = "SELECT current_setting('server_version_num')::int / 10000";
    let version: i32 = session.one(version, &[]).await?.map_or(15, |row| row.get(0));
    let schema = &session.schema;
    let make = match schema.as_str() {
        "public" => "`CREATE EXTENSION postgis`".to_owned(),
        other => format!("`CREATE EXTENSION postgis SCHEMA {}`", quoted(other)),
    };
    let superuser = format!("let a superuser run {make} in the app's database, and start again");
    let how = match found {
        Extension::Elsewhere(there) => {
            format!("it is in the schema `{there}`, where the app's schema `{schema}` does not see it")
        }
        Extension::Absent => format!(
            "the server does not have it. Install it where PostgreSQL runs, which is version {version} (Debian's package is \
             postgresql-{version}-postgis-3), {superuser}"
        ),
        _ => format!("the user of the store's URL may not make it: {superuser}"),
    };
    Ok(format!("{SLOWER}: {how}"))
}

async fn pairs(session: &Session, why: String) -> Result<Points, Error> {
    let cast = "SELECT count(*) FROM pg_cast WHERE casttarget = to_regtype('_pintle_place')";
    Ok(Points::Pairs { why, whole: session.count(cast).await? > 0 })
}

/// What to do where this statement was not allowed, if it makes what points need.
pub(super) fn forbidden(sql: &str) -> Option<String> {
    if sql.starts_with("-- What stands in for PostGIS") {
        return Some(
            "the app has points, the database has no PostGIS, and the user of the store's URL may make neither it nor a schema for \
             what stands in for it: let a superuser run `CREATE EXTENSION postgis` in the app's database, or grant that user CREATE \
             on it"
                .to_owned(),
        );
    }
    let name = sql.strip_prefix(CREATE)?;
    Some(format!(
        "the app has points, which need the extension `{name}`, and the user of the store's URL may not make it: let a \
         superuser run `CREATE EXTENSION {name}` in the app's database"
    ))
}
