//! Queries: `SELECT`, `VALUES`, set operations, `WITH`, and what orders and bounds them.
//!
//! Every leaf of a query names its columns `c1`, `c2` and so on, and every row in sight has an alias of its own: whatever
//! names the author chose, none of them can come between a policy and its table.

use pintle_model::Type;
use sqlparser::ast::{self, SetExpr, Spanned};
use sqlparser::tokenizer::Span;

use super::lower::{Lower, Lowered};
use super::scope::{Column, With};
use super::typed::{Known, Typed, What};
use crate::Dialect;
use crate::plan;
use crate::policy::mistake::Mistake;
use crate::sql::{Fragment, Piece};

/// A column of a result.
#[derive(Debug, Clone)]
pub(super) struct Out {
    pub(super) name: Option<String>,
    pub(super) ty: Type,
    pub(super) exact: bool,
    pub(super) span: Span,
}

/// A query's result.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) sql: Fragment,
    pub(super) columns: Vec<Out>,
    /// It has a limit.
    pub(super) limited: bool,
}

/// An item of a `SELECT`.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) typed: Typed,
    pub(super) name: Option<String>,
    pub(super) expr: Option<ast::Expr>,
}

/// A query without its order, before the types of its columns are settled.
#[derive(Debug)]
pub(super) enum Body {
    /// One `SELECT`: what stands before its items, and behind them.
    Select { head: Fragment, items: Vec<Item>, tail: Fragment },
    /// Rows of values.
    Values(Vec<Vec<Item>>),
    /// Two put together.
    Both { left: Box<Body>, words: &'static str, right: Box<Body> },
    /// A query with its own order and limit.
    Nested(Found),
}

impl Body {
    /// The leaves' items, those of a column together.
    fn columns(&self) -> Vec<Vec<Item>> {
        match self {
            Body::Select { items, .. } => items.iter().map(|item| vec![item.clone()]).collect(),
            Body::Values(rows) => {
                let width = rows.first().map_or(0, Vec::len);
                (0..width).map(|n| rows.iter().filter_map(|row| row.get(n).cloned()).collect()).collect()
            }
            Body::Both { left, right, .. } => {
                let mut all = left.columns();
                for (column, more) in all.iter_mut().zip(right.columns()) {
                    column.extend(more);
                }
                all
            }
            Body::Nested(found) => found
                .columns
                .iter()
                .map(|column| {
                    let known = Known::new(Fragment::default(), column.ty).exact(column.exact);
                    let typed = Typed { what: What::Known(known), span: column.span };
                    vec![Item { typed, name: column.name.clone(), expr: None }]
                })
                .collect(),
        }
    }

