//! One collection on one side: its rows in key order, a page at a time, and writes to it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use pintle_model::{Caller, Collection, CollectionId, Role, Type, Value};
use pintle_query::plan::Inputs;
use pintle_query::request::{
    Comparison, Conflict, Filter, Order, ReadShape, Returning, SelectItem, Target, Test, WriteShape,
};
use pintle_query::{Fault, Read, Write};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Error, Side};
use crate::Rows;

/// Rows of a page, and of a write, at the most.
pub(super) const PAGE_ROWS: usize = 1000;
/// Bytes of a page that its number of rows aims at: enough to make the way to a server small beside the work.
pub(super) const PAGE_BYTES: usize = 2 << 20;
/// Rows that one statement removes.
const DELETE_ROWS: usize = 100;

/// A row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The values of its key.
    pub(super) key: Vec<Value>,
    /// Itself, as its store prints it: the same bytes on every store.
    pub(super) json: Bytes,
}

/// Which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Source,
    Target,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Whose::Source => "source",
            Whose::Target => "target",
        })
    }
}

/// A collection on one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    side: Side<'a>,
    whose: Whose,
    id: CollectionId,
}

impl<'a> Table<'a> {
    pub(super) fn new(side: Side<'a>, whose: Whose, id: CollectionId) -> Table<'a> {
        Table { side, whose, id }
    }

    pub(super) fn collection(&self) -> &'a Collection {
        self.side.planner.model().collection(self.id)
    }

