//! The writer of SQL: the only place where SQL text grows.
//!
//! A [`Sql`] takes four things and no others: words that stand in this source ([`Sql::word`]), names that it quotes
//! ([`Sql::name`]), numbers ([`Sql::number`]), and values ([`Sql::bind`]), whose placeholder and parameter are pushed
//! together. So a statement has as many parameters as placeholders, and nothing that a caller sends can become SQL.

mod expr;
mod path;

pub(crate) use expr::Scope;
pub use path::index_part;

use crate::plan::{Dialect, Param, Statement};

/// A statement in the making.
#[derive(Debug)]
pub(crate) struct Sql {
    dialect: Dialect,
    text: String,
    params: Vec<Param>,
    /// The placeholder of each of the request's values, so that a long list of them is not searched again and again.
    slots: Vec<Option<usize>>,
}

impl Sql {
    /// An empty statement.
    pub(crate) fn new(dialect: Dialect) -> Sql {
        Sql { dialect, text: String::with_capacity(128), params: Vec::new(), slots: Vec::new() }
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

    /// Adds a placeholder and what it stands for. The same parameter is bound once.
    pub(crate) fn bind(&mut self, param: Param) -> &mut Sql {
        let at = match self.placed(&param) {
            Some(at) => at,
            None => {
                let at = self.params.len();
                if let Param::Value(slot) = param {
                    self.slots.resize(self.slots.len().max(slot + 1), None);
                    self.slots[slot] = Some(at);
                }
                self.params.push(param);
                at
            }
        };
        self.word(match self.dialect {
            Dialect::Sqlite => "?",
            Dialect::Postgres => "$",
        });
        self.number(at + 1)
    }

    fn placed(&self, param: &Param) -> Option<usize> {
        match param {
            Param::Value(slot) => self.slots.get(*slot).copied().flatten(),
            other => self.params.iter().position(|known| known == other),
        }
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
        sql.word("SELECT ").name("a\" OR 1").word(" = ").bind(Param::Uid).word(" + ").bind(Param::Now);
        sql.word(" + ").bind(Param::Uid);
        let statement = sql.finish();
        assert_eq!(statement.sql, "SELECT \"a\"\" OR 1\" = ?1 + ?2 + ?1");
        assert_eq!(statement.params, [Param::Uid, Param::Now]);
    }
}
