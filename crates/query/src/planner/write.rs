//! Writes: what is checked before, the write itself, and what it answers.
//!
//! The rules are PostgreSQL's for row security, as its manual has them under `CREATE POLICY` (the notes on each command,
//! and the table of policies by command type); each is told where it is applied.

use pintle_model::{CollectionId, KeyOrigin, Role, Type, Value};

use super::Planner;
use super::access::Right;
use crate::expr::{self, Expr, fold};
use crate::plan::{Action, Column, Param, Sort, Statement, WritePlan};
use crate::request::{Comparison, Conflict, Filter, Returning, WriteShape};
use crate::sql::Sql;
use crate::{Fault, FaultKind};

/// Rows that are written, as a place to make a plan for.
#[derive(Debug, Clone, Copy)]
struct Place {
    collection: CollectionId,
    role: Role,
}

/// What RETURNING gives, worked out.
#[derive(Debug, Default)]
struct Answers {
    verdicts: Vec<Expr>,
    columns: Vec<Column>,
    shown: Vec<Expr>,
    keys: Vec<Expr>,
    sort: Vec<Sort>,
}

impl Planner {
    pub(super) fn make_write(
        &self,
        collection: CollectionId,
        role: Role,
        shape: &WriteShape,
    ) -> Result<WritePlan, Fault> {
        let place = Place { collection, role };
        match shape {
            WriteShape::Insert { fields, conflict, returning } => {
                self.insert(place, fields, conflict.as_ref(), returning)
            }
            WriteShape::Update { set, filter, returning } => self.update(place, set, filter, returning),
            WriteShape::Delete { filter, returning } => self.delete(place, filter, returning),
        }
    }

    fn insert(
        &self,
        place: Place,
        fields: &[usize],
        conflict: Option<&Conflict>,
        returning: &Returning,
    ) -> Result<WritePlan, Fault> {
        let mut answers = self.answers(place, returning)?;
        let new_row = |field: usize| Some(self.row_value(place, fields, field));
        let mut checks = Vec::new();
        // CREATE POLICY, INSERT: each row that is to be added must pass, whatever becomes of it on a conflict.
        checks.push(self.right(place.collection, place.role, Right::Insert)?.replace(&new_row));
        // CREATE POLICY, SELECT: with RETURNING, new rows must pass the select policy too, or the command fails. The columns
        // that ON CONFLICT names are read just so.
        if !returning.select.is_empty() || conflict.is_some() {
            let counted = self.is_counted(place, fields);
            for part in parts(self.right(place.collection, place.role, Right::Select)?) {
                if counted && part.mentions(&|field| field == 0) {
                    // The key is not known before the row is stored.
                    answers.verdicts.push(part);
                } else {
                    checks.push(part.replace(&new_row));
                }
            }
        }
        let mut old_row = None;
        if let Some(conflict) = conflict {
            self.check_target(place, conflict)?;
            old_row = self.conflict_check(place, fields, conflict)?;
        }
        let check = self.insert_check(place, checks, old_row, conflict, fields);
        let probe = conflict.map(|conflict| {
            let mut sql = Sql::new(self.dialect);
            sql.word("SELECT 1");
            self.source(&mut sql, place.collection, &self.same_target(place, conflict, fields));
            sql.finish()
        });
        let mut sql = Sql::new(self.dialect);
        self.insert_into(&mut sql, place, fields, conflict);
        Ok(self.finish(
            place,
            sql,
            answers,
            returning,
            (if conflict.is_some() { Action::Upsert } else { Action::Insert }, fields, check, probe),
        ))
    }

    /// What the row that is there must satisfy for `ON CONFLICT DO UPDATE`, as one expression over it.
    ///
    /// CREATE POLICY, UPDATE and the table: on this path the row that is there must pass the update policy's USING and the
    /// select policy, and what it becomes must pass the WITH CHECK and the select policy. A row that does not is an error,
    /// never passed over.
    fn conflict_check(&self, place: Place, fields: &[usize], conflict: &Conflict) -> Result<Option<Expr>, Fault> {
        let Some(set) = &conflict.set else { return Ok(None) };
        let merged = |field: usize| set.contains(&field).then(|| self.row_value(place, fields, field));
        let using = self.right(place.collection, place.role, Right::UpdateUsing)?;
        let check = self.right(place.collection, place.role, Right::UpdateCheck)?;
        let select = self.right(place.collection, place.role, Right::Select)?;
        let old = Expr::all([using, select.clone()]);
        let new = Expr::all([check, select]).replace(&merged);
        Ok(Some(fold(distinct_parts([old, new]), place.role)))
    }

