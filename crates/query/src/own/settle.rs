//! The types of a query's columns, and its text.

use pintle_model::Type;
use sqlparser::ast;
use sqlparser::tokenizer::Span;

use super::lower::Lower;
use super::query::{Body, Out};
use super::typed::{Known, Typed, What, is_untold};
use crate::Dialect;
use crate::policy::mistake::Mistake;
use crate::sql::{Fragment, Piece};

impl Lower<'_> {
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

    pub(super) fn written(&mut self, body: Body, types: &[Type]) -> Result<Fragment, Mistake> {
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
                if words != " UNION ALL "
                    && let Some(ty) = types.iter().find(|ty| is_untold(**ty))
                {
                    let message = format!("{} cannot be told apart on both stores alike", ty.name());
                    return Err(Mistake::new(message).help("leave it out, or write UNION ALL"));
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

    pub(super) fn operand(&mut self, body: Body, types: &[Type], chained: bool) -> Result<Fragment, Mistake> {
        if chained || !matches!(body, Body::Both { .. }) {
            return self.written(body, types);
        }
        let outs: Vec<Out> =
            types.iter().map(|ty| Out { name: None, ty: *ty, exact: true, span: Span::empty() }).collect();
        let sql = self.written(body, types)?;
        self.around(sql, &outs, types, Span::empty())
    }

    /// `SELECT … FROM (…)`
    pub(super) fn around(
        &mut self,
        sql: Fragment,
        columns: &[Out],
        types: &[Type],
        span: Span,
    ) -> Result<Fragment, Mistake> {
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
    pub(super) fn items(&mut self, items: Vec<Typed>, types: &[Type], named: bool) -> Result<Fragment, Mistake> {
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

    pub(super) fn limit(&mut self, clause: Option<&ast::LimitClause>) -> Result<Fragment, Mistake> {
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
    pub(super) fn count(
        &mut self,
        expr: &ast::Expr,
        before: &'static str,
        after: &'static str,
    ) -> Result<Fragment, Mistake> {
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
