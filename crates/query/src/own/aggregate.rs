//! Aggregates and window functions.

use pintle_model::Type;
use sqlparser::ast::{self, Spanned};
use sqlparser::tokenizer::Span;

use super::lower::Lower;
use super::typed::{Known, is_untold};
use crate::Dialect;
use crate::policy::mistake::Mistake;
use crate::sql::{Fragment, Piece};

/// Those that make one value of many rows.
const AGGREGATES: [&str; 8] = ["count", "sum", "avg", "min", "max", "string_agg", "bool_and", "bool_or"];
/// Those that are only called over a window.
const WINDOWS: [&str; 9] =
    ["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "lag", "lead", "first_value", "last_value"];
/// What a frame may count.
const FRAME_MAX: i64 = 1_000_000_000;

/// A call as it is written.
struct Written {
    sql: Fragment,
    /// What is put behind it to make it of our type.
    cast: &'static str,
    ty: Type,
    exact: bool,
}

impl Lower<'_> {
    /// An aggregate, or a call over a window; nothing if the name is neither.
    pub(super) fn aggregate(
        &mut self,
        name: &str,
        function: &ast::Function,
        span: Span,
    ) -> Result<Option<Known>, Mistake> {
        let (is_aggregate, is_window) = (AGGREGATES.contains(&name), WINDOWS.contains(&name));
        if !is_aggregate && !is_window {
            return Ok(None);
        }
        self.may_stand(name, function.over.is_some(), span)?;
        let plain = function.null_treatment.is_none()
            && function.within_group.is_empty()
            && !function.uses_odbc_syntax
            && matches!(function.parameters, ast::FunctionArguments::None);
        let ast::FunctionArguments::List(list) = &function.args else {
            return Err(self.wrong(format!("`{name}` is not called so"), span));
        };
        if !plain || (is_window && (function.over.is_none() || !list.clauses.is_empty() || function.filter.is_some())) {
            let help = format!("write `{name}(…) OVER (…)`");
            return Err(self.wrong(format!("`{name}` is not called so"), span).help(help));
        }
        // A call over a window sees what grouping leaves; an aggregate sees the rows.
        let over = function.over.is_some();
        let before = self.enter(over);
        let outer = self.levels.last().map_or(0, |level| level.outer);
        let written = self.aggregated(name, function, list, span);
        let windowed = match (&written, &function.over) {
            (Ok(_), Some(window)) => Some(self.window(window, span)),
            _ => None,
        };
        self.leave(before, over, name, span)?;
        let Written { sql, cast, ty, exact } = written?;
        // Of its own rows an aggregate sees those that were found; a row further out is not yet one of them.
        if self.levels.last().is_some_and(|level| level.outer > outer) {
            self.may_fail(&[&sql]);
        }
        let sql = match windowed {
            Some(window) => sql.then(" OVER (").and(window?).then(")"),
            None => sql,
        };
        let sql =
            if cast.is_empty() || self.dialect == Dialect::Sqlite { sql } else { sql.between("(", cast).then(")") };
        Ok(Some(Known::new(sql, ty).exact(exact)))
    }

    fn may_stand(&self, name: &str, over: bool, span: Span) -> Result<(), Mistake> {
        let Some(level) = self.levels.last() else {
            return Err(self.wrong(format!("`{name}` is of several rows, and here is one"), span));
        };
        if !level.grouping {
            return Err(self
                .wrong(format!("`{name}` cannot stand here: groups are made afterwards"), span)
                .help("write it after SELECT, HAVING or ORDER BY, or in a subquery"));
        }
        if level.inside || (over && level.windowed) {
            return Err(self.wrong(format!("`{name}` cannot stand inside another aggregate"), span));
        }
        Ok(())
    }

    fn enter(&mut self, over: bool) -> (usize, usize) {
        let Some(level) = self.levels.last_mut() else { return (0, 0) };
        if over {
            level.windowed = true;
            level.window = true;
        } else {
            level.inside = true;
            level.aggregate = true;
        }
        (level.own, level.outer)
    }

    fn leave(&mut self, before: (usize, usize), over: bool, name: &str, span: Span) -> Result<(), Mistake> {
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        if over {
            level.windowed = false;
            return Ok(());
        }
        level.inside = false;
        // SQL takes it for an aggregate of the query further out.
        let (own, outer) = (level.own - before.0, level.outer - before.1);
        if own == 0 && outer > 0 {
            return Err(self.wrong(format!("`{name}` speaks of no row of its own query"), span));
        }
        Ok(())
    }

    fn aggregated(
        &mut self,
        name: &str,
        function: &ast::Function,
        list: &ast::FunctionArgumentList,
        span: Span,
    ) -> Result<Written, Mistake> {
        let distinct = list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct);
        if distinct && (function.over.is_some() || name == "string_agg") {
            return Err(self.wrong(format!("`{name}` takes no DISTINCT here"), span).help("write a subquery"));
        }
        let star = matches!(&list.args[..], [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard)]);
        let mut written = if star && name == "count" && !distinct {
            Written { sql: Fragment::word("count(*"), cast: "", ty: Type::Integer, exact: true }
        } else {
            let args = self.plain_args(list, span)?;
            self.called(name, &args, distinct, span)?
        };
        for clause in &list.clauses {
            match clause {
                ast::FunctionArgumentClause::OrderBy(keys) if name == "string_agg" && function.over.is_none() => {
                    written.sql = written.sql.then(" ORDER BY ").and(self.sorted(keys)?);
                }
                _ => return Err(self.wrong(format!("`{name}` is not called so"), span)),
            }
        }
        written.sql = written.sql.then(")");
        if let Some(filter) = &function.filter {
            written.sql = written.sql.then(" FILTER (WHERE ").and(self.boolean(filter)?).then(")");
        }
        Ok(written)
    }

    /// The call up to its closing parenthesis.
    fn called(&mut self, name: &str, args: &[&ast::Expr], distinct: bool, span: Span) -> Result<Written, Mistake> {
        let mut known = Vec::with_capacity(args.len());
        for arg in args {
            let typed = self.expr(arg)?;
            known.push(self.alone(typed)?);
        }
        let sqlite = self.dialect == Dialect::Sqlite;
        let whole = |sql: Fragment| Written { sql, cast: "::int8", ty: Type::Integer, exact: true };
        let same = |sql: Fragment, known: &Known| Written { sql, cast: "", ty: known.ty, exact: known.exact };
        match (name, &known[..]) {
            ("count", [one]) => {
                if distinct && is_untold(one.ty) {
                    let message = format!("{} cannot be told apart on both stores alike", one.ty.name());
                    return Err(self.wrong(message, span));
                }
                let open = if distinct { "count(DISTINCT " } else { "count(" };
                Ok(whole(Fragment::word(open).and(one.sql.clone())))
            }
            ("sum" | "avg", [one]) if matches!(one.ty, Type::Integer | Type::Number) => {
                Ok(self.summed(name == "sum", one, distinct))
            }
            ("min" | "max", [one])
                if !matches!(one.ty, Type::Json | Type::Uuid | Type::Bytes | Type::Boolean | Type::Point) =>
            {
                let open = if name == "min" { "min(" } else { "max(" };
                Ok(same(Fragment::word(open).and(self.key(one)), one))
            }
            ("bool_and" | "bool_or", [one]) if one.ty == Type::Boolean => {
                let open = match (name == "bool_and", sqlite) {
                    (true, true) => "min(",
                    (false, true) => "max(",
                    (true, false) => "bool_and(",
                    (false, false) => "bool_or(",
                };
                Ok(same(Fragment::word(open).and(one.sql.clone()), one))
            }
            ("string_agg", [one, between]) if one.ty == Type::Text && between.ty == Type::Text => {
                if !between.constant {
                    return Err(self.wrong("what stands between the texts is one text", span));
                }
                let open = if sqlite { "group_concat(" } else { "string_agg(" };
                let sql = Fragment::word(open).and(one.sql.clone()).then(", ").and(between.sql.clone());
                Ok(Written { sql, cast: "", ty: Type::Text, exact: true })
            }
            ("row_number" | "rank" | "dense_rank", []) => Ok(whole(Fragment::word(match name {
                "row_number" => "row_number(",
                "rank" => "rank(",
                _ => "dense_rank(",
            }))),
            ("percent_rank" | "cume_dist", []) => {
                let sql = Fragment::word(if name == "cume_dist" { "cume_dist(" } else { "percent_rank(" });
                Ok(Written { sql, cast: "", ty: Type::Number, exact: true })
            }
            ("first_value" | "last_value", [one]) => {
                let open = if name == "first_value" { "first_value(" } else { "last_value(" };
                Ok(same(Fragment::word(open).and(one.sql.clone()), one))
            }
            ("lag" | "lead", [one, rest @ ..]) if rest.len() < 3 => self.neighbour(name, one, rest, span),
            _ => {
                let types: Vec<&str> = known.iter().map(|arg| arg.ty.name()).collect();
                Err(self.wrong(format!("`{name}` does not take ({})", types.join(", ")), span))
            }
        }
    }

    fn summed(&self, sum: bool, one: &Known, distinct: bool) -> Written {
        let open = match (sum, distinct) {
            (true, false) => "sum(",
            (true, true) => "sum(DISTINCT ",
            (false, false) => "avg(",
            (false, true) => "avg(DISTINCT ",
        };
        let sql = if sum { one.sql.clone() } else { self.cast_known(one.clone(), Type::Number).sql };
        let whole = sum && one.ty == Type::Integer;
        let (cast, ty) = if whole { ("::int8", Type::Integer) } else { ("", Type::Number) };
        Written { sql: Fragment::word(open).and(sql), cast, ty, exact: false }
    }

    fn neighbour(&mut self, name: &str, one: &Known, rest: &[Known], span: Span) -> Result<Written, Mistake> {
        let mut sql = Fragment::word(if name == "lag" { "lag(" } else { "lead(" }).and(one.sql.clone());
        let mut exact = one.exact;
        if let Some(distance) = rest.first() {
            if distance.ty != Type::Integer || !distance.constant {
                return Err(self.wrong(format!("how far `{name}` looks is a whole number"), span));
            }
            let distance = distance.sql.clone();
            sql = sql.then(", ").and(match self.dialect {
                Dialect::Sqlite => distance,
                Dialect::Postgres => distance.between("CAST(", " AS int4)"),
            });
        }
        if let Some(otherwise) = rest.get(1) {
            if otherwise.ty != one.ty {
                return Err(
                    self.wrong(format!("`{name}` answers {}, and else {}", one.ty.name(), otherwise.ty.name()), span)
                );
            }
            exact &= otherwise.exact;
            sql = sql.then(", ").and(otherwise.sql.clone());
        }
        Ok(Written { sql, cast: "", ty: one.ty, exact })
    }

    fn window(&mut self, window: &ast::WindowType, span: Span) -> Result<Fragment, Mistake> {
        let ast::WindowType::WindowSpec(spec) = window else {
            return Err(self.wrong("windows have no names here", span).help("write it out: `OVER (…)`"));
        };
        if spec.window_name.is_some() {
            return Err(self.wrong("windows have no names here", span).help("write it out: `OVER (…)`"));
        }
        let mut sql = Fragment::default();
        if !spec.partition_by.is_empty() {
            sql = sql.then("PARTITION BY ").and(self.keys(&spec.partition_by)?);
        }
        if !spec.order_by.is_empty() {
            let words = if sql.is_empty() { "ORDER BY " } else { " ORDER BY " };
            sql = sql.then(words).and(self.sorted(&spec.order_by)?);
        }
        if let Some(frame) = &spec.window_frame {
            sql = sql.then(match frame.units {
                ast::WindowFrameUnits::Rows => " ROWS ",
                ast::WindowFrameUnits::Range => " RANGE ",
                ast::WindowFrameUnits::Groups => " GROUPS ",
            });
            let counts = frame.units != ast::WindowFrameUnits::Range;
            let start = self.bound(&frame.start_bound, counts, span)?;
            sql = match &frame.end_bound {
                Some(end) => sql.then("BETWEEN ").and(start).then(" AND ").and(self.bound(end, counts, span)?),
                None => sql.and(start),
            };
        }
        Ok(sql)
    }

    fn bound(&self, bound: &ast::WindowFrameBound, counts: bool, span: Span) -> Result<Fragment, Mistake> {
        let (distance, words) = match bound {
            ast::WindowFrameBound::CurrentRow => return Ok(Fragment::word("CURRENT ROW")),
            ast::WindowFrameBound::Preceding(None) => return Ok(Fragment::word("UNBOUNDED PRECEDING")),
            ast::WindowFrameBound::Following(None) => return Ok(Fragment::word("UNBOUNDED FOLLOWING")),
            ast::WindowFrameBound::Preceding(Some(distance)) => (distance, " PRECEDING"),
            ast::WindowFrameBound::Following(Some(distance)) => (distance, " FOLLOWING"),
        };
        let number = Lower::ordinal(distance).and_then(|n| i64::try_from(n).ok()).filter(|n| *n <= FRAME_MAX);
        match number {
            Some(number) if counts => Ok(Fragment::of(Piece::Integer(number)).then(words)),
            _ => Err(self.wrong("a frame counts rows: ROWS, or GROUPS, and a whole number", span)),
        }
    }

    /// Keys of an order where no item can be meant.
    fn sorted(&mut self, keys: &[ast::OrderByExpr]) -> Result<Fragment, Mistake> {
        let mut parts = Vec::with_capacity(keys.len());
        for key in keys {
            let typed = self.expr(&key.expr)?;
            let known = self.alone(typed)?;
            parts.push(self.key(&known).and(self.direction(&key.options, known.required, key.span())?));
        }
        Ok(Fragment::list(parts, ", "))
    }
}
