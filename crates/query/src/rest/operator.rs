//! The operators of filters.

use pintle_model::Type;

use super::cursor::Cursor;
use super::filter::unsupported;
use crate::request::{Comparison, Test, Truth};
use crate::{Fault, FaultKind};

const TRUTH: &str = "isVal: (null, not_null, true, false, unknown)";

/// An operator of the grammar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Compare(Comparison),
    Distinct,
    Like {
        fold: bool,
    },
    Match {
        fold: bool,
    },
    In,
    Is,
    Contains,
    Contained,
    /// `dwithin.(longitude,latitude,metres)`
    Near,
    /// `bbox.(west,south,east,north)`
    InBox,
    /// `within.{GeoJSON}`
    InShape,
}

impl Operator {
    /// Reads an operator's name; an error for one that is not built yet.
    pub(super) fn parse(word: &str) -> Option<Result<Operator, Fault>> {
        Some(Ok(match word {
            "eq" => Operator::Compare(Comparison::Eq),
            "neq" => Operator::Compare(Comparison::Ne),
            "lt" => Operator::Compare(Comparison::Lt),
            "lte" => Operator::Compare(Comparison::Le),
            "gt" => Operator::Compare(Comparison::Gt),
            "gte" => Operator::Compare(Comparison::Ge),
            "isdistinct" => Operator::Distinct,
            "like" => Operator::Like { fold: false },
            "ilike" => Operator::Like { fold: true },
            "match" => Operator::Match { fold: false },
            "imatch" => Operator::Match { fold: true },
            "in" => Operator::In,
            "is" => Operator::Is,
            "cs" => Operator::Contains,
            "cd" => Operator::Contained,
            "dwithin" => Operator::Near,
            "bbox" => Operator::InBox,
            "within" => Operator::InShape,
            "fts" | "plfts" | "phfts" | "wfts" => {
                return Some(Err(unsupported(&format!("full-text search (`{word}`)"))));
            }
            "ov" => return Some(Err(unsupported("the operator `ov` (overlaps)"))),
            "sl" | "sr" | "nxr" | "nxl" | "adj" => {
                return Some(Err(unsupported(&format!("the operator `{word}` on ranges"))));
            }
            _ => return None,
        }))
    }

    /// Whether `(any)` and `(all)` go with it.
    pub(super) fn quantified(self) -> bool {
        match self {
            Operator::Compare(comparison) => comparison != Comparison::Ne,
            Operator::Like { .. } | Operator::Match { .. } => true,
            _ => false,
        }
    }

    /// The test with this slot, which is the first where there are several. `In` and `Is` have none and are made where they
    /// are read.
    pub(super) fn test(self, slot: usize) -> Test {
        match self {
            Operator::Compare(comparison) => Test::Compare(comparison, slot),
            Operator::Distinct => Test::Distinct(slot),
            Operator::Like { fold } => Test::Like { pattern: slot, fold },
            Operator::Match { fold } => Test::Match { pattern: slot, fold },
            Operator::In => Test::In(vec![slot]),
            Operator::Is => Test::Is(Truth::Null),
            Operator::Contains => Test::Contains(slot),
            Operator::Contained => Test::Contained(slot),
            Operator::Near => Test::Near(slot),
            Operator::InBox => Test::InBox(slot),
            Operator::InShape => Test::InShape(slot),
        }
    }

    /// That the type has this operator, in PostgreSQL's words.
    pub(super) fn fits(self, ty: Type) -> Result<(), Fault> {
        let (sign, wanted) = match self {
            Operator::Like { fold: false } => ("~~", Type::Text),
            Operator::Like { fold: true } => ("~~*", Type::Text),
            Operator::Match { fold: false } => ("~", Type::Text),
            Operator::Match { fold: true } => ("~*", Type::Text),
            Operator::Contains => ("@>", Type::Json),
            Operator::Contained => ("<@", Type::Json),
            Operator::Near | Operator::InBox | Operator::InShape => ("&&", Type::Point),
            Operator::Is => return Ok(()),
            _ if ty == Type::Point => ("=", Type::Text),
            _ => return Ok(()),
        };
        if ty == wanted {
            return Ok(());
        }
        let message = format!("operator does not exist: {} {sign} unknown", ty.pg_name());
        let hint = match ty {
            Type::Point => "No operator matches: places are found by `dwithin`, `bbox` and `within`.".to_owned(),
            _ => format!("No operator matches: this one is for {} fields.", wanted.name()),
        };
        Err(Fault::new(FaultKind::UndefinedOperator, message).hint(hint))
    }
}

/// What stands behind `is`, for a target of this type.
pub(super) fn truth(cursor: &mut Cursor<'_>, ty: Type) -> Result<Truth, Fault> {
    let start = cursor.clone();
    let word = cursor.take_while(|c| c.is_ascii_alphabetic() || c == '_');
    let known = [
        ("null", Truth::Null),
        ("not_null", Truth::NotNull),
        ("true", Truth::True),
        ("false", Truth::False),
        ("unknown", Truth::Unknown),
    ];
    let truth = known.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
    truth_of(ty, truth.map(|(_, truth)| truth).ok_or_else(|| start.unexpected(TRUTH))?)
}

/// Only booleans are true, false or unknown.
fn truth_of(ty: Type, asked: Truth) -> Result<Truth, Fault> {
    let word = match asked {
        Truth::Null | Truth::NotNull => return Ok(asked),
        Truth::True => "TRUE",
        Truth::False => "FALSE",
        Truth::Unknown => "UNKNOWN",
    };
    if ty == Type::Boolean {
        return Ok(asked);
    }
    let message = format!("argument of IS {word} must be type boolean, not type {}", ty.pg_name());
    Err(Fault::new(FaultKind::Value("42804"), message))
}
