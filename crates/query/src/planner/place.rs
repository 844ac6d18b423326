//! Positions: what they are as expressions, and which index finds what a request asks of them.

use pintle_model::{CollectionId, PositionOf, Type};

use super::Planner;
use crate::Dialect;
use crate::expr::{Column, Expr, Function};
use crate::request::{Comparison, Filter, Target, Test};

impl Planner {
    /// A position of the outermost row.
    pub(super) fn position(&self, collection: CollectionId, position: usize) -> Expr {
        let column = |field: usize| {
            let ty = self.model.collection(collection).fields[field].ty;
            Expr::Column(Column { depth: 0, collection, field, ty })
        };
        match self.model.collection(collection).positions[position].of {
            PositionOf::Field(field) => column(field),
            PositionOf::Numbers { longitude, latitude } => {
                Expr::Call(Function::Point, vec![column(longitude), column(latitude)])
            }
        }
    }

    /// What SQLite finds the rows by that pass a filter, whose expression is `filter`: true where no index of space serves. One
    /// condition on a position that must hold is enough; where the moment is bounded too, an index with that time is better.
    pub(super) fn candidates(&self, collection: CollectionId, asked: &Filter, filter: &Expr) -> Expr {
        let (mut tests, mut all) = (Vec::new(), Vec::new());
        must_hold(asked, &mut tests);
        conjuncts(filter, &mut all);
        if self.dialect != Dialect::Sqlite {
            return Expr::TRUE;
        }
        let table = self.model.collection(collection);
        let condition = |position: usize| {
            let point = self.position(collection, position);
            all.iter().find(|part| is_condition(part, &point)).map(|part| (*part).clone())
        };
        let bound = |time: usize, wanted: [Comparison; 3]| {
            tests.iter().find_map(|(target, test)| match test {
                Test::Compare(op, slot) if **target == Target::field(time) && wanted.contains(op) => {
                    Some(Box::new(Expr::Param(crate::plan::Param::Value(*slot), Type::Timestamp)))
                }
                _ => None,
            })
        };
        let mut best = None;
        for (at, space) in table.spaces.iter().enumerate() {
            let Some(of) = condition(space.position) else { continue };
            let bounds = space.time.map(|time| {
                let from = bound(time, [Comparison::Eq, Comparison::Ge, Comparison::Gt]);
                (from, bound(time, [Comparison::Eq, Comparison::Le, Comparison::Lt]))
            });
            // Both ends are best, then none to look for at all, then one end, then every day that there is.
            let rank = match &bounds {
                Some((Some(_), Some(_))) => 0,
                None => 1,
                Some((None, None)) => 3,
                Some(_) => 2,
            };
            let (from, to) = bounds.unwrap_or_default();
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, Expr::Candidate { collection, space: at, of: Box::new(of), from, to }));
            }
        }
        best.map_or(Expr::TRUE, |(_, found)| found)
    }
}

/// The tests that must all hold.
fn must_hold<'f>(filter: &'f Filter, tests: &mut Vec<(&'f Target, &'f Test)>) {
    match filter {
        Filter::And(parts) => parts.iter().for_each(|part| must_hold(part, tests)),
        Filter::Test(target, test) => tests.push((target, test)),
        _ => {}
    }
}

fn conjuncts<'e>(expr: &'e Expr, all: &mut Vec<&'e Expr>) {
    match expr {
        Expr::And(parts) => parts.iter().for_each(|part| conjuncts(part, all)),
        other => all.push(other),
    }
}

/// Whether an expression is a condition on this point.
fn is_condition(expr: &Expr, point: &Expr) -> bool {
    matches!(expr, Expr::Call(Function::Near | Function::InBox | Function::InShape, args) if args.first() == Some(point))
}
