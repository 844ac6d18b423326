//! Expressions with what is known of their type while a policy is lowered.

use pintle_model::Type;
use sqlparser::tokenizer::Span;

use super::mistake::Mistake;
use crate::expr::Expr;

/// An expression on its way into the tree.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) what: What,
    pub(super) span: Span,
}

/// What it is.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// An expression of a type.
    Known(Expr, Type),
    /// A literal in quotes: its place says what type it is read as.
    Quoted(String),
    /// `null`
    Null,
}

impl Typed {
    /// As the operand of something that takes this type.
    pub(super) fn of(self, source: &str, ty: Type) -> Result<Expr, Mistake> {
        match self.what {
            What::Known(expr, known) if known == ty => Ok(expr),
            What::Known(expr, Type::Integer) if ty == Type::Number => Ok(Expr::Cast(Box::new(expr), Type::Number)),
            What::Known(_, known) => {
                Err(Mistake::new(format!("this must be {}, and it is {}", ty.name(), known.name()))
                    .label(format!("{}, not {}", known.name(), ty.name()))
                    .at(source, self.span))
            }
            What::Quoted(text) => read(source, &text, ty, self.span),
            What::Null => Ok(Expr::null(ty)),
        }
    }

    /// Its type, where it has one by itself.
    pub(super) fn ty(&self) -> Option<Type> {
        match &self.what {
            What::Known(_, ty) => Some(*ty),
            What::Quoted(_) | What::Null => None,
        }
    }
}

/// A literal in quotes, as a value of a type.
pub(super) fn read(source: &str, text: &str, ty: Type, span: Span) -> Result<Expr, Mistake> {
    ty.read_text(text).map(Expr::Literal).map_err(|error| {
        let mistake = Mistake::new(error.message).label(format!("no {}", ty.name())).at(source, span);
        match error.hint {
            Some(hint) => mistake.help(hint),
            None => mistake,
        }
    })
}

/// Two operands of one comparison, brought to comparable types.
pub(super) fn comparable(source: &str, left: Typed, right: Typed) -> Result<(Expr, Expr), Mistake> {
    let span = left.span.union(&right.span);
    if matches!(left.what, What::Null) || matches!(right.what, What::Null) {
        return Err(Mistake::new("a comparison with null is never true")
            .help("write `… is null` or `… is not null`")
            .at(source, span));
    }
    match (left.ty(), right.ty()) {
        (None, None) => Ok((left.of(source, Type::Text)?, right.of(source, Type::Text)?)),
        (Some(ty), None) => Ok((left.of(source, ty)?, right.of(source, ty)?)),
        (None, Some(ty)) => Ok((left.of(source, ty)?, right.of(source, ty)?)),
        (Some(a), Some(b)) => {
            let (What::Known(l, _), What::Known(r, _)) = (left.what, right.what) else {
                return Err(Mistake::new("these cannot be compared").at(source, span));
            };
            match (a, b) {
                (Type::Point, _) | (_, Type::Point) => Err(incomparable(a, b).at(source, span)),
                _ if a == b => Ok((l, r)),
                (Type::Integer, Type::Number) | (Type::Number, Type::Integer) => Ok((l, r)),
                // `auth.uid()` is text, and users' ids often are uuids.
                (Type::Uuid, Type::Text) => Ok((Expr::Cast(Box::new(l), Type::Text), r)),
                (Type::Text, Type::Uuid) => Ok((l, Expr::Cast(Box::new(r), Type::Text))),
                _ => Err(incomparable(a, b).at(source, span)),
            }
        }
    }
}

fn incomparable(left: Type, right: Type) -> Mistake {
    let mistake = Mistake::new(format!("{} and {} cannot be compared", left.name(), right.name())).label(format!(
        "{} on the left, {} on the right",
        left.name(),
        right.name()
    ));
    match (left, right) {
        (Type::Json, _) | (_, Type::Json) => {
            mistake.help("compare with a JSON text, as in `data->'n' > '5'`, or read a text with `->>`")
        }
        (Type::Text, _) | (_, Type::Text) => mistake.help("cast the other side: `…::text`"),
        _ => mistake,
    }
}
