//! Expressions with what is known of them on their way into a statement.

use pintle_model::{Type, Value};
use sqlparser::tokenizer::Span;

use super::lower::Lower;
use crate::Dialect;
use crate::functions::name;
use crate::plan::Param;
use crate::policy::mistake::Mistake;
use crate::sql::{Fragment, Piece};

/// An expression and its place in the text.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) what: What,
    pub(super) span: Span,
}

/// What it is.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// An expression of a type.
    Known(Known),
    /// A literal in quotes: its place says what type it is read as.
    Quoted(String),
    /// `null`
    Null,
    /// A parameter whose place says what type it is read as.
    Open(usize),
}

/// An expression of a type.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Known {
    pub(super) sql: Fragment,
    pub(super) ty: Type,
    /// A field of a collection, or a subquery's column: a text has the collation of our columns.
    pub(super) plain: bool,
    /// A number that needs no look at its range before it is answered or written.
    pub(super) exact: bool,
    /// Never null.
    pub(super) required: bool,
    /// The same in each row: no index is asked for it, and nothing is grouped by it.
    pub(super) constant: bool,
}

/// What is asked of points instead.
pub(super) const NEAR: &str = "ask for `distance(a, b)` or `dwithin(a, b, metres)`";

/// Whether two values of this type may be one on one store and two on the other.
pub(super) fn is_untold(ty: Type) -> bool {
    matches!(ty, Type::Json | Type::Point)
}

impl Known {
    /// An expression that was put together.
    pub(super) fn new(sql: Fragment, ty: Type) -> Known {
        let exact = !matches!(ty, Type::Integer | Type::Number);
        Known { sql, ty, plain: false, exact, required: false, constant: false }
    }

    /// The same, if its range is known to be right.
    pub(super) fn exact(self, exact: bool) -> Known {
        Known { exact, ..self }
    }

    /// A value that is bound.
    pub(super) fn bound(param: Param, ty: Type) -> Known {
        Known { exact: true, constant: true, ..Known::new(Fragment::of(Piece::Bind(param, ty)), ty) }
    }

    /// A literal of the author's.
    pub(super) fn literal(value: Value, ty: Type) -> Known {
        let sql = match value {
            Value::Boolean(truth) => Fragment::word(if truth { "TRUE" } else { "FALSE" }),
            Value::Integer(number) => Fragment::of(Piece::Integer(number)),
            other => return Known { required: true, ..Known::bound(Param::Literal(other), ty) },
        };
        Known { exact: true, required: true, constant: true, ..Known::new(sql, ty) }
    }
}

impl Typed {
    /// Its type, where it has one by itself.
    pub(super) fn ty(&self) -> Option<Type> {
        match &self.what {
            What::Known(known) => Some(known.ty),
            What::Quoted(_) | What::Null | What::Open(_) => None,
        }
    }
}

