//! Rows that refer to rows of their own collection by a field that cannot be null: each waits until its target is in.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use pintle_model::Value;

/// The rows that wait. Refs are to keys of one field, so the first value of a row is its key.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    /// The fields that refer.
    fields: &'a [usize],
    /// Where the walk is: rows up to there are in, or wait.
    position: Value,
    /// Rows by the key that they wait for.
    by_target: HashMap<String, Vec<Vec<Value>>>,
    /// The keys of those that wait.
    held: HashSet<String>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(fields: &'a [usize]) -> Waiting<'a> {
        Waiting { fields, position: Value::Null, by_target: HashMap::new(), held: HashSet::new() }
    }

    /// A row that the walk has come to; what can be inserted now is put behind `out`.
    pub(super) fn offer(&mut self, row: Vec<Value>, out: &mut Vec<Vec<Value>>) {
        if self.fields.is_empty() {
            return out.push(row);
        }
        self.position = row[0].clone();
        self.settle(vec![row], out);
    }

    /// The walk has come to a row that is there already.
    pub(super) fn passed(&mut self, key: &Value, out: &mut Vec<Vec<Value>>) {
        if self.fields.is_empty() {
            return;
        }
        self.position = key.clone();
        let text = key.to_text();
        if !self.held.contains(&text) {
            let ready = self.by_target.remove(&text).unwrap_or_default();
            self.settle(ready, out);
        }
    }

    /// What waits for rows that never came, or for each other.
    pub(super) fn rest(&mut self) -> Vec<Vec<Value>> {
        self.held.clear();
        std::mem::take(&mut self.by_target).into_values().flatten().collect()
    }

    fn settle(&mut self, mut ready: Vec<Vec<Value>>, out: &mut Vec<Vec<Value>>) {
        while let Some(row) = ready.pop() {
            let key = row[0].to_text();
            if let Some(target) = self.missing(&row) {
                self.held.insert(key);
                self.by_target.entry(target).or_default().push(row);
            } else {
                self.held.remove(&key);
                ready.extend(self.by_target.remove(&key).unwrap_or_default());
                out.push(row);
            }
        }
    }

    /// The first target that is not in yet. A row may refer to itself.
    fn missing(&self, row: &[Value]) -> Option<String> {
        let targets = self.fields.iter().map(|field| &row[*field]).filter(|target| **target != row[0]);
        let mut missing = targets.filter_map(|target| {
            let text = target.to_text();
            let ahead = target.compare(&self.position) == Some(Ordering::Greater);
            (ahead || self.held.contains(&text)).then_some(text)
        });
        missing.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: i64, parent: i64) -> Vec<Value> {
        vec![Value::Integer(key), Value::Integer(parent)]
    }

    fn keys(rows: &[Vec<Value>]) -> Vec<i64> {
        rows.iter().map(|row| if let Value::Integer(key) = row[0] { key } else { 0 }).collect()
    }

    #[test]
    fn each_row_comes_behind_its_target() {
        let (fields, mut out) = ([1], Vec::new());
        let mut waiting = Waiting::new(&fields);
        // 1 → 3 → 4 → 2 → 2
        for (key, parent) in [(1, 3), (2, 2), (3, 4), (4, 2)] {
            waiting.offer(row(key, parent), &mut out);
        }
        assert_eq!(keys(&out), [2, 4, 3, 1]);
        assert!(waiting.rest().is_empty());
    }

    #[test]
    fn what_is_there_already_lets_others_in() {
        let (fields, mut out) = ([1], Vec::new());
        let mut waiting = Waiting::new(&fields);
        waiting.offer(row(1, 2), &mut out);
        waiting.passed(&Value::Integer(2), &mut out);
        waiting.offer(row(3, 1), &mut out);
        assert_eq!(keys(&out), [1, 3]);
    }

    #[test]
    fn a_circle_is_left_over() {
        let (fields, mut out) = ([1], Vec::new());
        let mut waiting = Waiting::new(&fields);
        waiting.offer(row(1, 2), &mut out);
        waiting.offer(row(2, 1), &mut out);
        waiting.offer(row(3, 9), &mut out);
        assert!(out.is_empty());
        let mut rest = keys(&waiting.rest());
        rest.sort_unstable();
        assert_eq!(rest, [1, 2, 3]);
    }
}
