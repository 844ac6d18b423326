//! A request's conditions, targets and casts as typed expressions.

use pintle_model::{Collection, CollectionId, Type};

use super::Planner;
use crate::expr::{Column, Expr, Function};
use crate::functions::castable;
use crate::plan::Param;
use crate::request::{Comparison, Filter, Spot, Step, Target, Test, Truth};
use crate::{Fault, FaultKind};

impl Planner {
    /// A condition on rows.
    ///
    /// # Errors
    /// When an operator does not go with its target's type.
    pub(crate) fn filter(&self, collection: CollectionId, filter: &Filter) -> Result<Expr, Fault> {
        let all = |parts: &[Filter]| parts.iter().map(|part| self.filter(collection, part)).collect::<Result<_, _>>();
        Ok(match filter {
            Filter::And(parts) => Expr::And(all(parts)?),
            Filter::Or(parts) => Expr::Or(all(parts)?),
            Filter::Not(inner) => self.filter(collection, inner)?.negate(),
            Filter::Test(target, test) => self.test(collection, target, test)?,
        })
    }

    /// A field, or a path inside it.
    ///
    /// # Errors
    /// When a path leads into what is no json.
    pub(super) fn target(&self, collection: CollectionId, target: &Target) -> Result<Expr, Fault> {
        if let Some(Spot { position, from }) = target.spot {
            let point = self.position(collection, position);
            return Ok(match from {
                Some(slot) => Expr::Call(Function::Distance, vec![point, Expr::Param(Param::Value(slot), Type::Point)]),
                None => point,
            });
        }
        let ty = self.model.collection(collection).fields[target.field].ty;
        let column = Expr::Column(Column { depth: 0, collection, field: target.field, ty });
        if target.path.is_empty() {
            return Ok(column);
        }
        if ty != Type::Json {
            return Err(no_operator(ty, if target.text && target.path.len() == 1 { "->>" } else { "->" }));
        }
        Ok(Expr::Path { json: Box::new(column), steps: target.path.clone(), text: target.text })
    }

    /// What rows are ordered by.
    ///
    /// # Errors
    /// As [`Planner::target`], and for a point, which has no order.
    pub(super) fn sort_target(&self, collection: CollectionId, target: &Target) -> Result<Expr, Fault> {
        let found = self.target(collection, target)?;
        if found.ty() == Some(Type::Point) {
            let message = "could not identify an ordering operator for type geography";
            return Err(Fault::new(FaultKind::UndefinedOperator, message));
        }
        Ok(found)
    }

    fn test(&self, collection: CollectionId, target: &Target, test: &Test) -> Result<Expr, Fault> {
        let value = self.target(collection, target)?;
        let ty = target.ty(self.model.collection(collection).fields[target.field].ty);
        let slot = |n: usize| Box::new(Expr::Param(Param::Value(n), ty));
        let text = |n: usize| Box::new(Expr::Param(Param::Value(n), Type::Text));
        let only = |wanted: Type, operator: &str| if ty == wanted { Ok(()) } else { Err(no_operator(ty, operator)) };
        let value = Box::new(value);
        if ty == Type::Point && !matches!(test, Test::Is(_)) {
            return near(*value, test).ok_or_else(|| no_operator(ty, "="));
        }
        Ok(match test {
            Test::Near(_) | Test::InBox(_) | Test::InShape(_) => return Err(not_a_point(ty)),
            Test::Compare(op, n) => Expr::Compare(*op, value, slot(*n)),
            Test::Distinct(n) => Expr::Distinct(value, slot(*n)),
            Test::Like { pattern, fold } => {
                only(Type::Text, if *fold { "~~*" } else { "~~" })?;
                Expr::Like { value, pattern: text(*pattern), fold: *fold }
            }
            Test::Match { pattern, fold } => {
                only(Type::Text, if *fold { "~*" } else { "~" })?;
                Expr::Match { value, pattern: text(*pattern), fold: *fold }
            }
            Test::In(slots) => Expr::In(value, slots.iter().map(|n| *slot(*n)).collect()),
            Test::Is(truth) => {
                let boolean = matches!(truth, Truth::True | Truth::False | Truth::Unknown);
                if boolean && ty != Type::Boolean {
                    return Err(not_boolean(ty, *truth));
                }
                Expr::Is(value, *truth)
            }
            Test::Contains(n) => {
                only(Type::Json, "@>")?;
                Expr::Contains(value, slot(*n))
            }
            Test::Contained(n) => {
                only(Type::Json, "<@")?;
                Expr::Contains(slot(*n), value)
            }
            Test::Element(n) => self.element(collection, target, *n)?,
        })
    }

