//! The writer of SQL: the only place where SQL text grows.
//!
//! A [`Sql`] takes four things and no others: words that stand in this source ([`Sql::word`]), names of the model that it
//! quotes ([`Sql::name`], [`Sql::quoted`]), numbers ([`Sql::number`]), and values ([`Sql::bind`]), whose placeholder and
//! parameter are pushed together. So a statement has as many parameters as placeholders, and nothing that a caller sends
//! can become SQL.
//!
//! [`expr`] writes what is the same in both dialects, [`sqlite`] and [`postgres`] what is not.

mod expr;
mod fragment;
mod path;
mod place;
mod postgres;
mod regex;
mod sqlite;

pub(crate) use expr::Scope;
pub(crate) use fragment::{Fragment, Piece};
pub use path::index_part;
pub use place::space_parts;
pub use postgres::POSTGRES_FUNCTIONS;
pub(crate) use postgres::element_value;
pub(crate) use regex::postgres_regex;

use pintle_model::Type;

use crate::plan::{Dialect, Param, Statement};

/// A statement in the making.
#[derive(Debug)]
pub(crate) struct Sql {
    dialect: Dialect,
    text: String,
    params: Vec<Param>,
    /// As what type each of `params` is written.
    types: Vec<Type>,
    /// The placeholder of each of the request's values, so that a long list of them is not searched again and again.
    slots: Vec<Option<usize>>,
    rows: Rows,
}

/// How the values of the rows that are written stand in a statement.
#[derive(Debug, Default)]
pub(crate) enum Rows {
    /// As placeholders: it is run once a row.
    #[default]
    Bound,
    /// As columns of [`Sql::unnested`].
    Unnested,
    /// As those of the row that met another one, by the fields' names.
    Excluded(Vec<String>),
}

impl Sql {
    /// An empty statement.
    pub(crate) fn new(dialect: Dialect) -> Sql {
        Sql {
            dialect,
            text: String::with_capacity(128),
            params: Vec::new(),
            types: Vec::new(),
            slots: Vec::new(),
            rows: Rows::Bound,
        }
    }

    /// Says how values of rows stand in what follows.
    pub(crate) fn rows(&mut self, rows: Rows) -> &mut Sql {
        self.rows = rows;
        self
    }

    /// `unnest($1::type[], …) AS "_pintle_rows"("c0", …)`: a row for each row that is written, with its `"rank"` if that is asked for.
    pub(crate) fn unnested(&mut self, types: &[Type], ranked: bool) -> &mut Sql {
        let array = |sql: &mut Sql, (n, ty): (usize, &Type)| {
            sql.params.push(Param::Rows(n));
            sql.types.push(*ty);
            let placeholder = sql.params.len();
            sql.word("$").number(placeholder);
            if *ty == Type::Point {
                sql.word("::bytea")
            } else {
                sql.cast_to(*ty)
            };
            sql.word("[]");
        };
        self.word("unnest(").list(types.iter().enumerate(), ", ", array);
        if ranked {
            self.word(", ").bind(Param::Ranks, Type::Integer).word("[]");
        }
        self.word(") AS \"_pintle_rows\"(");
        self.list(0..types.len(), ", ", |sql, n| _ = sql.word("\"c").number(n).word("\""));
        self.word(if ranked { ", \"rank\")" } else { ")" })
    }

    /// Adds words of SQL that stand in this crate's source.
    pub(crate) fn word(&mut self, words: &'static str) -> &mut Sql {
        self.text.push_str(words);
        self
    }

    /// Adds the name of a table or column, quoted.
    pub(crate) fn name(&mut self, name: &str) -> &mut Sql {
        push_quoted(&mut self.text, name, '"');
        self
    }

    /// Adds the name of the table at this depth of an `exists`. No collection can have it.
    pub(crate) fn alias(&mut self, depth: usize) -> &mut Sql {
        self.word("\"_pintle_").number(depth).word("\"")
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, number: usize) -> &mut Sql {
        self.text.push_str(&number.to_string());
        self
    }

