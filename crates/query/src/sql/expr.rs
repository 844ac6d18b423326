//! Expressions as SQL.
//!
//! What SQLite lacks is a call of one of [`crate::functions`]; what it has is written plainly, so that indexes serve.

use pintle_model::{Model, Type, Value};

use super::{Sql, path};
use crate::expr::{Binary, Column, Expr, Function};
use crate::functions::name;
use crate::plan::{Dialect, Param};
use crate::request::{Comparison, Step, Truth};

/// What the writer of an expression must know of its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The model.
    pub(crate) model: &'a Model,
    /// Whether columns of the outermost row carry their table's name: needed where another table stands beside it.
    pub(crate) qualified: bool,
}

/// More conditions than this are put into groups, so that no expression grows deeper than SQLite allows.
const JUNCTION_MAX: usize = 64;

impl Sql {
    /// Adds an expression, in parentheses where something may stand beside it.
    pub(crate) fn expr(&mut self, scope: Scope<'_>, expr: &Expr) {
        match expr {
            Expr::Literal(value) => self.literal(value),
            Expr::Param(param, _) => {
                self.bind(param.clone());
            }
            Expr::Column(column) => self.column(scope, column),
            Expr::Path { json, steps, text } => self.path(scope, json, steps, *text),
            Expr::And(parts) => self.junction(scope, parts, " AND ", "1"),
            Expr::Or(parts) => self.junction(scope, parts, " OR ", "0"),
            Expr::Not(inner) => self.wrapped("(NOT ", scope, inner, ")"),
            Expr::Compare(op, left, right) => self.operator(scope, left, comparison(*op), right),
            Expr::Distinct(left, right) => self.operator(scope, left, " IS DISTINCT FROM ", right),
            Expr::In(value, list) => self.is_in(scope, value, list),
            Expr::Is(inner, truth) => self.wrapped("(", scope, inner, is(*truth)),
            Expr::Like { value, pattern, fold } => self.like(scope, value, pattern, *fold),
            Expr::Match { value, pattern, fold } => {
                self.call(scope, if *fold { name::IMATCH } else { name::MATCH }, [&**value, pattern]);
            }
            Expr::Contains(outer, inner) => self.call(scope, name::CONTAINS, [&**outer, inner]),
            Expr::Element { json, keys, text } => {
                let keys = Expr::Literal(Value::Text(serde_json::Value::from(keys.clone()).to_string()));
                self.call(scope, name::ELEMENT, [&**json, &keys, text]);
            }
            Expr::Call(function, args) => self.call(
                scope,
                match function {
                    Function::Lower => name::LOWER,
                    Function::Length => "length(",
                    Function::Coalesce => "coalesce(",
                },
                args,
            ),
            Expr::Binary(op, left, right) => {
                self.operator_plain(
                    scope,
                    left,
                    match op {
                        Binary::Add => " + ",
                        Binary::Subtract => " - ",
                        Binary::Multiply => " * ",
                        Binary::Concat => " || ",
                    },
                    right,
                );
            }
            Expr::Cast(inner, ty) => self.cast(scope, inner, *ty),
            Expr::Exists { collection, depth, body } => {
                self.word("EXISTS (SELECT 1 FROM ").name(&scope.model.collection(*collection).name);
                self.word(" AS ").alias(*depth).word(" WHERE ");
                self.expr(Scope { qualified: true, ..scope }, body);
                self.word(")");
            }
        }
    }

    fn literal(&mut self, value: &Value) {
        match value {
            Value::Null => {
                self.word("NULL");
            }
            Value::Boolean(true) => {
                self.word("1");
            }
            Value::Boolean(false) => {
                self.word("0");
            }
            other => {
                self.bind(Param::Literal(other.clone()));
            }
        }
    }

    fn column(&mut self, scope: Scope<'_>, column: &Column) {
        let collection = scope.model.collection(column.collection);
        if column.depth > 0 {
            self.alias(column.depth).word(".");
        } else if scope.qualified {
            self.name(&collection.name).word(".");
        }
        self.name(&collection.fields[column.field].name);
    }

    fn path(&mut self, scope: Scope<'_>, json: &Expr, steps: &[Step], text: bool) {
        if let (Expr::Column(column), true) = (json, text) {
            let indexes = &scope.model.collection(column.collection).indexes;
            let part = indexes.iter().flat_map(|i| &i.parts).find(|p| path::covers(p, column.field, steps));
            if let Some(part) = part {
                return self.indexed_path(&|sql| sql.column(scope, column), part);
            }
        }
        self.word(if text { name::GET_TEXT } else { name::GET });
        self.expr(scope, json);
        self.word(", ").bind(Param::Literal(Value::Text(Step::join(steps)))).word(")");
    }

    fn junction(&mut self, scope: Scope<'_>, parts: &[Expr], separator: &'static str, none: &'static str) {
        match parts {
            [] => {
                self.word(none);
            }
            [one] => self.expr(scope, one),
            few if few.len() <= JUNCTION_MAX => {
                self.word("(").list(few, separator, |sql, part| sql.expr(scope, part)).word(")");
            }
            many => {
                let size = many.len().div_ceil(JUNCTION_MAX);
                self.word("(");
                self.list(many.chunks(size), separator, |sql, group| sql.junction(scope, group, separator, none));
                self.word(")");
            }
        }
    }

