//! What is near, on PostgreSQL: by a plain index over the day, the row and the place, which a route of proximity brings.
//!
//! The Earth is cut into rows, as a page is, of a thousandth of a degree of latitude each (111 m). What lies around a place on a day is in one or
//! two of them, from one longitude to another: that is one stretch of the index for each. Further columns say exactly what else
//! there is to know, so the table is looked at only for what lies in the box around the place. (GiST takes five to ten times as
//! long to find the same, and to be kept.)

use pintle_model::{Apart, Collection, PositionOf, Space};

use super::{MINE, Near, OTHER};
use crate::plan::Dialect;
use crate::sql::Sql;

/// Around a place whose box has more rows than these, they are looked through as one stretch, with all longitudes.
const ROWS_MAX: u16 = 64;

/// What the index orders by that finds what is near on PostgreSQL; `None` for one without a time.
#[must_use]
pub fn near_parts(collection: &Collection, space: Space) -> Option<Vec<String>> {
    let time = &collection.fields[space.time?].name;
    let of = collection.positions[space.position].of;
    let part = |write: &dyn Fn(&mut Sql)| {
        let mut sql = Sql::new(Dialect::Postgres);
        sql.word("(");
        write(&mut sql);
        sql.word(")");
        sql.finish().sql
    };
    let field = |sql: &mut Sql, field: usize| _ = sql.name(&collection.fields[field].name);
    let degrees = |sql: &mut Sql, east: bool| degrees(sql, of, east, field);
    Some(vec![
        part(&|sql| day(sql, |sql| _ = sql.name(time))),
        part(&|sql| row(sql, |sql| degrees(sql, false))),
        part(&|sql| degrees(sql, true)),
        part(&|sql| degrees(sql, false)),
        part(&|sql| utc(sql, |sql| _ = sql.name(time))),
    ])
}

/// A place's longitude or latitude.
fn degrees(sql: &mut Sql, of: PositionOf, east: bool, field: impl Fn(&mut Sql, usize)) {
    match of {
        PositionOf::Field(point) => {
            sql.word(if east { "ST_X(" } else { "ST_Y(" });
            field(sql, point);
            sql.word("::geometry)");
        }
        PositionOf::Numbers { longitude, latitude } => field(sql, if east { longitude } else { latitude }),
    }
}

/// The row that a latitude is in.
fn row(sql: &mut Sql, latitude: impl FnOnce(&mut Sql)) {
    sql.word("floor((");
    latitude(sql);
    sql.word(") * 1000)::int");
}

/// The day that a time is on.
fn day(sql: &mut Sql, time: impl FnOnce(&mut Sql)) {
    utc(sql, time);
    sql.word("::date");
}

/// A time without its zone. No other index has it so: one of times alone would find all that was there.
fn utc(sql: &mut Sql, time: impl FnOnce(&mut Sql)) {
    sql.word("(");
    time(sql);
    sql.word(" AT TIME ZONE 'UTC')");
}

/// A value that is not known when PostgreSQL plans. It guesses that a plan for values of its own is a little better, and would make one for every
/// request, in as much time as half of the answer takes.
pub(super) fn unseen(sql: &mut Sql, value: impl FnOnce(&mut Sql)) {
    sql.word("(SELECT ");
    value(sql);
    sql.word(")");
}