    /// Adds the name of a table or column as a text.
    pub(crate) fn quoted(&mut self, name: &str) -> &mut Sql {
        push_quoted(&mut self.text, name, '\'');
        self
    }

    /// Adds a placeholder and what it stands for. The same parameter is bound once, unless it is meant as another type:
    /// PostgreSQL works out one type for each placeholder, so there each is written with it.
    pub(crate) fn bind(&mut self, param: Param, ty: Type) -> &mut Sql {
        if let Param::Row(n) = param {
            match &self.rows {
                Rows::Bound => {}
                Rows::Unnested => return self.word("\"_pintle_rows\".\"c").number(n).word("\"").cast_to(ty),
                Rows::Excluded(names) => {
                    let name = names.get(n).cloned().unwrap_or_default();
                    return self.word("excluded.").name(&name).cast_to(ty);
                }
            }
        }
        let at = match self.placed(&param, ty) {
            Some(at) => at,
            None => {
                let at = self.params.len();
                if let Param::Value(slot) = param {
                    self.slots.resize(self.slots.len().max(slot + 1), None);
                    self.slots[slot] = Some(at);
                }
                self.params.push(param);
                self.types.push(ty);
                at
            }
        };
        match self.dialect {
            Dialect::Sqlite => self.word("?").number(at + 1),
            Dialect::Postgres => self.word("$").number(at + 1).cast_to(ty),
        }
    }

    fn placed(&self, param: &Param, ty: Type) -> Option<usize> {
        let fits = |at: &usize| self.dialect == Dialect::Sqlite || self.types[*at] == ty;
        match param {
            Param::Value(slot) => {
                let last = self.slots.get(*slot).copied().flatten()?;
                if fits(&last) { Some(last) } else { self.searched(param, fits) }
            }
            other => self.searched(other, fits),
        }
    }

    fn searched(&self, param: &Param, fits: impl Fn(&usize) -> bool) -> Option<usize> {
        (0..self.params.len()).find(|at| self.params[*at] == *param && fits(at))
    }

    /// Adds each item, with the separator between them.
    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        separator: &'static str,
        mut write: impl FnMut(&mut Sql, T),
    ) -> &mut Sql {
        for (n, item) in items.into_iter().enumerate() {
            if n > 0 {
                self.word(separator);
            }
            write(self, item);
        }
        self
    }

    /// The statement.
    pub(crate) fn finish(self) -> Statement {
        Statement { sql: self.text, params: self.params }
    }
}

/// A quoted name or literal: the quote is doubled inside.
fn push_quoted(text: &mut String, inner: &str, quote: char) {
    text.push(quote);
    for c in inner.chars() {
        if c == quote {
            text.push(quote);
        }
        text.push(c);
    }
    text.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_bound_once_and_a_name_cannot_leave_its_quotes() {
        let mut sql = Sql::new(Dialect::Sqlite);
        sql.word("SELECT ").name("a\" OR 1").word(" = ").bind(Param::Uid, Type::Text);
        sql.word(" + ").bind(Param::Now, Type::Timestamp).word(" + ").bind(Param::Uid, Type::Text);
        let statement = sql.finish();
        assert_eq!(statement.sql, "SELECT \"a\"\" OR 1\" = ?1 + ?2 + ?1");
        assert_eq!(statement.params, [Param::Uid, Param::Now]);
    }

    #[test]
    fn on_postgres_a_value_is_bound_once_for_each_type_that_it_is_written_with() {
        let mut sql = Sql::new(Dialect::Postgres);
        for ty in [Type::Text, Type::Integer, Type::Text, Type::Integer] {
            sql.bind(Param::Value(3), ty).word(" ");
        }
        let statement = sql.finish();
        assert_eq!(statement.sql, "$1::text $2::int8 $1::text $2::int8 ");
        assert_eq!(statement.params, [Param::Value(3), Param::Value(3)]);
    }
}
