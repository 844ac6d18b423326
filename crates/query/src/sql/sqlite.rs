//! What only SQLite's SQL has: what it lacks is a call of one of [`crate::functions`]; what it has is written plainly, so
//! that indexes serve.

use pintle_model::{Model, Type, Value};

use super::Sql;
use super::expr::Scope;
use crate::expr::{Expr, Function};
use crate::functions::name;
use crate::request::Step;

impl Sql {
    /// An expression that PostgreSQL's SQL has in another way.
    pub(super) fn sqlite(&mut self, scope: Scope<'_>, expr: &Expr) {
        match expr {
            Expr::Path { json, steps, text } => {
                if let Some((column, part)) = scope.indexed(json, steps, *text) {
                    return self.indexed_path(&|sql| sql.column(scope, column), part);
                }
                self.word(if *text { name::GET_TEXT } else { name::GET });
                self.expr(scope, json);
                self.word(", ").own_text(Step::join(steps)).word(")");
            }
            Expr::Like { value, pattern, fold } => self.sqlite_like(scope, value, pattern, *fold),
            Expr::Match { value, pattern, fold } => {
                self.call(scope, if *fold { name::IMATCH } else { name::MATCH }, [&**value, pattern]);
            }
            Expr::Contains(outer, inner) => self.call(scope, name::CONTAINS, [&**outer, inner]),
            Expr::Element { json, keys, text } => {
                let keys = Expr::Literal(Value::Text(serde_json::Value::from(keys.clone()).to_string()));
                self.call(scope, name::ELEMENT, [&**json, &keys, text]);
            }
            Expr::Call(Function::Lower, args) => self.call(scope, name::LOWER, args),
            Expr::Call(Function::Length, args) => self.call(scope, "length(", args),
            Expr::Cast(inner, ty) => self.sqlite_cast(scope, inner, *ty),
            other => self.expr(scope, other),
        }
    }

    /// What a value is ordered and compared by: json by its key, all else as the store keeps it.
    pub(super) fn sqlite_key(&mut self, scope: Scope<'_>, expr: &Expr) {
        if expr.ty() == Some(Type::Json) {
            self.wrapped(name::JSON_KEY, scope, expr, ")");
        } else {
            self.expr(scope, expr);
        }
    }

    /// Where an index orders the text, the pattern's fixed beginning bounds it: blobs stand above all texts, so a
    /// pattern without a beginning has a bound that bounds nothing.
    fn sqlite_like(&mut self, scope: Scope<'_>, value: &Expr, pattern: &Expr, fold: bool) {
        let bounded = !fold && leads_an_index(scope.model, value);
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

    fn sqlite_cast(&mut self, scope: Scope<'_>, inner: &Expr, ty: Type) {
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
                self.own_text(ty.name().to_owned()).word(")");
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