    fn element(&self, collection: CollectionId, target: &Target, slot: usize) -> Result<Expr, Fault> {
        let json = self.target(collection, &Target::field(target.field))?;
        if json.ty() != Some(Type::Json) {
            return Err(no_operator(json.ty().unwrap_or(Type::Text), "->"));
        }
        let keys = target.path.iter().map(|step| match step {
            Step::Key(key) => key.clone(),
            Step::Index(index) => index.to_string(),
        });
        let text = Box::new(Expr::Param(Param::Value(slot), Type::Text));
        Ok(Expr::Element { json: Box::new(json), keys: keys.collect(), text })
    }

    /// A cast of a column of the answer.
    ///
    /// # Errors
    /// For types that are not cast to one another.
    pub(super) fn cast(&self, expr: Expr, to: Type) -> Result<Expr, Fault> {
        match expr.ty() {
            Some(from) if from == to => Ok(expr),
            Some(from) if castable(from, to) => Ok(Expr::Cast(Box::new(expr), to)),
            from => {
                let point = from == Some(Type::Point);
                let from = from.map_or("unknown", Type::pg_name);
                Err(Fault::new(
                    FaultKind::Unsupported,
                    format!("casts from {from} to {} are not supported", to.pg_name()),
                )
                .hint(if point {
                    "a point is answered as GeoJSON, and not cast"
                } else {
                    "every type but points can be cast to text, and text to every one of them"
                }))
            }
        }
    }
}

/// A condition on a point, if the test is one.
fn near(point: Expr, test: &Test) -> Option<Expr> {
    let (function, first, types): (_, _, &[Type]) = match test {
        Test::Near(first) => (Function::Near, first, &[Type::Point, Type::Number]),
        Test::InBox(first) => (
            Function::InBox,
            first,
            &[
                Type::Number,
                Type::Number,
                Type::Number,
                Type::Number,
                Type::Number,
                Type::Number,
                Type::Point,
                Type::Number,
            ],
        ),
        Test::InShape(first) => (Function::InShape, first, &[Type::Text, Type::Point, Type::Number]),
        _ => return None,
    };
    let slots = types.iter().enumerate().map(|(n, ty)| Expr::Param(Param::Value(first + n), *ty));
    Some(Expr::Call(function, std::iter::once(point).chain(slots).collect()))
}

/// Whether at most one row can pass: every field of the key, or a unique field, equals a value.
pub(in crate::planner) fn is_point(collection: &Collection, filter: &Filter) -> bool {
    let mut equal = Vec::new();
    equalities(filter, &mut equal);
    (0..collection.key.len).all(|field| equal.contains(&field))
        || equal.iter().any(|field| collection.fields[*field].unique)
}

fn equalities(filter: &Filter, equal: &mut Vec<usize>) {
    match filter {
        Filter::And(parts) => parts.iter().for_each(|part| equalities(part, equal)),
        Filter::Test(target, Test::Compare(Comparison::Eq, _)) if target.path.is_empty() => equal.push(target.field),
        _ => {}
    }
}

fn not_a_point(ty: Type) -> Fault {
    Fault::new(FaultKind::UndefinedOperator, format!("operator does not exist: {} && unknown", ty.pg_name()))
        .hint("`dwithin`, `bbox` and `within` are for points")
}

fn no_operator(ty: Type, operator: &str) -> Fault {
    if ty == Type::Point {
        let message = format!("operator does not exist: {} {operator} unknown", ty.pg_name());
        return Fault::new(FaultKind::UndefinedOperator, message)
            .hint("points are not compared: `dwithin`, `bbox` and `within` ask where they are, and `is.null` whether there is one");
    }
    Fault::new(FaultKind::UndefinedOperator, format!("operator does not exist: {} {operator} unknown", ty.pg_name()))
        .hint("No operator matches the given name and argument types. You might need to add explicit type casts.")
}

fn not_boolean(ty: Type, truth: Truth) -> Fault {
    let word = match truth {
        Truth::True => "TRUE",
        Truth::False => "FALSE",
        _ => "UNKNOWN",
    };
    let message = format!("argument of IS {word} must be type boolean, not type {}", ty.pg_name());
    Fault::new(FaultKind::UndefinedOperator, message)
}
