//! Rows as JSON bytes, in the making: what both engines share.

use bytes::Bytes;
use pintle_model::Type;
use pintle_query::plan::{Column, Within};

use crate::{Error, Rows};

/// How many bytes an answer may have, so that a few requests cannot take all memory.
pub(crate) const BYTES_MAX: usize = 64 << 20;

/// What became of one value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// It is null, and nothing was written.
    Null,
    /// It was written as JSON.
    Written,
    /// It is not of its column's type.
    Wrong,
}

/// Bytes of lines that are handed on together.
const PIECE_BYTES: usize = 64 << 10;

/// A JSON array of objects in the making, or objects that are a line each.
#[derive(Debug)]
pub(crate) struct Array {
    json: Vec<u8>,
    last_row: usize,
    len: u64,
    lines: bool,
}

impl Array {
    /// An empty one with room for `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Array {
        let mut json = Vec::with_capacity(capacity);
        json.push(b'[');
        Array { json, last_row: 1, len: 0, lines: false }
    }

    /// No lines yet.
    pub(crate) fn lines() -> Array {
        Array { json: Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8), last_row: 0, len: 0, lines: true }
    }

    /// Takes the lines that are there, when they are as many as are handed on together or it is the `end`.
    pub(crate) fn piece(&mut self, end: bool) -> Option<Bytes> {
        let full = self.json.len() >= PIECE_BYTES || (end && !self.json.is_empty());
        full.then(|| std::mem::replace(self, Array::lines()).json.into())
    }

    /// Adds a row with a value for each of `columns`: `cell` writes the nth.
    ///
    /// # Errors
    /// When a value is not of its column's type, or the array becomes larger than an answer may be.
    pub(crate) fn push(
        &mut self,
        columns: &[Column],
        strip_nulls: bool,
        cell: impl FnMut(&mut Vec<u8>, usize, Type) -> Result<Cell, Error>,
    ) -> Result<(), Error> {
        if self.len > 0 && !self.lines {
            self.json.push(b',');
        }
        self.last_row = self.json.len();
        self.len += 1;
        object(&mut self.json, columns, strip_nulls, cell)?;
        if self.lines {
            self.json.push(b'\n');
        }
        if self.json.len() > BYTES_MAX {
            return Err(Error::TooLarge("the answer is larger than 64 MiB: ask for fewer rows or columns"));
        }
        Ok(())
    }

    /// The same array with its rows in another order.
    pub(crate) fn reordered(&self, ranges: impl Iterator<Item = std::ops::Range<usize>>) -> Array {
        let mut array = Array::new(self.json.len() + 1);
        for range in ranges {
            if array.len > 0 {
                array.json.push(b',');
            }
            array.last_row = array.json.len();
            array.len += 1;
            array.json.extend_from_slice(&self.json[range]);
        }
        array
    }

    /// Where the last row stands.
    pub(crate) fn last_range(&self) -> std::ops::Range<usize> {
        self.last_row..self.json.len()
    }

    /// The finished array.
    pub(crate) fn finish(mut self) -> Rows {
        self.json.push(b']');
        Rows { json: Bytes::from(self.json), last_row: self.last_row, len: self.len, total: None }
    }
}

fn object(
    out: &mut Vec<u8>,
    columns: &[Column],
    strip_nulls: bool,
    mut cell: impl FnMut(&mut Vec<u8>, usize, Type) -> Result<Cell, Error>,
) -> Result<(), Error> {
    out.push(b'{');
    let mut start = out.len();
    // The object that is open inside the row, where its value begins, and whether it is null.
    let mut inside: Option<(&Within, usize, bool)> = None;
    for (index, column) in columns.iter().enumerate() {
        if inside.map(|(object, ..)| object) != column.object() {
            if let Some((_, _, false)) = inside.take() {
                out.push(b'}');
            }
            if let Some(object) = column.object() {
                if out.last() != Some(&b'{') {
                    out.push(b',');
                }
                out.extend_from_slice(object.json_key().as_bytes());
                inside = Some((object, out.len(), false));
                out.push(b'{');
            }
            start = out.len();
        }
        let before = out.len();
        match inside {
            Some((_, _, true)) => continue,
            Some(_) if before == start => {}
            None if out.last() == Some(&b'{') => {}
            _ => out.push(b','),
        }
        out.extend_from_slice(column.json_key().as_bytes());
        match cell(out, index, column.ty())? {
            Cell::Written => {}
            Cell::Null if inside.is_some() && before == start => {
                if let Some((_, begin, is_null)) = &mut inside {
                    out.truncate(*begin);
                    out.extend_from_slice(b"null");
                    *is_null = true;
                }
            }
            Cell::Null if strip_nulls => out.truncate(before),
            Cell::Null => out.extend_from_slice(b"null"),
            Cell::Wrong => {
                return Err(Error::internal(format!(
                    "the stored value of `{}` is no {}: was the database edited by hand?",
                    column.name(),
                    column.ty().name()
                )));
            }
        }
    }
    if let Some((_, _, false)) = inside {
        out.push(b'}');
    }
    out.push(b'}');
    Ok(())
}
