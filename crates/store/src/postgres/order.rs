//! The order in which the rows of one statement go in.
//!
//! Whoever adds rows holds what is unique of them until the end, and waits for whoever holds it already. Were it in the callers'
//! order, two who bring the same rows would soon wait for each other, until PostgreSQL finds that out (a second by default) and
//! breaks one off. So all go in one order; which one does not matter. Answers have the callers' order.

use std::cmp::Ordering;

use pintle_model::Value;
use pintle_query::plan::{Apart, Param};
use pintle_query::{Statement, Write, WritePlan};
use tokio_postgres::Row;

use super::json;
use crate::Error;

/// The places of a write's rows, in the order in which they go in.
pub(super) fn order(write: &Write) -> Vec<usize> {
    let Write { plan, rows, .. } = write;
    let mut order: Vec<usize> = (0..rows.len()).collect();
    // A key that is counted follows those that are given before it.
    let key = plan.fields.iter().position(|field| *field == 0);
    let counts = key.is_some_and(|at| rows.iter().any(|row| row.get(at).is_none_or(|value| *value == Value::Null)));
    if !plan.locks.is_empty() && !counts {
        // Those that are equal stay as they came: the first of them is the one that counts.
        order.sort_by(|a, b| compare(&rows[*a], &rows[*b], &plan.locks));
    }
    order
}

/// Whether the statement puts the rows in order by itself, and is brought them as they came.
pub(super) fn is_ranked(statement: &Statement) -> bool {
    statement.params.contains(&Param::Ranks)
}

/// The place of each row in the order.
pub(super) fn ranks(order: &[usize]) -> Vec<Value> {
    let mut ranks = vec![Value::Null; order.len()];
    for (rank, at) in order.iter().enumerate() {
        ranks[*at] = Value::Integer(i64::try_from(rank).unwrap_or(i64::MAX));
    }
    ranks
}

fn compare(a: &[Value], b: &[Value], places: &[usize]) -> Ordering {
    let mut orders =
        places.iter().map(|at| of_values(a.get(*at).unwrap_or(&Value::Null), b.get(*at).unwrap_or(&Value::Null)));
    orders.find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
}

/// One order of all values of a field, those that are equal to PostgreSQL beside each other.
fn of_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) | (Value::Json(a), Value::Json(b)) => a.cmp(b),
        (Value::Integer(a), Value::Integer(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        // Of a field's values only null is of another kind; points are not unique.
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

/// Finds the caller's place of each row that comes back: they come in the order in which they went in, without those that were there
/// and stay as they are.
pub(super) struct Places<'a> {
    order: std::slice::Iter<'a, usize>,
    rows: &'a [Vec<Value>],
    /// What tells rows apart, if some may not come back, and the first of its columns.
    apart: &'a [Apart],
    first: usize,
}

impl<'a> Places<'a> {
    pub(super) fn new(write: &'a Write, order: &'a [usize]) -> Places<'a> {
        let plan: &WritePlan = &write.plan;
        let first = usize::from(plan.tells_new) + plan.columns.len() + plan.sort.len();
        Places { order: order.iter(), rows: &write.rows, apart: plan.apart.as_deref().unwrap_or_default(), first }
    }

    /// The place of the row that came next; nothing where it is none of those that are left.
    pub(super) fn next(&mut self, row: &Row) -> Result<Option<usize>, Error> {
        let mut ahead = self.order.clone();
        while let Some(at) = ahead.next() {
            if self.is(row, &self.rows[*at])? {
                self.order = ahead;
                return Ok(Some(*at));
            }
        }
        Ok(None)
    }

    fn is(&self, row: &Row, values: &[Value]) -> Result<bool, Error> {
        for (n, Apart { at, ty }) in self.apart.iter().enumerate() {
            if !json::is(row, self.first + n, *ty, values.get(*at).unwrap_or(&Value::Null))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_put_in_order_by_what_must_be_unique_and_equal_ones_stay_as_they_came() {
        let row = |n: Option<i64>, text: &str| vec![Value::Text(text.into()), n.map_or(Value::Null, Value::Integer)];
        let rows = [row(Some(2), "a"), row(None, "z"), row(Some(1), "b"), row(Some(1), "a"), row(Some(1), "b")];
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|a, b| compare(&rows[*a], &rows[*b], &[1, 0]));
        assert_eq!(order, [1, 3, 2, 4, 0]);
        let places = [3, 0, 2, 1, 4].map(Value::Integer);
        assert_eq!(ranks(&[1, 3, 2, 0, 4]), places);
    }
}
