//! Functions and casts that make one value of one row's.
//!
//! The list is one of those that mean the same on both stores, or can be written so that they do. Nothing else is called:
//! no function that reads a file, sleeps, or runs a text as SQL.

use pintle_model::Type;
use sqlparser::ast;
use sqlparser::tokenizer::Span;

use super::lower::Lower;
use super::typed::{Known, Typed, What};
use crate::Dialect;
use crate::functions::name;
use crate::plan::Param;
use crate::policy::mistake::{Mistake, did_you_mean};
use crate::sql::{Fragment, Piece};

/// The functions, as they are called.
const FUNCTIONS: [&str; 45] = [
    "auth.uid",
    "auth.role",
    "auth.claim",
    "now",
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "lower",
    "upper",
    "length",
    "substr",
    "replace",
    "trim",
    "ltrim",
    "rtrim",
    "strpos",
    "abs",
    "round",
    "ceil",
    "floor",
    "trunc",
    "sign",
    "sqrt",
    "jsonb_array_length",
    "point",
    "distance",
    "dwithin",
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "string_agg",
    "bool_and",
    "bool_or",
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "lag",
    "lead",
    "first_value",
    "last_value",
];

/// A call that is none of an aggregate, nor over a window.
pub(super) struct Call<'f> {
    pub(super) name: String,
    pub(super) args: Vec<&'f ast::Expr>,
    pub(super) span: Span,
}

