//! Pieces of a statement that are put together before their places are known. Like [`Sql`], a fragment takes words of
//! this source, names, numbers and values, and nothing else.

use pintle_model::{CollectionId, Type};

use super::Sql;
use super::expr::Scope;
use crate::expr::Expr;
use crate::functions::name;
use crate::plan::{Dialect, Param};
use crate::request::Step;

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// Words of this source.
    Word(&'static str),
    /// The name of a table or column.
    Name(String),
    /// The same as a text.
    Quoted(String),
    /// The alias of the nth row in sight; of the row that could not be inserted for 0.
    Row(usize),
    /// The name of the nth `WITH`.
    With(usize),
    /// The name of the nth column of a subquery, from 1.
    Column(usize),
    /// A number of ours.
    Number(usize),
    /// A number of the author's.
    Integer(i64),
    /// A value.
    Bind(Param, Type),
    /// A path into json, as a text or as json.
    Path(Box<Fragment>, Vec<Step>, bool),
    /// The rows of a collection for which the policy holds, under an alias.
    Table(CollectionId, Expr, usize),
    /// A policy over a row whose fields are these.
    Policy(Expr, Vec<Fragment>),
}

/// Pieces in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fragment(Vec<Piece>);

impl Fragment {
    pub(crate) fn word(words: &'static str) -> Fragment {
        Fragment(vec![Piece::Word(words)])
    }

    pub(crate) fn of(piece: Piece) -> Fragment {
        Fragment(vec![piece])
    }

    /// The column of a row in sight.
    pub(crate) fn column(row: usize, column: Piece) -> Fragment {
        Fragment(vec![Piece::Row(row), Piece::Word("."), column])
    }

    /// The same with words behind it.
    pub(crate) fn then(mut self, words: &'static str) -> Fragment {
        self.0.push(Piece::Word(words));
        self
    }

    /// The same with a fragment behind it.
    pub(crate) fn and(mut self, other: Fragment) -> Fragment {
        self.0.extend(other.0);
        self
    }

    /// The same with a piece behind it.
    pub(crate) fn with(mut self, piece: Piece) -> Fragment {
        self.0.push(piece);
        self
    }

    /// The same between words.
    pub(crate) fn between(self, before: &'static str, after: &'static str) -> Fragment {
        Fragment::word(before).and(self).then(after)
    }

    /// All of these, with words between them.
    pub(crate) fn list(parts: impl IntoIterator<Item = Fragment>, separator: &'static str) -> Fragment {
        let mut all = Fragment::default();
        for (n, part) in parts.into_iter().enumerate() {
            all = if n > 0 { all.then(separator) } else { all }.and(part);
        }
        all
    }

    /// Whether one of these rows is in it.
    pub(crate) fn speaks_of(&self, rows: &[usize]) -> bool {
        self.0.iter().any(|piece| match piece {
            Piece::Row(row) | Piece::Table(_, _, row) => rows.contains(row),
            Piece::Path(json, ..) => json.speaks_of(rows),
            Piece::Policy(_, fields) => fields.iter().any(|field| field.speaks_of(rows)),
            _ => false,
        })
    }

    /// How much there is of it.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Sql {
    /// Adds a fragment.
    pub(crate) fn fragment(&mut self, scope: Scope<'_>, fragment: &Fragment) {
        for piece in &fragment.0 {
            match piece {
                Piece::Word(words) => _ = self.word(words),
                Piece::Name(name) => _ = self.name(name),
                Piece::Quoted(name) => _ = self.quoted(name),
                Piece::Row(0) => _ = self.word("excluded"),
                Piece::Row(row) => _ = self.word("\"r").number(*row).word("\""),
                Piece::Number(number) => _ = self.number(*number),
                Piece::Path(json, steps, text) => self.path(scope, json, steps, *text),
                Piece::With(with) => _ = self.word("\"_pintle_w").number(*with).word("\""),
                Piece::Column(column) => _ = self.word("\"c").number(*column).word("\""),
                Piece::Integer(number) => self.integer(*number),
                Piece::Bind(param, ty) => _ = self.bind(param.clone(), *ty),
                Piece::Table(collection, policy, row) => {
                    self.table(scope, *collection, policy);
                    self.word(" AS \"r").number(*row).word("\"");
                }
                Piece::Policy(policy, row) => {
                    self.expr(Scope { row: Some(row), qualified: true, ..scope }, policy);
                }
            }
        }
    }

    fn path(&mut self, scope: Scope<'_>, json: &Fragment, steps: &[Step], text: bool) {
        match self.dialect {
            Dialect::Sqlite => {
                self.word(if text { name::GET_TEXT } else { name::GET });
                self.fragment(scope, json);
                self.word(", ").own_text(Step::join(steps)).word(")");
            }
            Dialect::Postgres => self.path_of(&|sql| sql.fragment(scope, json), steps, text, true),
        }
    }

    fn integer(&mut self, number: i64) {
        self.text.push('(');
        self.text.push_str(&number.to_string());
        self.text.push(')');
        if self.dialect == Dialect::Postgres {
            self.cast_to(Type::Integer);
        }
    }

    fn table(&mut self, scope: Scope<'_>, collection: CollectionId, policy: &Expr) {
        let table = scope.model.collection(collection);
        if policy.is_true() {
            self.name(&table.name);
            return;
        }
        self.word("(SELECT ").list(&table.fields, ", ", |sql, field| _ = sql.name(&field.name));
        self.word(" FROM ").name(&table.name).word(" WHERE ");
        self.expr(Scope { row: None, qualified: false, ..scope }, policy);
        if scope.fenced {
            self.word(match self.dialect {
                Dialect::Sqlite => " LIMIT -1 OFFSET 0",
                Dialect::Postgres => " OFFSET 0",
            });
        }
        self.word(")");
    }
}