    fn wrapped(&mut self, before: &'static str, scope: Scope<'_>, inner: &Expr, after: &'static str) {
        self.word(before);
        self.expr(scope, inner);
        self.word(after);
    }

    /// A comparison: of json by its sort key, of all else as the store keeps it.
    fn operator(&mut self, scope: Scope<'_>, left: &Expr, operator: &'static str, right: &Expr) {
        if left.ty() == Some(Type::Json) || right.ty() == Some(Type::Json) {
            self.word("(");
            self.json_key(scope, left);
            self.word(operator);
            self.json_key(scope, right);
            self.word(")");
        } else {
            self.operator_plain(scope, left, operator, right);
        }
    }

    fn operator_plain(&mut self, scope: Scope<'_>, left: &Expr, operator: &'static str, right: &Expr) {
        self.word("(");
        self.expr(scope, left);
        self.word(operator);
        self.expr(scope, right);
        self.word(")");
    }

    /// What a value is ordered and compared by.
    pub(crate) fn sort_key(&mut self, scope: Scope<'_>, expr: &Expr) {
        if expr.ty() == Some(Type::Json) { self.json_key(scope, expr) } else { self.expr(scope, expr) }
    }

    fn json_key(&mut self, scope: Scope<'_>, json: &Expr) {
        self.wrapped(name::JSON_KEY, scope, json, ")");
    }

    fn is_in(&mut self, scope: Scope<'_>, value: &Expr, list: &[Expr]) {
        if list.is_empty() {
            self.word("0");
            return;
        }
        self.word("(");
        self.sort_key(scope, value);
        self.word(" IN (").list(list, ", ", |sql, item| sql.sort_key(scope, item)).word("))");
    }

    /// Where an index orders the text, the pattern's fixed beginning bounds it: blobs stand above all texts, so a
    /// pattern without a beginning has a bound that bounds nothing.
    fn like(&mut self, scope: Scope<'_>, value: &Expr, pattern: &Expr, fold: bool) {
        let bounded = !fold && self.dialect == Dialect::Sqlite && leads_an_index(scope.model, value);
        if bounded {
            self.word("(");
            self.expr(scope, value);
            self.wrapped(name::LIKE_FROM, scope, pattern, ") AND ");
            self.expr(scope, value);
            self.wrapped(name::LIKE_TO, scope, pattern, ") AND ");
        }
        self.call(scope, if fold { name::ILIKE } else { name::LIKE }, [value, pattern]);
        if bounded {
            self.word(")");
        }
    }

    fn call<'e>(&mut self, scope: Scope<'_>, open: &'static str, args: impl IntoIterator<Item = &'e Expr>) {
        self.word(open).list(args, ", ", |sql, arg| sql.expr(scope, arg)).word(")");
    }

    fn cast(&mut self, scope: Scope<'_>, inner: &Expr, ty: Type) {
        match (inner.ty(), ty) {
            (Some(Type::Integer), Type::Text) => self.wrapped("CAST(", scope, inner, " AS TEXT)"),
            (Some(Type::Integer), Type::Number) => self.wrapped("CAST(", scope, inner, " AS REAL)"),
            (Some(Type::Boolean), Type::Text) => {
                self.wrapped("CASE ", scope, inner, " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END");
            }
            (Some(Type::Number), Type::Text) => self.wrapped(name::NUMBER_TEXT, scope, inner, ")"),
            (Some(Type::Timestamp), Type::Text) => self.wrapped(name::TIMESTAMP_TEXT, scope, inner, ")"),
            (Some(Type::Bytes), Type::Text) => self.wrapped(name::BYTES_TEXT, scope, inner, ")"),
            (Some(Type::Text), Type::Text) => self.expr(scope, inner),
            (Some(Type::Text), _) | (Some(Type::Number), Type::Integer) => {
                self.wrapped(name::CAST, scope, inner, ", ");
                self.bind(Param::Literal(Value::Text(ty.name().to_owned()))).word(")");
            }
            // Texts, dates, uuids and json are kept as the texts that they print.
            _ => self.expr(scope, inner),
        }
    }
}

/// Whether an index, the key or a unique field is ordered by this column before all else.
fn leads_an_index(model: &Model, value: &Expr) -> bool {
    let Expr::Column(column) = value else { return false };
    let collection = model.collection(column.collection);
    column.field == 0
        || collection.fields[column.field].unique
        || collection
            .indexes
            .iter()
            .any(|i| i.parts.first().is_some_and(|p| p.field == column.field && p.path.is_empty()))
}

fn comparison(op: Comparison) -> &'static str {
    match op {
        Comparison::Eq => " = ",
        Comparison::Ne => " <> ",
        Comparison::Lt => " < ",
        Comparison::Le => " <= ",
        Comparison::Gt => " > ",
        Comparison::Ge => " >= ",
    }
}

fn is(truth: Truth) -> &'static str {
    match truth {
        Truth::Null | Truth::Unknown => " IS NULL)",
        Truth::NotNull => " IS NOT NULL)",
        Truth::True => " IS TRUE)",
        Truth::False => " IS FALSE)",
    }
}
