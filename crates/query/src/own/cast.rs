//! Casts, written so that both stores make the same value of the same text.

use pintle_model::Type;
use sqlparser::ast;
use sqlparser::tokenizer::Span;

use super::lower::Lower;
use super::typed::{Known, What, pg_type};
use crate::Dialect;
use crate::functions::{castable, name, type_named};
use crate::policy::mistake::{Mistake, did_you_mean};
use crate::sql::Piece;

impl Lower<'_> {
    pub(super) fn data_type(&self, data_type: &ast::DataType, span: Span) -> Result<Type, Mistake> {
        let name = data_type.to_string().to_lowercase();
        type_named(&name).ok_or_else(|| {
            let names = Type::ALL.map(Type::name);
            self.wrong(format!("there is no type `{name}`"), span).help(did_you_mean(&name, names, "there are"))
        })
    }

    pub(super) fn cast(&mut self, inner: &ast::Expr, data_type: &ast::DataType, span: Span) -> Result<What, Mistake> {
        let ty = self.data_type(data_type, span)?;
        let typed = self.expr(inner)?;
        let What::Known(known) = typed.what else { return self.of(typed, ty).map(What::Known) };
        let days = matches!(
            (known.ty, ty),
            (Type::Timestamp, Type::Date) | (Type::Date, Type::Timestamp) | (Type::Boolean, Type::Integer)
        );
        let refused = (known.ty, ty) == (Type::Text, Type::Bytes);
        if refused || !(days || castable(known.ty, ty)) {
            return Err(self.wrong(format!("{} cannot be cast to {}", known.ty.name(), ty.name()), span));
        }
        if known.ty != ty && (known.ty == Type::Text || ty == Type::Integer) {
            self.may_fail(&[&known.sql]);
        }
        Ok(What::Known(self.cast_known(known, ty)))
    }

    /// A cast of types that can be.
    pub(super) fn cast_known(&self, known: Known, ty: Type) -> Known {
        if known.ty == ty {
            return known;
        }
        let constant = known.constant;
        let exact = known.exact || known.ty == Type::Text;
        let sql = match self.dialect {
            Dialect::Postgres => known.sql.between("CAST(", " AS ").then(pg_type(ty)).then(")"),
            Dialect::Sqlite => match (known.ty, ty) {
                (Type::Integer, Type::Text) => known.sql.between("CAST(", " AS TEXT)"),
                (Type::Integer, Type::Number) => known.sql.between("CAST(", " AS REAL)"),
                (Type::Boolean, Type::Text) => {
                    known.sql.between("CASE ", " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END")
                }
                (Type::Number, Type::Text) => known.sql.between(name::NUMBER_TEXT, ")"),
                (Type::Timestamp, Type::Text) => known.sql.between(name::TIMESTAMP_TEXT, ")"),
                (Type::Bytes, Type::Text) => known.sql.between(name::BYTES_TEXT, ")"),
                (Type::Timestamp, Type::Date) => known.sql.between("substr(", ", 1, 10)"),
                (Type::Date, Type::Timestamp) => known.sql.between("(", " || 'T00:00:00.000000Z')"),
                (Type::Text, _) | (Type::Number, Type::Integer) => {
                    known.sql.between(name::CAST, ", ").with(Piece::Quoted(ty.name().to_owned())).then(")")
                }
                // Texts, dates, uuids and json are kept as the texts that they print.
                _ => known.sql,
            },
        };
        Known { constant, ..Known::new(sql, ty).exact(exact || !matches!(ty, Type::Integer | Type::Number)) }
    }
}