impl Lower<'_> {
    pub(super) fn function(&mut self, function: &ast::Function, span: Span) -> Result<What, Mistake> {
        let parts: Vec<String> =
            function.name.0.iter().filter_map(|part| Some(part.as_ident()?.value.to_lowercase())).collect();
        let name = match parts.join(".").as_str() {
            "char_length" | "character_length" => "length".to_owned(),
            "substring" => "substr".to_owned(),
            "ceiling" => "ceil".to_owned(),
            "btrim" => "trim".to_owned(),
            "instr" => "strpos".to_owned(),
            "every" => "bool_and".to_owned(),
            "group_concat" => "string_agg".to_owned(),
            "ifnull" => "coalesce".to_owned(),
            other => other.to_owned(),
        };
        if !FUNCTIONS.contains(&name.as_str()) {
            let help = match name.as_str() {
                "current_timestamp" | "current_date" | "datetime" | "date" | "strftime" => {
                    "the time is `now()`; casts make a date of it".to_owned()
                }
                "gen_random_uuid" | "uuid" => "leave the field out: its default makes one".to_owned(),
                "iif" | "if" => "write `CASE WHEN … THEN … ELSE … END`".to_owned(),
                _ => did_you_mean(&name, FUNCTIONS, "there are"),
            };
            return Err(self
                .wrong(format!("there is no function `{name}` here"), span)
                .label("unknown function")
                .help(help));
        }
        if let Some(known) = self.aggregate(&name, function, span)? {
            return Ok(What::Known(known));
        }
        let plain = function.filter.is_none()
            && function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && !function.uses_odbc_syntax
            && matches!(function.parameters, ast::FunctionArguments::None);
        let args = match (&function.args, plain) {
            (ast::FunctionArguments::List(list), true)
                if list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                self.plain_args(list, span)?
            }
            _ => return Err(self.wrong(format!("`{name}` is not called so"), span)),
        };
        self.call(&Call { name, args, span })
    }

    pub(super) fn plain_args<'f>(
        &self,
        list: &'f ast::FunctionArgumentList,
        span: Span,
    ) -> Result<Vec<&'f ast::Expr>, Mistake> {
        let one = |arg: &'f ast::FunctionArg| match arg {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(inner)) => Ok(inner),
            _ => Err(self.unknown(span)),
        };
        list.args.iter().map(one).collect()
    }

    fn call(&mut self, call: &Call<'_>) -> Result<What, Mistake> {
        match (call.name.as_str(), &call.args[..]) {
            ("auth.uid", []) => Ok(What::Known(Known::bound(Param::Uid, Type::Text))),
            ("auth.role", []) => Ok(What::Known(Known::bound(Param::Role, Type::Text))),
            ("now", []) => Ok(What::Known(Known { required: true, ..Known::bound(Param::Now, Type::Timestamp) })),
            ("auth.claim", [claim]) => match self.expr(claim)?.what {
                What::Quoted(claim) => Ok(What::Known(Known::bound(Param::Claim(claim), Type::Text))),
                _ => Err(self.wrong("the name of a claim stands in quotes: auth.claim('plan')", call.span)),
            },
            ("coalesce", [_, _, ..]) => self.coalesce(&call.args).map(What::Known),
            ("nullif", [left, right]) => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                let (left, right) = self.comparable(left, right)?;
                if left.ty == Type::Json {
                    return Err(self.wrong("`nullif` does not compare json", call.span).help("write CASE"));
                }
                let (ty, exact) = (left.ty, left.exact);
                let sql = left.sql.between("nullif(", ", ").and(right.sql).then(")");
                Ok(What::Known(Known::new(sql, ty).exact(exact)))
            }
            ("greatest" | "least", [_, _, ..]) => self.extreme(call).map(What::Known),
            ("jsonb_array_length", [json]) => self.array_length(json).map(What::Known),
            ("abs" | "round" | "ceil" | "floor" | "trunc" | "sign" | "sqrt", [number]) => {
                self.rounded(call, number).map(What::Known)
            }
            ("point" | "distance" | "dwithin", _) => self.place_call(call).map(What::Known),
            _ => self.text_call(call).map(What::Known),
        }
    }

    /// A function of texts.
    fn text_call(&mut self, call: &Call<'_>) -> Result<Known, Mistake> {
        let known = |sql, ty| Ok(Known::new(sql, ty));
        match (call.name.as_str(), &call.args[..]) {
            ("lower" | "upper", [text]) => {
                let text = self.expr_of(text, Type::Text)?.sql;
                known(self.folded(text, call.name == "upper"), Type::Text)
            }
            ("length", [value]) => {
                let typed = self.expr(value)?;
                let ty = if typed.ty() == Some(Type::Bytes) { Type::Bytes } else { Type::Text };
                let sql = self.of(typed, ty)?.sql.between("length(", ")");
                Ok(Known::new(self.whole(sql), Type::Integer).exact(true))
            }
            ("substr", [text, from, rest @ ..]) if rest.len() < 2 => self.substr(text, from, rest.first().copied()),
            ("replace", [text, old, new]) => {
                let text = self.expr_of(text, Type::Text)?.sql.between("replace(", ", ");
                let (old, new) = (self.expr_of(old, Type::Text)?.sql, self.expr_of(new, Type::Text)?.sql);
                // What comes out may be larger than a store holds.
                self.may_fail(&[&text, &old, &new]);
                known(text.and(old).then(", ").and(new).then(")"), Type::Text)
            }
            ("trim" | "ltrim" | "rtrim", [text]) => {
                let text = self.expr_of(text, Type::Text)?.sql;
                let open = match call.name.as_str() {
                    "trim" => "trim(",
                    "ltrim" => "ltrim(",
                    _ => "rtrim(",
                };
                known(text.between(open, ")"), Type::Text)
            }
            ("strpos", [text, sought]) => {
                let (text, sought) = (self.expr_of(text, Type::Text)?.sql, self.expr_of(sought, Type::Text)?.sql);
                let open = if self.dialect == Dialect::Sqlite { "instr(" } else { "strpos(" };
                let sql = text.between(open, ", ").and(sought).then(")");
                Ok(Known::new(self.whole(sql), Type::Integer).exact(true))
            }
            _ => Err(self.wrong(format!("`{}` does not take {} arguments", call.name, call.args.len()), call.span)),
        }
    }

    fn array_length(&mut self, json: &ast::Expr) -> Result<Known, Mistake> {
        let json = self.expr_of(json, Type::Json)?.sql;
        let again = json.clone();
        let sql = match self.dialect {
            Dialect::Sqlite => {
                json.between("(CASE json_type(", ") WHEN 'array' THEN json_array_length(").and(again).then(") END)")
            }
            Dialect::Postgres => json
                .between("(CASE jsonb_typeof(", ") WHEN 'array' THEN jsonb_array_length(")
                .and(again)
                .then(")::int8 END)"),
        };
        Ok(Known::new(sql, Type::Integer).exact(true))
    }

    /// A whole number of PostgreSQL's that has 32 bits.
    fn whole(&self, sql: Fragment) -> Fragment {
        if self.dialect == Dialect::Sqlite { sql } else { sql.then("::int8").between("(", ")") }
    }

    fn folded(&self, text: Fragment, upper: bool) -> Fragment {
        match (self.dialect, upper) {
            (Dialect::Sqlite, false) => text.between(name::LOWER, ")"),
            (Dialect::Sqlite, true) => text.between(name::UPPER, ")"),
            (Dialect::Postgres, false) => {
                text.between("(lower(translate(", ", 'Σ', 'σ') COLLATE \"und-x-icu\") COLLATE \"C\")")
            }
            (Dialect::Postgres, true) => text.between("(upper(", " COLLATE \"und-x-icu\") COLLATE \"C\")"),
        }
    }

    fn coalesce(&mut self, args: &[&ast::Expr]) -> Result<Known, Mistake> {
        let typed: Vec<Typed> = args.iter().map(|arg| self.expr(arg)).collect::<Result<_, _>>()?;
        let ty = self.common_or(&typed)?;
        let args: Vec<Known> = typed.into_iter().map(|arg| self.of(arg, ty)).collect::<Result<_, _>>()?;
        let (exact, required) = (args.iter().all(|arg| arg.exact), args.iter().any(|arg| arg.required));
        let sql = Fragment::list(args.into_iter().map(|arg| arg.sql), ", ").between("coalesce(", ")");
        Ok(Known { required, ..Known::new(sql, ty).exact(exact) })
    }

    /// The greatest or least of those that are not null.
    fn extreme(&mut self, call: &Call<'_>) -> Result<Known, Mistake> {
        let typed: Vec<Typed> = call.args.iter().map(|arg| self.expr(arg)).collect::<Result<_, _>>()?;
        let ty = self.common_or(&typed)?;
        if matches!(ty, Type::Json | Type::Uuid | Type::Bytes | Type::Boolean | Type::Point) {
            return Err(self.wrong(format!("`{}` is not of {}", call.name, ty.name()), call.span));
        }
        let args: Vec<Known> = typed.into_iter().map(|arg| self.of(arg, ty)).collect::<Result<_, _>>()?;
        let exact = args.iter().all(|arg| arg.exact);
        let greatest = call.name == "greatest";
        let sql = match self.dialect {
            Dialect::Postgres => {
                let keys = args.iter().map(|arg| self.key(arg));
                Fragment::list(keys, ", ").between(if greatest { "greatest(" } else { "least(" }, ")")
            }
            Dialect::Sqlite => {
                // SQLite's are null when one argument is: each gives way to the others.
                let each = (0..args.len()).map(|at| {
                    let turned = args[at..].iter().chain(&args[..at]).map(|arg| arg.sql.clone());
                    Fragment::list(turned, ", ").between("coalesce(", ")")
                });
                Fragment::list(each, ", ").between(if greatest { "max(" } else { "min(" }, ")")
            }
        };
        Ok(Known::new(self.bounded(sql)?, ty).exact(exact))
    }

    fn substr(&mut self, text: &ast::Expr, from: &ast::Expr, count: Option<&ast::Expr>) -> Result<Known, Mistake> {
        let text = self.expr_of(text, Type::Text)?.sql;
        let from = self.expr_of(from, Type::Integer)?.sql;
        let count = count.map(|count| self.expr_of(count, Type::Integer)).transpose()?.map(|count| count.sql);
        let sql = match self.dialect {
            Dialect::Sqlite => {
                let count = count.unwrap_or_else(|| Fragment::of(Piece::Integer(i64::MAX)));
                text.between(name::SUBSTR, ", ").and(from).then(", ").and(count).then(")")
            }
            Dialect::Postgres => {
                let from = from.between("greatest(least(", ", 2000000000), -2000000000)::int4");
                let sql = text.between("substr(", ", ").and(from);
                match count {
                    Some(count) => {
                        let again = count.clone();
                        let count = count.between(", CASE WHEN ", " IS NOT NULL THEN greatest(least(").and(again);
                        sql.and(count).then(", 2000000000), 0)::int4 END)")
                    }
                    None => sql.then(")"),
                }
            }
        };
        Ok(Known::new(sql, Type::Text))
    }

    fn rounded(&mut self, call: &Call<'_>, number: &ast::Expr) -> Result<Known, Mistake> {
        let typed = self.expr(number)?;
        if call.name == "abs" {
            let known = self.alone(typed)?;
            if !matches!(known.ty, Type::Integer | Type::Number) {
                return Err(self.wrong(format!("`abs` is of numbers, and this is {}", known.ty.name()), call.span));
            }
            self.may_fail(&[&known.sql]);
            let (ty, exact) = (known.ty, known.exact && known.ty == Type::Number);
            return Ok(Known::new(known.sql.between("abs(", ")"), ty).exact(exact));
        }
        let number = self.of(typed, Type::Number)?.sql;
        let sql = match self.dialect {
            Dialect::Sqlite => number.between(name::ROUNDED, ", ").with(Piece::Quoted(call.name.clone())).then(")"),
            Dialect::Postgres => {
                let open = match call.name.as_str() {
                    "round" => "round(",
                    "ceil" => "ceil(",
                    "floor" => "floor(",
                    "trunc" => "trunc(",
                    "sign" => "sign(",
                    _ => {
                        // PostgreSQL fails on the root of less than nothing.
                        let again = number.clone();
                        let sql = number.between("sqrt(CASE WHEN ", " >= 0 THEN ").and(again).then(" END)");
                        return Ok(Known::new(sql, Type::Number));
                    }
                };
                number.between(open, ")")
            }
        };
        Ok(Known::new(sql, Type::Number))
    }

    /// What the parser gives a shape of its own: `trim(x)`, `substring(x from 1)`, `ceil(x)`.
    pub(super) fn written_apart(&mut self, expr: &ast::Expr, span: Span) -> Result<Known, Mistake> {
        let (name, args): (&str, Vec<&ast::Expr>) = match expr {
            ast::Expr::Substring { expr, substring_from: Some(from), substring_for, special: _, shorthand: _ } => {
                let mut args = vec![&**expr, &**from];
                args.extend(substring_for.as_deref());
                ("substr", args)
            }
            ast::Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters: None } => {
                ("trim", vec![&**expr])
            }
            ast::Expr::Ceil { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
                ("ceil", vec![&**expr])
            }
            ast::Expr::Floor { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
                ("floor", vec![&**expr])
            }
            ast::Expr::Position { expr, r#in } => ("strpos", vec![&**r#in, &**expr]),
            _ => return Err(self.unknown(span)),
        };
        match self.call(&Call { name: name.to_owned(), args, span })? {
            What::Known(known) => Ok(known),
            _ => Err(self.unknown(span)),
        }
    }
}