    fn insert_check(
        &self,
        place: Place,
        checks: Vec<Expr>,
        old_row: Option<Expr>,
        conflict: Option<&Conflict>,
        fields: &[usize],
    ) -> Option<Statement> {
        let new_row = fold(distinct_parts(checks), place.role);
        let old_row = old_row.filter(|expr| !expr.is_true()).zip(conflict);
        if new_row.is_true() && old_row.is_none() {
            return None;
        }
        let mut sql = Sql::new(self.dialect);
        sql.word("SELECT 1 WHERE ");
        if !new_row.is_true() {
            self.not_true(&mut sql, &new_row);
        }
        if let Some((expr, conflict)) = old_row {
            sql.word(if new_row.is_true() { "" } else { " OR " }).word("EXISTS (SELECT 1");
            self.source(&mut sql, place.collection, &self.same_target(place, conflict, fields));
            sql.word(" AND ");
            self.not_true(&mut sql, &expr);
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
        sql.list(0..fields.len(), ", ", |sql, n| _ = sql.bind(Param::Row(n))).word(")");
        let Some(conflict) = conflict else { return };
        sql.word(" ON CONFLICT (");
        sql.list(&conflict.target, ", ", |sql, field| _ = sql.name(&collection.fields[*field].name)).word(") DO ");
        match conflict.set.as_deref() {
            None => sql.word("NOTHING"),
            Some(set) => {
                let set = if set.is_empty() { &conflict.target[..1] } else { set };
                sql.word("UPDATE SET ").list(set, ", ", |sql, field| {
                    let name = &collection.fields[*field].name;
                    sql.name(name).word(" = excluded.").name(name);
                })
            }
        };
    }

    fn update(
        &self,
        place: Place,
        set: &[(usize, usize)],
        filter: &Filter,
        returning: &Returning,
    ) -> Result<WritePlan, Fault> {
        let answers = self.answers(place, returning)?;
        let using = self.right(place.collection, place.role, Right::UpdateUsing)?;
        let check = self.right(place.collection, place.role, Right::UpdateCheck)?;
        // CREATE POLICY, UPDATE: a command that reads columns, in its WHERE or RETURNING, needs the select policy beside the
        // update policy: rows that fail either are passed over, and new rows that fail either are an error.
        let select = self.reading(place, filter, returning)?;
        let old: Vec<Expr> = [parts(using), parts(select.clone())].concat();
        let new: Vec<Expr> = [parts(check), parts(select)].concat();
        let changed = |field: usize| {
            let slot = set.iter().find(|(f, _)| *f == field)?.1;
            Some(Expr::Param(Param::Value(slot), self.field_type(place, field)))
        };
        // What holds of the old row, and speaks of nothing that changes, holds of the new one.
        let to_check = new.into_iter().filter(|part| part.mentions(&|f| changed(f).is_some()) || !old.contains(part));
        let to_check = fold(distinct_parts(to_check.map(|part| part.replace(&changed))), place.role);
        let filter = self.filter(place.collection, filter)?;
        let condition = fold(Expr::all([filter, distinct_parts(old)]), place.role);
        let check = (!to_check.is_true()).then(|| {
            let mut sql = Sql::new(self.dialect);
            sql.word("SELECT 1 FROM ").name(&self.model.collection(place.collection).name).word(" WHERE ");
            if !condition.is_true() {
                sql.expr(self.scope(), &condition);
                sql.word(" AND ");
            }
            self.not_true(&mut sql, &to_check);
            sql.word(" LIMIT 1");
            sql.finish()
        });
        let collection = self.model.collection(place.collection);
        let mut sql = Sql::new(self.dialect);
        sql.word("UPDATE ").name(&collection.name).word(" SET ");
        if set.is_empty() {
            sql.name(&collection.fields[0].name).word(" = ").name(&collection.fields[0].name);
        }
        sql.list(set, ", ", |sql, (field, slot)| {
            sql.name(&collection.fields[*field].name).word(" = ").bind(Param::Value(*slot));
        });
        self.only(&mut sql, &condition);
        Ok(self.finish(place, sql, answers, returning, (Action::Update, &[], check, None)))
    }

    fn delete(&self, place: Place, filter: &Filter, returning: &Returning) -> Result<WritePlan, Fault> {
        let answers = self.answers(place, returning)?;
        let policy = self.right(place.collection, place.role, Right::Delete)?;
        // CREATE POLICY, DELETE: as for UPDATE, a command that reads columns needs the select policy too.
        let select = self.reading(place, filter, returning)?;
        let filter = self.filter(place.collection, filter)?;
        let condition = fold(Expr::all([filter, distinct_parts([policy, select])]), place.role);
        let mut sql = Sql::new(self.dialect);
        sql.word("DELETE");
        self.source(&mut sql, place.collection, &condition);
        Ok(self.finish(place, sql, answers, returning, (Action::Delete, &[], None, None)))
    }

    /// The select policy, if the command reads columns; else true.
    fn reading(&self, place: Place, filter: &Filter, returning: &Returning) -> Result<Expr, Fault> {
        if filter.is_all() && returning.select.is_empty() {
            Ok(Expr::TRUE)
        } else {
            self.right(place.collection, place.role, Right::Select)
        }
    }

    fn answers(&self, place: Place, returning: &Returning) -> Result<Answers, Fault> {
        let (columns, shown) = self.columns(place.collection, &returning.select)?;
        let order = if shown.is_empty() { &[][..] } else { &returning.order };
        let keys = order.iter().map(|key| self.target(place.collection, &key.target)).collect::<Result<_, _>>()?;
        let sort = order
            .iter()
            .map(|key| Sort { descending: key.descending, nulls_first: key.nulls_first.unwrap_or(key.descending) });
        Ok(Answers { verdicts: Vec::new(), columns, shown, keys, sort: sort.collect() })
    }

    fn finish(
        &self,
        place: Place,
        mut sql: Sql,
        answers: Answers,
        returning: &Returning,
        (action, fields, check, probe): (Action, &[usize], Option<Statement>, Option<Statement>),
    ) -> WritePlan {
        let mut separator = " RETURNING ";
        for verdict in &answers.verdicts {
            sql.word(separator).word("((");
            sql.expr(self.scope(), verdict);
            sql.word(") IS TRUE)");
            separator = ", ";
        }
        for shown in &answers.shown {
            sql.word(separator);
            sql.expr(self.scope(), shown);
            separator = ", ";
        }
        for key in &answers.keys {
            sql.word(separator);
            sql.sort_key(self.scope(), key);
        }
        WritePlan {
            collection: place.collection,
            action,
            fields: fields.to_vec(),
            check,
            probe,
            write: sql.finish(),
            tells_new: false,
            verdicts: answers.verdicts.len(),
            columns: answers.columns,
            sort: answers.sort,
            strip_nulls: returning.strip_nulls,
        }
    }

    /// Null counts as not satisfied.
    fn not_true(&self, sql: &mut Sql, expr: &Expr) {
        sql.word("(");
        sql.expr(self.scope(), expr);
        sql.word(" IS NOT TRUE)");
    }

    fn field_type(&self, place: Place, field: usize) -> Type {
        self.model.collection(place.collection).fields[field].ty
    }

    /// A field's value in the row that is written.
    fn row_value(&self, place: Place, fields: &[usize], field: usize) -> Expr {
        match fields.iter().position(|f| *f == field) {
            Some(n) => Expr::Param(Param::Row(n), self.field_type(place, field)),
            None => Expr::Literal(Value::Null),
        }
    }

    /// Whether the store counts this row's key.
    fn is_counted(&self, place: Place, fields: &[usize]) -> bool {
        self.model.collection(place.collection).key.origin == KeyOrigin::Counted && !fields.contains(&0)
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

    /// `ON CONFLICT` needs a key or something unique.
    fn check_target(&self, place: Place, conflict: &Conflict) -> Result<(), Fault> {
        let collection = self.model.collection(place.collection);
        let mut target = conflict.target.clone();
        target.sort_unstable();
        target.dedup();
        let is = |mut fields: Vec<usize>| {
            fields.sort_unstable();
            fields == target
        };
        let known = is((0..collection.key.len).collect())
            || matches!(target[..], [one] if collection.fields[one].unique)
            || collection.indexes.iter().any(|index| {
                index.unique
                    && index.parts.iter().all(|part| part.path.is_empty())
                    && is(index.parts.iter().map(|part| part.field).collect())
            });
        if known {
            return Ok(());
        }
        Err(Fault::new(
            FaultKind::ConflictTarget,
            "there is no unique or exclusion constraint matching the ON CONFLICT specification",
        )
        .hint("on_conflict names the key, a unique field, or the fields of a unique index"))
    }
}

/// The parts that must all hold.
fn parts(expr: Expr) -> Vec<Expr> {
    match expr {
        Expr::And(parts) => parts,
        other if other.is_true() => Vec::new(),
        other => vec![other],
    }
}

/// All of these, each once.
fn distinct_parts(exprs: impl IntoIterator<Item = Expr>) -> Expr {
    let mut kept: Vec<Expr> = Vec::new();
    for part in exprs.into_iter().flat_map(parts) {
        if !kept.contains(&part) {
            kept.push(part);
        }
    }
    Expr::all(kept)
}
