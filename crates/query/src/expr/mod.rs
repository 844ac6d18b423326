//! Typed expressions: what policies and filters both become before they are written as SQL.
//!
//! A policy's text is lowered into an [`Expr`] by [`crate::policy`], a request's filter by the planner. Then the planner
//! puts the two together, replaces columns of the row that is written by its values ([`Expr::replace`]), folds what the
//! caller's role decides ([`fold()`]), and hands the rest to [`crate::sql`]. Truth has SQL's three values throughout.

mod fold;

pub use fold::fold;

use pintle_model::{CollectionId, Type, Value};

use crate::plan::Param;
use crate::request::{Comparison, Step, Truth};

/// A typed scalar expression over rows and the caller.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A value that the plan knows.
    Literal(Value),
    /// A value that the request or the caller brings.
    Param(Param, Type),
    /// A field of the row at this depth: 0 is the row that is read or written, 1 the row of an `exists` in it, and so on.
    Column(Column),
    /// A path into json; `text` if the last step is `->>`.
    Path {
        /// The json.
        json: Box<Expr>,
        /// The steps, at least one.
        steps: Vec<Step>,
        /// A text instead of json.
        text: bool,
    },
    /// All hold; without any, true.
    And(Vec<Expr>),
    /// One holds; without any, false.
    Or(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// A comparison of two values of comparable types.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// The two differ, where nulls are equal: never null.
    Distinct(Box<Expr>, Box<Expr>),
    /// One of these; without any, false (never null).
    In(Box<Expr>, Vec<Expr>),
    /// `is null` and its like: never null.
    Is(Box<Expr>, Truth),
    /// `like`; `ilike` where `fold` is set.
    Like {
        /// The text.
        value: Box<Expr>,
        /// With `%`, `_` and the escape `\`.
        pattern: Box<Expr>,
        /// Upper and lower case are the same.
        fold: bool,
    },
    /// A regular expression matches somewhere.
    Match {
        /// The text.
        value: Box<Expr>,
        /// The regular expression.
        pattern: Box<Expr>,
        /// Upper and lower case are the same.
        fold: bool,
    },
    /// The first json contains the second, as jsonb's `@>`.
    Contains(Box<Expr>, Box<Expr>),
    /// Any element at the path is the text, or the JSON scalar that it reads as.
    Element {
        /// The json.
        json: Box<Expr>,
        /// The keys on the way; arrays stand for each of their elements.
        keys: Vec<String>,
        /// The text.
        text: Box<Expr>,
    },
    /// A function.
    Call(Function, Vec<Expr>),
    /// Arithmetic on numbers, or texts put together.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// A cast; in policies one that cannot fail.
    Cast(Box<Expr>, Type),
    /// A row of the collection, at the next depth, for which `body` holds. The planner adds the collection's select policy.
    Exists {
        /// Whose rows.
        collection: CollectionId,
        /// The depth of the row that is sought.
        depth: usize,
        /// What must hold.
        body: Box<Expr>,
    },
    /// The outermost row may be one for which a condition on a position holds: what an index of SQLite's finds. Other
    /// databases find by the condition itself.
    Candidate {
        /// Whose row.
        collection: CollectionId,
        /// The index.
        space: usize,
        /// The condition: a call of [`Function::Near`], [`Function::InBox`] or [`Function::InShape`].
        of: Box<Expr>,
        /// Not before this moment.
        from: Option<Box<Expr>>,
        /// Not after this moment.
        to: Option<Box<Expr>>,
    },
}

/// A field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Which row.
    pub depth: usize,
    /// Whose.
    pub collection: CollectionId,
    /// The field's place.
    pub field: usize,
    /// Its type.
    pub ty: Type,
}

/// Functions of expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Lower case, of all of Unicode.
    Lower,
    /// Characters of a text, bytes of bytes.
    Length,
    /// The first that is not null.
    Coalesce,
    /// The point of a longitude and a latitude.
    Point,
    /// Metres between two points.
    Distance,
    /// Two points are so near each other: the points and the metres.
    Near,
    /// A point is in a box: what [`crate::request::Test::InBox`] brings, behind the point.
    InBox,
    /// A point is in a polygon: what [`crate::request::Test::InShape`] brings, behind the point.
    InShape,
}

