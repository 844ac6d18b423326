//! `INSERT`, and what it does where a row is there already.

use pintle_model::{CollectionId, KeyOrigin};
use sqlparser::ast::{self, Spanned};
use sqlparser::tokenizer::Span;

use super::lower::{Lower, Lowered};
use super::scope::{Level, Row};
use super::write::{Target, types};
use crate::expr::Expr;
use crate::plan::Action;
use crate::planner::{Right, distinct_parts, is_unique};
use crate::policy::mistake::Mistake;
use crate::sql::{Fragment, Piece};

/// What is inserted.
struct Rows {
    /// The fields that have a value: those that the statement gives, then those that a default fills.
    fields: Vec<usize>,
    /// How many of them the statement gives.
    given: usize,
    /// Their values.
    values: Vec<Fragment>,
    /// All fields of the row, for policies.
    row: Vec<Fragment>,
}

impl Lower<'_> {
    pub(super) fn insert(&mut self, insert: &ast::Insert, withs: Fragment) -> Result<Lowered, Mistake> {
        let (name, source) = self.plain_insert(insert)?;
        let collection = self.collection(name)?;
        let given = self.given(collection, insert)?;
        let all = &self.planner.model.collection(collection).fields;
        let wanted = types(&given, all);
        let found = self.subquery(source, Some(&wanted))?;
        if found.columns.len() != given.len() {
            let message = format!("{} fields are named, and {} values given", given.len(), found.columns.len());
            return Err(self.wrong(message, source.span()));
        }
        let from = self.fresh();
        let mut values = Vec::with_capacity(given.len());
        for (n, (column, ty)) in found.columns.iter().zip(&wanted).enumerate() {
            if column.ty != *ty {
                let message = format!("`{}` is {}, and this is {}", all[given[n]].name, ty.name(), column.ty.name());
                return Err(self.wrong(message, column.span).help(format!("write `CAST(… AS {})`", ty.name())));
            }
            let known = super::typed::Known::new(Fragment::column(from, Piece::Column(n + 1)), *ty).exact(column.exact);
            values.push(self.finished(known));
        }
        self.levels.push(Level::default());
        let target = self.aims(collection, insert.table_alias.as_ref().map(|alias| alias.alias.value.clone()));
        let rows = self.filled(target, given, values, from);
        let reads = insert.returning.is_some() || insert.on.is_some();
        let check = self.insert_check(target, &rows, reads, insert.span())?;
        let conflict = match &insert.on {
            Some(on) => self.on_conflict(target, on)?,
            None => Fragment::default(),
        };
        self.levels.pop();
        let names = rows.fields.iter().map(|field| Fragment::of(Piece::Name(self.field_name(target, *field))));
        let sql = withs
            .then("INSERT INTO ")
            .and(self.aliased(target))
            .then(" (")
            .and(Fragment::list(names, ", "))
            .then(") SELECT ")
            .and(Fragment::list(rows.values, ", "))
            .then(" FROM (")
            .and(found.sql)
            .then(") AS ")
            .with(Piece::Row(from))
            .then(" WHERE ");
        let sql = if check.is_true() {
            sql.then("TRUE")
        } else {
            let denied = self.deny(target);
            sql.and(held(check, rows.row, Fragment::word("TRUE"), denied))
        };
        let action = if insert.on.is_some() { Action::Upsert } else { Action::Insert };
        self.returned(target, action, sql.and(conflict), insert.returning.as_deref())
    }

    /// Nothing in it but what is known here.
    fn plain_insert<'s>(&self, insert: &'s ast::Insert) -> Result<(&'s ast::ObjectName, &'s ast::Query), Mistake> {
        let plain = insert.or.is_none()
            && !insert.ignore
            && !insert.overwrite
            && insert.assignments.is_empty()
            && insert.partitioned.is_none()
            && insert.after_columns.is_empty()
            && !insert.has_table_keyword
            && insert.output.is_none()
            && !insert.replace_into
            && insert.priority.is_none()
            && insert.insert_alias.is_none()
            && insert.settings.is_none()
            && insert.format_clause.is_none()
            && insert.multi_table_insert_type.is_none()
            && insert.multi_table_into_clauses.is_empty()
            && insert.multi_table_when_clauses.is_empty()
            && insert.multi_table_else_clause.is_none();
        match (&insert.table, &insert.source, plain) {
            (ast::TableObject::TableName(name), Some(source), true) => Ok((name, source)),
            (_, None, true) => {
                Err(self.wrong("an INSERT has rows", insert.span()).help("write `INSERT INTO … (…) VALUES (…)`"))
            }
            _ => Err(self
                .wrong("this INSERT has more to it than is known here", insert.span())
                .help("write `INSERT INTO … (…) VALUES (…) ON CONFLICT (…) DO UPDATE SET …`")),
        }
    }

    /// The fields that the statement names.
    fn given(&self, collection: CollectionId, insert: &ast::Insert) -> Result<Vec<usize>, Mistake> {
        if insert.columns.is_empty() {
            return Err(self.wrong("an INSERT names its fields", insert.span()).help("write `INSERT INTO … (a, b) …`"));
        }
        let mut given = Vec::with_capacity(insert.columns.len());
        for name in &insert.columns {
            let field = self.field(collection, name)?;
            if given.contains(&field) {
                return Err(self.wrong(format!("`{name}` is named twice"), name.span()));
            }
            self.may_set(collection, field, name.span())?;
            if field == 0 && self.planner.model.collection(collection).key.origin == KeyOrigin::Counted {
                return Err(self
                    .wrong(format!("`{name}` is counted by the store"), name.span())
                    .help("leave it out, and ask for it with RETURNING"));
            }
            given.push(field);
        }
        let all = self.planner.model.collection(collection);
        for (field, of) in all.fields.iter().enumerate() {
            let counted = field == 0 && all.key.origin != KeyOrigin::Given;
            let needed = (of.required || all.is_key(field)) && of.default.is_none() && !counted;
            if needed && !given.contains(&field) {
                return Err(self.wrong(format!("`{}` is required, and has no value", of.name), insert.span()));
            }
        }
        Ok(given)
    }

    /// The row with its defaults.
    fn filled(&self, target: Target, given: Vec<usize>, values: Vec<Fragment>, from: usize) -> Rows {
        let all = &self.planner.model.collection(target.collection).fields;
        let mut row: Vec<Fragment> = all.iter().map(|field| self.null(field.ty).sql).collect();
        for (n, field) in given.iter().enumerate() {
            row[*field] = Fragment::column(from, Piece::Column(n + 1));
        }
        let (count, mut fields, mut values) = (given.len(), given, values);
        for (field, known) in row.iter_mut().enumerate() {
            if fields.contains(&field) {
                continue;
            }
            if let Some(default) = self.default_of(target.collection, field) {
                *known = default.clone();
                fields.push(field);
                values.push(default);
            }
        }
        Rows { fields, given: count, values, row }
    }

    /// What each new row must satisfy.
    fn insert_check(&mut self, target: Target, rows: &Rows, reads: bool, span: Span) -> Result<Expr, Mistake> {
        let mut check = vec![self.right(target.collection, Right::Insert)];
        if reads {
            check.push(self.right(target.collection, Right::Select));
        }
        let check = distinct_parts(check);
        let collection = self.planner.model.collection(target.collection);
        let unknown = |field: usize| {
            let counted = field == 0 && collection.key.origin == KeyOrigin::Counted;
            let random = self.is_random(target.collection, field) && !rows.fields[..rows.given].contains(&field);
            counted || random
        };
        if check.mentions(&unknown) {
            let message = format!("a policy of `{}` speaks of a value that is only made with the row", collection.name);
            return Err(self.wrong(message, span).help("let the route say `as: service_role`, or give the value"));
        }
        Ok(check)
    }

    /// ` ON CONFLICT …`
    fn on_conflict(&mut self, target: Target, on: &ast::OnInsert) -> Result<Fragment, Mistake> {
        let ast::OnInsert::OnConflict(on) = on else {
            return Err(Mistake::new("write `ON CONFLICT (…) DO UPDATE SET …`"));
        };
        let fields = match &on.conflict_target {
            None => Vec::new(),
            Some(ast::ConflictTarget::Columns(names)) => {
                let name =
                    |ident: &ast::Ident| self.field(target.collection, &ast::ObjectName::from(vec![ident.clone()]));
                names.iter().map(name).collect::<Result<Vec<_>, _>>()?
            }
            Some(ast::ConflictTarget::OnConstraint(name)) => {
                return Err(self
                    .wrong("constraints are not named here", name.span())
                    .help("name the fields: `ON CONFLICT (…)`"));
            }
        };
        let collection = self.planner.model.collection(target.collection);
        if on.conflict_target.is_some() && !is_unique(collection, &fields) {
            return Err(Mistake::new("ON CONFLICT names the key, a unique field, or the fields of a unique index"));
        }
        let names = fields.iter().map(|field| Fragment::of(Piece::Name(collection.fields[*field].name.clone())));
        let names = Fragment::list(names, ", ");
        let sql = if names.is_empty() { Fragment::word(" ON CONFLICT") } else { names.between(" ON CONFLICT (", ")") };
        let ast::OnConflictAction::DoUpdate(update) = &on.action else { return Ok(sql.then(" DO NOTHING")) };
        if fields.is_empty() {
            return Err(Mistake::new("ON CONFLICT … DO UPDATE names its fields").help("write `ON CONFLICT (…)`"));
        }
        let excluded = Row { id: Some(0), name: "excluded".to_owned(), columns: self.fields(target.collection) };
        if let Some(level) = self.levels.last_mut() {
            level.rows.push(excluded);
        }
        let set = self.assignments(target, &update.assignments)?;
        let wanted = update.selection.as_ref().map(|selection| self.boolean(selection)).transpose()?;
        let select = self.right(target.collection, Right::Select);
        let old = distinct_parts([self.right(target.collection, Right::UpdateUsing), select.clone()]);
        let check = self.right(target.collection, Right::UpdateCheck);
        let new = self.new_row(&old, Expr::all([check, select]), &set);
        if old.sought().contains(&target.collection) || new.sought().contains(&target.collection) {
            return Err(self.itself(target, "update", Lower::at(on)));
        }
        let (row, next) = (self.row_of(target, &[]), self.row_of(target, &set));
        let assigned = set
            .into_iter()
            .map(|one| Fragment::of(Piece::Name(collection.fields[one.field].name.clone())).then(" = ").and(one.value));
        let sql = sql.then(" DO UPDATE SET ").and(Fragment::list(assigned, ", "));
        let mut condition = wanted;
        if !new.is_true() {
            let may = held(new, next, Fragment::word("TRUE"), self.deny(target));
            condition = Some(match condition {
                Some(wanted) => wanted.between("CASE WHEN ", " THEN ").and(may).then(" ELSE FALSE END"),
                None => may,
            });
        }
        if !old.is_true() {
            let then = condition.unwrap_or_else(|| Fragment::word("TRUE"));
            condition = Some(held(old, row, then, self.deny(target)));
        }
        Ok(match condition {
            Some(condition) => sql.then(" WHERE ").and(condition),
            None => sql,
        })
    }
}

/// `then` where the policy holds of the row, else the statement fails.
fn held(policy: Expr, row: Vec<Fragment>, then: Fragment, denied: Fragment) -> Fragment {
    let policy = Fragment::of(Piece::Policy(policy, row));
    policy.between("CASE WHEN (", ") IS TRUE THEN ").and(then).then(" ELSE ").and(denied).then(" END")
}
