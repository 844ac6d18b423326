//! What is near, on SQLite: the days of the range that have rows, and of each the cells around a place.

use super::{MINE, Near, OTHER};
use crate::functions::name;
use crate::sql::Sql;
use pintle_model::{Apart, Type};

impl Near<'_> {
    /// `WITH` the days of the range that have rows. Each is found from the one before by the index alone, so empty years cost
    /// nothing.
    pub(super) fn sqlite_days(&self, sql: &mut Sql) {
        let next = |sql: &mut Sql, after: &'static str, from: &dyn Fn(&mut Sql)| {
            sql.word("SELECT (SELECT ");
            self.sqlite_day(sql, OTHER);
            sql.word(" FROM ").name(&self.collection.name).word(" AS \"r2\" WHERE ");
            self.sqlite_day(sql, OTHER);
            sql.word(after);
            from(sql);
            sql.word(" ORDER BY 1 LIMIT 1)");
        };
        sql.word("WITH RECURSIVE \"_pintle_days\"(\"day\") AS MATERIALIZED (");
        next(sql, " >= ", &|sql| self.day_of(sql, self.answer.from));
        sql.word(" UNION ALL ");
        next(sql, " > ", &|sql| _ = sql.word("\"_pintle_days\".\"day\""));
        sql.word(" FROM \"_pintle_days\" WHERE \"day\" < ");
        self.day_of(sql, self.answer.to);
        sql.word(")");
    }

    pub(super) fn sqlite_from(&self, sql: &mut Sql) {
        let table = &self.collection.name;
        sql.word(" FROM ");
        if self.answer.subject.is_none() {
            sql.word("\"_pintle_days\" AS \"d1\" CROSS JOIN ");
        }
        sql.name(table).word(" AS \"r1\" CROSS JOIN json_each(").word(name::COVER);
        self.point(sql, MINE);
        sql.word(", ");
        self.metres(sql);
        sql.word(")) AS \"cell\" CROSS JOIN ");
        match self.answer.apart {
            None => _ = sql.word("\"_pintle_days\" AS \"d2\""),
            Some(apart) => self.sqlite_days_around(sql, apart),
        }
        sql.word(" CROSS JOIN ").name(table).word(" AS \"r2\"");
    }

    /// The days on which what is not too far apart in time may be.
    pub(super) fn sqlite_days_around(&self, sql: &mut Sql, apart: Apart) {
        sql.word("json_each(").word(name::DAYS_AROUND);
        self.first(sql);
        sql.word(", ");
        self.last(sql);
        sql.word(", ");
        self.seconds(sql, apart);
        sql.word(", ");
        self.day_of(sql, self.answer.from);
        sql.word(", ");
        self.day_of(sql, self.answer.to);
        sql.word(")) AS \"d2\"");
    }

    pub(super) fn sqlite_near(&self, sql: &mut Sql) {
        if self.answer.subject.is_none() {
            sql.word(" AND ");
            self.sqlite_day(sql, MINE);
            sql.word(" = \"d1\".\"day\"");
        }
        self.sqlite_in_cell(sql);
        if let Some(apart) = self.answer.apart {
            sql.word(" AND ");
            self.seconds_between(sql);
            sql.word(" <= ");
            self.seconds(sql, apart);
        }
    }

    /// ` AND` the other's place is on the day and in the cell.
    pub(super) fn sqlite_in_cell(&self, sql: &mut Sql) {
        sql.word(" AND ");
        self.sqlite_day(sql, OTHER);
        sql.word(match (self.answer.apart, self.by_runs()) {
            (None, _) => " = \"d2\".\"day\"",
            (Some(_), true) => " = \"cell\".\"day\"",
            (Some(_), false) => " = \"d2\".\"value\"",
        });
        sql.word(" AND ").word(name::CELL);
        self.point(sql, OTHER);
        // A cell's lowest 1 says how large it is.
        sql.word(") BETWEEN \"cell\".\"value\" - (\"cell\".\"value\" & -\"cell\".\"value\") + 1");
        sql.word(" AND \"cell\".\"value\" + (\"cell\".\"value\" & -\"cell\".\"value\") - 1");
    }

    /// Times are texts, whose order is that of time: a date stands before all times of its day.
    pub(super) fn sqlite_range(&self, sql: &mut Sql, row: usize) {
        sql.word(" AND ");
        self.time(sql, row);
        sql.word(" >= ");
        self.param(sql, self.answer.from);
        sql.word(" AND ");
        self.time(sql, row);
        sql.word(" <= ");
        self.param(sql, self.answer.to);
        sql.word(if self.is_date(self.answer.to) { " || 'U'" } else { "" });
    }

    pub(super) fn is_date(&self, param: usize) -> bool {
        self.params[param].field.ty == Type::Date
    }

    fn sqlite_day(&self, sql: &mut Sql, row: usize) {
        sql.word("substr(");
        self.time(sql, row);
        sql.word(", 1, 10)");
    }

    fn day_of(&self, sql: &mut Sql, param: usize) {
        sql.word("substr(");
        self.param(sql, param);
        sql.word(", 1, 10)");
    }
}