    fn width(&self) -> usize {
        match self {
            Body::Select { items, .. } => items.len(),
            Body::Values(rows) => rows.first().map_or(0, Vec::len),
            Body::Both { left, .. } => left.width(),
            Body::Nested(found) => found.columns.len(),
        }
    }
}

impl Lower<'_> {
    /// The whole statement.
    pub(super) fn outermost(&mut self, query: &ast::Query) -> Result<Lowered, Mistake> {
        if let SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) = &*query.body {
            return self.write_with(query);
        }
        let found = self.query(query, None)?;
        let columns = self.answered(&found.columns)?;
        Ok(Lowered { sql: found.sql, columns, writes: Vec::new() })
    }

    /// The columns of an answer: each has a name of its own.
    pub(super) fn answered(&self, columns: &[Out]) -> Result<Vec<plan::Column>, Mistake> {
        let mut answered: Vec<plan::Column> = Vec::with_capacity(columns.len());
        for column in columns {
            let Some(name) = &column.name else {
                return Err(self.wrong("this column of the answer has no name", column.span).help("write `… AS name`"));
            };
            if answered.iter().any(|other| other.name() == name) {
                return Err(self
                    .wrong(format!("two columns of the answer are called `{name}`"), column.span)
                    .help("write `… AS another_name`"));
            }
            answered.push(plan::Column::new(name.as_str(), column.ty));
        }
        Ok(answered)
    }

    /// A query inside an expression, or in `FROM`.
    pub(super) fn subquery(&mut self, query: &ast::Query, expected: Option<&[Type]>) -> Result<Found, Mistake> {
        if self.returning {
            return Err(self
                .wrong("what is RETURNED is of the row alone", query.span())
                .help("PostgreSQL would look at what was before, and SQLite at what is then"));
        }
        self.deeper(query, |lower| lower.query(query, expected))
    }

    /// A query. `expected` are the types of what has none by itself.
    pub(super) fn query(&mut self, query: &ast::Query, expected: Option<&[Type]>) -> Result<Found, Mistake> {
        let ast::Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch: None,
            locks,
            for_clause: None,
            settings: None,
            format_clause: None,
            pipe_operators,
        } = query
        else {
            return Err(self.unknown(query.span()));
        };
        if !locks.is_empty() || !pipe_operators.is_empty() {
            return Err(self.unknown(query.span()));
        }
        let outside = self.withs.len();
        let withs = match with {
            Some(with) => self.with(with)?,
            None => Fragment::default(),
        };
        let ordered = order_by.is_some() || limit_clause.is_some();
        let found = match &**body {
            SetExpr::Select(select) => self.select_query(select, order_by.as_ref(), expected)?,
            other => {
                let body = self.body(other)?;
                let (sql, columns) = self.settle(body, expected)?;
                if ordered { self.ordered_around(sql, columns, order_by.as_ref())? } else { (sql, columns) }
            }
        };
        self.withs.truncate(outside);
        let limit = self.limit(limit_clause.as_ref())?;
        let limited = !limit.is_empty();
        Ok(Found { sql: self.bounded(withs.and(found.0).and(limit))?, columns: found.1, limited })
    }

    /// `WITH …`, which is in sight until it is cut off again.
    pub(super) fn with(&mut self, with: &ast::With) -> Result<Fragment, Mistake> {
        let mut parts = Vec::with_capacity(with.cte_tables.len());
        for cte in &with.cte_tables {
            parts.push(self.deeper(cte, |lower| lower.one_with(cte, with.recursive))?);
        }
        let sql = Fragment::list(parts, ", ");
        Ok(sql.between(if with.recursive { "WITH RECURSIVE " } else { "WITH " }, " "))
    }

    fn one_with(&mut self, cte: &ast::Cte, recursive: bool) -> Result<Fragment, Mistake> {
        let ast::Cte { alias, query, from: None, materialized, .. } = cte else {
            return Err(self.unknown(cte.span()));
        };
        let (name, id) = (alias.name.value.clone(), self.fresh());
        if self.planner.model.find(&name).is_some() {
            return Err(self
                .wrong(format!("`{name}` is a collection, and cannot be a name after WITH"), alias.name.span)
                .help("give it another name"));
        }
        // A name of its own level hides one further out; twice on one level would be a slip.
        let names: Vec<String> = alias.columns.iter().map(|column| column.name.value.clone()).collect();
        let body = match &*query.body {
            SetExpr::SetOperation { op: ast::SetOperator::Union, set_quantifier, left, right }
                if recursive && self.names_itself(right, &name) =>
            {
                if query.order_by.is_some() || query.limit_clause.is_some() || query.with.is_some() {
                    return Err(self.wrong("a recursive query has no order, limit or WITH of its own", cte.span()));
                }
                self.recursion(id, &name, &names, (left, right, set_quantifier), cte.span())?
            }
            _ => {
                let found = self.query(query, None)?;
                let columns = self.named_columns(&found.columns, &names, alias.name.span)?;
                self.withs.push(With { id, name, columns, making: None });
                found.sql
            }
        };
        let width = self.withs.last().map_or(0, |with| with.columns.len());
        let columns = Fragment::list((1..=width).map(|n| Fragment::of(Piece::Column(n))), ", ");
        let hint = match materialized {
            Some(ast::CteAsMaterialized::Materialized) => ") AS MATERIALIZED (",
            Some(ast::CteAsMaterialized::NotMaterialized) => ") AS NOT MATERIALIZED (",
            None => ") AS (",
        };
        Ok(Fragment::of(Piece::With(id)).then("(").and(columns).then(hint).and(body).then(")"))
    }

    fn names_itself(&self, body: &SetExpr, name: &str) -> bool {
        use sqlparser::ast::visit_relations;
        let mut found = false;
        let _ = visit_relations(body, |relation| {
            found |= matches!(&relation.0[..], [part] if part.as_ident().is_some_and(|ident| ident.value == name));
            std::ops::ControlFlow::<()>::Continue(())
        });
        found
    }

    fn recursion(
        &mut self,
        id: usize,
        name: &str,
        names: &[String],
        (left, right, quantifier): (&SetExpr, &SetExpr, &ast::SetQuantifier),
        span: Span,
    ) -> Result<Fragment, Mistake> {
        let body = self.body(left)?;
        let (first, outs) = self.settle(body, None)?;
        let mut columns = self.named_columns(&outs, names, span)?;
        for column in &mut columns {
            column.exact = false;
        }
        let types: Vec<Type> = columns.iter().map(|column| column.ty).collect();
        let making = Some((self.levels.len() + self.apart, 0));
        self.withs.push(With { id, name: name.to_owned(), columns, making });
        let place = self.withs.len() - 1;
        let body = self.body(right)?;
        let Body::Select { .. } = body else {
            return Err(self.wrong("what repeats is one SELECT", right.span()));
        };
        let (again, more) = self.settle(body, Some(&types))?;
        if more.len() != types.len() {
            return Err(
                self.wrong(format!("{} columns before UNION, and {} behind it", types.len(), more.len()), right.span())
            );
        }
        if let Some((ty, column)) = types.iter().zip(&more).find(|(ty, column)| **ty != column.ty) {
            let message = format!("this is {}, and it begins as {}", column.ty.name(), ty.name());
            return Err(self.wrong(message, column.span).help(format!("write `CAST(… AS {})`", ty.name())));
        }
        self.withs[place].making = None;
        let all = match quantifier {
            ast::SetQuantifier::All => " UNION ALL ",
            ast::SetQuantifier::None | ast::SetQuantifier::Distinct => " UNION ",
            _ => return Err(self.unknown(span)),
        };
        Ok(first.then(all).and(again))
    }

    /// A result's columns under the names that stand behind an alias, or their own.
    pub(super) fn named_columns(&self, columns: &[Out], names: &[String], span: Span) -> Result<Vec<Column>, Mistake> {
        if names.len() > columns.len() {
            return Err(self.wrong(format!("{} names for {} columns", names.len(), columns.len()), span));
        }
        let mut named: Vec<Column> = Vec::with_capacity(columns.len());
        for (n, column) in columns.iter().enumerate() {
            let name = names.get(n).cloned().or_else(|| column.name.clone());
            let Some(name) = name else {
                return Err(self.wrong("this column of a subquery has no name", column.span).help("write `… AS name`"));
            };
            if named.iter().any(|other| other.name == name) {
                return Err(self
                    .wrong(format!("two columns of this subquery are called `{name}`"), column.span)
                    .help("write `… AS another_name`"));
            }
            let (sql, exact) = (Piece::Column(n + 1), column.exact);
            named.push(Column { name, ty: column.ty, sql, plain: true, exact, required: false, merged: false });
        }
        Ok(named)
    }

    pub(super) fn body(&mut self, body: &SetExpr) -> Result<Body, Mistake> {
        self.deeper(body, |lower| lower.body_of(body))
    }

    fn body_of(&mut self, body: &SetExpr) -> Result<Body, Mistake> {
        match body {
            SetExpr::Select(select) => {
                self.levels.push(super::scope::Level::default());
                let (head, items, tail) = self.select(select)?;
                self.end_level()?;
                Ok(Body::Select { head, items, tail })
            }
            SetExpr::Values(values) => {
                let mut rows: Vec<Vec<Item>> = Vec::with_capacity(values.rows.len());
                for row in &values.rows {
                    let row: Vec<Item> = row
                        .content
                        .iter()
                        .map(|value| Ok(Item { typed: self.expr(value)?, name: None, expr: None }))
                        .collect::<Result<_, Mistake>>()?;
                    if rows.first().is_some_and(|first| first.len() != row.len()) {
                        return Err(self.wrong("rows of VALUES are of one length", values.span()));
                    }
                    rows.push(row);
                }
                Ok(Body::Values(rows))
            }
            SetExpr::Query(query) => Ok(Body::Nested(self.query(query, None)?)),
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                let words = match (op, set_quantifier) {
                    (ast::SetOperator::Union, ast::SetQuantifier::All) => " UNION ALL ",
                    (ast::SetOperator::Union, ast::SetQuantifier::None | ast::SetQuantifier::Distinct) => " UNION ",
                    (ast::SetOperator::Intersect, ast::SetQuantifier::None | ast::SetQuantifier::Distinct) => {
                        " INTERSECT "
                    }
                    (ast::SetOperator::Except, ast::SetQuantifier::None | ast::SetQuantifier::Distinct) => " EXCEPT ",
                    _ => {
                        return Err(self
                            .wrong(format!("there is no `{op} {set_quantifier}` here"), body.span())
                            .help("there are UNION, UNION ALL, INTERSECT and EXCEPT"));
                    }
                };
                let (left, right) = (self.body(left)?, self.body(right)?);
                if left.width() != right.width() {
                    let message = format!("{} columns on the left, {} on the right", left.width(), right.width());
                    return Err(self.wrong(message, body.span()));
                }
                Ok(Body::Both { left: Box::new(left), words, right: Box::new(right) })
            }
            other => Err(self.wrong("a subquery only reads", other.span())),
        }
    }

    pub(super) fn end_level(&mut self) -> Result<(), Mistake> {
        match self.levels.pop() {
            Some(level) => self.check_grouping(&level),
            None => Ok(()),
        }
    }

    /// Settles the types of a query's columns, and writes it.
    pub(super) fn settle(&mut self, body: Body, expected: Option<&[Type]>) -> Result<(Fragment, Vec<Out>), Mistake> {
        let columns = body.columns();
        let mut outs = Vec::with_capacity(columns.len());
        for (n, column) in columns.iter().enumerate() {
            let typed: Vec<Typed> = column.iter().map(|item| item.typed.clone()).collect();
            let wanted = expected.and_then(|expected| expected.get(n)).copied();
            let ty = match (self.common(&typed)?, wanted) {
                // A whole number goes where a number is wanted.
                (Some(Type::Integer), Some(Type::Number)) => Type::Number,
                (Some(ty), _) => ty,
                (None, Some(ty)) => ty,
                (None, None) => {
                    if let Some(null) = typed.iter().find(|one| matches!(one.what, What::Null))
                        && typed.iter().all(|one| matches!(one.what, What::Null))
                    {
                        self.alone(null.clone())?;
                    }
                    self.common_or(&typed)?
                }
            };
            let exact = typed.iter().all(|one| !matches!(&one.what, What::Known(known) if !known.exact));
            let span = column.first().map_or_else(Span::empty, |item| item.typed.span);
            outs.push(Out { name: column.first().and_then(|item| item.name.clone()), ty, exact, span });
        }
        let types: Vec<Type> = outs.iter().map(|out| out.ty).collect();
        let sql = self.written(body, &types)?;
        Ok((sql, outs))
    }

    fn written(&mut self, body: Body, types: &[Type]) -> Result<Fragment, Mistake> {
        match body {
            Body::Select { head, items, tail } => {
                let items = self.items(items.into_iter().map(|item| item.typed).collect(), types, true)?;
                Ok(head.and(items).and(tail))
            }
            Body::Values(rows) => {
                let row = self.fresh();
                let rows: Vec<Fragment> = rows
                    .into_iter()
                    .map(|row| {
                        let values = row.into_iter().map(|item| item.typed).collect();
                        Ok(self.items(values, types, false)?.between("(", ")"))
                    })
                    .collect::<Result<_, Mistake>>()?;
                let named = (1..=types.len()).map(|n| {
                    Fragment::of(Piece::Row(row))
                        .then(".\"column")
                        .with(Piece::Number(n))
                        .then("\" AS ")
                        .with(Piece::Column(n))
                });
                let head = Fragment::list(named, ", ").between("SELECT ", " FROM (VALUES ");
                Ok(head.and(Fragment::list(rows, ", ")).then(") AS ").with(Piece::Row(row)))
            }
            Body::Nested(found) => {
                let span = found.columns.first().map_or_else(Span::empty, |column| column.span);
                Ok(self.around(found.sql, &found.columns, types, span)?)
            }
            Body::Both { left, words, right } => {
                if words != " UNION ALL " && types.contains(&Type::Json) {
                    let help = "cast it to text, or write UNION ALL";
                    return Err(Mistake::new("json cannot be told apart on both stores alike").help(help));
                }
                // A chain of one operator reads from the left; all else is put into a subquery, since SQLite knows no
                // parentheses here, and other precedences.
                let chained = matches!(&*left, Body::Both { words: before, .. } if *before == words);
                let left = self.operand(*left, types, chained)?;
                let right = self.operand(*right, types, false)?;
                Ok(left.then(words).and(right))
            }
        }
    }

    fn operand(&mut self, body: Body, types: &[Type], chained: bool) -> Result<Fragment, Mistake> {
        if chained || !matches!(body, Body::Both { .. }) {
            return self.written(body, types);
        }
        let outs: Vec<Out> =
            types.iter().map(|ty| Out { name: None, ty: *ty, exact: true, span: Span::empty() }).collect();
        let sql = self.written(body, types)?;
        self.around(sql, &outs, types, Span::empty())
    }

    /// `SELECT … FROM (…)`
    fn around(&mut self, sql: Fragment, columns: &[Out], types: &[Type], span: Span) -> Result<Fragment, Mistake> {
        let row = self.fresh();
        let items = columns.iter().enumerate().map(|(n, column)| {
            let known = Known::new(Fragment::column(row, Piece::Column(n + 1)), column.ty).exact(column.exact);
            Typed { what: What::Known(Known { plain: true, ..known }), span }
        });
        let items = self.items(items.collect(), types, true)?;
        Ok(items.between("SELECT ", " FROM (").and(sql).then(") AS ").with(Piece::Row(row)))
    }

    /// Items, each of its type; on PostgreSQL a text that is no field is told the collation of our columns, so that all
    /// that is made of it is ordered by code point.
    fn items(&mut self, items: Vec<Typed>, types: &[Type], named: bool) -> Result<Fragment, Mistake> {
        let mut parts = Vec::with_capacity(items.len());
        for (n, (item, ty)) in items.into_iter().zip(types).enumerate() {
            let known = self.of(item, *ty)?;
            let sql = match self.dialect {
                Dialect::Postgres => self.key(&known),
                // The answer's own columns.
                Dialect::Sqlite if self.depth == 0 => self.finished(known),
                Dialect::Sqlite => known.sql,
            };
            parts.push(if named { sql.then(" AS ").with(Piece::Column(n + 1)) } else { sql });
        }
        Ok(Fragment::list(parts, ", "))
    }

    /// A query that is more than one `SELECT`, ordered by its columns.
    fn ordered_around(
        &mut self,
        sql: Fragment,
        columns: Vec<Out>,
        order_by: Option<&ast::OrderBy>,
    ) -> Result<(Fragment, Vec<Out>), Mistake> {
        let types: Vec<Type> = columns.iter().map(|column| column.ty).collect();
        let sql = self.around(sql, &columns, &types, Span::empty())?;
        let order = match order_by {
            Some(order_by) => {
                let items: Vec<Item> = columns
                    .iter()
                    .map(|column| {
                        let known = Known::new(Fragment::default(), column.ty);
                        let typed = Typed { what: What::Known(known), span: column.span };
                        Item { typed, name: column.name.clone(), expr: None }
                    })
                    .collect();
                self.order_by(order_by, &items, true)?
            }
            None => Fragment::default(),
        };
        Ok((sql.and(order), columns))
    }

    fn limit(&mut self, clause: Option<&ast::LimitClause>) -> Result<Fragment, Mistake> {
        let Some(clause) = clause else { return Ok(Fragment::default()) };
        let (limit, offset) = match clause {
            ast::LimitClause::LimitOffset { limit, offset, limit_by } if limit_by.is_empty() => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
            ast::LimitClause::OffsetCommaLimit { offset, limit } => (Some(limit), Some(offset)),
            ast::LimitClause::LimitOffset { .. } => return Err(Mistake::new("LIMIT BY is not known")),
        };
        let mut sql = Fragment::default();
        match limit {
            Some(limit) => sql = sql.then(" LIMIT ").and(self.count(limit, "coalesce(max(", ", 0), -1)")?),
            // SQLite knows no offset without a limit.
            None if self.dialect == Dialect::Sqlite && offset.is_some() => sql = sql.then(" LIMIT -1"),
            None => {}
        }
        if let Some(offset) = offset {
            sql = sql.then(" OFFSET ").and(self.count(offset, "coalesce(max(", ", 0), 0)")?);
        }
        Ok(sql)
    }

    /// A number of rows: a literal or a parameter. Below zero is zero, and null is no limit.
    fn count(&mut self, expr: &ast::Expr, before: &'static str, after: &'static str) -> Result<Fragment, Mistake> {
        let typed = self.expr(expr)?;
        let span = typed.span;
        let known = self.of(typed, Type::Integer)?;
        if !known.constant {
            return Err(self.wrong("a limit or offset is a number or a parameter", span));
        }
        if let ast::Expr::Value(value) = expr
            && matches!(value.value, ast::Value::Number(..))
        {
            return Ok(known.sql);
        }
        Ok(match self.dialect {
            Dialect::Sqlite => known.sql.between(before, after),
            Dialect::Postgres => {
                let again = known.sql.clone();
                known.sql.between("CASE WHEN ", " < 0 THEN 0 ELSE ").and(again).then(" END")
            }
        })
    }

    /// A whole number that stands as it is in the text.
    pub(super) fn ordinal(expr: &ast::Expr) -> Option<usize> {
        match expr {
            ast::Expr::Value(value) => match &value.value {
                ast::Value::Number(text, false) => text.parse().ok(),
                _ => None,
            },
            _ => None,
        }
    }
}
