//! Statements that write: what each row must satisfy stands in the statement, which fails where a policy forbids it.
//!
//! The rules are those of [`crate::planner`]'s writes, which are PostgreSQL's, and stricter in two things: a statement
//! that changes or removes rows always asks the `select` policy too, and what cannot be held is refused by name.

use pintle_model::{CollectionId, Type};
use sqlparser::ast::{self, SetExpr, Spanned, Statement};
use sqlparser::tokenizer::Span;

use super::lower::{Lower, Lowered};
use super::scope::{Level, Row};
use crate::Dialect;
use crate::expr::Expr;
use crate::functions::name;
use crate::plan::Action;
use crate::planner::{Right, distinct_parts, parts};
use crate::policy::mistake::{Mistake, did_you_mean};
use crate::sql::{Fragment, Piece};

/// The way out where a statement cannot be held to the policies.
const AS_SERVICE: &str = "let the route say `as: service_role`, and check in its own words who may do this";

/// A collection that is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) collection: CollectionId,
    /// Its row's alias.
    pub(super) row: usize,
}

/// A field and its new value.
pub(super) struct Set {
    pub(super) field: usize,
    pub(super) value: Fragment,
}

impl Lower<'_> {
    /// `WITH … INSERT …` and its like.
    pub(super) fn write_with(&mut self, query: &ast::Query) -> Result<Lowered, Mistake> {
        let bare = query.order_by.is_none()
            && query.limit_clause.is_none()
            && query.fetch.is_none()
            && query.locks.is_empty()
            && query.for_clause.is_none()
            && query.settings.is_none()
            && query.format_clause.is_none()
            && query.pipe_operators.is_empty();
        if !bare {
            return Err(self.unknown(query.span()));
        }
        let withs = query.with.as_ref().map_or(Ok(Fragment::default()), |with| self.with(with))?;
        match &*query.body {
            SetExpr::Insert(Statement::Insert(insert)) => self.insert(insert, withs),
            SetExpr::Update(Statement::Update(update)) => self.update(update, withs),
            SetExpr::Delete(Statement::Delete(delete)) => self.delete(delete, withs),
            _ => Err(self.unknown(query.span())),
        }
    }

    pub(super) fn update(&mut self, update: &ast::Update, withs: Fragment) -> Result<Lowered, Mistake> {
        let ast::Update {
            update_token: _,
            optimizer_hints: _,
            table,
            assignments,
            from,
            selection,
            returning,
            output: None,
            or: None,
            order_by,
            limit: None,
        } = update
        else {
            return Err(self.wrong("this UPDATE has more to it than is known here", update.span()));
        };
        if !order_by.is_empty() || !table.joins.is_empty() {
            return Err(self
                .wrong("an UPDATE is of one collection", update.span())
                .help("write `UPDATE … SET … FROM … WHERE …`"));
        }
        self.levels.push(Level::default());
        let target = self.target(&table.relation)?;
        let from = match from {
            None => Fragment::default(),
            Some(ast::UpdateTableFromKind::AfterSet(from)) => Fragment::word(" FROM ").and(self.from(from)?),
            Some(ast::UpdateTableFromKind::BeforeSet(_)) => return Err(self.unknown(update.span())),
        };
        let set = self.assignments(target, assignments)?;
        let (using, check) =
            (self.right(target.collection, Right::UpdateUsing), self.right(target.collection, Right::UpdateCheck));
        let select = self.right(target.collection, Right::Select);
        let old = distinct_parts([using, select.clone()]);
        let new = self.new_row(&old, Expr::all([check, select]), &set);
        if new.sought().contains(&target.collection) {
            return Err(self.itself(target, "update", assignments_span(assignments)));
        }
        let condition = self.condition(target, &old, selection.as_ref())?;
        self.end_level()?;
        let row = self.row_of(target, &set);
        let mut parts = Vec::with_capacity(set.len());
        for (n, one) in set.into_iter().enumerate() {
            let value = if n == 0 && !new.is_true() {
                let check = Fragment::of(Piece::Policy(new.clone(), row.clone()));
                let denied = self.deny(target);
                check
                    .between("CASE WHEN (", ") IS TRUE THEN ")
                    .and(one.value)
                    .then(" WHEN ")
                    .and(denied)
                    .then(" THEN NULL END")
            } else {
                one.value
            };
            parts.push(Fragment::of(Piece::Name(self.field_name(target, one.field))).then(" = ").and(value));
        }
        let sql = withs
            .then("UPDATE ")
            .and(self.aliased(target))
            .then(" SET ")
            .and(Fragment::list(parts, ", "))
            .and(from)
            .and(condition);
        self.returned(target, Action::Update, sql, returning.as_deref())
    }

    pub(super) fn delete(&mut self, delete: &ast::Delete, withs: Fragment) -> Result<Lowered, Mistake> {
        let ast::Delete {
            delete_token: _,
            optimizer_hints: _,
            tables,
            from: ast::FromTable::WithFromKeyword(from),
            using: None,
            selection,
            returning,
            output: None,
            order_by,
            limit: None,
        } = delete
        else {
            return Err(self
                .wrong("this DELETE has more to it than is known here", delete.span())
                .help("write `DELETE FROM … WHERE … IN (SELECT …)`"));
        };
        let ([table], true) = (&from[..], tables.is_empty() && order_by.is_empty()) else {
            return Err(self.wrong("a DELETE is from one collection", delete.span()));
        };
        if !table.joins.is_empty() {
            return Err(self.wrong("a DELETE is from one collection", delete.span()));
        }
        self.levels.push(Level::default());
        let target = self.target(&table.relation)?;
        let policy = self.right(target.collection, Right::Delete);
        let select = self.right(target.collection, Right::Select);
        let condition = self.condition(target, &distinct_parts([policy, select]), selection.as_ref())?;
        self.end_level()?;
        let sql = withs.then("DELETE FROM ").and(self.aliased(target)).and(condition);
        self.returned(target, Action::Delete, sql, returning.as_deref())
    }

    /// The collection that is written, brought into sight.
    fn target(&mut self, relation: &ast::TableFactor) -> Result<Target, Mistake> {
        let span = relation.span();
        match relation {
            ast::TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
                let collection = self.collection(name)?;
                let alias = alias.as_ref().map(|alias| alias.name.value.clone());
                Ok(self.aims(collection, alias))
            }
            _ => Err(self.wrong("only a collection is written", span)),
        }
    }

    pub(super) fn aims(&mut self, collection: CollectionId, alias: Option<String>) -> Target {
        let (row, columns) = (self.fresh(), self.fields(collection));
        let name = alias.unwrap_or_else(|| self.planner.model.collection(collection).name.clone());
        if let Some(level) = self.levels.last_mut() {
            level.rows.push(Row { id: Some(row), name, columns });
        }
        self.hideable.push(row);
        Target { collection, row }
    }

    pub(super) fn assignments(&mut self, target: Target, assignments: &[ast::Assignment]) -> Result<Vec<Set>, Mistake> {
        let mut set: Vec<Set> = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let span = assignment.span();
            let ast::AssignmentTarget::ColumnName(name) = &assignment.target else {
                return Err(self.wrong("one field is set at a time", span).help("write `a = …, b = …`"));
            };
            let field = self.field(target.collection, name)?;
            let collection = self.planner.model.collection(target.collection);
            if collection.is_key(field) {
                return Err(self
                    .wrong("a key never changes", span)
                    .help("remove the row, and add it with another key"));
            }
            if set.iter().any(|other| other.field == field) {
                return Err(self.wrong(format!("`{name}` is set twice"), span));
            }
            self.may_set(target.collection, field, span)?;
            let before = self.reads.len();
            let ty = collection.fields[field].ty;
            let value = self.while_found(true, |lower| lower.expr_of(&assignment.value, ty))?;
            if self.reads[before..].contains(&target.collection) {
                return Err(self
                    .wrong(format!("a new value does not look into `{}` itself", collection.name), span)
                    .help(
                        "SQLite would see the rows that have changed already: write `UPDATE … FROM (SELECT …) AS …`",
                    ));
            }
            set.push(Set { field, value: self.finished(value) });
        }
        Ok(set)
    }

    /// A field by its name.
    pub(super) fn field(&self, collection: CollectionId, name: &ast::ObjectName) -> Result<usize, Mistake> {
        let collection = self.planner.model.collection(collection);
        let ident = match &name.0[..] {
            [part] => part.as_ident(),
            _ => None,
        };
        let Some(ident) = ident else { return Err(self.wrong("a field is named by itself here", name.span())) };
        if let Some((field, _)) = collection.field(&ident.value) {
            return Ok(field);
        }
        let known: Vec<&str> = collection.fields.iter().map(|field| field.name.as_str()).collect();
        Err(self
            .wrong(format!("`{}` has no field `{}`", collection.name, ident.value), ident.span)
            .label("unknown field")
            .help(did_you_mean(&ident.value, known, "it has")))
    }

    /// Whether a statement may give this field a value: what only Pintle itself can check is written through the API.
    pub(super) fn may_set(&self, collection: CollectionId, field: usize, span: Span) -> Result<(), Mistake> {
        let collection = self.planner.model.collection(collection);
        let (name, field) = (&collection.fields[field].name, &collection.fields[field]);
        if field.readonly && self.role != pintle_model::Role::ServiceRole {
            let help = "leave it out: its default is filled in; or let the route say `as: service_role`";
            return Err(self.wrong(format!("`{name}` is readonly"), span).help(help));
        }
        if field.pattern.is_some() || field.schema.is_some() {
            let help = "the database does not know them: write it from a script, with `db.from(…)`";
            return Err(self.wrong(format!("`{name}` has a pattern or a JSON Schema"), span).help(help));
        }
        Ok(())
    }

    /// What must be asked of the new row: what holds of the old one, and speaks of nothing that changes, holds of it too.
    pub(super) fn new_row(&self, old: &Expr, new: Expr, set: &[Set]) -> Expr {
        let changes = |field: usize| set.iter().any(|one| one.field == field);
        let known = parts(old.clone());
        distinct_parts(parts(new).into_iter().filter(|part| part.mentions(&changes) || !known.contains(part)))
    }

    /// The row as it becomes.
    pub(super) fn row_of(&self, target: Target, set: &[Set]) -> Vec<Fragment> {
        let fields = &self.planner.model.collection(target.collection).fields;
        let value = |field: usize| set.iter().find(|one| one.field == field).map(|one| one.value.clone());
        let old = |field: usize| Fragment::column(target.row, Piece::Name(fields[field].name.clone()));
        (0..fields.len()).map(|field| value(field).unwrap_or_else(|| old(field))).collect()
    }

    /// ` WHERE …`: the rows that the policies let the role write, and of those the ones that the author means.
    fn condition(&mut self, target: Target, policy: &Expr, selection: Option<&ast::Expr>) -> Result<Fragment, Mistake> {
        let wanted = selection.map(|selection| self.boolean(selection)).transpose()?;
        let held = (!policy.is_true()).then(|| Fragment::of(Piece::Policy(policy.clone(), self.row_of(target, &[]))));
        Ok(match (held, wanted) {
            (None, None) => Fragment::default(),
            (Some(one), None) | (None, Some(one)) => Fragment::word(" WHERE ").and(one),
            // What may fail is not asked of a row that is hidden.
            (Some(held), Some(wanted)) if self.fallible => {
                held.between(" WHERE CASE WHEN ", " THEN ").and(wanted).then(" ELSE FALSE END")
            }
            (Some(held), Some(wanted)) => Fragment::word(" WHERE ").and(wanted).then(" AND ").and(held),
        })
    }

    /// Fails the statement as a policy does.
    pub(super) fn deny(&self, target: Target) -> Fragment {
        let name = Piece::Quoted(self.planner.model.collection(target.collection).name.clone());
        Fragment::word(match self.dialect {
            Dialect::Sqlite => name::DENY,
            Dialect::Postgres => "_pintle_deny(",
        })
        .with(name)
        .then(")")
    }

    pub(super) fn field_name(&self, target: Target, field: usize) -> String {
        self.planner.model.collection(target.collection).fields[field].name.clone()
    }

    /// `"collection" AS "r1"`
    pub(super) fn aliased(&self, target: Target) -> Fragment {
        let name = self.planner.model.collection(target.collection).name.clone();
        Fragment::of(Piece::Name(name)).then(" AS ").with(Piece::Row(target.row))
    }

    pub(super) fn itself(&self, target: Target, action: &str, span: Span) -> Mistake {
        let name = &self.planner.model.collection(target.collection).name;
        self.wrong(
            format!("the `{action}` policy of `{name}` looks into `{name}` itself, which one statement cannot hold"),
            span,
        )
        .help(AS_SERVICE)
    }
}

fn assignments_span(assignments: &[ast::Assignment]) -> Span {
    assignments.first().map_or_else(Span::empty, Spanned::span)
}

/// The type of each field, in their order.
pub(super) fn types(fields: &[usize], all: &[pintle_model::Field]) -> Vec<Type> {
    fields.iter().map(|field| all[*field].ty).collect()
}
