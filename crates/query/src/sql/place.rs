//! Places in SQL: what positions are made of, and the indexes that find them.

use pintle_model::{Collection, CollectionId, PositionOf, Space};

use super::Sql;
use super::expr::Scope;
use crate::expr::{Expr, Function};
use crate::functions::name;
use crate::plan::Dialect;

/// What an index of space orders by, as the SQL of its parts: migrations put them into `CREATE INDEX`, and the planner writes
/// the same text into the statements that should find by it.
///
/// - On SQLite an ordinary index over the place's cell (`pintle_cell`); with a time, over the day, the cell and the time. So
///   rows that come in the order of time are written beside each other.
/// - On PostgreSQL a GiST index over the geography, and the time beside it.
#[must_use]
pub fn space_parts(dialect: Dialect, collection: &Collection, space: Space) -> Vec<String> {
    let of = collection.positions[space.position].of;
    let part = |write: &dyn Fn(&mut Sql)| {
        let mut sql = Sql::new(dialect);
        write(&mut sql);
        sql.finish().sql
    };
    let time = space.time.map(|time| collection.fields[time].name.as_str());
    match (dialect, time) {
        (Dialect::Sqlite, None) => vec![part(&|sql| sql.cell(collection, of))],
        (Dialect::Sqlite, Some(time)) => {
            let day = part(&|sql| _ = sql.word("substr(").name(time).word(", 1, 10)"));
            vec![day, part(&|sql| sql.cell(collection, of)), part(&|sql| _ = sql.name(time))]
        }
        (Dialect::Postgres, time) => {
            let mut parts = vec![part(&|sql| {
                sql.word("(");
                sql.position(collection, of);
                sql.word(")");
            })];
            parts.extend(time.map(|time| part(&|sql| _ = sql.name(time))));
            parts
        }
    }
}

impl Sql {
    /// The point of a row.
    pub(crate) fn position(&mut self, collection: &Collection, of: PositionOf) {
        self.position_of("", collection, of);
    }

    /// The same of the row whose columns stand behind these words.
    fn position_of(&mut self, row: &'static str, collection: &Collection, of: PositionOf) {
        match of {
            PositionOf::Field(field) => _ = self.word(row).name(&collection.fields[field].name),
            PositionOf::Numbers { longitude, latitude } => {
                let postgres = self.dialect == Dialect::Postgres;
                self.word(if postgres { "ST_MakePoint(" } else { name::POINT });
                self.word(row).name(&collection.fields[longitude].name).word(", ");
                self.word(row).name(&collection.fields[latitude].name);
                self.word(if postgres { ")::geography" } else { ")" });
            }
        }
    }

    /// The cell of a row's point.
    fn cell(&mut self, collection: &Collection, of: PositionOf) {
        self.word(name::CELL);
        self.position(collection, of);
        self.word(")");
    }
}

impl Sql {
    /// A call that is about places, or what SQLite's index finds.
    pub(super) fn place(&mut self, scope: Scope<'_>, expr: &Expr) {
        match expr {
            Expr::Candidate { collection, space, of, from, to } => {
                let found =
                    Found { collection: *collection, space: *space, of, from: from.as_deref(), to: to.as_deref() };
                self.candidate(scope, &found);
            }
            Expr::Call(function, args) if self.dialect == Dialect::Sqlite => {
                // What is around a box or a polygon is PostgreSQL's alone.
                let (open, count) = match function {
                    Function::Point => (name::POINT, 2),
                    Function::Distance => (name::DISTANCE, 2),
                    Function::Near => (name::DWITHIN, 3),
                    Function::InBox => (name::IN_BOX, 7),
                    _ => (name::IN_SHAPE, 2),
                };
                self.call(scope, open, args.iter().take(count));
            }
            Expr::Call(function, args) => self.postgis(scope, *function, args),
            _ => {}
        }
    }

    fn postgis(&mut self, scope: Scope<'_>, function: Function, args: &[Expr]) {
        match (function, args) {
            (Function::Point, _) => {
                self.call(scope, "ST_MakePoint(", args);
                self.word("::geography");
            }
            (Function::Distance, _) => self.call(scope, "ST_Distance(", args),
            (Function::Near, [a, b, metres]) => {
                // The index finds by the one; the other is what `distance` says, which is rounded.
                self.wrapped("(ST_DWithin(", scope, a, ", ");
                self.wrapped("", scope, b, ", ");
                self.wrapped("", scope, metres, " + 0.000001) AND ");
                self.call(scope, "ST_Distance(", [a, b]);
                self.wrapped(" <= ", scope, metres, ")");
            }
            (Function::InBox, [point, south, north, west, east, other_west, other_east, centre, metres]) => {
                self.call(scope, "(ST_DWithin(", [point, centre, metres]);
                self.wrapped(" AND ST_Y(", scope, point, "::geometry)");
                self.wrapped(" BETWEEN ", scope, south, " AND ");
                self.expr(scope, north);
                // A pole has no longitude.
                self.wrapped(" AND (abs(ST_Y(", scope, point, "::geometry)) >= 90");
                for (west, east) in [(west, east), (other_west, other_east)] {
                    self.wrapped(" OR ST_X(", scope, point, "::geometry) BETWEEN ");
                    self.wrapped("", scope, west, " AND ");
                    self.expr(scope, east);
                }
                self.word("))");
            }
            (Function::InShape, [point, shape, centre, metres]) => {
                self.call(scope, "(ST_DWithin(", [point, centre, metres]);
                self.wrapped(" AND ST_Intersects(", scope, point, "::geometry, ");
                self.wrapped("(SELECT ST_GeomFromGeoJSON(", scope, shape, "))))");
            }
            _ => {}
        }
    }

