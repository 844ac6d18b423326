//! Both sides' rows in key order, each key once.

use std::cmp::Ordering;
use std::collections::VecDeque;

use pintle_model::Value;

use super::Error;
use super::table::{PAGE_ROWS, Row, Table};

/// What the two sides have under one key.
#[derive(Debug)]
pub(super) enum Pair {
    /// The same row.
    Same(Row),
    /// A row that the target lacks.
    Source(Row),
    /// A row that the source lacks.
    Target(Row),
    /// Two rows that are not the same.
    Differs {
        /// The source's.
        source: Row,
        /// The target's.
        target: Row,
    },
}

impl Pair {
    pub(super) fn key(&self) -> &[Value] {
        match self {
            Pair::Same(row) | Pair::Source(row) | Pair::Target(row) | Pair::Differs { source: row, .. } => &row.key,
        }
    }
}

/// A walk over a collection on both sides.
pub(super) struct Walk<'a> {
    source: Cursor<'a>,
    target: Cursor<'a>,
}

impl<'a> Walk<'a> {
    /// Over all rows.
    pub(super) fn new(source: Table<'a>, target: Table<'a>) -> Walk<'a> {
        Walk { source: Cursor::new(source), target: Cursor::new(target) }
    }

    /// Over the source's rows behind a key, where the target has none.
    pub(super) fn tail(source: Table<'a>, target: Table<'a>, behind: Vec<Value>) -> Walk<'a> {
        let source = Cursor { behind: Some(behind), ..Cursor::new(source) };
        Walk { source, target: Cursor { at_end: true, ..Cursor::new(target) } }
    }

    /// The next key's rows.
    pub(super) async fn next(&mut self) -> Result<Option<Pair>, Error> {
        let (source, target) = tokio::join!(self.source.fill(), self.target.fill());
        source.and(target)?;
        let side = match (self.source.rows.front(), self.target.rows.front()) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(source), Some(target)) => compare(&source.key, &target.key),
        };
        let (source, target) = match side {
            Ordering::Less => (self.source.rows.pop_front(), None),
            Ordering::Greater => (None, self.target.rows.pop_front()),
            Ordering::Equal => (self.source.rows.pop_front(), self.target.rows.pop_front()),
        };
        Ok(match (source, target) {
            (Some(source), Some(target)) if source.json == target.json => Some(Pair::Same(source)),
            (Some(source), Some(target)) => Some(Pair::Differs { source, target }),
            (Some(source), None) => Some(Pair::Source(source)),
            (None, Some(target)) => Some(Pair::Target(target)),
            (None, None) => None,
        })
    }

    /// Reads the source's next page before it is needed.
    pub(super) async fn ahead(&mut self) -> Result<(), Error> {
        if self.source.rows.len() < PAGE_ROWS { self.source.read().await } else { Ok(()) }
    }
}

/// One side's rows.
struct Cursor<'a> {
    table: Table<'a>,
    behind: Option<Vec<Value>>,
    rows: VecDeque<Row>,
    /// Rows of the next page.
    limit: usize,
    at_end: bool,
}

impl<'a> Cursor<'a> {
    fn new(table: Table<'a>) -> Cursor<'a> {
        Cursor { table, behind: None, rows: VecDeque::new(), limit: PAGE_ROWS, at_end: false }
    }

    async fn fill(&mut self) -> Result<(), Error> {
        if self.rows.is_empty() { self.read().await } else { Ok(()) }
    }

    async fn read(&mut self) -> Result<(), Error> {
        if self.at_end {
            return Ok(());
        }
        let page = self.table.page(self.behind.as_deref(), &mut self.limit).await?;
        self.at_end = page.is_empty();
        for row in page {
            // Else this might go on for ever, or find differences where there are none.
            if self.behind.as_ref().is_some_and(|last| compare(last, &row.key) != Ordering::Less) {
                return Err(self.table.out_of_order(&row));
            }
            self.behind = Some(row.key.clone());
            self.rows.push_back(row);
        }
        Ok(())
    }
}

/// Keys in the order that every store has them in.
pub(super) fn compare(a: &[Value], b: &[Value]) -> Ordering {
    let mut fields = a.iter().zip(b).map(|(a, b)| a.compare(b).unwrap_or(Ordering::Equal));
    fields.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}
