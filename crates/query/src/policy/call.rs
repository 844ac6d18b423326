//! Functions and casts.

use pintle_model::Type;
use sqlparser::ast::{self, DataType};

use super::lower::Lower;
use super::mistake::{Mistake, did_you_mean};
use super::typed::{Typed, What};
use crate::expr::{Expr, Function};
use crate::functions::type_named;
use crate::plan::Param;

/// The functions, as they are called.
const FUNCTIONS: [&str; 7] = ["auth.uid", "auth.role", "auth.claim", "now", "lower", "length", "coalesce"];

impl Lower<'_> {
    pub(super) fn data_type(&self, data_type: &DataType, expr: &ast::Expr) -> Result<Type, Mistake> {
        let name = data_type.to_string().to_lowercase();
        type_named(&name).ok_or_else(|| {
            let names = Type::ALL.map(Type::name);
            self.mistake(format!("there is no type `{name}`"), expr).help(did_you_mean(&name, names, "there are"))
        })
    }

    pub(super) fn cast(&mut self, inner: &ast::Expr, data_type: &DataType, expr: &ast::Expr) -> Result<What, Mistake> {
        let ty = self.data_type(data_type, expr)?;
        let typed = self.lower(inner)?;
        let known = match (typed.ty(), ty) {
            (None, _) => typed.of(self.source, ty)?,
            (Some(from), _) if from == ty => typed.of(self.source, ty)?,
            (Some(from), Type::Text) => Expr::Cast(Box::new(typed.of(self.source, from)?), Type::Text),
            (Some(Type::Integer), Type::Number) => typed.of(self.source, Type::Number)?,
            (Some(from), _) => {
                return Err(self
                    .mistake(format!("{} cannot be cast to {} in a policy", from.name(), ty.name()), expr)
                    .help("casts that could fail on some row are not known: cast the other side to text"));
            }
        };
        Ok(What::Known(known, ty))
    }

    pub(super) fn function(&mut self, function: &ast::Function, expr: &ast::Expr) -> Result<What, Mistake> {
        let parts: Vec<String> =
            function.name.0.iter().filter_map(|part| Some(part.as_ident()?.value.to_lowercase())).collect();
        let name = parts.join(".");
        if !FUNCTIONS.contains(&name.as_str()) {
            return Err(self
                .mistake(format!("policies do not know a function `{name}`"), expr)
                .label("unknown function")
                .help(did_you_mean(&name, FUNCTIONS, "they know")));
        }
        let args = self.arguments(function, expr)?;
        match (name.as_str(), &args[..]) {
            ("auth.uid", []) => Ok(What::Known(Expr::Param(Param::Uid, Type::Text), Type::Text)),
            ("auth.role", []) => Ok(What::Known(Expr::Param(Param::Role, Type::Text), Type::Text)),
            ("now", []) => Ok(What::Known(Expr::Param(Param::Now, Type::Timestamp), Type::Timestamp)),
            ("auth.claim", [claim]) => match self.lower(claim)?.what {
                What::Quoted(claim) => Ok(What::Known(Expr::Param(Param::Claim(claim), Type::Text), Type::Text)),
                _ => Err(self.mistake("the name of a claim stands in quotes: auth.claim('plan')", claim)),
            },
            ("lower", [text]) => {
                Ok(What::Known(Expr::Call(Function::Lower, vec![*self.of(text, Type::Text)?]), Type::Text))
            }
            ("length", [value]) => {
                let value = self.lower(value)?;
                let ty = if value.ty() == Some(Type::Bytes) { Type::Bytes } else { Type::Text };
                let value = value.of(self.source, ty)?;
                Ok(What::Known(Expr::Call(Function::Length, vec![value]), Type::Integer))
            }
            ("coalesce", [_, _, ..]) => self.coalesce(&args),
            _ => {
                let takes = match name.as_str() {
                    "auth.uid" | "auth.role" | "now" => "no arguments",
                    "coalesce" => "two arguments or more",
                    _ => "one argument",
                };
                Err(self.mistake(format!("`{name}` takes {takes}, and here it has {}", args.len()), expr))
            }
        }
    }

    fn arguments<'f>(&self, function: &'f ast::Function, expr: &ast::Expr) -> Result<Vec<&'f ast::Expr>, Mistake> {
        let plain = function.filter.is_none()
            && function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && !function.uses_odbc_syntax
            && matches!(function.parameters, ast::FunctionArguments::None);
        let ast::FunctionArguments::List(list) = &function.args else { return Err(self.unknown(expr)) };
        if !plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
            return Err(self.unknown(expr));
        }
        let one = |arg: &'f ast::FunctionArg| match arg {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(inner)) => Ok(inner),
            _ => Err(self.unknown(expr)),
        };
        list.args.iter().map(one).collect()
    }

    fn coalesce(&mut self, args: &[&ast::Expr]) -> Result<What, Mistake> {
        let typed: Vec<Typed> = args.iter().map(|arg| self.lower(arg)).collect::<Result<_, _>>()?;
        let ty = typed.iter().find_map(Typed::ty).unwrap_or(Type::Text);
        let number = typed.iter().any(|arg| arg.ty() == Some(Type::Number));
        let ty = if ty == Type::Integer && number { Type::Number } else { ty };
        let args = typed.into_iter().map(|arg| arg.of(self.source, ty)).collect::<Result<_, _>>()?;
        Ok(What::Known(Expr::Call(Function::Coalesce, args), ty))
    }
}
