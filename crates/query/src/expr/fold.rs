//! Folding: what the caller's role decides needs no database.

use std::cmp::Ordering;

use pintle_model::{Role, Value};

use super::Expr;
use crate::plan::Param;
use crate::request::{Comparison, Truth};

/// The same truth for every caller of this role, with `auth.role()` known and constants worked out where that is plain.
#[must_use]
pub fn fold(expr: Expr, role: Role) -> Expr {
    let expr = expr.map_children(&mut |child| fold(child, role));
    match expr {
        Expr::Param(Param::Role, _) => Expr::Literal(Value::Text(role.name().to_owned())),
        Expr::Not(inner) => match *inner {
            Expr::Literal(Value::Boolean(value)) => Expr::Literal(Value::Boolean(!value)),
            other => Expr::Not(Box::new(other)),
        },
        Expr::And(parts) => junction(parts, true),
        Expr::Or(parts) => junction(parts, false),
        Expr::Compare(op, left, right) => match compared(&left, &right) {
            Some(order) => truth(match op {
                Comparison::Eq => order.is_eq(),
                Comparison::Ne => order.is_ne(),
                Comparison::Lt => order.is_lt(),
                Comparison::Le => order.is_le(),
                Comparison::Gt => order.is_gt(),
                Comparison::Ge => order.is_ge(),
            }),
            None => Expr::Compare(op, left, right),
        },
        Expr::In(value, list) if list.iter().all(|item| compared(&value, item).is_some()) => {
            truth(list.iter().any(|item| item == &*value))
        }
        Expr::Is(inner, asked) => match (&*inner, asked) {
            (Expr::Literal(Value::Boolean(value)), _) => truth(match asked {
                Truth::Null | Truth::Unknown => false,
                Truth::NotNull => true,
                Truth::True => *value,
                Truth::False => !*value,
            }),
            (inner, _) if inner.is_null() => truth(matches!(asked, Truth::Null | Truth::Unknown)),
            _ => Expr::Is(inner, asked),
        },
        Expr::Exists { body, .. } if *body == Expr::FALSE => Expr::FALSE,
        other => other,
    }
}

/// And (`neutral` true) and or (`neutral` false): neutral parts go, one part that is the opposite decides.
fn junction(parts: Vec<Expr>, neutral: bool) -> Expr {
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expr::Literal(Value::Boolean(value)) if value == neutral => {}
            Expr::Literal(Value::Boolean(value)) => return truth(value),
            Expr::And(inner) if neutral => kept.extend(inner),
            Expr::Or(inner) if !neutral => kept.extend(inner),
            other => kept.push(other),
        }
    }
    match (kept.len(), neutral) {
        (0, _) => truth(neutral),
        (1, _) => kept.swap_remove(0),
        (_, true) => Expr::And(kept),
        (_, false) => Expr::Or(kept),
    }
}

fn compared(left: &Expr, right: &Expr) -> Option<Ordering> {
    match (left, right) {
        (Expr::Literal(Value::Text(l)), Expr::Literal(Value::Text(r))) => Some(l.cmp(r)),
        (Expr::Literal(Value::Integer(l)), Expr::Literal(Value::Integer(r))) => Some(l.cmp(r)),
        _ => None,
    }
}

fn truth(value: bool) -> Expr {
    Expr::Literal(Value::Boolean(value))
}

#[cfg(test)]
mod tests {
    use pintle_model::Type;

    use super::*;

    fn role_is(name: &str) -> Expr {
        Expr::compare(Comparison::Eq, Expr::Param(Param::Role, Type::Text), Expr::Literal(Value::Text(name.to_owned())))
    }

    #[test]
    fn a_policy_on_the_role_alone_is_decided_before_the_store() {
        assert_eq!(fold(role_is("authenticated"), Role::Authenticated), Expr::TRUE);
        assert_eq!(fold(role_is("authenticated"), Role::Anon), Expr::FALSE);
        assert_eq!(fold(role_is("authenticated").negate(), Role::Anon), Expr::TRUE);
    }

    #[test]
    fn what_is_left_is_what_the_row_decides() {
        let own = Expr::Is(Box::new(Expr::Param(Param::Uid, Type::Text)), Truth::NotNull);
        let both = Expr::And(vec![role_is("authenticated"), own.clone()]);
        assert_eq!(fold(both.clone(), Role::Authenticated), own);
        assert_eq!(fold(both, Role::Anon), Expr::FALSE);
        let either = Expr::Or(vec![role_is("authenticated"), own.clone()]);
        assert_eq!(fold(either.clone(), Role::Authenticated), Expr::TRUE);
        assert_eq!(fold(either, Role::Anon), own);
    }

    #[test]
    fn numbers_without_fractions_are_compared() {
        let compare = |op, left, right| {
            let number = |value| Expr::Literal(Value::Integer(value));
            fold(Expr::compare(op, number(left), number(right)), Role::Anon)
        };
        assert_eq!(compare(Comparison::Eq, 1, 2), Expr::FALSE);
        assert_eq!(compare(Comparison::Lt, 2, 10), Expr::TRUE);
    }

    #[test]
    fn nulls_are_left_to_the_store() {
        let unknown = Expr::And(vec![Expr::Literal(Value::Null), role_is("authenticated")]);
        assert_eq!(fold(unknown, Role::Authenticated), Expr::Literal(Value::Null));
    }
}
