//! One `SELECT`: what it answers, how it is grouped and ordered.

use pintle_model::Type;
use sqlparser::ast::{self, GroupByExpr, SelectItem, Spanned};
use sqlparser::tokenizer::Span;

use super::lower::Lower;
use super::query::{Body, Item, Out};
use super::scope::Level;
use super::typed::{Known, NEAR, Typed, What, is_untold};
use crate::Dialect;
use crate::policy::mistake::{Mistake, did_you_mean};
use crate::policy::place::span as place;
use crate::sql::{Fragment, Piece};

/// What stands before the items of a `SELECT`, they, and what stands behind.
pub(super) type Parts = (Fragment, Vec<Item>, Fragment);

impl Lower<'_> {
    /// A `SELECT` with its order, which may speak of its rows.
    pub(super) fn select_query(
        &mut self,
        select: &ast::Select,
        order_by: Option<&ast::OrderBy>,
        expected: Option<&[Type]>,
    ) -> Result<(Fragment, Vec<Out>), Mistake> {
        self.levels.push(Level::default());
        let of_found = self.makes_last(select, order_by);
        let (head, items, tail) = self.select(select, of_found)?;
        let order = match order_by {
            Some(order_by) => self.order_by(order_by, &items, select.distinct.is_some())?,
            None => Fragment::default(),
        };
        self.end_level()?;
        self.settle(Body::Select { head, items, tail: tail.and(order) }, expected)
    }

    /// A `SELECT` on the level that was begun for it.
    pub(super) fn select(&mut self, select: &ast::Select, of_found: bool) -> Result<Parts, Mistake> {
        self.plain(select)?;
        let mut tail = Fragment::default();
        if !select.from.is_empty() {
            tail = tail.then(" FROM ").and(self.from(&select.from)?);
        }
        if let Some(condition) = &select.selection {
            tail = tail.then(" WHERE ").and(self.boolean(condition)?);
        }
        tail = tail.and(self.group_by(select)?);
        if let Some(level) = self.levels.last_mut() {
            level.grouping = true;
        }
        let items = self.while_found(of_found, |lower| lower.projection(&select.projection))?;
        if let Some(having) = &select.having {
            let aggregate =
                |lower: &Self| lower.levels.last().is_some_and(|level| level.aggregate || !level.keys.is_empty());
            let condition = self.boolean(having)?;
            if !aggregate(self) {
                return Err(self
                    .wrong("HAVING is about groups, and there are none", place(having))
                    .help("write WHERE"));
            }
            tail = tail.then(" HAVING ").and(condition);
        }
        let head = if select.distinct.is_some() {
            for item in &items {
                if let Some(ty) = item.typed.ty().filter(|ty| is_untold(*ty)) {
                    return Err(self
                        .wrong(format!("{} cannot be told apart on both stores alike", ty.name()), item.typed.span)
                        .help("leave it out of what is answered, or leave DISTINCT out"));
                }
            }
            Fragment::word("SELECT DISTINCT ")
        } else {
            Fragment::word("SELECT ")
        };
        Ok((head, items, tail))
    }

    /// Nothing in it but what is known here.
    fn plain(&self, select: &ast::Select) -> Result<(), Mistake> {
        let plain = matches!(select.distinct, None | Some(ast::Distinct::Distinct))
            && select.select_modifiers.is_none()
            && select.top.is_none()
            && select.exclude.is_none()
            && select.into.is_none()
            && select.lateral_views.is_empty()
            && select.prewhere.is_none()
            && select.connect_by.is_empty()
            && select.cluster_by.is_empty()
            && select.distribute_by.is_empty()
            && select.sort_by.is_empty()
            && select.named_window.is_empty()
            && select.qualify.is_none()
            && select.value_table_mode.is_none()
            && select.flavor == ast::SelectFlavor::Standard;
        if plain { Ok(()) } else { Err(self.wrong("this SELECT has more to it than is known here", select.span())) }
    }

    pub(super) fn projection(&mut self, projection: &[SelectItem]) -> Result<Vec<Item>, Mistake> {
        let mut items = Vec::with_capacity(projection.len());
        for item in projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    items.push(Item { typed: self.expr(expr)?, name: name_of(expr), expr: Some(expr.clone()) });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let name = Some(alias.value.clone());
                    items.push(Item { typed: self.expr(expr)?, name, expr: Some(expr.clone()) });
                }
                SelectItem::Wildcard(options) => {
                    self.bare_star(options)?;
                    let level = self.levels.last();
                    if level.is_none_or(|level| level.rows.is_empty()) {
                        return Err(self.wrong("`*` is all columns of a FROM, and there is none", item.span()));
                    }
                    self.all_of(None, item.span(), &mut items)?;
                }
                SelectItem::QualifiedWildcard(ast::SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    self.bare_star(options)?;
                    self.all_of(Some(&name.to_string()), item.span(), &mut items)?;
                }
                _ => return Err(self.unknown(item.span())),
            }
        }
        if items.is_empty() {
            return Err(Mistake::new("a SELECT has at least one column"));
        }
        Ok(items)
    }

    fn bare_star(&self, options: &ast::WildcardAdditionalOptions) -> Result<(), Mistake> {
        if *options == ast::WildcardAdditionalOptions::default() { Ok(()) } else { Err(self.unknown(options.span())) }
    }

    /// All columns of the rows in sight, or of one.
    fn all_of(&mut self, only: Option<&str>, span: Span, items: &mut Vec<Item>) -> Result<(), Mistake> {
        let rows = self.levels.last().map(|level| level.rows.clone()).unwrap_or_default();
        let known: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        if let Some(only) = only
            && !known.contains(&only)
        {
            let mistake = self.wrong(format!("no row of `{only}` is in sight here"), span);
            return Err(mistake.help(did_you_mean(only, known, "in sight are rows of")));
        }
        for row in rows.iter().filter(|row| only.is_none_or(|only| row.name == only)) {
            for column in row.columns.iter().filter(|column| only.is_some() || !column.merged) {
                let name = ast::Ident::new(column.name.clone());
                let known = self.column(Some(&ast::Ident::new(row.name.clone())), &name, span)?;
                let typed = Typed { what: What::Known(known), span };
                let expr = ast::Expr::CompoundIdentifier(vec![ast::Ident::new(row.name.clone()), name]);
                items.push(Item { typed, name: Some(column.name.clone()), expr: Some(expr) });
            }
        }
        Ok(())
    }

    fn group_by(&mut self, select: &ast::Select) -> Result<Fragment, Mistake> {
        let GroupByExpr::Expressions(exprs, with) = &select.group_by else {
            return Err(self.wrong("there is no GROUP BY ALL here", select.group_by.span()));
        };
        if !with.is_empty() {
            return Err(self.wrong("there is no such GROUP BY here", select.group_by.span()));
        }
        let mut keys = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let expr = self.grouped_by(expr, &select.projection)?;
            let typed = self.expr(expr)?;
            let known = self.alone(typed)?;
            if is_untold(known.ty) {
                let help = if known.ty == Type::Json { "group by a text in it: `data->>'key'`" } else { NEAR };
                let message = format!("{} cannot be told apart on both stores alike", known.ty.name());
                return Err(self.wrong(message, place(expr)).help(help));
            }
            if known.constant {
                return Err(self.wrong("this is the same in each row", place(expr)).help("group by a column"));
            }
            if let Some(column) = self.key_column(expr)
                && let Some(level) = self.levels.last_mut()
            {
                level.key_columns.push(column);
            }
            if let Some(level) = self.levels.last_mut() {
                level.keys.push(expr.clone());
            }
            keys.push(known.sql);
        }
        if keys.is_empty() {
            return Ok(Fragment::default());
        }
        Ok(Fragment::word(" GROUP BY ").and(Fragment::list(keys, ", ")))
    }

    /// What a key means: a column of the rows, else an item by its name or its place.
    fn grouped_by<'s>(&self, expr: &'s ast::Expr, projection: &'s [SelectItem]) -> Result<&'s ast::Expr, Mistake> {
        if let Some(at) = Lower::ordinal(expr) {
            return match at.checked_sub(1).and_then(|at| projection.get(at)) {
                Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => Ok(expr),
                _ => Err(self.wrong(format!("there is no item {at} that could be grouped by"), place(expr))),
            };
        }
        if let ast::Expr::Identifier(name) = expr
            && !self.in_sight(&name.value)
        {
            let named = projection.iter().find_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if alias.value == name.value => Some(expr),
                _ => None,
            });
            return Ok(named.unwrap_or(expr));
        }
        Ok(expr)
    }

    /// Whether a row of this level has a column of this name.
    fn in_sight(&self, name: &str) -> bool {
        let rows = self.levels.last().into_iter().flat_map(|level| &level.rows);
        rows.flat_map(|row| &row.columns).any(|column| column.name == name)
    }

    /// The column of this level that a key is, if it is one.
    fn key_column(&self, expr: &ast::Expr) -> Option<(Option<usize>, usize)> {
        let (row, name) = match expr {
            ast::Expr::Identifier(name) => (None, name),
            ast::Expr::CompoundIdentifier(names) => match &names[..] {
                [row, name] => (Some(row), name),
                _ => return None,
            },
            _ => return None,
        };
        self.levels.last()?.rows.iter().find_map(|seen| {
            let wanted = row.is_none_or(|row| row.value == seen.name);
            let at = seen.columns.iter().position(|c| c.name == name.value && (row.is_some() || !c.merged))?;
            wanted.then_some((seen.id, at))
        })
    }

    /// ` ORDER BY …`. With `only_items`, each key is one of the items.
    pub(super) fn order_by(
        &mut self,
        order_by: &ast::OrderBy,
        items: &[Item],
        only_items: bool,
    ) -> Result<Fragment, Mistake> {
        let (ast::OrderByKind::Expressions(keys), None) = (&order_by.kind, &order_by.interpolate) else {
            return Err(self.unknown(order_by.span()));
        };
        let mut parts = Vec::with_capacity(keys.len());
        for key in keys {
            if key.with_fill.is_some() {
                return Err(self.unknown(key.span()));
            }
            let (sql, required) = match self.item_meant(&key.expr, items)? {
                Some(at) => self.item_key(at, &items[at])?,
                None if only_items => {
                    let help = "write the column as it stands there, its name or its number";
                    return Err(self
                        .wrong("what orders these rows is one of their columns", place(&key.expr))
                        .help(help));
                }
                None => {
                    let typed = self.expr(&key.expr)?;
                    let known = self.alone(typed)?;
                    if known.constant {
                        return Err(self.wrong("this is the same in each row", place(&key.expr)));
                    }
                    if known.ty == Type::Point {
                        return Err(self.wrong("points have no order", place(&key.expr)).help(NEAR));
                    }
                    (self.key(&known), known.required)
                }
            };
            parts.push(sql.and(self.direction(&key.options, required, key.span())?));
        }
        Ok(Fragment::word(" ORDER BY ").and(Fragment::list(parts, ", ")))
    }

    /// The item that a key of the order means: by its number, its name, or its words.
    fn item_meant(&self, expr: &ast::Expr, items: &[Item]) -> Result<Option<usize>, Mistake> {
        if let Some(at) = Lower::ordinal(expr) {
            return match at.checked_sub(1).filter(|at| *at < items.len()) {
                Some(at) => Ok(Some(at)),
                None => Err(self.wrong(format!("there is no column {at}"), place(expr))),
            };
        }
        if let ast::Expr::Identifier(name) = expr {
            let mut named = (0..items.len()).filter(|at| items[*at].name.as_deref() == Some(&name.value));
            let first = named.next();
            if let Some(first) = first
                && let Some(second) = named.next()
                && items[first].expr != items[second].expr
            {
                return Err(self.wrong(format!("two columns are called `{}`", name.value), place(expr)));
            }
            if first.is_some() {
                return Ok(first);
            }
        }
        Ok(items.iter().position(|item| item.expr.as_ref() == Some(expr)))
    }

    /// An item as a key: its number, but on SQLite for json, which is ordered by another thing than what is shown.
    fn item_key(&mut self, at: usize, item: &Item) -> Result<(Fragment, bool), Mistake> {
        let required = matches!(&item.typed.what, What::Known(known) if known.required && !known.constant);
        if item.typed.ty() == Some(Type::Point) {
            return Err(self.wrong("points have no order", item.typed.span).help(NEAR));
        }
        if let What::Known(known) = &item.typed.what
            && known.ty == Type::Json
            && self.dialect == Dialect::Sqlite
        {
            if known.sql.is_empty() {
                return Err(self.wrong("json does not order what is put together", item.typed.span));
            }
            return Ok((self.key(known), required));
        }
        Ok((Fragment::of(Piece::Number(at + 1)), required))
    }

    /// ` DESC NULLS FIRST`: nulls go where PostgreSQL puts them, with the greatest, unless the author says otherwise.
    pub(super) fn direction(
        &self,
        options: &ast::OrderByOptions,
        required: bool,
        span: Span,
    ) -> Result<Fragment, Mistake> {
        let descending = match &options.sort {
            None | Some(ast::OrderBySort::Asc) => false,
            Some(ast::OrderBySort::Desc) => true,
            Some(ast::OrderBySort::Using(_)) => return Err(self.unknown(span)),
        };
        let sql = Fragment::word(if descending { " DESC" } else { "" });
        if required {
            return Ok(sql);
        }
        Ok(sql.then(if options.nulls_first.unwrap_or(descending) { " NULLS FIRST" } else { " NULLS LAST" }))
    }

    /// `(x, y)`: a list of expressions, as keys.
    pub(super) fn keys(&mut self, exprs: &[ast::Expr]) -> Result<Fragment, Mistake> {
        let mut parts = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let typed = self.expr(expr)?;
            let known: Known = self.alone(typed)?;
            if is_untold(known.ty) {
                let message = format!("{} cannot be told apart on both stores alike", known.ty.name());
                return Err(self.wrong(message, place(expr)).help("group by a field of another type"));
            }
            parts.push(self.equal_key(&known));
        }
        Ok(Fragment::list(parts, ", "))
    }
}

/// The name that an expression gives its column, as PostgreSQL has it.
pub(super) fn name_of(expr: &ast::Expr) -> Option<String> {
    match expr {
        ast::Expr::Identifier(name) => Some(name.value.clone()),
        ast::Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.clone()),
        ast::Expr::Nested(inner) | ast::Expr::Cast { expr: inner, .. } => name_of(inner),
        ast::Expr::Function(function) => {
            function.name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_lowercase())
        }
        ast::Expr::Case { .. } => Some("case".to_owned()),
        ast::Expr::Exists { .. } => Some("exists".to_owned()),
        _ => None,
    }
}
