//! What is near, on PostgreSQL: by the GiST index over geography and time.

use super::{MINE, Near, OTHER};
use crate::sql::Sql;

impl Near<'_> {
    pub(super) fn postgres_from(&self, sql: &mut Sql) {
        let table = &self.collection.name;
        sql.word(" FROM ").name(table).word(" AS \"r1\" CROSS JOIN ").name(table).word(" AS \"r2\"");
    }

    pub(super) fn postgres_near(&self, sql: &mut Sql) {
        for row in [MINE, OTHER] {
            self.postgres_range(sql, row);
        }
        sql.word(" AND ST_DWithin(");
        self.point(sql, MINE);
        sql.word(", ");
        self.point(sql, OTHER);
        sql.word(", ");
        self.metres(sql);
        sql.word(" + 0.001)");
        if let Some(apart) = self.answer.apart {
            let shift = |sql: &mut Sql, sign: &'static str| {
                self.time(sql, MINE);
                sql.word(sign).word("make_interval(secs => (");
                self.seconds(sql, apart);
                sql.word(")::float8)");
            };
            sql.word(" AND ");
            self.time(sql, OTHER);
            sql.word(" BETWEEN ");
            shift(sql, " - ");
            sql.word(" AND ");
            shift(sql, " + ");
        }
    }

    fn postgres_range(&self, sql: &mut Sql, row: usize) {
        let (from, to) = (self.answer.from, self.answer.to);
        sql.word(" AND ");
        self.time(sql, row);
        sql.word(" >= ");
        if self.is_date(from) {
            sql.word("(");
            self.param(sql, from);
            sql.word("::timestamp AT TIME ZONE 'UTC')");
        } else {
            self.param(sql, from);
        }
        sql.word(" AND ");
        self.time(sql, row);
        if self.is_date(to) {
            sql.word(" < ((");
            self.param(sql, to);
            sql.word(" + 1)::timestamp AT TIME ZONE 'UTC')");
        } else {
            sql.word(" <= ");
            self.param(sql, to);
        }
    }
}
