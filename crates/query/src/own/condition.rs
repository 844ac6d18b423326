//! Conditions beyond a plain comparison.

use pintle_model::Type;
use sqlparser::ast;

use super::lower::Lower;
use super::typed::{Known, NEAR, Typed, What, is_untold};
use crate::Dialect;
use crate::functions::{check_like, name};
use crate::policy::mistake::Mistake;
use crate::sql::Fragment;

impl Lower<'_> {
    pub(super) fn is(&mut self, inner: &ast::Expr, words: &'static str, ty: Option<Type>) -> Result<Fragment, Mistake> {
        let typed = self.expr(inner)?;
        let known = match (ty, &typed.what) {
            (Some(ty), _) => self.of(typed, ty)?,
            (None, What::Null) => self.null(Type::Text),
            (None, _) => self.alone(typed)?,
        };
        Ok(known.sql.between("(", words))
    }

    pub(super) fn distinct(&mut self, left: &ast::Expr, right: &ast::Expr) -> Result<Fragment, Mistake> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let (left, right) = match (&left.what, &right.what) {
            (What::Null, _) | (_, What::Null) => {
                let ty = self.common_or(&[left.clone(), right.clone()])?;
                (self.of(left, ty)?, self.of(right, ty)?)
            }
            _ => self.comparable(left, right)?,
        };
        Ok(self.equal_key(&left).between("(", " IS DISTINCT FROM ").and(self.equal_key(&right)).then(")"))
    }

    pub(super) fn in_list(&mut self, value: &ast::Expr, list: &[ast::Expr]) -> Result<Fragment, Mistake> {
        let mut all = vec![self.expr(value)?];
        for item in list {
            let item = self.expr(item)?;
            if matches!(item.what, What::Null) {
                return Err(self.wrong("nothing is equal to null", item.span).help("write `… IS NULL`"));
            }
            all.push(item);
        }
        let ty = self.common_or(&all)?;
        let all: Vec<Known> = all.into_iter().map(|one| self.member(one, ty)).collect::<Result<_, _>>()?;
        let keys: Vec<Fragment> = all.iter().map(|one| self.equal_key(one)).collect();
        let mut keys = keys.into_iter();
        let value = keys.next().unwrap_or_default();
        Ok(value.between("(", " IN (").and(Fragment::list(keys, ", ")).then("))"))
    }

    /// One of a list whose type is the widest: a whole number can stay what it is, so that an index finds it.
    pub(super) fn member(&mut self, one: Typed, ty: Type) -> Result<Known, Mistake> {
        match one.ty() {
            Some(Type::Integer) if ty == Type::Number => self.of(one, Type::Integer),
            _ => self.of(one, ty),
        }
    }

    pub(super) fn in_subquery(&mut self, value: &ast::Expr, query: &ast::Query) -> Result<Fragment, Mistake> {
        let typed = self.expr(value)?;
        let span = typed.span;
        let expected = typed.ty();
        let found = self.subquery(query, expected.map(|ty| vec![ty]).as_deref())?;
        let [column] = &found.columns[..] else {
            return Err(
                self.wrong(format!("one value is sought, and the subquery has {} columns", found.columns.len()), span)
            );
        };
        let (sought, ty) = (self.of(typed, expected.unwrap_or(column.ty))?, column.ty);
        if is_untold(ty) {
            let help = if ty == Type::Json { "cast both sides to text" } else { NEAR };
            return Err(self.wrong(format!("{} is not sought so", ty.name()), span).help(help));
        }
        let both_numbers = matches!((sought.ty, ty), (Type::Integer | Type::Number, Type::Integer | Type::Number));
        if sought.ty != ty && !both_numbers {
            let message = format!("{} is sought, and the subquery has {}", sought.ty.name(), ty.name());
            return Err(self.wrong(message, span).help(format!("write `CAST(… AS {})`", sought.ty.name())));
        }
        Ok(sought.sql.between("(", " IN (").and(found.sql).then("))"))
    }

    pub(super) fn between(
        &mut self,
        value: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
    ) -> Result<Fragment, Mistake> {
        let value = self.expr(value)?;
        let (low, high) = (self.expr(low)?, self.expr(high)?);
        let (left, low) = self.comparable(value.clone(), low)?;
        let (again, high) = self.comparable(value, high)?;
        let from = self.compared(&left, " >= ", &low);
        let to = self.compared(&again, " <= ", &high);
        Ok(from.between("(", " AND ").and(to).then(")"))
    }

    pub(super) fn like(&mut self, value: &ast::Expr, pattern: &ast::Expr, fold: bool) -> Result<Fragment, Mistake> {
        let (value, typed) = (self.expr_of(value, Type::Text)?.sql, self.expr(pattern)?);
        let checked = match &typed.what {
            What::Quoted(text) => {
                check_like(text).map_err(|message| self.wrong(message, typed.span))?;
                true
            }
            _ => false,
        };
        let pattern = self.of(typed, Type::Text)?.sql;
        if self.dialect == Dialect::Sqlite {
            return Ok(value.between(if fold { name::ILIKE } else { name::LIKE }, ", ").and(pattern).then(")"));
        }
        let like = if fold {
            let both = value.between("(translate(", ", 'Σ', 'σ') COLLATE \"und-x-icu\" ILIKE ");
            both.and(pattern.clone().between("translate(", ", 'Σ', 'σ') COLLATE \"und-x-icu\")"))
        } else {
            value.between("(", " LIKE ").and(pattern.clone()).then(")")
        };
        if checked {
            return Ok(like);
        }
        // A pattern that ends in a lone escape matches nothing, and fails on PostgreSQL.
        let unended = pattern.between("(CASE WHEN ", r" ~ '(^|[^\\])(\\\\)*\\$' THEN FALSE ELSE ");
        Ok(unended.and(like).then(" END)"))
    }
}
