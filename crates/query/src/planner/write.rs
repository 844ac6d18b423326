//! Writes: what is checked before, the write itself, and what it answers.
//!
//! The rules are PostgreSQL's for row security, as its manual has them under `CREATE POLICY` (the notes on each command,
//! and the table of policies by command type); each is told where it is applied. What must hold is worked out here; how it
//! is held is each dialect's: [`sqlite`] looks before it writes, [`postgres`] has all of it in one statement.

mod postgres;
mod sqlite;

use std::borrow::Cow;

use pintle_model::{Collection, CollectionId, KeyOrigin, Role, Type};

use super::Planner;
use super::access::Right;
use super::filter::is_point;
use crate::expr::{Expr, fold};
use crate::plan::{Action, Apart, Column, Param, Sort, Statement, WritePlan};
use crate::request::{Conflict, Filter, Order, Returning, SelectItem, Target, WriteShape};
use crate::sql::Sql;
use crate::{Dialect, Fault, FaultKind};

/// Rows that are written, as a place to make a plan for.
#[derive(Debug, Clone, Copy)]
struct Place {
    collection: CollectionId,
    role: Role,
}

/// What RETURNING gives, worked out.
#[derive(Debug)]
struct Answers {
    columns: Vec<Column>,
    shown: Vec<Expr>,
    keys: Vec<Expr>,
    sort: Vec<Sort>,
}

/// An insert, with what must hold for it.
#[derive(Debug)]
struct Insert<'a> {
    /// The fields that have a value.
    fields: &'a [usize],
    conflict: Option<&'a Conflict>,
    /// What the row's values must satisfy.
    new_row: Expr,
    /// What the row must satisfy that reads its counted key, which is not known before.
    on_key: Vec<Expr>,
    /// What the row that is there must satisfy to be changed, over its fields.
    old_row: Expr,
}

/// An update, with what must hold for it.
#[derive(Debug)]
struct Update<'a> {
    /// The fields that change, with the slots of their new values.
    set: &'a [(usize, usize)],
    /// Which rows.
    condition: Expr,
    /// What each of them must satisfy, with its new values.
    check: Expr,
}

/// What a dialect makes of a write: the parts of a [`WritePlan`] that hold SQL.
#[derive(Debug)]
struct Statements {
    check: Option<Statement>,
    probe: Option<Statement>,
    write: Statement,
    bulk: Option<Statement>,
    apart: Option<Vec<Apart>>,
    locks: Vec<usize>,
    tells_new: bool,
    verdicts: usize,
    /// Whether the statement itself brings the rows into the order that was asked for.
    sorts: bool,
}

