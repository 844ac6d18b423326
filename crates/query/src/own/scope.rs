//! What names mean: the rows in sight, and the subqueries that `WITH` names.

use pintle_model::Type;
use sqlparser::ast::{self, Ident};
use sqlparser::tokenizer::Span;

use super::lower::Lower;
use super::typed::Known;
use crate::policy::mistake::{Mistake, did_you_mean};
use crate::sql::{Fragment, Piece};

/// A column of a row in sight, or of a subquery's result.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) sql: Piece,
    pub(super) plain: bool,
    pub(super) exact: bool,
    pub(super) required: bool,
    /// `USING` made it one with a column that stands before it.
    pub(super) merged: bool,
}

/// A row in sight.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its alias; none where a column stands by itself.
    pub(super) id: Option<usize>,
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

/// One `SELECT`, and what is known of it while its parts are read.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Level {
    pub(super) rows: Vec<Row>,
    /// The first row that is in sight: `ON` sees those that it joins.
    pub(super) from: usize,
    /// What it is grouped by.
    pub(super) keys: Vec<ast::Expr>,
    /// Those of them that are columns: the row's id and the column's place.
    pub(super) key_columns: Vec<(Option<usize>, usize)>,
    /// Whether what is read now comes after grouping, where aggregates may stand.
    pub(super) grouping: bool,
    /// Inside an aggregate's arguments, or a key.
    pub(super) inside: bool,
    /// Inside a window function.
    pub(super) windowed: bool,
    /// There is an aggregate.
    pub(super) aggregate: bool,
    /// There is a window function.
    pub(super) window: bool,
    /// The first column that is neither in an aggregate nor a key.
    pub(super) bare: Option<(String, Span)>,
    /// Columns of this level, and of those around it, that were met.
    pub(super) own: usize,
    pub(super) outer: usize,
}

/// A subquery that `WITH` names.
#[derive(Debug, Clone)]
pub(super) struct With {
    pub(super) id: usize,
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// While it is made itself: how many levels there were, and how often it was named so far.
    pub(super) making: Option<(usize, usize)>,
    /// Made of rows that a policy may hide. What repeats is made of those that were found.
    pub(super) hideable: bool,
}

impl Lower<'_> {
    pub(super) fn fresh(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// A column by its name, from the innermost level outwards.
    pub(super) fn column(&mut self, row: Option<&Ident>, name: &Ident, span: Span) -> Result<Known, Mistake> {
        for depth in (0..self.levels.len()).rev() {
            let level = &self.levels[depth];
            let mut found = Vec::new();
            for seen in &level.rows[level.from..] {
                if row.is_some_and(|row| row.value != seen.name) {
                    continue;
                }
                let by_row = row.is_some();
                let at = seen.columns.iter().position(|c| c.name == name.value && (by_row || !c.merged));
                match at {
                    Some(at) => found.push((seen, at)),
                    None if by_row => return Err(self.no_column(seen, name, span)),
                    None => {}
                }
            }
            match found[..] {
                [] => {}
                [(seen, at)] => {
                    let (row, column) = (seen.id, seen.columns[at].clone());
                    self.met(depth, (row, at), &column.name, span);
                    let Column { ty, sql, plain, exact, required, .. } = column;
                    let sql = row.map_or_else(|| Fragment::of(sql.clone()), |row| Fragment::column(row, sql.clone()));
                    return Ok(Known { plain, exact, required, ..Known::new(sql, ty) });
                }
                [(first, _), (second, _), ..] => {
                    return Err(self
                        .wrong(format!("`{}` and `{}` both have `{}`", first.name, second.name, name.value), span)
                        .label("whose?")
                        .help(format!("write `{}.{2}` or `{}.{2}`", first.name, second.name, name.value)));
                }
            }
        }
        Err(self.unknown_column(row, name, span))
    }

    /// Notes a column for the rules of grouping.
    fn met(&mut self, depth: usize, column: (Option<usize>, usize), name: &str, span: Span) {
        for (at, level) in self.levels.iter_mut().enumerate().skip(depth) {
            if at == depth {
                level.own += 1;
            } else {
                level.outer += 1;
            }
        }
        let level = &mut self.levels[depth];
        let counted = level.grouping && !level.inside && !level.key_columns.contains(&column);
        if counted && level.bare.is_none() {
            level.bare = Some((name.to_owned(), span));
        }
    }

    fn no_column(&self, row: &Row, name: &Ident, span: Span) -> Mistake {
        let known: Vec<&str> = row.columns.iter().map(|column| column.name.as_str()).collect();
        self.wrong(format!("`{}` has no column `{}`", row.name, name.value), span)
            .label("unknown column")
            .help(did_you_mean(&name.value, known, "it has"))
    }

    fn unknown_column(&self, row: Option<&Ident>, name: &Ident, span: Span) -> Mistake {
        let in_sight = || self.levels.iter().rev().flat_map(|level| &level.rows[level.from..]);
        if let Some(row) = row {
            if row.value == "auth" {
                return self
                    .wrong(format!("`auth.{}` is a function", name.value), span)
                    .help(format!("write `auth.{}()`", name.value));
            }
            let names: Vec<&str> = in_sight().map(|row| row.name.as_str()).collect();
            let mistake = self.wrong(format!("no row of `{}` is in sight here", row.value), span);
            return mistake.help(did_you_mean(&row.value, names, "in sight are rows of"));
        }
        if name.quote_style == Some('"') && in_sight().next().is_none() {
            return self.no_name(name, span).help(format!("a text stands in single quotes: '{}'", name.value));
        }
        let known: Vec<&str> = in_sight().flat_map(|row| &row.columns).map(|column| column.name.as_str()).collect();
        if let Some(param) = self.params.iter().find(|param| param.name == name.value) {
            return self.no_name(name, span).help(format!("the parameter is written `:{}`", param.name));
        }
        self.no_name(name, span).help(did_you_mean(&name.value, known, "there are"))
    }

    fn no_name(&self, name: &Ident, span: Span) -> Mistake {
        self.wrong(format!("there is no column `{}` here", name.value), span).label("unknown column")
    }

    /// The rules of grouping, when all parts of a `SELECT` have been read.
    pub(super) fn check_grouping(&self, level: &Level) -> Result<(), Mistake> {
        let grouped = level.aggregate || !level.keys.is_empty();
        match &level.bare {
            Some((name, span)) if grouped => Err(self
                .wrong(format!("`{name}` is neither grouped by nor inside an aggregate"), *span)
                .help(format!("write it after GROUP BY, or one of its values: `min({name})`"))),
            _ => Ok(()),
        }
    }
}
