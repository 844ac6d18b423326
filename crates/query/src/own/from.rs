//! `FROM`: the rows that a query is about. Each collection is the rows of it that the role may see.

use pintle_model::{CollectionId, Type};
use sqlparser::ast::{self, JoinConstraint, JoinOperator, Spanned, TableFactor, TableWithJoins};
use sqlparser::tokenizer::Span;

use super::lower::Lower;
use super::scope::{Column, Row};
use crate::Dialect;
use crate::planner::Right;
use crate::policy::mistake::Mistake;
use crate::sql::{Fragment, Piece};

impl Lower<'_> {
    /// Rows side by side.
    pub(super) fn from(&mut self, from: &[TableWithJoins]) -> Result<Fragment, Mistake> {
        let mut parts = Vec::with_capacity(from.len());
        for tables in from {
            let begin = self.levels.last().map_or(0, |level| level.rows.len());
            let mut sql = self.relation(&tables.relation)?;
            for join in &tables.joins {
                sql = sql.and(self.join(join, begin)?);
            }
            parts.push(sql);
        }
        Ok(Fragment::list(parts, ", "))
    }

    fn join(&mut self, join: &ast::Join, begin: usize) -> Result<Fragment, Mistake> {
        let span = join.span();
        let (words, constraint) = match &join.join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (" JOIN ", constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (" LEFT JOIN ", constraint),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (" RIGHT JOIN ", constraint),
            JoinOperator::FullOuter(constraint) => (" FULL JOIN ", constraint),
            JoinOperator::CrossJoin(constraint) => (" CROSS JOIN ", constraint),
            _ => {
                return Err(self
                    .wrong("there is no such join here", span)
                    .help("there are JOIN, LEFT, RIGHT, FULL and CROSS JOIN"));
            }
        };
        if join.global {
            return Err(self.unknown(span));
        }
        let sql = Fragment::word(words).and(self.relation(&join.relation)?);
        let right = self.levels.last().map_or(0, |level| level.rows.len() - 1);
        // What a join may leave empty is null there.
        let nullable = match words {
            " LEFT JOIN " => right..right + 1,
            " RIGHT JOIN " => begin..right,
            " FULL JOIN " => begin..right + 1,
            _ => 0..0,
        };
        if let Some(level) = self.levels.last_mut() {
            for row in &mut level.rows[nullable] {
                row.columns.iter_mut().for_each(|column| column.required = false);
            }
        }
        match constraint {
            JoinConstraint::On(condition) if words != " CROSS JOIN " => {
                let outside = self.levels.last_mut().map(|level| std::mem::replace(&mut level.from, begin));
                let condition = self.boolean(condition);
                if let (Some(level), Some(outside)) = (self.levels.last_mut(), outside) {
                    level.from = outside;
                }
                Ok(sql.then(" ON ").and(condition?))
            }
            JoinConstraint::Using(names) if words != " CROSS JOIN " && words != " FULL JOIN " => {
                let condition = self.using(names, begin, right, words == " RIGHT JOIN ", span)?;
                Ok(sql.then(" ON ").and(condition))
            }
            JoinConstraint::None if words == " CROSS JOIN " => Ok(sql),
            JoinConstraint::Natural => {
                Err(self.wrong("a NATURAL JOIN changes with every new column", span).help("write `JOIN … USING (…)`"))
            }
            _ => Err(self
                .wrong("this join does not say which rows belong together", span)
                .help("write `JOIN … ON …`, or `CROSS JOIN`")),
        }
    }

    /// `USING (…)`: the columns of both sides are one.
    fn using(
        &mut self,
        names: &[ast::ObjectName],
        begin: usize,
        right: usize,
        keeps_right: bool,
        span: Span,
    ) -> Result<Fragment, Mistake> {
        let mut parts = Vec::with_capacity(names.len());
        for name in names {
            let Some(ident) = (match &name.0[..] {
                [part] => part.as_ident(),
                _ => None,
            }) else {
                return Err(self.unknown(span));
            };
            let rows = self.levels.last().map(|level| level.rows.clone()).unwrap_or_default();
            let has = |row: &Row| row.columns.iter().position(|c| c.name == ident.value && !c.merged);
            let left: Vec<(usize, usize)> =
                (begin..right).filter_map(|at| rows.get(at).and_then(has).map(|column| (at, column))).collect();
            let (Some(&[(left, l)]), Some(r)) = (left.get(..).filter(|l| l.len() == 1), rows.get(right).and_then(has))
            else {
                let message = format!("both sides of the join must have one column `{}`", ident.value);
                return Err(self.wrong(message, ident.span));
            };
            let left_known = self.column(Some(&ast::Ident::new(rows[left].name.clone())), ident, ident.span)?;
            let right_known = self.column(Some(&ast::Ident::new(rows[right].name.clone())), ident, ident.span)?;
            if left_known.ty != right_known.ty {
                let message = format!(
                    "`{}` is {} on the left and {} on the right",
                    ident.value,
                    left_known.ty.name(),
                    right_known.ty.name()
                );
                return Err(self.wrong(message, ident.span));
            }
            parts.push(self.compared(&left_known, " = ", &right_known));
            let (hidden, column) = if keeps_right { (left, l) } else { (right, r) };
            if let Some(level) = self.levels.last_mut() {
                level.rows[hidden].columns[column].merged = true;
            }
        }
        Ok(Fragment::list(parts, " AND ").between("(", ")"))
    }

    /// One thing that has rows. It sees what is further out, and not what stands beside it.
    fn relation(&mut self, relation: &TableFactor) -> Result<Fragment, Mistake> {
        let span = relation.span();
        match relation {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => match args {
                None => self.table(name, alias.as_ref(), span),
                Some(ast::TableFunctionArgs { args, settings: None }) => self.series(name, args, alias.as_ref(), span),
                Some(_) => Err(self.unknown(span)),
            },
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let Some(alias) = alias else {
                    return Err(self.wrong("this subquery has no name", span).help("write `(SELECT …) AS name`"));
                };
                let found = self.beside(|lower| lower.subquery(subquery, None))?;
                let names = self.alias_names(alias)?;
                let columns = self.named_columns(&found.columns, &names, alias.name.span)?;
                let hideable = self.hangs_on_hideable(&found.sql);
                let id = self.sees(alias.name.value.clone(), columns, alias.name.span)?;
                self.hideable.extend(hideable.then_some(id));
                Ok(found.sql.between("(", ") AS ").with(Piece::Row(id)))
            }
            TableFactor::Derived { lateral: true, .. } => Err(self
                .wrong("there is no LATERAL here", span)
                .help("SQLite has none: write a subquery in the SELECT, or a join")),
            _ => Err(self
                .wrong("there are no such rows here", span)
                .help("there are collections, subqueries and generate_series")),
        }
    }

    /// Works where the rows of this level are not in sight.
    fn beside<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Mistake>) -> Result<T, Mistake> {
        let level = self.levels.pop();
        self.apart += 1;
        let done = work(self);
        self.apart -= 1;
        self.levels.extend(level);
        done
    }

    fn alias_names(&self, alias: &ast::TableAlias) -> Result<Vec<String>, Mistake> {
        if alias.at.is_some() || alias.columns.iter().any(|column| column.data_type.is_some()) {
            return Err(self.unknown(alias.name.span));
        }
        Ok(alias.columns.iter().map(|column| column.name.value.clone()).collect())
    }

    /// Brings a row into sight.
    fn sees(&mut self, name: String, columns: Vec<Column>, span: Span) -> Result<usize, Mistake> {
        let id = self.fresh();
        let twice = self.levels.last().is_some_and(|level| level.rows.iter().any(|row| row.name == name));
        if twice {
            return Err(self
                .wrong(format!("there are already rows called `{name}`"), span)
                .help("write `… AS another_name`"));
        }
        if let Some(level) = self.levels.last_mut() {
            level.rows.push(Row { id: Some(id), name, columns });
        }
        Ok(id)
    }

    fn table(
        &mut self,
        name: &ast::ObjectName,
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) -> Result<Fragment, Mistake> {
        let shown = alias.map_or_else(|| name.to_string(), |alias| alias.name.value.clone());
        let names = alias.map_or(Ok(Vec::new()), |alias| self.alias_names(alias))?;
        if !names.is_empty() {
            return Err(self
                .wrong("a collection's columns keep their names here", span)
                .help("rename them in a subquery"));
        }
        if let [part] = &name.0[..]
            && let Some(ident) = part.as_ident()
            && let Some(at) = self.withs.iter().rposition(|with| with.name == ident.value)
        {
            let shown = alias.map_or_else(|| ident.value.clone(), |alias| alias.name.value.clone());
            return self.with_rows(at, shown, span);
        }
        let collection = self.collection(name)?;
        let shown = if alias.is_some() { shown } else { self.planner.model.collection(collection).name.clone() };
        let policy = self.right(collection, Right::Select);
        self.reads.push(collection);
        let id = self.sees(shown, self.fields(collection), span)?;
        self.hideable.extend((!policy.is_true()).then_some(id));
        Ok(Fragment::of(Piece::Table(collection, policy, id)))
    }

    /// A collection's fields as columns.
    pub(super) fn fields(&self, collection: CollectionId) -> Vec<Column> {
        let collection = self.planner.model.collection(collection);
        let column = |(n, field): (usize, &pintle_model::Field)| Column {
            name: field.name.clone(),
            ty: field.ty,
            sql: Piece::Name(field.name.clone()),
            plain: true,
            exact: true,
            required: field.required || collection.is_key(n),
            merged: false,
        };
        collection.fields.iter().enumerate().map(column).collect()
    }

    fn with_rows(&mut self, at: usize, shown: String, span: Span) -> Result<Fragment, Mistake> {
        if let Some((levels, times)) = self.withs[at].making {
            // PostgreSQL and SQLite allow different other places.
            if self.levels.len() + self.apart != levels + 1 || times > 0 {
                return Err(self
                    .wrong("what repeats names itself once, in the FROM of its second SELECT", span)
                    .help("neither in a subquery nor twice"));
            }
            self.withs[at].making = Some((levels, times + 1));
        }
        let (id, columns) = (self.withs[at].id, self.withs[at].columns.clone());
        let row = self.sees(shown, columns, span)?;
        self.hideable.extend(self.withs[at].hideable.then_some(row));
        Ok(Fragment::of(Piece::With(id)).then(" AS ").with(Piece::Row(row)))
    }

    /// `generate_series(from, to)`: whole numbers, one after another.
    fn series(
        &mut self,
        name: &ast::ObjectName,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) -> Result<Fragment, Mistake> {
        if name.to_string() != "generate_series" {
            return Err(self
                .wrong(format!("there is no function `{name}` that has rows"), span)
                .help("there is generate_series(from, to)"));
        }
        let exprs: Vec<&ast::Expr> = args
            .iter()
            .filter_map(|arg| match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect();
        let ([from, to], true) = (&exprs[..], exprs.len() == args.len()) else {
            return Err(self.wrong("`generate_series` takes two whole numbers", span));
        };
        let (from, to) =
            self.beside(|lower| Ok((lower.expr_of(from, Type::Integer)?.sql, lower.expr_of(to, Type::Integer)?.sql)))?;
        let names = alias.map_or(Ok(Vec::new()), |alias| self.alias_names(alias))?;
        let shown = alias.map_or_else(|| "generate_series".to_owned(), |alias| alias.name.value.clone());
        let column = match &names[..] {
            [] => shown.clone(),
            [one] => one.clone(),
            _ => return Err(self.wrong("a series has one column", span)),
        };
        let hideable = self.hangs_on_hideable(&from) | self.hangs_on_hideable(&to);
        let columns = vec![Column {
            name: column,
            ty: Type::Integer,
            sql: Piece::Column(1),
            plain: true,
            exact: true,
            required: true,
            merged: false,
        }];
        let id = self.sees(shown, columns, span)?;
        self.hideable.extend(hideable.then_some(id));
        let with = self.fresh();
        let sql = match self.dialect {
            Dialect::Postgres => {
                from.between("(SELECT n AS \"c1\" FROM generate_series(", ", ").and(to).then(") AS s(n))")
            }
            Dialect::Sqlite => Fragment::word("(WITH RECURSIVE ")
                .with(Piece::With(with))
                .then("(\"c1\", \"c2\") AS (SELECT ")
                .and(from.clone())
                .then(", ")
                .and(to.clone())
                .then(" WHERE ")
                .and(from)
                .then(" <= ")
                .and(to)
                .then(" UNION ALL SELECT \"c1\" + 1, \"c2\" FROM ")
                .with(Piece::With(with))
                .then(" WHERE \"c1\" < \"c2\") SELECT \"c1\" FROM ")
                .with(Piece::With(with))
                .then(")"),
        };
        Ok(sql.then(" AS ").with(Piece::Row(id)))
    }
}