impl Statements {
    fn plan(self, place: Place, action: Action, answers: Answers, returning: &Returning) -> WritePlan {
        WritePlan {
            collection: place.collection,
            action,
            fields: Vec::new(),
            check: self.check,
            probe: self.probe,
            write: self.write,
            bulk: self.bulk,
            apart: self.apart,
            locks: self.locks,
            tells_new: self.tells_new,
            verdicts: self.verdicts,
            columns: answers.columns,
            sort: if self.sorts { Vec::new() } else { answers.sort },
            strip_nulls: returning.strip_nulls,
        }
    }
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
                self.insert(place, Right::Insert, fields, conflict.as_ref(), returning)
            }
            WriteShape::Take { by, fields, returning } => {
                let conflict = Conflict { target: self.model.pipeline(*by).id.clone(), set: None, asked: false };
                self.insert(place, Right::Take(*by), fields, Some(&conflict), returning)
            }
            WriteShape::Update { set, filter, returning } => self.update(place, set, filter, returning),
            WriteShape::Delete { filter, returning } => self.delete(place, filter, returning),
        }
    }

    fn insert(
        &self,
        place: Place,
        right: Right,
        fields: &[usize],
        conflict: Option<&Conflict>,
        returning: &Returning,
    ) -> Result<WritePlan, Fault> {
        let answers = self.answers(place, &returning.select, &returning.order)?;
        let new_row = |field: usize| Some(self.row_value(place, fields, field));
        // CREATE POLICY, INSERT: each row that is to be added must pass, whatever becomes of it on a conflict.
        let mut checks = vec![self.right(place.collection, place.role, right)?.replace(&new_row)];
        let mut on_key = Vec::new();
        // CREATE POLICY, SELECT: with RETURNING, new rows must pass the select policy too, or the command fails. The columns
        // that ON CONFLICT names are read just so.
        if !returning.select.is_empty() || conflict.is_some_and(|conflict| conflict.asked) {
            let counted = self.is_counted(place) && !fields.contains(&0);
            for part in parts(self.right(place.collection, place.role, Right::Select)?) {
                if counted && part.mentions(&|field| field == 0) {
                    // The other fields are the row's already: there may be no table to read them from.
                    on_key.push(part.replace(&|field| if field == 0 { None } else { new_row(field) }));
                } else {
                    checks.push(part.replace(&new_row));
                }
            }
        }
        let mut old_row = Expr::TRUE;
        if let Some(conflict) = conflict {
            self.check_target(place, conflict)?;
            old_row = self.conflict_check(place, fields, conflict)?;
        }
        let new_row = fold(distinct_parts(checks), place.role);
        let insert = Insert { fields, conflict, new_row, on_key, old_row };
        let statements = match self.dialect {
            Dialect::Sqlite => self.sqlite_insert(place, insert, &answers),
            Dialect::Postgres => self.postgres_insert(place, insert, &answers),
        };
        let action = if conflict.is_some() { Action::Upsert } else { Action::Insert };
        Ok(WritePlan { fields: fields.to_vec(), ..statements.plan(place, action, answers, returning) })
    }

    /// What the row that is there must satisfy for `ON CONFLICT DO UPDATE`, as one expression over it.
    ///
    /// CREATE POLICY, UPDATE and the table: on this path the row that is there must pass the update policy's USING and the
    /// select policy, and what it becomes must pass the WITH CHECK and the select policy. A row that does not is an error,
    /// never passed over.
    fn conflict_check(&self, place: Place, fields: &[usize], conflict: &Conflict) -> Result<Expr, Fault> {
        let Some(set) = &conflict.set else { return Ok(Expr::TRUE) };
        let merged = |field: usize| set.contains(&field).then(|| self.row_value(place, fields, field));
        let using = self.right(place.collection, place.role, Right::UpdateUsing)?;
        let check = self.right(place.collection, place.role, Right::UpdateCheck)?;
        let select = self.right(place.collection, place.role, Right::Select)?;
        let old = Expr::all([using, select.clone()]);
        let new = Expr::all([check, select]).replace(&merged);
        Ok(fold(distinct_parts([old, new]), place.role))
    }

    fn update(
        &self,
        place: Place,
        set: &[(usize, usize)],
        filter: &Filter,
        returning: &Returning,
    ) -> Result<WritePlan, Fault> {
        let answers = self.answers(place, &returning.select, &self.found_in_order(place, filter, returning))?;
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
        let check = fold(distinct_parts(to_check.map(|part| part.replace(&changed))), place.role);
        let found = self.filter(place.collection, filter)?;
        let near = self.candidates(place.collection, filter, &found);
        let condition = fold(Expr::all([found, near, distinct_parts(old)]), place.role);
        let update = Update { set, condition, check };
        let statements = match self.dialect {
            Dialect::Sqlite => self.sqlite_update(place, update, &answers),
            Dialect::Postgres => self.postgres_update(place, update, filter, &answers),
        };
        Ok(statements.plan(place, Action::Update, answers, returning))
    }

    fn delete(&self, place: Place, filter: &Filter, returning: &Returning) -> Result<WritePlan, Fault> {
        let answers = self.answers(place, &returning.select, &self.found_in_order(place, filter, returning))?;
        let policy = self.right(place.collection, place.role, Right::Delete)?;
        // CREATE POLICY, DELETE: as for UPDATE, a command that reads columns needs the select policy too.
        let select = self.reading(place, filter, returning)?;
        let found = self.filter(place.collection, filter)?;
        let near = self.candidates(place.collection, filter, &found);
        let condition = fold(Expr::all([found, near, distinct_parts([policy, select])]), place.role);
        let statements = match self.dialect {
            Dialect::Sqlite => self.sqlite_delete(place, &condition, &answers),
            Dialect::Postgres => self.postgres_delete(place, &condition, filter, &answers),
        };
        Ok(statements.plan(place, Action::Delete, answers, returning))
    }

    /// The select policy, if the command reads columns; else true.
    fn reading(&self, place: Place, filter: &Filter, returning: &Returning) -> Result<Expr, Fault> {
        if filter.is_all() && returning.select.is_empty() {
            Ok(Expr::TRUE)
        } else {
            self.right(place.collection, place.role, Right::Select)
        }
    }

    /// The order of rows that were found: what is asked for, then that of the key. The databases' own is not the same, nor that of a read.
    fn found_in_order<'a>(&self, place: Place, filter: &Filter, returning: &'a Returning) -> Cow<'a, [Order]> {
        let collection = self.model.collection(place.collection);
        if is_point(collection, filter) {
            return Cow::Borrowed(&returning.order);
        }
        let key = (0..collection.key.len).map(|field| Order {
            target: Target { field, path: Vec::new(), text: false, spot: None },
            descending: false,
            nulls_first: None,
        });
        Cow::Owned(returning.order.iter().cloned().chain(key).collect())
    }

    fn answers(&self, place: Place, select: &[SelectItem], order: &[Order]) -> Result<Answers, Fault> {
        let (columns, shown) = self.columns(place.collection, select)?;
        let order = if shown.is_empty() { &[][..] } else { order };
        let keys = order.iter().map(|key| self.sort_target(place.collection, &key.target)).collect::<Result<_, _>>()?;
        let sort = order
            .iter()
            .map(|key| Sort { descending: key.descending, nulls_first: key.nulls_first.unwrap_or(key.descending) });
        Ok(Answers { columns, shown, keys, sort: sort.collect() })
    }

    fn field_type(&self, place: Place, field: usize) -> Type {
        self.model.collection(place.collection).fields[field].ty
    }

    /// A field's value in the row that is written.
    fn row_value(&self, place: Place, fields: &[usize], field: usize) -> Expr {
        match fields.iter().position(|f| *f == field) {
            Some(n) => Expr::Param(Param::Row(n), self.field_type(place, field)),
            None => Expr::null(self.field_type(place, field)),
        }
    }

    /// Whether the store counts the key where a row does not give it.
    fn is_counted(&self, place: Place) -> bool {
        self.model.collection(place.collection).key.origin == KeyOrigin::Counted
    }

    /// `ON CONFLICT` needs a key or something unique.
    fn check_target(&self, place: Place, conflict: &Conflict) -> Result<(), Fault> {
        let known = is_unique(self.model.collection(place.collection), &conflict.target);
        if known {
            return Ok(());
        }
        Err(Fault::new(
            FaultKind::ConflictTarget,
            "there is no unique or exclusion constraint matching the ON CONFLICT specification",
        )
        .hint("on_conflict names the key, a unique field, or the fields of a unique index"))
    }

    /// `UPDATE "collection" SET …`
    fn set(&self, sql: &mut Sql, place: Place, set: &[(usize, usize)]) {
        let collection = self.model.collection(place.collection);
        sql.word("UPDATE ").name(&collection.name).word(" SET ");
        if set.is_empty() {
            sql.name(&collection.fields[0].name).word(" = ").name(&collection.fields[0].name);
        }
        sql.list(set, ", ", |sql, (field, slot)| {
            let field = &collection.fields[*field];
            sql.name(&field.name).word(" = ").bind(Param::Value(*slot), field.ty);
        });
    }

    /// ` ON CONFLICT (…) DO …`, without a condition.
    fn on_conflict(&self, sql: &mut Sql, place: Place, conflict: &Conflict) {
        let collection = self.model.collection(place.collection);
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
}

/// Whether these fields are the key, a unique field, or those of a unique index.
pub(crate) fn is_unique(collection: &Collection, fields: &[usize]) -> bool {
    let mut target = fields.to_vec();
    target.sort_unstable();
    target.dedup();
    let is = |mut fields: Vec<usize>| {
        fields.sort_unstable();
        fields == target
    };
    is((0..collection.key.len).collect())
        || matches!(target[..], [one] if collection.fields[one].unique)
        || collection.indexes.iter().any(|index| {
            index.unique
                && index.parts.iter().all(|part| part.path.is_empty())
                && is(index.parts.iter().map(|part| part.field).collect())
        })
}

/// The parts that must all hold.
pub(crate) fn parts(expr: Expr) -> Vec<Expr> {
    match expr {
        Expr::And(parts) => parts,
        other if other.is_true() => Vec::new(),
        other => vec![other],
    }
}

/// All of these, each once.
pub(crate) fn distinct_parts(exprs: impl IntoIterator<Item = Expr>) -> Expr {
    let mut kept: Vec<Expr> = Vec::new();
    for part in exprs.into_iter().flat_map(parts) {
        if !kept.contains(&part) {
            kept.push(part);
        }
    }
    Expr::all(kept)
}
