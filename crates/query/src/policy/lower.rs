//! From parsed SQL to typed expressions: every name is looked up, every type checked, and what policies do not know is
//! refused by name.

use pintle_model::{CollectionId, Model, Type, Value};
use sqlparser::ast::{self, BinaryOperator, UnaryOperator};

use super::mistake::{Mistake, did_you_mean};
use super::place::span;
use super::subquery::subquery;
use super::typed::{Typed, What, comparable, read};
use crate::expr::{Binary, Column, Expr};
use crate::functions::check_like;
use crate::request::{Comparison, Step, Truth};

/// Levels of an expression.
const DEPTH_MAX: usize = 64;
/// What a policy may be made of.
const KNOWN: &str = "policies know comparisons, `and`, `or`, `not`, `in (…)`, `between`, `like`, `ilike`, `is null`, \
    `is true`, `->` and `->>`, `+ - *`, `||`, casts, `exists (select … from … where …)`, and the functions auth.uid(), \
    auth.role(), auth.claim('…'), now(), lower, length and coalesce";

/// A row that names may speak of.
#[derive(Debug)]
struct Row {
    name: String,
    collection: CollectionId,
}

#[derive(Debug)]
pub(super) struct Lower<'a> {
    model: &'a Model,
    pub(super) source: &'a str,
    /// The rows in sight, outermost first.
    rows: Vec<Row>,
    depth: usize,
}

/// A whole policy, which must be boolean.
pub(super) fn policy(
    model: &Model,
    collection: CollectionId,
    source: &str,
    parsed: &ast::Expr,
) -> Result<Expr, Mistake> {
    let name = model.collection(collection).name.clone();
    let mut lower = Lower { model, source, rows: vec![Row { name, collection }], depth: 0 };
    lower.boolean(parsed)
}