impl Near<'_> {
    /// `"_pintle_days"`, to stand behind `WITH RECURSIVE`: the days of the range that have places, each found from the one before
    /// by the index alone. Where times matter, each place has days of its own.
    pub(super) fn postgres_days(&self, sql: &mut Sql) {
        let next = |sql: &mut Sql, after: &'static str, from: &dyn Fn(&mut Sql)| {
            sql.word("SELECT (SELECT ");
            day(sql, |sql| self.time(sql, OTHER));
            sql.word(" FROM ").name(&self.collection.name).word(" AS \"r2\" WHERE ");
            day(sql, |sql| self.time(sql, OTHER));
            sql.word(after);
            from(sql);
            sql.word(" ORDER BY 1 LIMIT 1)");
        };
        sql.word("\"_pintle_days\"(\"day\") AS (");
        next(sql, " >= ", &|sql| self.postgres_day_of(sql, self.answer.from));
        sql.word(" UNION ALL ");
        next(sql, " > ", &|sql| _ = sql.word("\"_pintle_days\".\"day\""));
        sql.word(" FROM \"_pintle_days\" WHERE \"day\" < ");
        self.postgres_day_of(sql, self.answer.to);
        sql.word(")");
    }

    /// The subject's places, each with the box around it, where it crosses the 180th meridian twice, and what lies in it.
    pub(super) fn postgres_from(&self, sql: &mut Sql) {
        let table = &self.collection.name;
        sql.word(" FROM ");
        if self.by_runs() {
            sql.word("\"_pintle_runs\"")
        } else {
            sql.name(table)
        };
        sql.word(" AS \"r1\"");
        // What stands between `LATERAL` and `OFFSET 0` is worked out once, for each place.
        sql.word(" CROSS JOIN LATERAL (SELECT degrees(");
        self.reach(sql);
        sql.word(" / 6335439) + 1e-7 AS \"high\" OFFSET 0) AS \"a\" CROSS JOIN LATERAL (SELECT CASE WHEN ");
        sql.word("\"wide\" < 180 THEN \"wide\" ELSE 360 END AS \"wide\", ");
        for (side, named) in [(" - ", " AS \"low\", "), (" + ", " AS \"top\"")] {
            row(sql, |sql| {
                self.middle(sql, false);
                sql.word(side).word("\"a\".\"high\"");
            });
            sql.word(named);
        }
        // Half of the way around to either side is all around; a narrower box may be turned, which finds nothing twice.
        sql.word(" FROM (SELECT CASE WHEN abs(");
        self.middle(sql, false);
        // No parallel on the way is smaller than the one that lies furthest off.
        sql.word(") + \"a\".\"high\" >= 89.999999 THEN 360 ELSE degrees(");
        self.reach(sql);
        sql.word(" / (6378137 * cos(radians(abs(");
        self.middle(sql, false);
        sql.word(") + \"a\".\"high\")))) + 1e-7 END AS \"wide\" OFFSET 0) AS \"w\" OFFSET 0) AS \"b\"");
        sql.word(" JOIN (VALUES (0::float8), (360), (-360)) AS \"turn\"(\"by\") ON \"turn\".\"by\" = 0 OR (\"b\".\"wide\" < 180 AND abs(");
        self.middle(sql, true);
        sql.word(" + \"turn\".\"by\" / 2) <= \"b\".\"wide\") CROSS JOIN LATERAL (SELECT ");
        self.days(sql);
        sql.word(" OFFSET 0) AS \"n\" CROSS JOIN LATERAL unnest(CASE WHEN \"b\".\"top\" - \"b\".\"low\" < ");
        sql.number(usize::from(ROWS_MAX));
        sql.word(" THEN ARRAY(SELECT generate_series(\"b\".\"low\", \"b\".\"top\")) ELSE ARRAY[NULL::int] END) AS \"s\"(\"row\")");
        sql.word(" CROSS JOIN LATERAL (");
        self.boxed(sql, " = \"s\".\"row\"");
        sql.word(" UNION ALL ");
        self.boxed(sql, " BETWEEN \"b\".\"low\" AND \"b\".\"top\" AND \"s\".\"row\" IS NULL");
        sql.word(") AS \"r2\"");
        if self.by_runs() {
            self.rough(sql);
        }
    }

    /// The distance from the middle of a run as it would be on a ball: within 0.6 percent of the ellipsoid's, and told in a third of the time.
    fn rough(&self, sql: &mut Sql) {
        sql.word(" CROSS JOIN LATERAL (SELECT 12742017.6 * asin(least(1, sqrt(power(sin(radians(");
        self.degrees(sql, OTHER, false);
        sql.word(" - \"r1\".\"north\") / 2), 2) + cos(radians(\"r1\".\"north\")) * cos(radians(");
        self.degrees(sql, OTHER, false);
        sql.word(")) * power(sin(radians(");
        self.degrees(sql, OTHER, true);
        sql.word(" - \"r1\".\"east\") / 2), 2)))) AS \"metres\" OFFSET 0) AS \"d\"");
    }

    /// Whether a run may have a place that is near.
    pub(super) fn postgres_may_be_near(&self, sql: &mut Sql) {
        sql.word(" AND \"d\".\"metres\" * 0.994 <= \"r1\".\"wide\" + 0.000002 + ");
        self.metres(sql);
    }

    /// ` HAVING` a run that is near as a whole, or one of which a place is.
    pub(super) fn postgres_near_one(&self, sql: &mut Sql) {
        sql.word(" HAVING bool_or(CASE WHEN \"d\".\"metres\" * 1.006 + \"r1\".\"wide\" + 0.000002 <= ");
        self.metres(sql);
        sql.word(" THEN true WHEN \"r1\".\"wide\" > 0 THEN false ELSE ST_Distance(ST_MakePoint(\"r1\".\"east\", \"r1\".\"north\")::geography, ");
        self.point(sql, OTHER);
        sql.word(") <= ");
        self.metres(sql);
        sql.word(" END) OR EXISTS (SELECT FROM unnest(");
        for (end, then) in [("begin", ", "), ("end", ") AS \"r\"(\"begin\", \"end\")")] {
            sql.word("array_agg(\"r1\".\"").word(end).word("\") FILTER (WHERE \"r1\".\"wide\" > 0)").word(then);
        }
        sql.word(" CROSS JOIN generate_series(\"r\".\"begin\", \"r\".\"end\") AS \"i\"(\"at\") CROSS JOIN \"_pintle_all\" AS \"all\"");
        sql.word(" CROSS JOIN LATERAL (SELECT \"all\".\"easts\"[\"i\".\"at\"] AS \"east\", \"all\".\"norths\"[\"i\".\"at\"] AS \"north\"");
        sql.word(", \"all\".\"times\"[\"i\".\"at\"] AS \"time\") AS \"m\" WHERE ST_Distance(");
        sql.word("ST_MakePoint(\"m\".\"east\", \"m\".\"north\")::geography, ");
        self.point(sql, OTHER);
        sql.word(") <= ");
        self.metres(sql);
        self.near_in_time(sql);
        sql.word(")");
    }

    /// The days on which what is near may have been, as an array.
    fn days(&self, sql: &mut Sql) {
        let Some(apart) = self.answer.apart else {
            sql.word("(SELECT array_agg(\"day\") FROM \"_pintle_days\" WHERE \"day\" <= ");
            self.postgres_day_of(sql, self.answer.to);
            sql.word(") AS \"days\"");
            return;
        };
        // In days since 1970, since there are longer times than PostgreSQL has.
        let end = |sql: &mut Sql, side: &'static str| {
            sql.word("floor((extract(epoch FROM ");
            if side == " - " {
                self.first(sql)
            } else {
                self.last(sql)
            }
            sql.word(")::float8").word(side);
            self.seconds(sql, apart);
            sql.word(") / 86400), ");
            self.postgres_day_of(sql, if side == " - " { self.answer.from } else { self.answer.to });
            sql.word(" - date '1970-01-01')::int");
        };
        sql.word("ARRAY(SELECT date '1970-01-01' + generate_series(greatest(");
        end(sql, " - ");
        sql.word(", least(");
        end(sql, " + ");
        sql.word(")) AS \"days\"");
    }

    /// What lies in the box on these days, in the rows that `rows` says.
    fn boxed(&self, sql: &mut Sql, rows: &'static str) {
        sql.word("SELECT \"r2\".* FROM ").name(&self.collection.name).word(" AS \"r2\" WHERE ");
        day(sql, |sql| self.time(sql, OTHER));
        sql.word(" = ANY (\"n\".\"days\") AND ");
        row(sql, |sql| self.degrees(sql, OTHER, false));
        sql.word(rows);
        for (side, at_least) in [(" - ", " >= "), (" + ", " <= ")] {
            sql.word(" AND ");
            self.degrees(sql, OTHER, true);
            sql.word(at_least);
            self.middle(sql, true);
            sql.word(" + \"turn\".\"by\"").word(side).word("\"b\".\"wide\" AND ");
            self.degrees(sql, OTHER, false);
            sql.word(at_least);
            self.middle(sql, false);
            sql.word(side).word("\"a\".\"high\"");
        }
        self.postgres_range(sql, OTHER);
        let Some(apart) = self.answer.apart else { return };
        for (side, at_least) in [(" - ", " >= "), (" + ", " <= ")] {
            sql.word(" AND ");
            utc(sql, |sql| self.time(sql, OTHER));
            sql.word(at_least);
            self.moved(sql, apart, side);
        }
    }

    /// The first of the times less what two may be apart, or the last and as much. Of more than 3,000 years there is no end.
    fn moved(&self, sql: &mut Sql, apart: Apart, side: &'static str) {
        sql.word("CASE WHEN ");
        self.seconds(sql, apart);
        sql.word(" < 1e11 THEN ");
        utc(sql, |sql| if side == " - " { self.first(sql) } else { self.last(sql) });
        sql.word(side).word("make_interval(secs => (");
        self.seconds(sql, apart);
        sql.word(")::float8) ELSE '").word(if side == " - " { "-" } else { "" }).word("infinity' END");
    }

    /// ` AND` the times of the two are not too far apart.
    pub(super) fn postgres_near(&self, sql: &mut Sql) {
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
    pub(super) fn degrees(&self, sql: &mut Sql, of: usize, east: bool) {
        degrees(sql, self.collection.positions[self.answer.position].of, east, |sql, field| self.field(sql, of, field));
    }

    /// The subject's times as the index of who and when has them, the others' as that of what is near.
    pub(super) fn postgres_range(&self, sql: &mut Sql, of: usize) {
        let bound = |sql: &mut Sql, compared: &'static str, end: &dyn Fn(&mut Sql)| {
            sql.word(" AND ");
            if of == OTHER {
                utc(sql, |sql| self.time(sql, OTHER));
                sql.word(compared);
                unseen(sql, |sql| utc(sql, end));
            } else {
                self.time(sql, of);
                sql.word(compared);
                unseen(sql, end);
            }
        };
        bound(sql, " >= ", &|sql| self.from(sql));
        bound(sql, if self.is_date(self.answer.to) { " < " } else { " <= " }, &|sql| self.to(sql));
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

    /// The day that a parameter says, or is on.
    fn postgres_day_of(&self, sql: &mut Sql, param: usize) {
        if self.is_date(param) {
            self.param(sql, param);
        } else {
            day(sql, |sql| self.param(sql, param));
        }
    }
}