    /// The row is one of those that the index names. The cells around are a list of a few names; with a time, each day is
    /// looked at: those that there are, found one after the other.
    fn candidate(&mut self, scope: Scope<'_>, found: &Found<'_>) {
        const DAYS: &str = "\"_pintle_days\"";
        let collection = scope.model.collection(found.collection);
        let space = collection.spaces[found.space];
        let row = row_id(collection);
        let time = space.time.map(|time| collection.fields[time].name.as_str());
        self.name(&collection.name).word(".").word(row).word(" IN (");
        if let Some(time) = time {
            let day = |sql: &mut Sql| _ = sql.word("substr(").name(time).word(", 1, 10)");
            self.word("WITH RECURSIVE ").word(DAYS).word("(\"day\") AS (SELECT (SELECT ");
            day(self);
            self.word(" FROM ").name(&collection.name).word(" WHERE ");
            day(self);
            match found.from {
                Some(from) => self.wrapped(" >= substr(", scope, from, ", 1, 10)"),
                None => _ = self.word(" >= ''"),
            }
            self.word(" ORDER BY 1 LIMIT 1) UNION ALL SELECT (SELECT ");
            day(self);
            self.word(" FROM ").name(&collection.name).word(" WHERE ");
            day(self);
            self.word(" > ").word(DAYS).word(".\"day\" ORDER BY 1 LIMIT 1) FROM ").word(DAYS).word(" WHERE ");
            self.word(DAYS).word(".\"day\"");
            match found.to {
                Some(to) => self.wrapped(" < substr(", scope, to, ", 1, 10)"),
                None => _ = self.word(" IS NOT NULL"),
            }
            self.word(") ");
        }
        self.word("SELECT \"_pintle_p\".").word(row).word(" FROM ");
        if time.is_some() {
            self.word(DAYS).word(" CROSS JOIN ");
        }
        self.word("json_each(");
        self.cover(scope, found.of);
        self.word(") AS \"_pintle_c\" CROSS JOIN ").name(&collection.name).word(" AS \"_pintle_p\" WHERE ");
        if let Some(time) = time {
            self.word("substr(\"_pintle_p\".").name(time).word(", 1, 10) = ").word(DAYS).word(".\"day\" AND ");
        }
        self.word(name::CELL);
        self.position_of("\"_pintle_p\".", collection, collection.positions[space.position].of);
        self.word(") BETWEEN ").word(FIRST).word(" AND ").word(LAST);
        for (bound, words) in [(found.from, " >= "), (found.to, " <= ")] {
            if let (Some(bound), Some(time)) = (bound, time) {
                self.word(" AND \"_pintle_p\".").name(time);
                self.wrapped(words, scope, bound, "");
            }
        }
        self.word(")");
    }

    /// The cells that cover what a condition may hold for.
    fn cover(&mut self, scope: Scope<'_>, of: &Expr) {
        match of {
            Expr::Call(Function::Near, args) => self.call(scope, name::COVER, &args[1..]),
            Expr::Call(Function::InBox, args) => self.call(scope, name::COVER_BOX, &args[1..7]),
            Expr::Call(_, args) => self.call(scope, name::COVER_SHAPE, args.get(1)),
            _ => {}
        }
    }
}

/// The least and the greatest number that lies in a cell, by its name.
const FIRST: &str = "\"_pintle_c\".\"value\" - ((\"_pintle_c\".\"value\" & -\"_pintle_c\".\"value\") - 1)";
const LAST: &str = "\"_pintle_c\".\"value\" + ((\"_pintle_c\".\"value\" & -\"_pintle_c\".\"value\") - 1)";

/// What is found by an index: the parts of [`Expr::Candidate`].
struct Found<'e> {
    collection: CollectionId,
    space: usize,
    of: &'e Expr,
    from: Option<&'e Expr>,
    to: Option<&'e Expr>,
}

/// A name of SQLite's for a row's number that is no field's.
fn row_id(collection: &Collection) -> &'static str {
    let taken = |name: &str| collection.fields.iter().any(|field| field.name.eq_ignore_ascii_case(name));
    ["rowid", "_rowid_", "oid"].into_iter().find(|name| !taken(name)).unwrap_or("rowid")
}
