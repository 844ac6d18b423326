//! What is on its way into the target: rows are gathered and written many at a time.

use pintle_model::Value;
use pintle_query::request::Conflict;

use super::order::Step;
use super::table::{PAGE_BYTES, PAGE_ROWS, Row, Table};
use super::wait::Waiting;
use super::walk::Pair;
use super::{Copied, Error, Refused};

/// Rows of a collection that the target may refuse before it is no use to go on: each is written alone.
const REFUSED_MAX: u64 = 100;

/// What is done with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// It is new.
    Insert,
    /// It is there, and its values become the source's.
    Change,
    /// It is there, and its references that had to wait are set.
    Link,
}

const DEEDS: [Deed; 3] = [Deed::Insert, Deed::Change, Deed::Link];

/// Rows that are gathered for one collection.
pub(super) struct Sink<'a> {
    table: Table<'a>,
    step: &'a Step,
    waiting: Waiting<'a>,
    /// For each of [`DEEDS`].
    gathered: [Vec<Vec<Value>>; 3],
    bytes: usize,
    inserted: u64,
    changed: u64,
    refused: u64,
    why: String,
}

impl<'a> Sink<'a> {
    pub(super) fn new(table: Table<'a>, step: &'a Step) -> Sink<'a> {
        Sink {
            table,
            step,
            waiting: Waiting::new(&step.first),
            gathered: Default::default(),
            bytes: 0,
            inserted: 0,
            changed: 0,
            refused: 0,
            why: String::new(),
        }
    }

    /// Takes what the walk has come to. False for a row that is in the target already and stays as it is.
    pub(super) fn take(&mut self, pair: &Pair, overwrite: bool) -> Result<bool, Error> {
        let to_do = match pair {
            Pair::Source(row) => {
                let values = self.without_later(row)?;
                self.waiting.offer(values, &mut self.gathered[0]);
                return Ok(true);
            }
            Pair::Differs { source, target } if overwrite && self.differs_beside_later(source, target)? => {
                let values = self.without_later(source)?;
                self.gathered[1].push(values);
                true
            }
            Pair::Target(_) => true,
            Pair::Differs { .. } | Pair::Same(_) => false,
        };
        if let [key, ..] = pair.key() {
            self.waiting.passed(key, &mut self.gathered[0]);
        }
        Ok(to_do)
    }

    /// A row whose references had to wait.
    pub(super) fn link(&mut self, row: &Row) -> Result<(), Error> {
        self.bytes += row.json.len();
        self.gathered[2].push(self.table.values(row)?);
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= PAGE_BYTES || self.gathered.iter().any(|rows| rows.len() >= PAGE_ROWS)
    }

    /// Writes what is gathered.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.bytes = 0;
        for deed in DEEDS {
            let rows = std::mem::take(&mut self.gathered[deed as usize]);
            if rows.is_empty() {
                continue;
            }
            match self.table.insert(rows.clone(), self.conflict(deed)).await {
                Ok(()) => self.count(deed, rows.len() as u64),
                Err(error) if stops(&error) => return Err(self.table.failed("write", "to", error)),
                // One of them is refused: the others are written all the same.
                Err(_) => self.one_by_one(deed, rows).await?,
            }
        }
        Ok(())
    }

    /// Writes the rest, and adds what was done.
    pub(super) async fn finish(mut self, copied: &mut Copied) -> Result<(), Error> {
        // Rows that wait for each other are refused, and the refusal says what is wrong.
        let rest = self.waiting.rest();
        self.gathered[0].extend(rest);
        self.flush().await?;
        copied.inserted += self.inserted;
        copied.changed += self.changed;
        if self.refused > 0 {
            let collection = self.table.name().to_owned();
            copied.refused.push(Refused { collection, rows: self.refused, why: self.why });
        }
        Ok(())
    }

    async fn one_by_one(&mut self, deed: Deed, rows: Vec<Vec<Value>>) -> Result<(), Error> {
        for row in rows {
            let key = self.table.key_text(&row[..self.table.collection().key.len]);
            match self.table.insert(vec![row], self.conflict(deed)).await {
                Ok(()) => self.count(deed, 1),
                Err(error) if stops(&error) => return Err(self.table.failed("write", "to", error)),
                Err(error) => self.refuse(&key, &error)?,
            }
        }
        Ok(())
    }

    fn refuse(&mut self, key: &str, error: &crate::Error) -> Result<(), Error> {
        use crate::Error as E;
        let details = match error {
            E::Unique { details, .. } | E::ForeignKey { details, .. } => details.as_deref().unwrap_or_default(),
            E::Internal(source) => &source.to_string(),
            _ => "",
        };
        if self.refused == 0 {
            self.why = format!("the row {key}: {error} {details}").trim_end().to_owned();
        }
        self.refused += 1;
        if self.refused > REFUSED_MAX {
            let (name, why) = (self.table.name(), &self.why);
            return Err(Error::Cannot(format!(
                "the target refuses more than {REFUSED_MAX} rows of `{name}`; the first of them is {why}"
            )));
        }
        Ok(())
    }

    fn count(&mut self, deed: Deed, rows: u64) {
        match deed {
            Deed::Insert => self.inserted += rows,
            Deed::Change => self.changed += rows,
            Deed::Link => {}
        }
    }

    fn conflict(&self, deed: Deed) -> Option<Conflict> {
        let (fields, keys) = (self.table.collection().fields.len(), self.table.collection().key.len);
        let set = match deed {
            Deed::Insert => return None,
            Deed::Change => (keys..fields).filter(|field| !self.step.later.contains(field)).collect(),
            Deed::Link => self.step.later.clone(),
        };
        Some(Conflict { target: (0..keys).collect(), set: Some(set), asked: true })
    }

    fn without_later(&mut self, row: &Row) -> Result<Vec<Value>, Error> {
        self.bytes += row.json.len();
        let mut values = self.table.values(row)?;
        for field in &self.step.later {
            values[*field] = Value::Null;
        }
        Ok(values)
    }

    /// Whether two rows differ in more than references that must wait.
    fn differs_beside_later(&self, a: &Row, b: &Row) -> Result<bool, Error> {
        let (a, b) = (self.table.values(a)?, self.table.values(b)?);
        Ok((0..a.len()).any(|field| !self.step.later.contains(&field) && a[field] != b[field]))
    }

    /// Whether the references that had to wait are still to be set; with `overwrite` also where they are others by now.
    pub(super) fn lacks_links(&self, source: &Row, target: &Row, overwrite: bool) -> Result<bool, Error> {
        let (source, target) = (self.table.values(source)?, self.table.values(target)?);
        let mut differ = self.step.later.iter().filter(|field| source[**field] != target[**field]).peekable();
        Ok(differ.peek().is_some() && differ.all(|field| overwrite || target[*field] == Value::Null))
    }
}

/// Whether the fault is the store's, not a row's.
fn stops(error: &crate::Error) -> bool {
    use crate::Error as E;
    matches!(error, E::Timeout | E::Busy | E::Full | E::ReadOnly | E::Unavailable(_) | E::Open(_) | E::Migration(_))
}
