//! What may fail on a row is not asked of a row that the policies hide: whether it fails would tell the row's value.
//!
//! A database asks an author's condition before a policy's where that seems cheaper. So a statement with anything that
//! may fail by the value of a row that may be hidden has its policies fenced off: they are asked first, and indexes serve
//! them alone.

use sqlparser::ast;

use super::lower::Lower;
use super::select::name_of;
use crate::sql::Fragment;

impl Lower<'_> {
    /// Notes something that may fail by what these are. What is only made of the rows that were found needs no fence; an
    /// aggregate's values and a window's order may be made before.
    pub(super) fn may_fail(&mut self, operands: &[&Fragment]) {
        let early = self.levels.last().is_some_and(|level| level.inside || level.windowed);
        let exempt = self.of_found && !early;
        self.fallible |= !exempt && operands.iter().any(|operand| operand.speaks_of(&self.hideable));
    }

    /// Whether rows that were put together so are made of rows that may be hidden. Where those stand further out, what an
    /// aggregate makes of them may fail.
    pub(super) fn hangs_on_hideable(&mut self, sql: &Fragment) -> bool {
        let rows = self.levels.iter().flat_map(|level| &level.rows).filter_map(|row| row.id);
        let around: Vec<usize> = rows.filter(|row| self.hideable.contains(row)).collect();
        self.fallible |= sql.speaks_of(&around);
        sql.speaks_of(&self.hideable)
    }

    /// Runs where all that is read is made of the rows that were found, or not.
    pub(super) fn while_found<T>(&mut self, of_found: bool, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.of_found, of_found);
        let done = work(self);
        self.of_found = before;
        done
    }

    /// Whether the items of a `SELECT` are made of the rows that were found: those of the outermost one, unless they are
    /// ordered or told apart by what was made of them, which a database may make earlier.
    pub(super) fn makes_last(&self, select: &ast::Select, order_by: Option<&ast::OrderBy>) -> bool {
        let is_field = |expr: &ast::Expr| matches!(expr, ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_));
        let makes = |name: &str| {
            let made = |item: &ast::SelectItem| match item {
                ast::SelectItem::ExprWithAlias { expr, alias } => alias.value == name && !is_field(expr),
                ast::SelectItem::UnnamedExpr(expr) => !is_field(expr) && name_of(expr).as_deref() == Some(name),
                _ => false,
            };
            select.projection.iter().any(made)
        };
        let by_field = |key: &ast::OrderByExpr| match &key.expr {
            ast::Expr::Identifier(ident) => !makes(&ident.value),
            expr => is_field(expr),
        };
        let ordered_by_fields = order_by.is_none_or(|order_by| match &order_by.kind {
            ast::OrderByKind::Expressions(keys) => keys.iter().all(by_field),
            ast::OrderByKind::All(_) => false,
        });
        self.depth == 0 && select.distinct.is_none() && ordered_by_fields
    }
}