    pub(super) fn name(&self) -> &'a str {
        &self.collection().name
    }

    /// At most so many rows behind this key, in key order. Fewer where they are large.
    pub(super) async fn page(&self, behind: Option<&[Value]>, limit: &mut usize) -> Result<Vec<Row>, Error> {
        loop {
            match self.read(self.shape(behind, false), behind, *limit).await {
                Ok(rows) => {
                    let bytes_each = rows.json.len() / usize::try_from(rows.len).unwrap_or(1).max(1);
                    *limit = (PAGE_BYTES / bytes_each.max(1)).clamp(1, PAGE_ROWS);
                    return self.rows(&rows);
                }
                Err(crate::Error::TooLarge(_)) if *limit > 1 => *limit = (*limit / 8).max(1),
                Err(error) => return Err(self.failed("read", "from", error)),
            }
        }
    }

    /// The greatest key, or that of those up to and with `upto`.
    pub(super) async fn last(&self, upto: Option<&[Value]>) -> Result<Option<Vec<Value>>, Error> {
        let shape = ReadShape { filter: self.upto(upto), ..self.shape(None, true) };
        let rows = self.read(shape, upto, 1).await.map_err(|e| self.failed("read", "from", e))?;
        Ok(self.rows(&rows)?.pop().map(|row| row.key))
    }

    /// How many rows there are, or of those up to and with this key.
    pub(super) async fn count(&self, upto: Option<&[Value]>) -> Result<u64, Error> {
        let shape = ReadShape { filter: self.upto(upto), count: true, ..self.shape(None, false) };
        let rows = self.read(shape, upto, 0).await.map_err(|error| self.failed("count", "in", error))?;
        Ok(rows.total.unwrap_or(0))
    }

    fn upto(&self, key: Option<&[Value]>) -> Filter {
        match key {
            Some(key) => Filter::Not(Box::new(beyond(0, key.len()))),
            None => Filter::all(),
        }
    }

    fn shape(&self, behind: Option<&[Value]>, backwards: bool) -> ReadShape {
        let collection = self.collection();
        let keys = collection.key.len;
        // The greatest row itself may be large, and only its key is wanted.
        let fields = if backwards { 0..keys } else { 0..collection.fields.len() };
        let item =
            |at: usize| SelectItem { target: Target::field(at), name: collection.fields[at].name.clone(), cast: None };
        let order = |at| Order { target: Target::field(at), descending: backwards, nulls_first: None };
        ReadShape {
            select: Some(fields.map(item).collect()),
            filter: if behind.is_some() { beyond(0, keys) } else { Filter::all() },
            order: (0..keys).map(order).collect(),
            limit: Some(keys),
            offset: None,
            count: false,
            strip_nulls: false,
        }
    }

    async fn read(&self, shape: ReadShape, key: Option<&[Value]>, limit: usize) -> Result<Rows, crate::Error> {
        let plan = self.side.planner.plan_read(self.id, Role::ServiceRole, shape).map_err(defect)?;
        let keys = self.collection().key.len;
        let mut values = key.map_or_else(|| vec![Value::Null; keys], <[Value]>::to_vec);
        values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        self.side.store.read(Read { plan, inputs: inputs(values) }).await
    }

    fn rows(&self, rows: &Rows) -> Result<Vec<Row>, Error> {
        let all: Vec<&RawValue> = serde_json::from_slice(&rows.json).map_err(|error| self.broken(&error))?;
        let row = |raw: &RawValue| {
            let key = self.values_of(raw.get(), self.collection().key.len).map_err(|why| self.broken(&why))?;
            Ok(Row { key, json: rows.json.slice_ref(raw.get().as_bytes()) })
        };
        all.into_iter().map(row).collect()
    }

    fn values_of(&self, json: &str, most: usize) -> Result<Vec<Value>, String> {
        let raw: Raw<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let fields = self.collection().fields.iter().take(most);
        fields.zip(&raw.0).map(|(field, raw)| value(field.ty, raw.get())).collect()
    }

    /// Every value of a row.
    pub(super) fn values(&self, row: &Row) -> Result<Vec<Value>, Error> {
        let text = std::str::from_utf8(&row.json).unwrap_or_default();
        self.values_of(text, usize::MAX)
            .map_err(|why| self.broken(&format!("the one with the key {}: {why}", self.key_text(&row.key))))
    }

    /// Somebody edited the database by hand.
    fn broken(&self, why: &dyn fmt::Display) -> Error {
        Error::Cannot(format!("a row of `{}` in the {} is not what the manifest says: {why}", self.name(), self.whose))
    }

    /// Rows that came in another order than that of keys.
    pub(super) fn out_of_order(&self, row: &Row) -> Error {
        let (name, whose, key) = (self.name(), self.whose, self.key_text(&row.key));
        Error::Cannot(format!(
            "the {whose} gives the rows of `{name}` in another order than that of their keys, at {key}: has somebody \
             changed the key's collation by hand?"
        ))
    }

    /// Inserts rows, all or none; `conflict` says what becomes of those that are there.
    pub(super) async fn insert(&self, rows: Vec<Vec<Value>>, conflict: Option<Conflict>) -> Result<(), crate::Error> {
        let fields = (0..self.collection().fields.len()).collect();
        let shape = WriteShape::Insert { fields, conflict, returning: Returning::default() };
        self.write(shape, Vec::new(), rows).await.map(|_| ())
    }

    /// Removes rows; those that something refers to stay. How many went.
    pub(super) async fn delete(&self, rows: &[Row]) -> Result<u64, Error> {
        let mut removed = 0;
        for some in rows.chunks(DELETE_ROWS) {
            match self.delete_some(some).await {
                Ok(count) => removed += count,
                Err(crate::Error::ForeignKey { .. }) => {
                    for one in some.chunks(1) {
                        match self.delete_some(one).await {
                            Ok(count) => removed += count,
                            Err(crate::Error::ForeignKey { .. }) => {}
                            Err(error) => return Err(self.failed("remove rows of", "from", error)),
                        }
                    }
                }
                Err(error) => return Err(self.failed("remove rows of", "from", error)),
            }
        }
        Ok(removed)
    }

    async fn delete_some(&self, rows: &[Row]) -> Result<u64, crate::Error> {
        let keys = self.collection().key.len;
        let is = |row: usize| {
            let equal = |at: usize| Filter::Test(Target::field(at), Test::Compare(Comparison::Eq, row * keys + at));
            Filter::And((0..keys).map(equal).collect())
        };
        let filter = Filter::Or((0..rows.len()).map(is).collect());
        let values = rows.iter().flat_map(|row| row.key.clone()).collect();
        self.write(WriteShape::Delete { filter, returning: Returning::default() }, values, Vec::new()).await
    }

    async fn write(&self, shape: WriteShape, values: Vec<Value>, rows: Vec<Vec<Value>>) -> Result<u64, crate::Error> {
        let plan = self.side.planner.plan_write(self.id, Role::ServiceRole, shape).map_err(defect)?;
        let inputs = inputs(values);
        let write = Write { plan, inputs, rows, single: false, max_affected: None, rollback: false };
        self.side.store.write(write).await.map(|written| written.affected)
    }

    /// `cannot read `notes` from the source`, and why.
    pub(super) fn failed(&self, verb: &str, preposition: &str, source: crate::Error) -> Error {
        Error::Store { doing: format!("cannot {verb} `{}` {preposition} the {}", self.name(), self.whose), source }
    }

    /// A key for people: `17`, or `x=1, y=2`.
    pub(super) fn key_text(&self, key: &[Value]) -> String {
        match key {
            [one] => one.to_text(),
            many => {
                let named = many.iter().zip(&self.collection().fields);
                named.map(|(value, field)| format!("{}={}", field.name, value.to_text())).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

fn value(ty: Type, json: &str) -> Result<Value, String> {
    match (ty, json) {
        // Kept in its normal form already, whatever limits hold by now for what comes in.
        (Type::Json, json) if json != "null" => Ok(Value::Json(json.to_owned())),
        _ => ty.read_json(json, 1).map_err(|error| error.message),
    }
}

/// Behind the key whose values stand in the slots from `at` on: row-wise, so that an index on the key serves.
fn beyond(at: usize, keys: usize) -> Filter {
    let test = |op| Filter::Test(Target::field(at), Test::Compare(op, at));
    if at + 1 == keys {
        return test(Comparison::Gt);
    }
    let rest = Filter::Or(vec![test(Comparison::Gt), beyond(at + 1, keys)]);
    Filter::And(vec![test(Comparison::Ge), rest])
}

fn inputs(values: Vec<Value>) -> Inputs {
    Inputs { values, caller: Arc::new(Caller::of(Role::ServiceRole)), now: 0 }
}

/// Plans of ours are never refused.
fn defect(fault: Fault) -> crate::Error {
    crate::Error::internal(fault)
}

/// An object's values, in its order.
struct Raw<'a>(Vec<&'a RawValue>);

impl<'de> serde::Deserialize<'de> for Raw<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
                let mut values = Vec::new();
                while map.next_key::<IgnoredAny>()?.is_some() {
                    values.push(map.next_value()?);
                }
                Ok(Raw(values))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
