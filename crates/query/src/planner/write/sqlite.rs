//! Writes on SQLite: there is one writer, so what is looked at before a write still holds when it is made.

use super::{Answers, Insert, Place, Statements, Update};
use crate::expr::{self, Expr};
use crate::plan::{Param, Statement};
use crate::planner::Planner;
use crate::request::{Comparison, Conflict};
use crate::sql::Sql;

impl Planner {
    pub(super) fn sqlite_insert(&self, place: Place, insert: Insert<'_>, answers: &Answers) -> Statements {
        // Where nothing is changed, each row that is written is new.
        let changes = insert.conflict.filter(|conflict| conflict.set.is_some());
        let probe = changes.map(|conflict| {
            let mut sql = Sql::new(self.dialect);
            sql.word("SELECT 1");
            self.source(&mut sql, place.collection, &self.same_target(place, conflict, insert.fields));
            sql.finish()
        });
        let check = self.insert_check(place, &insert);
        let mut sql = Sql::new(self.dialect);
        self.insert_into(&mut sql, place, insert.fields, insert.conflict);
        Statements { check, probe, ..self.returned(sql, &insert.on_key, answers) }
    }

    pub(super) fn sqlite_update(&self, place: Place, update: Update<'_>, answers: &Answers) -> Statements {
        let collection = self.model.collection(place.collection);
        let check = (!update.check.is_true()).then(|| {
            let mut sql = Sql::new(self.dialect);
            sql.word("SELECT 1 FROM ").name(&collection.name).word(" WHERE ");
            if !update.condition.is_true() {
                sql.expr(self.scope(), &update.condition);
                sql.word(" AND ");
            }
            self.not_true(&mut sql, &update.check);
            sql.word(" LIMIT 1");
            sql.finish()
        });
        let mut sql = Sql::new(self.dialect);
        self.set(&mut sql, place, update.set);
        self.only(&mut sql, &update.condition);
        Statements { check, ..self.returned(sql, &[], answers) }
    }

    pub(super) fn sqlite_delete(&self, place: Place, condition: &Expr, answers: &Answers) -> Statements {
        let mut sql = Sql::new(self.dialect);
        sql.word("DELETE");
        self.source(&mut sql, place.collection, condition);
        self.returned(sql, &[], answers)
    }

    fn insert_check(&self, place: Place, insert: &Insert<'_>) -> Option<Statement> {
        let new_row = &insert.new_row;
        let old_row = insert.conflict.filter(|_| !insert.old_row.is_true());
        if new_row.is_true() && old_row.is_none() {
            return None;
        }
        let mut sql = Sql::new(self.dialect);
        sql.word("SELECT 1 WHERE ");
        if !new_row.is_true() {
            self.not_true(&mut sql, new_row);
        }
        if let Some(conflict) = old_row {
            sql.word(if new_row.is_true() { "" } else { " OR " }).word("EXISTS (SELECT 1");
            self.source(&mut sql, place.collection, &self.same_target(place, conflict, insert.fields));
            sql.word(" AND ");
            self.not_true(&mut sql, &insert.old_row);
            sql.word(")");
        }
        Some(sql.finish())
    }

    fn insert_into(&self, sql: &mut Sql, place: Place, fields: &[usize], conflict: Option<&Conflict>) {
        let collection = self.model.collection(place.collection);
        // A row without any value is a row whose (counted) key is null.
        let names = if fields.is_empty() { &[0][..] } else { fields };
        sql.word("INSERT INTO ").name(&collection.name).word(" (");
        sql.list(names, ", ", |sql, field| _ = sql.name(&collection.fields[*field].name)).word(") VALUES (");
        if fields.is_empty() {
            sql.word("NULL");
        }
        let value = |sql: &mut Sql, (n, field): (usize, &usize)| {
            sql.bind(Param::Row(n), collection.fields[*field].ty);
        };
        sql.list(fields.iter().enumerate(), ", ", value).word(")");
        if let Some(conflict) = conflict {
            self.on_conflict(sql, place, conflict);
        }
    }

    fn returned(&self, mut sql: Sql, verdicts: &[Expr], answers: &Answers) -> Statements {
        let mut separator = " RETURNING ";
        for verdict in verdicts {
            sql.word(separator).word("((");
            sql.expr(self.scope(), verdict);
            sql.word(") IS TRUE)");
            separator = ", ";
        }
        for shown in &answers.shown {
            sql.word(separator);
            sql.expr(self.shown(), shown);
            separator = ", ";
        }
        for key in &answers.keys {
            sql.word(separator);
            sql.sort_key(self.scope(), key);
        }
        let (write, verdicts) = (sql.finish(), verdicts.len());
        Statements {
            check: None,
            probe: None,
            write,
            bulk: None,
            apart: None,
            locks: Vec::new(),
            tells_new: false,
            verdicts,
            sorts: false,
        }
    }

    /// Null counts as not satisfied.
    fn not_true(&self, sql: &mut Sql, expr: &Expr) {
        sql.word("(");
        sql.expr(self.scope(), expr);
        sql.word(" IS NOT TRUE)");
    }

    /// The row that is there has the written row's values in the conflict's target.
    fn same_target(&self, place: Place, conflict: &Conflict, fields: &[usize]) -> Expr {
        let same = conflict.target.iter().map(|field| {
            let ty = self.field_type(place, *field);
            let column = Expr::Column(expr::Column { depth: 0, collection: place.collection, field: *field, ty });
            Expr::compare(Comparison::Eq, column, self.row_value(place, fields, *field))
        });
        Expr::And(same.collect())
    }
}
