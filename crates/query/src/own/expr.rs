//! Expressions: every name is looked up, every type checked, and what would mean one thing on one store and another on
//! the other is written so that it means the same.

use pintle_model::{Type, Value};
use sqlparser::ast::{self, BinaryOperator, Spanned, UnaryOperator};
use sqlparser::tokenizer::Span;

use super::lower::Lower;
use super::typed::{Known, Typed, What};
use crate::Dialect;
use crate::functions::name;
use crate::policy::mistake::{Mistake, did_you_mean};
use crate::policy::place::span as place;
use crate::request::Step;
use crate::sql::{Fragment, Piece};

/// What an expression may be made of.
const KNOWN: &str = "there are comparisons, `AND`, `OR`, `NOT`, `IN`, `BETWEEN`, `LIKE`, `ILIKE`, `IS NULL`, `IS DISTINCT FROM`, \
    `EXISTS`, `CASE`, `CAST`, `->`, `->>`, `@>`, `+ - * / %`, `||`, subqueries and functions";

impl Lower<'_> {
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Result<Typed, Mistake> {
        let span = place(expr);
        // What it is grouped by may stand anywhere, whatever columns are in it.
        let is_key =
            self.levels.last().is_some_and(|level| level.grouping && !level.inside && level.keys.contains(expr));
        if is_key && let Some(level) = self.levels.last_mut() {
            level.inside = true;
        }
        let what = self.deeper(|| span, |lower| lower.what(expr, span));
        if is_key && let Some(level) = self.levels.last_mut() {
            level.inside = false;
        }
        let what = what?;
        if let What::Known(known) = &what {
            self.bounded(Fragment::default()).and_then(|_| self.bounded(known.sql.clone()))?;
        }
        Ok(Typed { what, span })
    }

    /// An expression of a type that its place asks for.
    pub(super) fn expr_of(&mut self, expr: &ast::Expr, ty: Type) -> Result<Known, Mistake> {
        let typed = self.expr(expr)?;
        self.of(typed, ty)
    }

    /// A condition.
    pub(super) fn boolean(&mut self, expr: &ast::Expr) -> Result<Fragment, Mistake> {
        let typed = self.expr(expr)?;
        match typed.ty() {
            Some(Type::Boolean) | None => Ok(self.of(typed, Type::Boolean)?.sql),
            Some(ty) => Err(self
                .wrong(format!("a condition must be true or false, and this is {}", ty.name()), typed.span)
                .label(format!("{}, not boolean", ty.name()))),
        }
    }

    fn what(&mut self, expr: &ast::Expr, span: Span) -> Result<What, Mistake> {
        let truth = |sql: Fragment, negated: bool| {
            let sql = if negated { sql.between("(NOT ", ")") } else { sql };
            Ok(What::Known(Known::new(sql, Type::Boolean)))
        };
        match expr {
            ast::Expr::Nested(inner) => Ok(self.expr(inner)?.what),
            ast::Expr::Value(value) => self.value(&value.value, span),
            ast::Expr::Identifier(name) => self.column(None, name, span).map(What::Known),
            ast::Expr::CompoundIdentifier(names) => match &names[..] {
                [row, name] => self.column(Some(row), name, span).map(What::Known),
                _ => Err(self.wrong("a name has at most two parts: `collection.field`", span)),
            },
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right, expr),
            ast::Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => truth(self.boolean(inner)?, true),
            ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => self.minus(inner),
            ast::Expr::IsNull(inner) => truth(self.is(inner, " IS NULL)", None)?, false),
            ast::Expr::IsNotNull(inner) => truth(self.is(inner, " IS NOT NULL)", None)?, false),
            ast::Expr::IsTrue(inner) => truth(self.is(inner, " IS TRUE)", Some(Type::Boolean))?, false),
            ast::Expr::IsNotTrue(inner) => truth(self.is(inner, " IS NOT TRUE)", Some(Type::Boolean))?, false),
            ast::Expr::IsFalse(inner) => truth(self.is(inner, " IS FALSE)", Some(Type::Boolean))?, false),
            ast::Expr::IsNotFalse(inner) => truth(self.is(inner, " IS NOT FALSE)", Some(Type::Boolean))?, false),
            ast::Expr::IsDistinctFrom(left, right) => truth(self.distinct(left, right)?, false),
            ast::Expr::IsNotDistinctFrom(left, right) => truth(self.distinct(left, right)?, true),
            ast::Expr::InList { expr: value, list, negated } => truth(self.in_list(value, list)?, *negated),
            ast::Expr::InSubquery { expr: value, subquery, negated } => {
                truth(self.in_subquery(value, subquery)?, *negated)
            }
            ast::Expr::Between { expr: value, negated, low, high } => truth(self.between(value, low, high)?, *negated),
            ast::Expr::Like { negated, any: false, expr: value, pattern, escape_char: None } => {
                truth(self.like(value, pattern, false)?, *negated)
            }
            ast::Expr::ILike { negated, any: false, expr: value, pattern, escape_char: None } => {
                truth(self.like(value, pattern, true)?, *negated)
            }
            ast::Expr::Exists { subquery, negated } => {
                let found = self.subquery(subquery, None)?;
                truth(found.sql.between("EXISTS (", ")"), *negated)
            }
            ast::Expr::Subquery(query) => self.scalar(query, span).map(What::Known),
            ast::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref()).map(What::Known)
            }
            ast::Expr::Cast { expr: inner, data_type, format: None, .. } => self.cast(inner, data_type, span),
            ast::Expr::TypedString(typed) => match &typed.value.value {
                ast::Value::SingleQuotedString(text) => {
                    let ty = self.data_type(&typed.data_type, span)?;
                    let literal = Typed { what: What::Quoted(text.clone()), span };
                    self.of(literal, ty).map(What::Known)
                }
                _ => Err(self.unknown(span)),
            },
            ast::Expr::Function(function) => self.function(function, span),
            other => self.written_apart(other, span).map(What::Known),
        }
    }

    pub(super) fn unknown(&self, span: Span) -> Mistake {
        self.wrong("this is more than SQL of an app's own may have", span).help(KNOWN)
    }

    fn value(&mut self, value: &ast::Value, span: Span) -> Result<What, Mistake> {
        Ok(match value {
            ast::Value::Null => What::Null,
            ast::Value::Boolean(value) => What::Known(Known::literal(Value::Boolean(*value), Type::Boolean)),
            ast::Value::SingleQuotedString(text) if text.contains('\0') => {
                return Err(self.wrong("a text holds no NUL", span));
            }
            ast::Value::SingleQuotedString(text) => What::Quoted(text.clone()),
            ast::Value::Number(text, false) => match (text.parse::<i64>(), Type::Number.read_text(text)) {
                (Ok(integer), _) => What::Known(Known::literal(Value::Integer(integer), Type::Integer)),
                (_, Ok(number)) => What::Known(Known::literal(number, Type::Number)),
                (_, Err(error)) => return Err(self.wrong(error.message, span)),
            },
            ast::Value::Placeholder(text) => return self.placeholder(text, span),
            _ => return Err(self.wrong("there is no such kind of literal here", span).help(KNOWN)),
        })
    }

    fn placeholder(&mut self, text: &str, span: Span) -> Result<What, Mistake> {
        let Some(name) = text.strip_prefix(':') else {
            return Err(self
                .wrong(format!("`{text}` is no parameter"), span)
                .help("a parameter is written with a colon: `:name`"));
        };
        let Some(at) = self.params.iter().position(|param| param.name == name) else {
            let known: Vec<&str> = self.params.iter().map(|param| param.name.as_str()).collect();
            let mistake = self.wrong(format!("there is no parameter `{name}`"), span).label("unknown parameter");
            return Err(if known.is_empty() {
                mistake.help("a route declares its parameters under `params`, a script gives them to db.sql")
            } else {
                mistake.help(did_you_mean(name, known, "there are"))
            });
        };
        self.named[at] = true;
        if self.params[at].declared {
            let ty = self.params[at].ty;
            return Ok(What::Known(self.param(at, ty)));
        }
        Ok(What::Open(at))
    }

    fn binary(
        &mut self,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        expr: &ast::Expr,
    ) -> Result<What, Mistake> {
        let words = match op {
            BinaryOperator::Eq => " = ",
            BinaryOperator::NotEq => " <> ",
            BinaryOperator::Lt => " < ",
            BinaryOperator::LtEq => " <= ",
            BinaryOperator::Gt => " > ",
            BinaryOperator::GtEq => " >= ",
            BinaryOperator::And => return self.chain(expr, op, " AND "),
            BinaryOperator::Or => return self.chain(expr, op, " OR "),
            BinaryOperator::Arrow => return self.arrow(left, right, false),
            BinaryOperator::LongArrow => return self.arrow(left, right, true),
            BinaryOperator::AtArrow => {
                let (outer, inner) = (self.expr_of(left, Type::Json)?.sql, self.expr_of(right, Type::Json)?.sql);
                let sql = match self.dialect {
                    Dialect::Sqlite => outer.between(name::CONTAINS, ", ").and(inner),
                    Dialect::Postgres => outer.between("(", " @> ").and(inner),
                };
                return Ok(What::Known(Known::new(sql.then(")"), Type::Boolean)));
            }
            BinaryOperator::Plus => return self.arithmetic(" + ", left, right),
            BinaryOperator::Minus => return self.arithmetic(" - ", left, right),
            BinaryOperator::Multiply => return self.arithmetic(" * ", left, right),
            BinaryOperator::Divide => return self.arithmetic(" / ", left, right),
            BinaryOperator::Modulo => return self.arithmetic(" % ", left, right),
            BinaryOperator::StringConcat => {
                let (left, right) = (self.expr_of(left, Type::Text)?.sql, self.expr_of(right, Type::Text)?.sql);
                let sql = left.between("(", " || ").and(right).then(")");
                return Ok(What::Known(Known::new(sql, Type::Text)));
            }
            other => return Err(self.wrong(format!("there is no operator `{other}` here"), place(expr)).help(KNOWN)),
        };
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let (left, right) = self.comparable(left, right)?;
        Ok(What::Known(Known::new(self.compared(&left, words, &right), Type::Boolean)))
    }

    /// A comparison of two comparable expressions.
    pub(super) fn compared(&self, left: &Known, words: &'static str, right: &Known) -> Fragment {
        let orders = !matches!(words, " = " | " <> ");
        // On PostgreSQL the left side's collation is the comparison's.
        let first = if orders { self.key(left) } else { self.equal_key(left) };
        first.between("(", words).and(self.equal_key(right)).then(")")
    }

    /// `a AND b AND c …`: a chain leans to the left as deep as it is long, so it is walked, not recursed into.
    fn chain(&mut self, expr: &ast::Expr, wanted: &BinaryOperator, words: &'static str) -> Result<What, Mistake> {
        let mut parts = Vec::new();
        let mut at = expr;
        while let ast::Expr::BinaryOp { left, op, right } = at
            && op == wanted
        {
            parts.push(&**right);
            at = left;
        }
        parts.push(at);
        let parts: Vec<Fragment> = parts.into_iter().rev().map(|part| self.boolean(part)).collect::<Result<_, _>>()?;
        Ok(What::Known(Known::new(Fragment::list(parts, words).between("(", ")"), Type::Boolean)))
    }

    fn arithmetic(&mut self, words: &'static str, left: &ast::Expr, right: &ast::Expr) -> Result<What, Mistake> {
        let (a, b) = (self.expr(left)?, self.expr(right)?);
        let ty = match (a.ty(), b.ty()) {
            (None, Some(ty)) | (Some(ty), None) => ty,
            (None, None) => self.common_or(&[a.clone(), b.clone()])?,
            (Some(x), Some(y)) if x == y => x,
            (Some(x), Some(y)) if [x, y].iter().all(|ty| matches!(ty, Type::Integer | Type::Number)) => Type::Number,
            (Some(Type::Integer | Type::Number), Some(other)) | (Some(other), Some(_)) => other,
        };
        for side in [&a, &b] {
            let own = side.ty().unwrap_or(ty);
            if !matches!(own, Type::Integer | Type::Number) {
                let help =
                    if own == Type::Text { "texts are put together with `||`" } else { "write `CAST(… AS number)`" };
                return Err(self
                    .wrong(format!("arithmetic needs numbers, and this is {}", own.name()), side.span)
                    .help(help));
            }
        }
        if words == " % " && ty != Type::Integer {
            return Err(self.wrong("`%` is of integers", a.span.union(&b.span)));
        }
        let (a, b) = (self.of(a, ty)?, self.of(b, ty)?);
        self.may_fail(&[&a.sql, &b.sql]);
        // PostgreSQL fails on a division by zero, SQLite answers null.
        let divides = matches!(words, " / " | " % ") && self.dialect == Dialect::Postgres;
        let divisor = if divides { b.sql.between("nullif(", ", 0)") } else { b.sql };
        let sql = a.sql.between("(", words).and(divisor).then(")");
        let known = Known::new(sql, ty);
        Ok(What::Known(Known { constant: a.constant && b.constant, ..known }))
    }

    fn minus(&mut self, inner: &ast::Expr) -> Result<What, Mistake> {
        if let ast::Expr::Value(value) = inner
            && let ast::Value::Number(text, false) = &value.value
        {
            return self.value(&ast::Value::Number(format!("-{text}"), false), place(inner));
        }
        let typed = self.expr(inner)?;
        let known = self.alone(typed)?;
        self.may_fail(&[&known.sql]);
        match known.ty {
            Type::Integer | Type::Number => {
                let constant = known.constant;
                let negative =
                    Known::new(known.sql.between("(- ", ")"), known.ty).exact(known.exact && known.ty == Type::Number);
                Ok(What::Known(Known { constant, ..negative }))
            }
            other => {
                Err(self.wrong(format!("only a number can be negative, and this is {}", other.name()), place(inner)))
            }
        }
    }

    fn arrow(&mut self, left: &ast::Expr, right: &ast::Expr, text: bool) -> Result<What, Mistake> {
        let mut steps = vec![self.step(right)?];
        let mut at = left;
        // `a -> 'b' ->> 'c'` is one path.
        while let ast::Expr::BinaryOp { left, op: BinaryOperator::Arrow, right } = at {
            steps.insert(0, self.step(right)?);
            at = left;
        }
        let typed = self.expr(at)?;
        if typed.ty().is_some_and(|ty| ty != Type::Json) {
            let ty = typed.ty().map_or("no json", Type::name);
            return Err(self.wrong(format!("a path leads into json, and this is {ty}"), typed.span));
        }
        let json = self.of(typed, Type::Json)?.sql;
        let ty = if text { Type::Text } else { Type::Json };
        Ok(What::Known(Known::new(Fragment::of(Piece::Path(Box::new(json), steps, text)), ty)))
    }

    fn step(&mut self, step: &ast::Expr) -> Result<Step, Mistake> {
        let wrong = |lower: &Self| lower.wrong("a step of a path is a key in quotes or a number", place(step));
        let (value, negative) = match step {
            ast::Expr::Value(value) => (&value.value, false),
            ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
                ast::Expr::Value(value) => (&value.value, true),
                _ => return Err(wrong(self)),
            },
            _ => return Err(wrong(self)),
        };
        match value {
            ast::Value::SingleQuotedString(key) if !negative => Ok(Step::Key(key.clone())),
            ast::Value::Number(text, false) => match text.parse::<i64>() {
                Ok(index) => Ok(Step::Index(if negative { -index } else { index })),
                Err(_) => Err(wrong(self)),
            },
            _ => Err(wrong(self)),
        }
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
    ) -> Result<Known, Mistake> {
        let mut whens = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for case in conditions {
            whens.push(match operand {
                None => self.boolean(&case.condition)?,
                Some(operand) => {
                    let (left, right) = (self.expr(operand)?, self.expr(&case.condition)?);
                    let (left, right) = self.comparable(left, right)?;
                    self.compared(&left, " = ", &right)
                }
            });
            results.push(self.expr(&case.result)?);
        }
        if let Some(otherwise) = otherwise {
            results.push(self.expr(otherwise)?);
        }
        let ty = self.common_or(&results)?;
        let exact = |known: &Known| known.exact;
        let results: Vec<Known> = results.into_iter().map(|result| self.of(result, ty)).collect::<Result<_, _>>()?;
        let all_exact = results.iter().all(exact);
        let mut results = results.into_iter().map(|result| result.sql);
        let mut sql = Fragment::word("CASE");
        for when in whens {
            sql = sql.then(" WHEN ").and(when).then(" THEN ").and(results.next().unwrap_or_default());
        }
        if let Some(otherwise) = results.next() {
            sql = sql.then(" ELSE ").and(otherwise);
        }
        Ok(Known::new(sql.then(" END").between("(", ")"), ty).exact(all_exact))
    }

    /// A subquery in the place of a value: its first row's, or null.
    fn scalar(&mut self, query: &ast::Query, span: Span) -> Result<Known, Mistake> {
        let found = self.subquery(query, None)?;
        let [column] = &found.columns[..] else {
            let message = format!("a value is one column, and this subquery has {}", found.columns.len());
            return Err(self.wrong(message, span));
        };
        // PostgreSQL fails where there are several rows, SQLite takes the first.
        let bounded = found.limited || self.dialect == Dialect::Sqlite;
        let sql = found.sql.between("(", if bounded { ")" } else { " LIMIT 1)" });
        Ok(Known::new(sql, column.ty).exact(column.exact))
    }

    /// The place of a part of the tree that has one.
    pub(super) fn at(node: &impl Spanned) -> Span {
        node.span()
    }
}
