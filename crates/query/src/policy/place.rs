//! Where a parsed expression stands in its text.

use sqlparser::ast::{self, Spanned};
use sqlparser::tokenizer::Span;

/// Where an expression stands: from its leftmost piece to its rightmost, found without recursion.
pub(crate) fn span(expr: &ast::Expr) -> Span {
    edge(expr, true).union(&edge(expr, false))
}

fn edge(expr: &ast::Expr, first: bool) -> Span {
    let mut at = expr;
    loop {
        at =
            match at {
                ast::Expr::BinaryOp { left, right, .. } => {
                    if first {
                        left
                    } else {
                        right
                    }
                }
                ast::Expr::Nested(inner)
                | ast::Expr::UnaryOp { expr: inner, .. }
                | ast::Expr::Cast { expr: inner, .. }
                | ast::Expr::IsNull(inner)
                | ast::Expr::IsNotNull(inner)
                | ast::Expr::IsTrue(inner)
                | ast::Expr::IsNotTrue(inner)
                | ast::Expr::IsFalse(inner)
                | ast::Expr::IsNotFalse(inner) => inner,
                ast::Expr::Like { expr: value, pattern, .. } | ast::Expr::ILike { expr: value, pattern, .. } => {
                    if first { value } else { pattern }
                }
                ast::Expr::Between { expr: value, high, .. } => {
                    if first {
                        value
                    } else {
                        high
                    }
                }
                ast::Expr::IsDistinctFrom(left, right) | ast::Expr::IsNotDistinctFrom(left, right) => {
                    if first {
                        left
                    } else {
                        right
                    }
                }
                ast::Expr::InList { expr: value, list, .. } => {
                    if first {
                        value
                    } else {
                        list.last().unwrap_or(value)
                    }
                }
                other => return other.span(),
            };
    }
}