/// Operators that make a value of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `||`
    Concat,
}

impl Expr {
    /// True.
    pub const TRUE: Expr = Expr::Literal(Value::Boolean(true));
    /// False.
    pub const FALSE: Expr = Expr::Literal(Value::Boolean(false));

    /// No value of a type.
    #[must_use]
    pub fn null(ty: Type) -> Expr {
        Expr::Cast(Box::new(Expr::Literal(Value::Null)), ty)
    }

    /// A comparison.
    #[must_use]
    pub fn compare(op: Comparison, left: Expr, right: Expr) -> Expr {
        Expr::Compare(op, Box::new(left), Box::new(right))
    }

    /// Its opposite.
    #[must_use]
    pub fn negate(self) -> Expr {
        Expr::Not(Box::new(self))
    }

    /// All of these.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Expr>) -> Expr {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Expr::And(inner) => flat.extend(inner),
                Expr::Literal(Value::Boolean(true)) => {}
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.swap_remove(0) } else { Expr::And(flat) }
    }

    /// Whether it holds for every row.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Expr::Literal(Value::Boolean(true)) => true,
            Expr::And(parts) => parts.iter().all(Expr::is_true),
            _ => false,
        }
    }

    /// Whether it is a literal null, of whatever type.
    pub(crate) fn is_null(&self) -> bool {
        match self {
            Expr::Literal(Value::Null) => true,
            Expr::Cast(inner, _) => inner.is_null(),
            _ => false,
        }
    }

    /// Its type; `None` for a bare null.
    #[must_use]
    pub fn ty(&self) -> Option<Type> {
        Some(match self {
            Expr::Literal(value) => return type_of(value),
            Expr::Param(_, ty) | Expr::Cast(_, ty) => *ty,
            Expr::Column(column) => column.ty,
            Expr::Path { text: true, .. } | Expr::Call(Function::Lower, _) | Expr::Binary(Binary::Concat, ..) => {
                Type::Text
            }
            Expr::Path { .. } => Type::Json,
            Expr::Call(Function::Length, _) => Type::Integer,
            Expr::Call(Function::Point, _) => Type::Point,
            Expr::Call(Function::Distance, _) => Type::Number,
            Expr::Call(Function::Coalesce, args) => return args.iter().find_map(Expr::ty),
            Expr::Binary(_, left, right) => match (left.ty(), right.ty()) {
                (Some(Type::Integer), Some(Type::Integer)) => Type::Integer,
                _ => Type::Number,
            },
            _ => Type::Boolean,
        })
    }

    /// The expressions directly inside.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Literal(_) | Expr::Param(..) | Expr::Column(_) => Vec::new(),
            Expr::Path { json, .. } => vec![json],
            Expr::And(parts) | Expr::Or(parts) | Expr::Call(_, parts) => parts.iter().collect(),
            Expr::Not(inner) | Expr::Is(inner, _) | Expr::Cast(inner, _) => vec![inner],
            Expr::Compare(_, left, right)
            | Expr::Distinct(left, right)
            | Expr::Contains(left, right)
            | Expr::Binary(_, left, right) => vec![left, right],
            Expr::In(value, list) => std::iter::once(&**value).chain(list).collect(),
            Expr::Like { value, pattern, .. } | Expr::Match { value, pattern, .. } => vec![value, pattern],
            Expr::Element { json, text, .. } => vec![json, text],
            Expr::Exists { body, .. } => vec![body],
            Expr::Candidate { of, from, to, .. } => {
                [Some(of), from.as_ref(), to.as_ref()].into_iter().flatten().map(|inner| &**inner).collect()
            }
        }
    }

    /// The same with each expression directly inside replaced.
    #[must_use]
    pub fn map_children(self, f: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        let mut boxed = |e: Box<Expr>| Box::new(f(*e));
        match self {
            Expr::Literal(_) | Expr::Param(..) | Expr::Column(_) => self,
            Expr::Path { json, steps, text } => Expr::Path { json: boxed(json), steps, text },
            Expr::And(parts) => Expr::And(parts.into_iter().map(f).collect()),
            Expr::Or(parts) => Expr::Or(parts.into_iter().map(f).collect()),
            Expr::Call(function, args) => Expr::Call(function, args.into_iter().map(f).collect()),
            Expr::Not(inner) => Expr::Not(boxed(inner)),
            Expr::Is(inner, truth) => Expr::Is(boxed(inner), truth),
            Expr::Cast(inner, ty) => Expr::Cast(boxed(inner), ty),
            Expr::Compare(op, left, right) => Expr::Compare(op, boxed(left), boxed(right)),
            Expr::Distinct(left, right) => Expr::Distinct(boxed(left), boxed(right)),
            Expr::Contains(left, right) => Expr::Contains(boxed(left), boxed(right)),
            Expr::Binary(op, left, right) => Expr::Binary(op, boxed(left), boxed(right)),
            Expr::In(value, list) => Expr::In(boxed(value), list.into_iter().map(f).collect()),
            Expr::Like { value, pattern, fold } => Expr::Like { value: boxed(value), pattern: boxed(pattern), fold },
            Expr::Match { value, pattern, fold } => Expr::Match { value: boxed(value), pattern: boxed(pattern), fold },
            Expr::Element { json, keys, text } => Expr::Element { json: boxed(json), keys, text: boxed(text) },
            Expr::Exists { collection, depth, body } => Expr::Exists { collection, depth, body: boxed(body) },
            Expr::Candidate { collection, space, of, from, to } => {
                let of = boxed(of);
                Expr::Candidate { collection, space, of, from: from.map(&mut boxed), to: to.map(&mut boxed) }
            }
        }
    }

    /// Whether a field of the outermost row is read that the test picks, also from inside an `exists`.
    #[must_use]
    pub fn mentions(&self, test: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Expr::Column(column) => column.depth == 0 && test(column.field),
            other => other.children().into_iter().any(|child| child.mentions(test)),
        }
    }

    /// Whether what it says changes with the time alone.
    #[must_use]
    pub fn tells_time(&self) -> bool {
        matches!(self, Expr::Param(Param::Now, _)) || self.children().into_iter().any(Expr::tells_time)
    }

    /// The collections that its `exists` look into, with repetitions. Of a policy, the planner has put theirs in as well.
    #[must_use]
    pub fn sought(&self) -> Vec<CollectionId> {
        let mut found: Vec<CollectionId> = self.children().into_iter().flat_map(Expr::sought).collect();
        if let Expr::Exists { collection, .. } = self {
            found.push(*collection);
        }
        found
    }

    /// The same over a row whose fields are these expressions; where `field` gives `None`, the column stays.
    #[must_use]
    pub fn replace(self, field: &dyn Fn(usize) -> Option<Expr>) -> Expr {
        match self {
            Expr::Column(column) if column.depth == 0 => field(column.field).unwrap_or(Expr::Column(column)),
            other => other.map_children(&mut |child| child.replace(field)),
        }
    }

    /// The same, so many depths further in.
    #[must_use]
    pub fn deepen(self, by: usize) -> Expr {
        match self {
            Expr::Column(column) => Expr::Column(Column { depth: column.depth + by, ..column }),
            Expr::Exists { collection, depth, body } => {
                Expr::Exists { collection, depth: depth + by, body: Box::new(body.deepen(by)) }
            }
            other => other.map_children(&mut |child| child.deepen(by)),
        }
    }
}

/// The type of a value; `None` for null.
#[must_use]
pub fn type_of(value: &Value) -> Option<Type> {
    Some(match value {
        Value::Null => return None,
        Value::Text(_) => Type::Text,
        Value::Integer(_) => Type::Integer,
        Value::Number(_) => Type::Number,
        Value::Boolean(_) => Type::Boolean,
        Value::Timestamp(_) => Type::Timestamp,
        Value::Date(_) => Type::Date,
        Value::Uuid(_) => Type::Uuid,
        Value::Json(_) => Type::Json,
        Value::Bytes(_) => Type::Bytes,
        Value::Point(_) => Type::Point,
    })
}
