//! The order of a representation whose rows come one by one: what both engines share.

use std::cmp::Ordering;
use std::ops::Range;

use pintle_query::plan::Sort;

use crate::json::Array;

/// A value to sort by. Those of one column are of one kind, or null.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SortValue {
    /// Null.
    Null,
    /// Whole numbers, and what is counted by them: booleans, moments, days.
    Integer(i64),
    /// Doubles.
    Number(f64),
    /// Texts by code point, and what is ordered byte by byte.
    Bytes(Vec<u8>),
}

/// The rows of an array in the making, with what each is sorted by, and then its place.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    rows: Vec<(Vec<SortValue>, Option<usize>, Range<usize>)>,
}

impl Sorted {
    /// Adds the row that was written last, with the place that it has among equals. Either all have one or none.
    pub(crate) fn push(&mut self, values: Vec<SortValue>, place: Option<usize>, array: &Array) {
        self.rows.push((values, place, array.last_range()));
    }

    /// The array in its order; as it is where nothing was to be sorted.
    pub(crate) fn apply(mut self, array: Array, sort: &[Sort]) -> Array {
        if self.rows.len() < 2 {
            return array;
        }
        self.rows.sort_by(|(a, first, _), (b, second, _)| compare(a, b, sort).then(first.cmp(second)));
        array.reordered(self.rows.into_iter().map(|(.., range)| range))
    }
}

fn compare(a: &[SortValue], b: &[SortValue], sort: &[Sort]) -> Ordering {
    use SortValue as V;
    let mut orders = a.iter().zip(b).zip(sort).map(|((a, b), sort)| match (a, b) {
        (V::Null, V::Null) => Ordering::Equal,
        (V::Null, _) if sort.nulls_first => Ordering::Less,
        (V::Null, _) => Ordering::Greater,
        (_, V::Null) if sort.nulls_first => Ordering::Greater,
        (_, V::Null) => Ordering::Less,
        (a, b) if sort.descending => compare_values(b, a),
        (a, b) => compare_values(a, b),
    });
    orders.find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
}

fn compare_values(a: &SortValue, b: &SortValue) -> Ordering {
    use SortValue as V;
    match (a, b) {
        (V::Integer(a), V::Integer(b)) => a.cmp(b),
        (V::Number(a), V::Number(b)) => a.total_cmp(b),
        (V::Bytes(a), V::Bytes(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_go_where_they_are_told_and_later_keys_decide_among_equals() {
        let key = |n: Option<i64>, text: &str| {
            vec![n.map_or(SortValue::Null, SortValue::Integer), SortValue::Bytes(text.into())]
        };
        let sort = [Sort { descending: true, nulls_first: true }, Sort { descending: false, nulls_first: false }];
        let mut rows = [key(Some(1), "b"), key(None, "z"), key(Some(2), "é"), key(Some(2), "z"), key(Some(1), "a")];
        rows.sort_by(|a, b| compare(a, b, &sort));
        let sorted = [key(None, "z"), key(Some(2), "z"), key(Some(2), "é"), key(Some(1), "a"), key(Some(1), "b")];
        assert_eq!(rows, sorted);
    }
}
