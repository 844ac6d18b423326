//! What is near, on PostgreSQL: by a GiST index over boxes of longitude, latitude and time, which a route of proximity brings.
//!
//! GiST over a geography and a time divides its pages by place alone, so it would look at all times of a place. Boxes are divided by
//! whatever divides best.

use pintle_model::{Collection, PositionOf, Space};

use super::{MINE, Near, OTHER};
use crate::plan::Dialect;
use crate::sql::Sql;

/// Seconds from 1970 to 2000, and what a unit of the box's third side is: 1000 days, beside which a degree is some 100 km.
const TIME: [&str; 2] = ["(extract(epoch FROM (", " AT TIME ZONE 'UTC'))::float8 - 946684800) / 86400000"];

/// What the index orders by that finds what is near on PostgreSQL; `None` for one without a time.
#[must_use]
pub fn box_part(collection: &Collection, space: Space) -> Option<String> {
    let time = &collection.fields[space.time?].name;
    let mut sql = Sql::new(Dialect::Postgres);
    sql.word("(");
    match collection.positions[space.position].of {
        PositionOf::Field(field) => {
            let name = &collection.fields[field].name;
            sql.word("ST_MakePoint(ST_X(").name(name).word("::geometry), ST_Y(").name(name).word("::geometry), ");
        }
        PositionOf::Numbers { longitude, latitude } => {
            let name = |field: usize| &collection.fields[field].name;
            sql.word("ST_MakePoint(").name(name(longitude)).word(", ").name(name(latitude)).word(", ");
        }
    }
    sql.word(TIME[0]).name(time).word(TIME[1]).word(")) gist_geometry_ops_nd");
    Some(sql.finish().sql)
}