impl Lower<'_> {
    pub(super) fn mistake(&self, message: impl Into<String>, expr: &ast::Expr) -> Mistake {
        Mistake::new(message).at(self.source, span(expr))
    }

    fn boolean(&mut self, expr: &ast::Expr) -> Result<Expr, Mistake> {
        let typed = self.lower(expr)?;
        match typed.ty() {
            Some(Type::Boolean) | None => typed.of(self.source, Type::Boolean),
            Some(ty) => Err(self
                .mistake(format!("a condition must be true or false, and this is {}", ty.name()), expr)
                .label(format!("{}, not boolean", ty.name()))),
        }
    }

    pub(super) fn of(&mut self, expr: &ast::Expr, ty: Type) -> Result<Box<Expr>, Mistake> {
        self.lower(expr)?.of(self.source, ty).map(Box::new)
    }

    pub(super) fn lower(&mut self, expr: &ast::Expr) -> Result<Typed, Mistake> {
        if self.depth == DEPTH_MAX {
            return Err(self.mistake("this policy is nested too deeply", expr));
        }
        self.depth += 1;
        let what = self.what(expr);
        self.depth -= 1;
        Ok(Typed { what: what?, span: span(expr) })
    }

    fn what(&mut self, expr: &ast::Expr) -> Result<What, Mistake> {
        let truth =
            |expr: Expr, negated: bool| Ok(What::Known(if negated { expr.negate() } else { expr }, Type::Boolean));
        match expr {
            ast::Expr::Nested(inner) => Ok(self.lower(inner)?.what),
            ast::Expr::Value(value) => self.value(&value.value, expr),
            ast::Expr::Identifier(name) => self.column(None, name, expr),
            ast::Expr::CompoundIdentifier(names) => match &names[..] {
                [row, name] => self.column(Some(row), name, expr),
                _ => Err(self.mistake("a name has at most two parts: `collection.field`", expr)),
            },
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right, expr),
            ast::Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => truth(self.boolean(inner)?, true),
            ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => self.minus(inner),
            ast::Expr::IsNull(inner) => truth(self.is_null(inner)?, false),
            ast::Expr::IsNotNull(inner) => truth(self.is_null(inner)?, true),
            ast::Expr::IsTrue(inner) => truth(self.is(inner, Truth::True)?, false),
            ast::Expr::IsNotTrue(inner) => truth(self.is(inner, Truth::True)?, true),
            ast::Expr::IsFalse(inner) => truth(self.is(inner, Truth::False)?, false),
            ast::Expr::IsNotFalse(inner) => truth(self.is(inner, Truth::False)?, true),
            ast::Expr::IsUnknown(inner) => truth(self.is(inner, Truth::Unknown)?, false),
            ast::Expr::IsNotUnknown(inner) => truth(self.is(inner, Truth::Unknown)?, true),
            ast::Expr::IsDistinctFrom(left, right) => truth(self.distinct(left, right)?, false),
            ast::Expr::IsNotDistinctFrom(left, right) => truth(self.distinct(left, right)?, true),
            ast::Expr::InList { expr: value, list, negated } => truth(self.in_list(value, list)?, *negated),
            ast::Expr::Between { expr: value, negated, low, high } => truth(self.between(value, low, high)?, *negated),
            ast::Expr::Like { negated, any: false, expr: value, pattern, escape_char: None } => {
                truth(self.like(value, pattern, false)?, *negated)
            }
            ast::Expr::ILike { negated, any: false, expr: value, pattern, escape_char: None } => {
                truth(self.like(value, pattern, true)?, *negated)
            }
            ast::Expr::Exists { subquery, negated } => truth(self.exists(subquery, expr)?, *negated),
            ast::Expr::Cast { expr: inner, data_type, format: None, .. } => self.cast(inner, data_type, expr),
            ast::Expr::TypedString(typed) => match &typed.value.value {
                ast::Value::SingleQuotedString(text) => {
                    let ty = self.data_type(&typed.data_type, expr)?;
                    Ok(What::Known(read(self.source, text, ty, typed.value.span)?, ty))
                }
                _ => Err(self.unknown(expr)),
            },
            ast::Expr::Function(function) => self.function(function, expr),
            _ => Err(self.unknown(expr)),
        }
    }

    pub(super) fn unknown(&self, expr: &ast::Expr) -> Mistake {
        self.mistake("this is more than policies know", expr).help(KNOWN)
    }

    fn value(&self, value: &ast::Value, expr: &ast::Expr) -> Result<What, Mistake> {
        Ok(match value {
            ast::Value::Null => What::Null,
            ast::Value::Boolean(value) => What::Known(Expr::Literal(Value::Boolean(*value)), Type::Boolean),
            ast::Value::SingleQuotedString(text) => What::Quoted(text.clone()),
            ast::Value::Number(text, _) => match (text.parse::<i64>(), Type::Number.read_text(text)) {
                (Ok(integer), _) => What::Known(Expr::Literal(Value::Integer(integer)), Type::Integer),
                (_, Ok(number)) => What::Known(Expr::Literal(number), Type::Number),
                (_, Err(error)) => return Err(self.mistake(error.message, expr)),
            },
            _ => return Err(self.mistake("policies do not know this kind of literal", expr).help(KNOWN)),
        })
    }

    /// A field of the innermost row that has it, or of the row that is named.
    fn column(&self, row: Option<&ast::Ident>, name: &ast::Ident, expr: &ast::Expr) -> Result<What, Mistake> {
        for (depth, seen) in self.rows.iter().enumerate().rev() {
            if row.is_some_and(|row| row.value != seen.name) {
                continue;
            }
            if let Some((field, found)) = self.model.collection(seen.collection).field(&name.value) {
                if row.is_none() {
                    self.only_one(depth, name, expr)?;
                }
                let column = Column { depth, collection: seen.collection, field, ty: found.ty };
                return Ok(What::Known(Expr::Column(column), found.ty));
            }
            if row.is_some() {
                return Err(self.no_field(seen, name, expr));
            }
        }
        match row {
            Some(row) if row.value == "auth" => Err(self
                .mistake(format!("`auth.{}` is a function", name.value), expr)
                .help(format!("write `auth.{}()`", name.value))),
            Some(row) => {
                let names: Vec<&str> = self.rows.iter().map(|row| row.name.as_str()).collect();
                Err(self.mistake(format!("no row of `{}` is in sight here", row.value), expr).help(did_you_mean(
                    &row.value,
                    names,
                    "in sight are rows of",
                )))
            }
            None => match self.rows.last() {
                Some(seen) => Err(self.no_field(seen, name, expr)),
                None => Err(self.unknown(expr)),
            },
        }
    }

    /// SQL would take the innermost row's field without a word: `members.team = team` would be true of every member.
    fn only_one(&self, depth: usize, name: &ast::Ident, expr: &ast::Expr) -> Result<(), Mistake> {
        let inner = &self.rows[depth].name;
        for outer in &self.rows[..depth] {
            if self.model.collection(outer.collection).field(&name.value).is_some() {
                return Err(self
                    .mistake(format!("`{inner}` and `{}` both have a field `{}`", outer.name, name.value), expr)
                    .label("whose?")
                    .help(format!("write `{inner}.{0}` or `{1}.{0}`", name.value, outer.name)));
            }
        }
        Ok(())
    }

    fn no_field(&self, row: &Row, name: &ast::Ident, expr: &ast::Expr) -> Mistake {
        let mistake = self.mistake(format!("`{}` has no field `{}`", row.name, name.value), expr);
        if name.quote_style == Some('"') {
            return mistake.help(format!("a text stands in single quotes: '{}'", name.value));
        }
        let fields: Vec<&str> = self.model.collection(row.collection).fields.iter().map(|f| f.name.as_str()).collect();
        mistake.label("unknown field").help(did_you_mean(&name.value, fields, "it has"))
    }

    fn binary(
        &mut self,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        expr: &ast::Expr,
    ) -> Result<What, Mistake> {
        let comparison = match op {
            BinaryOperator::Eq => Comparison::Eq,
            BinaryOperator::NotEq => Comparison::Ne,
            BinaryOperator::Lt => Comparison::Lt,
            BinaryOperator::LtEq => Comparison::Le,
            BinaryOperator::Gt => Comparison::Gt,
            BinaryOperator::GtEq => Comparison::Ge,
            BinaryOperator::And => return Ok(What::Known(Expr::And(self.chain(expr, op)?), Type::Boolean)),
            BinaryOperator::Or => return Ok(What::Known(Expr::Or(self.chain(expr, op)?), Type::Boolean)),
            BinaryOperator::Arrow => return self.arrow(left, right, false),
            BinaryOperator::LongArrow => return self.arrow(left, right, true),
            BinaryOperator::Plus => return self.arithmetic(Binary::Add, left, right),
            BinaryOperator::Minus => return self.arithmetic(Binary::Subtract, left, right),
            BinaryOperator::Multiply => return self.arithmetic(Binary::Multiply, left, right),
            BinaryOperator::StringConcat => {
                let (left, right) = (self.of(left, Type::Text)?, self.of(right, Type::Text)?);
                return Ok(What::Known(Expr::Binary(Binary::Concat, left, right), Type::Text));
            }
            other => {
                return Err(self.mistake(format!("policies do not know the operator `{other}`"), expr).help(KNOWN));
            }
        };
        let (left, right) = comparable(self.source, self.lower(left)?, self.lower(right)?)?;
        Ok(What::Known(Expr::compare(comparison, left, right), Type::Boolean))
    }

    /// `a and b and c …`: a chain leans to the left as deep as it is long, so it is walked, not recursed into.
    fn chain(&mut self, expr: &ast::Expr, wanted: &BinaryOperator) -> Result<Vec<Expr>, Mistake> {
        let mut parts = Vec::new();
        let mut at = expr;
        while let ast::Expr::BinaryOp { left, op, right } = at
            && op == wanted
        {
            parts.push(&**right);
            at = left;
        }
        parts.push(at);
        parts.into_iter().rev().map(|part| self.boolean(part)).collect()
    }

    fn arrow(&mut self, left: &ast::Expr, right: &ast::Expr, text: bool) -> Result<What, Mistake> {
        let typed = self.lower(left)?;
        let What::Known(json, Type::Json) = typed.what else {
            let ty = typed.ty().map_or("no json", Type::name);
            return Err(self.mistake(format!("a path leads into json, and this is {ty}"), left));
        };
        let step = match self.lower(right)?.what {
            What::Quoted(key) => Step::Key(key),
            What::Known(Expr::Literal(Value::Integer(index)), _) => Step::Index(index),
            _ => return Err(self.mistake("a step of a path is a key in quotes or a number", right)),
        };
        let (json, mut steps) = match json {
            Expr::Path { json, steps, text: false } => (json, steps),
            other => (Box::new(other), Vec::new()),
        };
        steps.push(step);
        Ok(What::Known(Expr::Path { json, steps, text }, if text { Type::Text } else { Type::Json }))
    }

    fn arithmetic(&mut self, op: Binary, left: &ast::Expr, right: &ast::Expr) -> Result<What, Mistake> {
        let (a, b) = (self.lower(left)?, self.lower(right)?);
        let number = |side: &Typed| matches!(side.ty(), Some(Type::Integer | Type::Number));
        for (side, expr) in [(&a, left), (&b, right)] {
            if !number(side) {
                let ty = side.ty().map_or("none", Type::name);
                return Err(self.mistake(format!("arithmetic needs numbers, and this is {ty}"), expr));
            }
        }
        let ty = if a.ty() == b.ty() { a.ty().unwrap_or(Type::Integer) } else { Type::Number };
        let (a, b) = (a.of(self.source, ty)?, b.of(self.source, ty)?);
        Ok(What::Known(Expr::Binary(op, Box::new(a), Box::new(b)), ty))
    }

    fn minus(&mut self, inner: &ast::Expr) -> Result<What, Mistake> {
        match self.lower(inner)?.what {
            What::Known(Expr::Literal(Value::Integer(n)), ty) => Ok(What::Known(Expr::Literal(Value::Integer(-n)), ty)),
            What::Known(Expr::Literal(Value::Number(n)), ty) => Ok(What::Known(Expr::Literal(Value::Number(-n)), ty)),
            What::Known(expr, Type::Integer) => {
                let zero = Expr::Literal(Value::Integer(0));
                Ok(What::Known(Expr::Binary(Binary::Subtract, Box::new(zero), Box::new(expr)), Type::Integer))
            }
            What::Known(expr, Type::Number) => {
                let zero = Expr::Literal(Value::Number(0.0));
                Ok(What::Known(Expr::Binary(Binary::Subtract, Box::new(zero), Box::new(expr)), Type::Number))
            }
            _ => Err(self.mistake("only a number can be negative", inner)),
        }
    }

    fn is_null(&mut self, inner: &ast::Expr) -> Result<Expr, Mistake> {
        let expr = match self.lower(inner)?.what {
            What::Known(expr, _) => expr,
            What::Quoted(text) => Expr::Literal(Value::Text(text)),
            What::Null => Expr::Literal(Value::Null),
        };
        Ok(Expr::Is(Box::new(expr), Truth::Null))
    }

    fn is(&mut self, inner: &ast::Expr, truth: Truth) -> Result<Expr, Mistake> {
        Ok(Expr::Is(Box::new(self.boolean(inner)?), truth))
    }

    fn distinct(&mut self, left: &ast::Expr, right: &ast::Expr) -> Result<Expr, Mistake> {
        let (left, right) = (self.lower(left)?, self.lower(right)?);
        let (left, right) = match (&left.what, &right.what) {
            (What::Null, _) | (_, What::Null) => {
                let ty = left.ty().or(right.ty()).unwrap_or(Type::Text);
                (left.of(self.source, ty)?, right.of(self.source, ty)?)
            }
            _ => comparable(self.source, left, right)?,
        };
        Ok(Expr::Distinct(Box::new(left), Box::new(right)))
    }

    fn in_list(&mut self, value: &ast::Expr, list: &[ast::Expr]) -> Result<Expr, Mistake> {
        let value = self.lower(value)?;
        let mut items = Vec::with_capacity(list.len());
        let mut sought = None;
        for item in list {
            let (left, right) = comparable(self.source, value.clone(), self.lower(item)?)?;
            // The left side may be read as another type by another item: each must agree with the first.
            if *sought.get_or_insert_with(|| left.clone()) != left {
                return Err(self.mistake("the items of this list are of different types", item));
            }
            items.push(right);
        }
        match sought {
            Some(left) => Ok(Expr::In(Box::new(left), items)),
            None => Ok(Expr::FALSE),
        }
    }

    fn between(&mut self, value: &ast::Expr, low: &ast::Expr, high: &ast::Expr) -> Result<Expr, Mistake> {
        let value = self.lower(value)?;
        let (left, low) = comparable(self.source, value.clone(), self.lower(low)?)?;
        let from = Expr::compare(Comparison::Ge, left, low);
        let (left, high) = comparable(self.source, value, self.lower(high)?)?;
        Ok(Expr::And(vec![from, Expr::compare(Comparison::Le, left, high)]))
    }

    fn like(&mut self, value: &ast::Expr, pattern: &ast::Expr, fold: bool) -> Result<Expr, Mistake> {
        let (value, like) = (self.of(value, Type::Text)?, self.of(pattern, Type::Text)?);
        if let Expr::Literal(Value::Text(text)) = &*like {
            check_like(text).map_err(|message| self.mistake(message, pattern))?;
        }
        Ok(Expr::Like { value, pattern: like, fold })
    }

    fn exists(&mut self, query: &ast::Query, expr: &ast::Expr) -> Result<Expr, Mistake> {
        let Some(found) = subquery(query) else {
            return Err(self
                .mistake("this is more than an `exists` of a policy may have", expr)
                .help("write `exists (select 1 from collection where …)`"));
        };
        let name = &found.collection.value;
        let at = |mistake: Mistake| mistake.at(self.source, found.collection.span);
        let Some((collection, seen)) = self.model.find(name).filter(|(_, c)| !c.system) else {
            let names: Vec<&str> =
                self.model.collections.iter().filter(|c| !c.system).map(|c| c.name.as_str()).collect();
            return Err(at(Mistake::new(format!("there is no collection `{name}`"))
                .label("unknown collection")
                .help(did_you_mean(name, names, "there are"))));
        };
        if seen.policies.select.is_none() {
            return Err(at(Mistake::new(format!(
                "`{name}` has no select policy, so this `exists` would never find a row"
            ))
            .help(
                "an `exists` sees only the rows that the other collection's own select policy lets the caller see",
            )));
        }
        let depth = self.rows.len();
        self.rows.push(Row { name: found.alias.map_or(name, |alias| &alias.value).clone(), collection });
        let body = found.condition.map_or(Ok(Expr::TRUE), |condition| self.boolean(condition));
        self.rows.pop();
        Ok(Expr::Exists { collection, depth, body: Box::new(body?) })
    }
}
