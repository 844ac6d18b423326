//! Reads: one statement under the select policy, and one more that counts where that was asked.

use pintle_model::{CollectionId, Role, Type};

use super::Planner;
use super::access::Right;
use super::filter::is_point;
use crate::expr::{Expr, fold};
use crate::functions::calls_slow;
use crate::plan::{Column, Param, ReadPlan};
use crate::request::{Order, ReadShape, SelectItem};
use crate::rest::select;
use crate::sql::{Scope, Sql};
use crate::{Dialect, Fault};

impl Planner {
    pub(super) fn make_read(&self, collection: CollectionId, role: Role, shape: &ReadShape) -> Result<ReadPlan, Fault> {
        let policy = self.right(collection, role, Right::Select)?;
        let filter = self.filter(collection, &shape.filter)?;
        let found = self.candidates(collection, &shape.filter, &filter);
        let condition = fold(Expr::all([filter, found, policy]), role);
        let (columns, answers) = match &shape.select {
            Some(select) => self.columns(collection, select)?,
            None => self.columns(collection, &select::all(self.model.collection(collection)))?,
        };
        let mut sql = Sql::new(self.dialect);
        sql.word("SELECT ").list(&answers, ", ", |sql, answer| sql.expr(self.shown(), answer));
        self.source(&mut sql, collection, &condition);
        self.order(&mut sql, collection, &shape.order)?;
        if let Some(slot) = shape.limit {
            sql.word(" LIMIT ").bind(Param::Value(slot), Type::Integer);
        }
        if let Some(slot) = shape.offset {
            // SQLite knows no offset without a limit.
            let bare = shape.limit.is_none() && self.dialect == Dialect::Sqlite;
            sql.word(if bare { " LIMIT -1" } else { "" });
            sql.word(" OFFSET ").bind(Param::Value(slot), Type::Integer);
        }
        let count = shape.count.then(|| {
            let mut sql = Sql::new(self.dialect);
            sql.word("SELECT count(*)");
            self.source(&mut sql, collection, &condition);
            sql.finish()
        });
        let point = is_point(self.model.collection(collection), &shape.filter);
        let rows = sql.finish();
        let inline = count.is_none() && !calls_slow(&rows.sql);
        let mut reads = condition.sought();
        reads.push(collection);
        reads.sort_unstable();
        reads.dedup();
        let strip_nulls = shape.strip_nulls;
        Ok(ReadPlan { rows, count, columns, strip_nulls, point, own: false, inline, reads, writes: None })
    }

    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope { model: &self.model, qualified: false, shown: false, row: None, fenced: false }
    }

    /// The place of what is answered.
    pub(super) fn shown(&self) -> Scope<'_> {
        Scope { shown: true, ..self.scope() }
    }

    /// The columns of an answer and what they show.
    pub(super) fn columns(
        &self,
        collection: CollectionId,
        select: &[SelectItem],
    ) -> Result<(Vec<Column>, Vec<Expr>), Fault> {
        let mut columns = Vec::with_capacity(select.len());
        let mut shown = Vec::with_capacity(select.len());
        for item in select {
            let target = self.target(collection, &item.target)?;
            let field = self.model.collection(collection).fields[item.target.field].ty;
            let expr = item.cast.map_or(Ok(target.clone()), |to| self.cast(target, to))?;
            columns.push(Column::new(item.name.as_str(), item.cast.unwrap_or(item.target.ty(field))));
            shown.push(expr);
        }
        Ok((columns, shown))
    }

    /// ` FROM "collection" WHERE …`
    pub(super) fn source(&self, sql: &mut Sql, collection: CollectionId, condition: &Expr) {
        sql.word(" FROM ").name(&self.model.collection(collection).name);
        self.only(sql, condition);
    }

    /// ` WHERE …`, unless it holds for every row.
    pub(super) fn only(&self, sql: &mut Sql, condition: &Expr) {
        if !condition.is_true() {
            sql.word(" WHERE ");
            sql.expr(self.scope(), condition);
        }
    }

    /// Nulls go where PostgreSQL puts them: with the greatest, unless the request says otherwise.
    fn order(&self, sql: &mut Sql, collection: CollectionId, order: &[Order]) -> Result<(), Fault> {
        for (n, key) in order.iter().enumerate() {
            sql.word(if n == 0 { " ORDER BY " } else { ", " });
            let target = self.sort_target(collection, &key.target)?;
            // On PostgreSQL a bare name is first of all a column of the answer, which may be cast.
            sql.sort_key(Scope { qualified: self.dialect == Dialect::Postgres, ..self.scope() }, &target);
            sql.word(if key.descending { " DESC" } else { "" });
            let field = &self.model.collection(collection).fields[key.target.field];
            let never_null = key.target.path.is_empty()
                && key.target.spot.is_none()
                && (field.required || self.model.collection(collection).is_key(key.target.field));
            if !never_null {
                let first = key.nulls_first.unwrap_or(key.descending);
                sql.word(if first { " NULLS FIRST" } else { " NULLS LAST" });
            }
        }
        Ok(())
    }
}
