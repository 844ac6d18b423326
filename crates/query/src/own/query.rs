//! Queries: `SELECT`, `VALUES`, set operations, `WITH`, and what orders and bounds them.
//!
//! Every leaf of a query names its columns `c1`, `c2` and so on, and every row in sight has an alias of its own: whatever
//! names the author chose, none of them can come between a policy and its table.

use pintle_model::Type;
use sqlparser::ast::{self, SetExpr, Spanned};
use sqlparser::tokenizer::Span;

use super::lower::{Lower, Lowered};
use super::typed::{Known, Typed, What};
use crate::plan;
use crate::policy::mistake::Mistake;
use crate::sql::Fragment;

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
    pub(super) fn columns(&self) -> Vec<Vec<Item>> {
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
        Ok(Lowered { sql: found.sql, columns, writes: None })
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
        self.deeper(|| query.span(), |lower| lower.while_found(false, |lower| lower.query(query, expected)))
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

    pub(super) fn body(&mut self, body: &SetExpr) -> Result<Body, Mistake> {
        self.deeper(|| body.span(), |lower| lower.body_of(body))
    }

    fn body_of(&mut self, body: &SetExpr) -> Result<Body, Mistake> {
        match body {
            SetExpr::Select(select) => {
                self.levels.push(super::scope::Level::default());
                let (head, items, tail) = self.select(select, false)?;
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
}