impl Near<'_> {
    /// The subject's places, each with the box around it; where it crosses the 180th meridian, twice.
    pub(super) fn postgres_from(&self, sql: &mut Sql) {
        let table = &self.collection.name;
        sql.word(" FROM ");
        if self.by_runs() {
            sql.word("\"_pintle_runs\"")
        } else {
            sql.name(table)
        };
        sql.word(" AS \"r1\" CROSS JOIN LATERAL (SELECT degrees(");
        self.reach(sql);
        sql.word(" / 6335439) + 1e-7 AS \"high\") AS \"a\" CROSS JOIN LATERAL (SELECT CASE WHEN \"wide\" < 180 THEN \"wide\" ELSE 360 END AS \"wide\"");
        // Half of the way around to either side is all around; a narrower box may be turned, which finds nothing twice.
        sql.word(" FROM (SELECT CASE WHEN abs(");
        self.middle(sql, false);
        // No parallel on the way is smaller than the one that lies furthest off.
        sql.word(") + \"a\".\"high\" >= 89.999999 THEN 360 ELSE degrees(");
        self.reach(sql);
        sql.word(" / (6378137 * cos(radians(abs(");
        self.middle(sql, false);
        sql.word(") + \"a\".\"high\")))) + 1e-7 END AS \"wide\") AS \"w\") AS \"b\"");
        sql.word(" JOIN (VALUES (0::float8), (360), (-360)) AS \"turn\"(\"by\") ON \"turn\".\"by\" = 0 OR (\"b\".\"wide\" < 180 AND abs(");
        self.middle(sql, true);
        sql.word(" + \"turn\".\"by\" / 2) <= \"b\".\"wide\") CROSS JOIN ").name(table).word(" AS \"r2\"");
        if self.by_runs() {
            // Kept apart, so that it is measured once.
            sql.word(
                " CROSS JOIN LATERAL (SELECT ST_Distance(ST_MakePoint(\"r1\".\"east\", \"r1\".\"north\")::geography, ",
            );
            self.point(sql, OTHER);
            sql.word(") AS \"metres\" OFFSET 0) AS \"d\"");
        }
    }

    pub(super) fn postgres_near(&self, sql: &mut Sql) {
        sql.word(" AND ST_MakePoint(");
        self.degrees(sql, OTHER, true);
        sql.word(", ");
        self.degrees(sql, OTHER, false);
        sql.word(", ").word(TIME[0]);
        self.time(sql, OTHER);
        sql.word(TIME[1]).word(") &&& ST_MakeLine(");
        self.corner(sql, " - ", " + \"turn\".\"by\"");
        sql.word(", ");
        self.corner(sql, " + ", " + \"turn\".\"by\"");
        sql.word(")");
        let Some(apart) = self.answer.apart else { return };
        if self.by_runs() {
            sql.word(" AND greatest(extract(epoch FROM (\"r1\".\"first\" - ");
            self.time(sql, OTHER);
            sql.word(")), extract(epoch FROM (");
            self.time(sql, OTHER);
            sql.word(" - \"r1\".\"last\")))::float8");
        } else {
            sql.word(" AND ");
            self.seconds_between(sql);
        }
        sql.word(" <= ");
        self.seconds(sql, apart);
    }

    /// A corner of the box around a place: its south, west and begin, or its north, east and end.
    fn corner(&self, sql: &mut Sql, side: &'static str, turn: &'static str) {
        sql.word("ST_MakePoint(");
        self.middle(sql, true);
        sql.word(turn).word(side).word("\"b\".\"wide\", ");
        self.middle(sql, false);
        sql.word(side).word("\"a\".\"high\", ").word(TIME[0]);
        match self.answer.apart {
            Some(apart) => {
                sql.word("(");
                if side == " - " {
                    self.first(sql)
                } else {
                    self.last(sql)
                }
                sql.word(side).word("make_interval(secs => (");
                self.seconds(sql, apart);
                sql.word(")::float8))");
            }
            None if side == " - " => self.from(sql),
            None => self.to(sql),
        }
        sql.word(TIME[1]).word(")");
    }

    /// How far from the middle of the subject's what is near may be.
    fn reach(&self, sql: &mut Sql) {
        sql.word("(");
        self.metres(sql);
        sql.word(if self.by_runs() { " + \"r1\".\"wide\")" } else { ")" });
    }

    /// The longitude or latitude of the subject's place, or of the middle of several.
    fn middle(&self, sql: &mut Sql, east: bool) {
        if self.by_runs() {
            sql.word(if east { "\"r1\".\"east\"" } else { "\"r1\".\"north\"" });
        } else {
            self.degrees(sql, MINE, east);
        }
    }

    /// A place's longitude or latitude.
    pub(super) fn degrees(&self, sql: &mut Sql, row: usize, east: bool) {
        match self.collection.positions[self.answer.position].of {
            PositionOf::Field(field) => {
                sql.word(if east { "ST_X(" } else { "ST_Y(" });
                self.field(sql, row, field);
                sql.word("::geometry)");
            }
            PositionOf::Numbers { longitude, latitude } => {
                self.field(sql, row, if east { longitude } else { latitude })
            }
        }
    }

    /// The times of others are held against the range as no index has them: by time alone it would find all that was there.
    pub(super) fn postgres_range(&self, sql: &mut Sql, row: usize) {
        let as_is = if row == OTHER { " + interval '0'" } else { "" };
        sql.word(" AND ");
        self.time(sql, row);
        sql.word(as_is).word(" >= ");
        self.from(sql);
        sql.word(" AND ");
        self.time(sql, row);
        sql.word(as_is).word(if self.is_date(self.answer.to) { " < " } else { " <= " });
        self.to(sql);
    }

    /// The moment from which on.
    fn from(&self, sql: &mut Sql) {
        self.param(sql, self.answer.from);
        sql.word(if self.is_date(self.answer.from) { "::timestamp AT TIME ZONE 'UTC'" } else { "" });
    }

    /// The moment until which.
    fn to(&self, sql: &mut Sql) {
        let is_date = self.is_date(self.answer.to);
        sql.word(if is_date { "(" } else { "" });
        self.param(sql, self.answer.to);
        sql.word(if is_date { " + 1)::timestamp AT TIME ZONE 'UTC'" } else { "" });
    }
}