impl Lower<'_> {
    pub(super) fn wrong(&self, message: impl Into<String>, span: Span) -> Mistake {
        Mistake::new(message).at(self.source, span)
    }

    /// As the operand of something that takes this type.
    pub(super) fn of(&mut self, typed: Typed, ty: Type) -> Result<Known, Mistake> {
        match typed.what {
            What::Known(known) if known.ty == ty => Ok(known),
            What::Known(known) if known.ty == Type::Integer && ty == Type::Number => Ok(self.widened(known)),
            What::Known(known) => Err(self
                .wrong(format!("this must be {}, and it is {}", ty.name(), known.ty.name()), typed.span)
                .label(format!("{}, not {}", known.ty.name(), ty.name()))
                .help(format!("write `CAST(… AS {})` if that is what is meant", ty.name()))),
            What::Quoted(text) => match ty.read_text(&text) {
                Ok(value) => Ok(Known::literal(value, ty)),
                Err(error) => {
                    let mistake = self.wrong(error.message, typed.span).label(format!("no {}", ty.name()));
                    Err(match error.hint {
                        Some(hint) => mistake.help(hint),
                        None => mistake,
                    })
                }
            },
            What::Null => Ok(self.null(ty)),
            What::Open(param) => Ok(self.param(param, ty)),
        }
    }

    /// As it is, where its place says nothing: a literal in quotes is a text, a parameter what its value is by itself.
    pub(super) fn alone(&mut self, typed: Typed) -> Result<Known, Mistake> {
        match typed.what {
            What::Known(known) => Ok(known),
            What::Quoted(_) => self.of(typed, Type::Text),
            What::Open(param) => {
                let ty = self.params[param].ty;
                self.of(typed, ty)
            }
            What::Null => {
                Err(self.wrong("nothing says what type this null is of", typed.span).help("write `CAST(NULL AS type)`"))
            }
        }
    }

    pub(super) fn null(&self, ty: Type) -> Known {
        let sql = match self.dialect {
            Dialect::Sqlite => Fragment::word("NULL"),
            Dialect::Postgres => Fragment::word("CAST(NULL AS ").then(pg_type(ty)).then(")"),
        };
        Known { constant: true, ..Known::new(sql, ty).exact(true) }
    }

    fn widened(&self, known: Known) -> Known {
        let sql = match self.dialect {
            Dialect::Sqlite => known.sql.between("CAST(", " AS REAL)"),
            Dialect::Postgres => known.sql.between("CAST(", " AS double precision)"),
        };
        Known { sql, ty: Type::Number, plain: false, exact: true, ..known }
    }

    /// A parameter, read as this type.
    pub(super) fn param(&mut self, param: usize, ty: Type) -> Known {
        let slot = self.slots.iter().position(|slot| *slot == (param, ty)).unwrap_or_else(|| {
            self.slots.push((param, ty));
            self.slots.len() - 1
        });
        Known::bound(Param::Value(slot), ty)
    }

    /// The one type of several expressions of one column, or of one list.
    pub(super) fn common<'t>(&self, all: impl IntoIterator<Item = &'t Typed>) -> Result<Option<Type>, Mistake> {
        let mut common = None;
        for one in all {
            common = match (common, one.ty()) {
                (None, ty) | (ty, None) => ty,
                (Some(a), Some(b)) if a == b => Some(a),
                (Some(Type::Integer | Type::Number), Some(Type::Integer | Type::Number)) => Some(Type::Number),
                (Some(a), Some(b)) => {
                    return Err(self
                        .wrong(format!("this is {}, and those before it are {}", b.name(), a.name()), one.span)
                        .help(format!("write `CAST(… AS {})`", a.name())));
                }
            };
        }
        Ok(common)
    }

    /// The one type of several expressions, also where none has one by itself.
    pub(super) fn common_or(&self, all: &[Typed]) -> Result<Type, Mistake> {
        let own = |typed: &Typed| match typed.what {
            What::Open(param) => Some(self.params[param].ty),
            _ => None,
        };
        Ok(self.common(all)?.or_else(|| all.iter().find_map(own)).unwrap_or(Type::Text))
    }

    /// Two operands of one comparison, brought to comparable types.
    pub(super) fn comparable(&mut self, left: Typed, right: Typed) -> Result<(Known, Known), Mistake> {
        if matches!(left.what, What::Null) || matches!(right.what, What::Null) {
            return Err(self
                .wrong("a comparison with null is never true", left.span.union(&right.span))
                .help("write `… IS NULL` or `… IS NOT NULL`"));
        }
        let number = |lower: &Self, ty: Type, other: &Typed| match other.what {
            // A script's 1.5 is no whole number, but can be compared with one.
            What::Open(param) if ty == Type::Integer && lower.params[param].ty == Type::Number => Type::Number,
            _ => ty,
        };
        let (l, r) = match (left.ty(), right.ty()) {
            (None, None) => {
                let ty = self.common_or(&[left.clone(), right.clone()])?;
                (ty, ty)
            }
            (Some(ty), None) => (ty, number(self, ty, &right)),
            (None, Some(ty)) => (number(self, ty, &left), ty),
            (Some(l), Some(r)) => (l, r),
        };
        let (span, l, r) = (left.span.union(&right.span), self.of(left, l)?, self.of(right, r)?);
        match (l.ty, r.ty) {
            (Type::Point, _) | (_, Type::Point) => Err(self.wrong("points are not compared", span).help(NEAR)),
            (a, b) if a == b => Ok((l, r)),
            (Type::Integer | Type::Number, Type::Integer | Type::Number) => Ok((l, r)),
            // `auth.uid()` is text, and users' ids often are uuids.
            (Type::Uuid, Type::Text) => Ok((self.cast_known(l, Type::Text), r)),
            (Type::Text, Type::Uuid) => Ok((l, self.cast_known(r, Type::Text))),
            (a, b) => Err(self
                .wrong(format!("{} and {} cannot be compared", a.name(), b.name()), span)
                .label(format!("{} on the left, {} on the right", a.name(), b.name()))
                .help(format!("write `CAST(… AS {})`", if a == Type::Text { b.name() } else { a.name() }))),
        }
    }

    /// What it is ordered by.
    pub(super) fn key(&self, known: &Known) -> Fragment {
        match (self.dialect, known.ty) {
            (Dialect::Sqlite, Type::Json) => known.sql.clone().between(name::JSON_KEY, ")"),
            (Dialect::Postgres, Type::Text) if !known.plain => known.sql.clone().between("(", " COLLATE \"C\")"),
            _ => known.sql.clone(),
        }
    }

    /// What it is compared for equality by.
    pub(super) fn equal_key(&self, known: &Known) -> Fragment {
        if self.dialect == Dialect::Sqlite { self.key(known) } else { known.sql.clone() }
    }

    /// As it is answered or written: SQLite goes on with a number that has left its range, and nothing else would see it.
    pub(super) fn finished(&self, known: Known) -> Fragment {
        match (self.dialect, known.ty) {
            (Dialect::Sqlite, ty @ (Type::Integer | Type::Number)) if !known.exact => {
                known.sql.between(name::IN_RANGE, ", ").with(Piece::Quoted(ty.name().to_owned())).then(")")
            }
            _ => known.sql,
        }
    }
}

/// A type as PostgreSQL's casts name it.
pub(super) fn pg_type(ty: Type) -> &'static str {
    match ty {
        Type::Text => "text",
        Type::Integer => "int8",
        Type::Number => "double precision",
        Type::Boolean => "boolean",
        Type::Timestamp => "timestamptz",
        Type::Date => "date",
        Type::Uuid => "uuid",
        Type::Json => "jsonb",
        Type::Bytes => "bytea",
        Type::Point => "geography",
    }
}
