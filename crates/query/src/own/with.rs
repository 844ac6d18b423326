//! `WITH`: subqueries that have names, and those that repeat.

use pintle_model::Type;
use sqlparser::ast::{self, SetExpr, Spanned};
use sqlparser::tokenizer::Span;

use super::lower::Lower;
use super::query::{Body, Out};
use super::scope::{Column, With};
use crate::policy::mistake::Mistake;
use crate::sql::{Fragment, Piece};

impl Lower<'_> {
    /// `WITH …`, which is in sight until it is cut off again.
    pub(super) fn with(&mut self, with: &ast::With) -> Result<Fragment, Mistake> {
        let mut parts = Vec::with_capacity(with.cte_tables.len());
        for cte in &with.cte_tables {
            parts.push(self.deeper(|| cte.alias.name.span, |lower| lower.one_with(cte, with.recursive))?);
        }
        let sql = Fragment::list(parts, ", ");
        Ok(sql.between(if with.recursive { "WITH RECURSIVE " } else { "WITH " }, " "))
    }

    pub(super) fn one_with(&mut self, cte: &ast::Cte, recursive: bool) -> Result<Fragment, Mistake> {
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
                let hideable = self.hangs_on_hideable(&found.sql);
                self.withs.push(With { id, name, columns, making: None, hideable });
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

    pub(super) fn names_itself(&self, body: &SetExpr, name: &str) -> bool {
        use sqlparser::ast::visit_relations;
        let mut found = false;
        let _ = visit_relations(body, |relation| {
            found |= matches!(&relation.0[..], [part] if part.as_ident().is_some_and(|ident| ident.value == name));
            std::ops::ControlFlow::<()>::Continue(())
        });
        found
    }

    pub(super) fn recursion(
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
        self.withs.push(With { id, name: name.to_owned(), columns, making, hideable: false });
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
}
