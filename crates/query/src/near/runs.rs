//! The subject's places as *runs*, where an answer tells each place of others once: so somebody who stands still all day is looked for
//! around one place, and not around thousands.
//!
//! A run is the subject's places that lie within some metres (about half as many as are asked for), and where times matter, on PostgreSQL,
//! within the time that two may be apart: its index divides by time too. It has one of its places as its middle, and how far the others
//! are from that. What is nearer to the middle than what is left of the metres is near all of them, what is further than both together
//! is near none; only where no run tells by itself, the places of those that lie between are looked at, until one is near.
//!
//! On SQLite the cells around all runs are looked through once, and what lies in one is held against the runs of that cell. On
//! PostgreSQL the index is asked for each run, and what was found is put together.

use pintle_model::{Apart, Type};

use super::{MINE, Near, OTHER};
use crate::Dialect;
use crate::functions::name;
use crate::sql::Sql;

impl Near<'_> {
    /// `"_pintle_mine"` and `"_pintle_runs"`, to stand behind `WITH`.
    pub(super) fn runs(&self, sql: &mut Sql) {
        sql.word("\"_pintle_mine\" AS MATERIALIZED (SELECT *, ");
        match self.planner.dialect {
            Dialect::Sqlite => sql.word("first_value(\"point\") OVER \"w\" AS \"middle\""),
            Dialect::Postgres => sql.word(
                "first_value(\"east\") OVER \"w\" AS \"mideast\", first_value(\"north\") OVER \"w\" AS \"midnorth\", \
                 row_number() OVER (ORDER BY \"run\") AS \"at\"",
            ),
        };
        sql.word(" FROM (SELECT ");
        self.time(sql, MINE);
        sql.word(" AS \"time\", ");
        match self.planner.dialect {
            Dialect::Sqlite => {
                self.point(sql, MINE);
                sql.word(" AS \"point\", ");
                self.sqlite_run(sql);
            }
            Dialect::Postgres => self.postgres_run(sql),
        }
        sql.word(" AS \"run\" FROM ").name(&self.collection.name).word(" AS \"r1\"");
        if self.planner.dialect == Dialect::Postgres {
            self.postgres_grid(sql);
        }
        sql.word(" WHERE ");
        self.is_mine(sql);
        self.is_visible(sql, MINE);
        self.range(sql, MINE);
        if self.planner.dialect == Dialect::Postgres {
            // Where somebody was who was nowhere is no run; and an array with a null in it is walked from its beginning for each look.
            for east in [true, false] {
                sql.word(" AND ");
                self.degrees(sql, MINE, east);
                sql.word(" IS NOT NULL");
            }
        }
        sql.word(") AS \"r1\" WINDOW \"w\" AS (PARTITION BY ");
        sql.word(self.run_key()).word(")), \"_pintle_runs\" AS MATERIALIZED (SELECT ");
        match self.planner.dialect {
            Dialect::Sqlite => {
                sql.word("\"run\", \"middle\", max(").word(name::DISTANCE).word("\"middle\", \"point\")) AS \"wide\"");
            }
            Dialect::Postgres => {
                sql.word("min(\"at\") AS \"begin\", max(\"at\") AS \"end\", min(\"mideast\") AS \"east\", min(\"midnorth\") AS \"north\"");
                sql.word(", max(ST_Distance(");
                sql.word("ST_MakePoint(\"mideast\", \"midnorth\")::geography");
                sql.word(", ST_MakePoint(\"east\", \"north\")::geography)) AS \"wide\"");
            }
        }
        sql.word(", min(\"time\") AS \"first\", max(\"time\") AS \"last\" FROM \"_pintle_mine\" GROUP BY ");
        sql.word(self.run_key()).word(")");
        match self.planner.dialect {
            Dialect::Sqlite => self.sqlite_cells(sql),
            Dialect::Postgres => self.postgres_all(sql),
        }
    }

    /// What a run's places have in common.
    fn run_key(&self) -> &'static str {
        match self.planner.dialect {
            // Its index has each day by itself.
            Dialect::Sqlite if self.answer.apart.is_some() => "\"run\", substr(\"time\", 1, 10)",
            _ => "\"run\"",
        }
    }

    /// `"_pintle_cells"`: the cells around each run, all for the same reach, so that they seldom overlap; and where times matter, the days.
    fn sqlite_cells(&self, sql: &mut Sql) {
        sql.word(", \"_pintle_cells\" AS MATERIALIZED (SELECT \"r1\".*, \"cell\".\"value\" AS \"cell\"");
        if let Some(apart) = self.answer.apart {
            sql.word(", \"d2\".\"value\" AS \"day\", ");
            self.slot(sql, |sql| self.first(sql), apart);
            sql.word(" - 1 AS \"slots_from\", ");
            self.slot(sql, |sql| self.last(sql), apart);
            sql.word(" + 1 AS \"slots_to\"");
        }
        sql.word(" FROM \"_pintle_runs\" AS \"r1\" CROSS JOIN json_each(")
            .word(name::COVER)
            .word("\"r1\".\"middle\", ");
        self.metres(sql);
        sql.word(" + (SELECT max(\"wide\") FROM \"_pintle_runs\"))) AS \"cell\"");
        if let Some(apart) = self.answer.apart {
            sql.word(" CROSS JOIN ");
            self.sqlite_days_around(sql, apart);
        }
        sql.word(")");
    }

    /// ` FROM` the cells and days, each once, and what lies in them.
    fn sqlite_from_cells(&self, sql: &mut Sql) {
        if self.answer.apart.is_some() {
            sql.word(" FROM (SELECT DISTINCT \"cell\" AS \"value\", \"day\" FROM \"_pintle_cells\") AS \"cell\"");
        } else {
            sql.word(" FROM (SELECT DISTINCT \"cell\" AS \"value\" FROM \"_pintle_cells\") AS \"cell\"");
            sql.word(" CROSS JOIN \"_pintle_days\" AS \"d2\"");
        }
        sql.word(" CROSS JOIN ").name(&self.collection.name).word(" AS \"r2\"");
    }

    /// When the subject's place was, or the first of several.
    pub(super) fn first(&self, sql: &mut Sql) {
        if self.by_runs() { _ = sql.word("\"r1\".\"first\"") } else { self.time(sql, MINE) }
    }

    /// The same, or the last of several.
    pub(super) fn last(&self, sql: &mut Sql) {
        if self.by_runs() { _ = sql.word("\"r1\".\"last\"") } else { self.time(sql, MINE) }
    }

    /// ` FROM` the runs and the other's places ` WHERE` one of the run's is near.
    pub(super) fn places_near(&self, sql: &mut Sql) {
        match self.planner.dialect {
            Dialect::Sqlite => self.sqlite_from_cells(sql),
            Dialect::Postgres => self.postgres_from(sql),
        }
        sql.word(" WHERE ");
        self.is_others(sql);
        self.is_visible(sql, OTHER);
        self.range(sql, OTHER);
        match self.planner.dialect {
            Dialect::Sqlite => {
                self.sqlite_in_cell(sql);
                sql.word(" AND (");
                self.sqlite_near_one(sql);
                sql.word(")");
            }
            Dialect::Postgres => {
                self.postgres_near(sql);
                self.postgres_may_be_near(sql);
            }
        }
    }

    /// ` GROUP BY` the other's place, which is told once; on PostgreSQL a run must be near.
    pub(super) fn places_grouped(&self, sql: &mut Sql) {
        sql.word(" GROUP BY ");
        if self.planner.dialect == Dialect::Sqlite {
            self.key(sql, OTHER);
            return;
        }
        let fields = (0..self.collection.fields.len()).filter(|field| !self.is_json(*field));
        sql.list(fields, ", ", |sql, field| self.field(sql, OTHER, field));
        self.postgres_near_one(sql);
    }

    /// The other's place, of which each is told once. Texts of JSON may be of a type that nothing groups by: they are the same in each.
    pub(super) fn place_found(&self, sql: &mut Sql) {
        sql.list(0..self.collection.fields.len(), ", ", |sql, field| {
            let one = self.planner.dialect == Dialect::Postgres && self.is_json(field);
            sql.word(if one { "(array_agg(" } else { "" });
            self.field(sql, OTHER, field);
            sql.word(if one { "))[1]" } else { "" });
            self.name_of(sql, OTHER, field);
        });
    }

    fn is_json(&self, field: usize) -> bool {
        self.collection.fields[field].ty == Type::Json
    }

    /// `"_pintle_all"`: the subject's places, each at its number, so that those of a run are found at once.
    fn postgres_all(&self, sql: &mut Sql) {
        sql.word(", \"_pintle_all\" AS MATERIALIZED (SELECT ");
        sql.list(["east", "north", "time"], ", ", |sql, name| {
            sql.word("array_agg(").name(name).word(" ORDER BY \"at\") AS \"").word(name).word("s\"");
        });
        sql.word(" FROM \"_pintle_mine\")");
    }

    /// The run that a place is in, and the span of time.
    fn sqlite_run(&self, sql: &mut Sql) {
        if let Some(apart) = self.answer.apart {
            self.slot(sql, |sql| self.time(sql, MINE), apart);
            sql.word(" AS \"slot\", ");
        }
        sql.word(name::RUN);
        self.point(sql, MINE);
        sql.word(", ");
        self.metres(sql);
        sql.word(")");
    }

    fn slot(&self, sql: &mut Sql, time: impl FnOnce(&mut Sql), apart: Apart) {
        sql.word(name::SLOT);
        time(sql);
        sql.word(", ");
        self.seconds(sql, apart);
        sql.word(")");
    }

    /// Whether one of the subject's places is near: first whether it is told by a run as a whole.
    fn sqlite_near_one(&self, sql: &mut Sql) {
        let both = "\"_pintle_cells\" AS \"r1\" CROSS JOIN \"_pintle_mine\" AS \"m\"";
        let Some(apart) = self.answer.apart else {
            self.sqlite_run_around(sql, "\"_pintle_cells\" AS \"r1\"", "");
            sql.word(") OR ");
            self.sqlite_run_around(sql, both, " IS NULL AND \"r1\".\"wide\" > 0");
            self.sqlite_is_near(sql);
            sql.word(")");
            return;
        };
        self.sqlite_run_around(sql, "\"_pintle_cells\" AS \"r1\"", " IS NOT 0");
        sql.word(") AND (");
        // Those within the time are in three spans: the temporary index that SQLite makes has them by equality alone.
        sql.list([" - 1", "", " + 1"], " OR ", |sql, span| {
            self.sqlite_run_around(sql, both, " IS NOT 0 AND \"m\".\"slot\" = ");
            self.slot(sql, |sql| self.time(sql, OTHER), apart);
            sql.word(span);
            self.sqlite_is_near(sql);
            sql.word(")");
        });
        sql.word(")");
    }

    /// ` AND` this place of the run is near.
    fn sqlite_is_near(&self, sql: &mut Sql) {
        sql.word(" AND \"m\".\"run\" = \"r1\".\"run\" AND ").word(name::DWITHIN).word("\"m\".\"point\", ");
        self.point(sql, OTHER);
        sql.word(", ");
        self.metres(sql);
        sql.word(")");
        self.near_in_time(sql);
    }

    /// `EXISTS (SELECT 1 FROM` the runs of a cell `WHERE` they are near as wholes, or whatever `which` says.
    fn sqlite_run_around(&self, sql: &mut Sql, from: &'static str, which: &'static str) {
        sql.word("EXISTS (SELECT 1 FROM ").word(from).word(" WHERE \"r1\".\"cell\" = \"cell\".\"value\" AND ");
        if let Some(apart) = self.answer.apart {
            sql.word("\"r1\".\"day\" = \"cell\".\"day\" AND ");
            self.slot(sql, |sql| self.time(sql, OTHER), apart);
            sql.word(" BETWEEN \"r1\".\"slots_from\" AND \"r1\".\"slots_to\" AND ");
        }
        sql.word(name::NEAR_RUN).word("\"r1\".\"middle\", ");
        self.point(sql, OTHER);
        sql.word(", ");
        self.metres(sql);
        sql.word(", \"r1\".\"wide\")").word(which);
    }

    /// ` AND` the times of a run's place and of the other's are not too far apart.
    pub(super) fn near_in_time(&self, sql: &mut Sql) {
        if let Some(apart) = self.answer.apart {
            sql.word(" AND ");
            self.seconds_of(sql, |sql| _ = sql.word("\"m\".\"time\""), |sql| self.time(sql, OTHER));
            sql.word(" <= ");
            self.seconds(sql, apart);
        }
    }

    /// The place and the run that it is in: a field of a grid whose sides have about the metres, of its latitude, and a time.
    fn postgres_run(&self, sql: &mut Sql) {
        self.degrees(sql, MINE, true);
        sql.word(" AS \"east\", ");
        self.degrees(sql, MINE, false);
        sql.word(" AS \"north\", ARRAY[\"g\".\"row\", floor(");
        self.degrees(sql, MINE, true);
        sql.word(" * greatest(cos(radians(\"g\".\"row\" * \"g\".\"side\")), 0.0001) / \"g\".\"side\"), ");
        match self.answer.apart {
            Some(apart) => {
                sql.word("floor(extract(epoch FROM ");
                self.time(sql, MINE);
                sql.word(")::float8 / greatest(");
                self.seconds(sql, apart);
                sql.word(", 0.000001))");
            }
            None => _ = sql.word("0"),
        }
        sql.word("]");
    }

    /// The side of a field of that grid, in degrees, and its row: ` CROSS JOIN` them.
    fn postgres_grid(&self, sql: &mut Sql) {
        sql.word(" CROSS JOIN LATERAL (SELECT \"side\", floor(");
        self.degrees(sql, MINE, false);
        sql.word(" / \"side\") AS \"row\" FROM (SELECT greatest(");
        self.metres(sql);
        sql.word(" / 2, 0.01) / 111320 AS \"side\") AS \"s\") AS \"g\"");
    }
}
