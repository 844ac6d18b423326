//! The way through a body's bytes: an object, or an array of objects.

use std::fmt;

use pintle_model::{Collection, Value};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::faults::{Faults, Path};
use super::{Reader, Rows};
use crate::fault::{NAMED_MAX, shortened};
use crate::{Fault, FaultKind};

/// As [`super::read`].
pub(super) fn walk(reader: Reader<'_>, body: &[u8]) -> Result<Rows, Fault> {
    let mut state = State {
        reader,
        values: vec![None; reader.collection.fields.len()],
        rows: Rows::default(),
        first: Vec::new(),
        faults: Faults::default(),
        stop: None,
    };
    let mut bytes = serde_json::Deserializer::from_slice(body);
    let parsed = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => bytes.deserialize_seq(Array(&mut state)),
        _ => bytes.deserialize_map(Record { state: &mut state, row: None }),
    };
    let parsed = parsed.and_then(|()| bytes.end());
    if let Some(fault) = state.stop {
        return Err(fault);
    }
    let many = state.rows.many;
    parsed.map_err(|error| match error.classify() {
        serde_json::error::Category::Data => reader.words.no_object(many, &error.to_string()),
        _ if body.trim_ascii().is_empty() => reader.words.no_json("it is empty"),
        _ => reader.words.no_json(&error.to_string()),
    })?;
    match state.faults.into_fault() {
        Some(fault) => Err(fault),
        None => Ok(state.rows),
    }
}

/// Records that one body may hold.
const ROWS_MAX: usize = 10_000;
/// Values that the records of one body may have, given or filled in: a few bytes of a body can stand for many.
const VALUES_MAX: usize = 100_000;

struct State<'a> {
    reader: Reader<'a>,
    /// The record that is read: what it gives, by field.
    values: Vec<Option<Value>>,
    rows: Rows,
    /// Which fields the first record gave.
    first: Vec<bool>,
    faults: Faults,
    /// A fault that ends the walk.
    stop: Option<Fault>,
}

impl State<'_> {
    /// Takes one member of a record.
    fn member(&mut self, key: Key, json: &str, row: Option<usize>) {
        let levels = if row.is_some() { 2 } else { 1 };
        match key {
            Key::Field(at) => {
                if self.reader.columns.is_some_and(|columns| !columns.contains(&at)) {
                    return;
                }
                let mut path = Path { row, field: &self.reader.collection.fields[at].name };
                // Of equal keys the last counts.
                self.values[at] = Some(self.reader.value(at, json, levels, &mut path, &mut self.faults));
            }
            Key::Unknown(name) => {
                if self.reader.columns.is_none() {
                    let (message, hint) = self.reader.words.unknown(self.reader.collection, &name);
                    self.faults.add_hinted(&Path { row, field: &name }, FaultKind::UnknownColumn, message, hint);
                }
            }
        }
    }

    /// Makes a row of the record that was read.
    fn finish<E: serde::de::Error>(&mut self, row: Option<usize>) -> Result<(), E> {
        let reader = self.reader;
        if row.unwrap_or(0) == 0 {
            self.first = self.values.iter().map(Option::is_some).collect();
            let fields = 0..self.values.len();
            self.rows.given = fields.clone().filter(|at| self.first[*at]).collect();
            self.rows.fields = fields.filter(|at| reader.has(*at, self.first[*at])).collect();
            self.rows.key = self.values[..reader.collection.key.len].to_vec();
        } else if reader.columns.is_none()
            && self.values.iter().zip(&self.first).any(|(v, first)| v.is_some() != *first)
        {
            let fault = Fault::new(FaultKind::Body, "All object keys must match");
            self.stop = Some(fault.hint("give every object the same keys, or name the fields in `columns`"));
            return Err(E::custom("All object keys must match"));
        }
        self.within(row.unwrap_or(0) + 1)?;
        let mut values = Vec::with_capacity(self.rows.fields.len());
        for at in &self.rows.fields {
            let value = self.values[*at].take();
            values.push(value.unwrap_or_else(|| {
                let mut path = Path { row, field: &reader.collection.fields[*at].name };
                reader.filled(*at, &mut path, &mut self.faults)
            }));
        }
        self.values.iter_mut().for_each(|value| *value = None);
        if self.faults.is_empty() {
            self.rows.rows.push(values);
        }
        Ok(())
    }
}

impl State<'_> {
    /// Stops at more records than one body may hold.
    fn within<E: serde::de::Error>(&mut self, count: usize) -> Result<(), E> {
        let message = if count > ROWS_MAX {
            format!("a body may hold at most {ROWS_MAX} records")
        } else if count > 1 && count * self.rows.fields.len() > VALUES_MAX {
            let each = self.rows.fields.len();
            format!("the records of a body may have at most {VALUES_MAX} values, at {each} a record with defaults")
        } else {
            return Ok(());
        };
        self.stop = Some(Fault::new(FaultKind::Body, message.as_str()).hint("send several requests"));
        Err(E::custom(message))
    }
}

/// An array of objects.
struct Array<'s, 'a>(&'s mut State<'a>);

impl<'de> Visitor<'de> for Array<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.rows.many = true;
        let mut row = 0;
        while seq.next_element_seed(Record { state: &mut *self.0, row: Some(row) })?.is_some() {
            row += 1;
        }
        Ok(())
    }
}

/// One object.
struct Record<'s, 'a> {
    state: &'s mut State<'a>,
    row: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for Record<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeyOf(self.state.reader.collection))? {
            let value: &RawValue = map.next_value()?;
            self.state.member(key, value.get(), self.row);
        }
        self.state.finish(self.row)
    }
}

/// A member's key: looked up where it stands, so that no text is made of it.
enum Key {
    Field(usize),
    Unknown(String),
}

struct KeyOf<'a>(&'a Collection);

impl<'de> DeserializeSeed<'de> for KeyOf<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyOf<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
        Ok(match self.0.field(name) {
            Some((at, _)) => Key::Field(at),
            None => Key::Unknown(shortened(name, NAMED_MAX).into_owned()),
        })
    }
}
