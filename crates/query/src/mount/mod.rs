//! Mounts: a collection as plain resources (list, create, get, replace, patch, delete).
//!
//! Plans of all but lists and patches are made at load ([`plans`]); those two are looked up by their shape.

mod list;
mod plans;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use pintle_model::{Collection, CollectionId, Value};
use serde_json::value::RawValue;

use crate::plan::{Read, Write, WritePlan};
use crate::planner::Right;
use crate::record::faults::Words;
use crate::record::{self, Fill, Reader, Rows};
use crate::request::{ReadShape, Returning, WriteShape};
use crate::rest::{Asker, bad_value, count_value, select};
use crate::{Details, Fault, FaultKind, Planner};

pub(crate) use plans::Mounts;

/// A planned list with what the server needs for its headers.
#[derive(Debug, Clone)]
pub struct List {
    /// What to run: one row more than `limit`, so that the server knows whether there is a next page.
    pub read: Read,
    /// The first row's number.
    pub offset: u64,
    /// How many rows to answer at the most.
    pub limit: Option<u64>,
}

impl Planner {
    /// The list: `limit`, `offset`, `order=field.desc`, and equality filters on fields and on paths inside json fields.
    ///
    /// # Errors
    /// For a parameter that is none of these, or the caller may not read.
    pub fn list(&self, collection: CollectionId, query: &str, asker: &Asker) -> Result<List, Fault> {
        self.mounts.of(collection, asker.caller.role)?;
        let fields = self.model.collection(collection);
        let query = list::list(fields, self.dialect, query)?;
        let mut values = query.values;
        let mut bind = |rows| {
            values.push(count_value(rows));
            values.len() - 1
        };
        let shape = ReadShape {
            select: None,
            filter: query.filter,
            order: query.order,
            limit: query.limit.map(|limit| bind(limit.saturating_add(1))),
            offset: (query.offset > 0).then(|| bind(query.offset)),
            count: false,
            strip_nulls: false,
        };
        let plan = self.plan_read(collection, asker.caller.role, shape)?;
        Ok(List { read: Read { plan, inputs: asker.inputs(values) }, offset: query.offset, limit: query.limit })
    }

    /// One record by its key, as it stands in the URL (percent-decoded).
    ///
    /// # Errors
    /// When the key is no value of its type ([`crate::FaultKind::Value`]), or the caller may not read.
    pub fn get(&self, collection: CollectionId, key: &str, asker: &Asker) -> Result<Read, Fault> {
        let plan = self.mounts.of(collection, asker.caller.role)?.get.clone()?;
        let key = key_value(self.model.collection(collection), key)?;
        Ok(Read { plan, inputs: asker.inputs(vec![key]) })
    }

    /// One new record; the answer holds it, if the caller may read it.
    ///
    /// # Errors
    /// With every fault of the body.
    pub fn create(&self, collection: CollectionId, body: &[u8], asker: &Asker) -> Result<Write, Fault> {
        let plans = self.mounts.of(collection, asker.caller.role)?;
        // Who may not add at all is told so before the body is looked at.
        plans.create.as_ref().map_err(Fault::clone)?;
        let rows = self.record(collection, body, asker, Fill::All, None)?;
        let counted = rows.fields.first() != Some(&0);
        if !counted && let Some(Value::Text(key)) = rows.rows.first().and_then(|row| row.first()) {
            has_address(self.model.collection(collection), key)?;
        }
        let plan = if counted { &plans.create_counted } else { &plans.create };
        Ok(write(plan.clone()?, asker, Vec::new(), rows.rows))
    }

    /// The record at this key, whole: fields that are left out take their defaults or become null; the key may be left
    /// out of the body, another one is refused.
    ///
    /// # Errors
    /// With every fault of the body.
    pub fn replace(&self, collection: CollectionId, key: &str, body: &[u8], asker: &Asker) -> Result<Write, Fault> {
        let plan = self.mounts.of(collection, asker.caller.role)?.replace.clone()?;
        let fields = self.model.collection(collection);
        let key = key_value(fields, key)?;
        let mut rows = self.record(collection, body, asker, Fill::Replace, None)?;
        same_key(fields, &rows, &key)?;
        let mut values = vec![key];
        values.append(&mut rows.rows.pop().unwrap_or_default());
        Ok(write(plan, asker, values, Vec::new()))
    }

    /// The fields given, merged into the record as it stands (JSON Merge Patch, RFC 7396, recursive into json fields).
    /// `current` is the record as [`Planner::get`] answers it; run both in one transaction.
    ///
    /// # Errors
    /// With every fault of the body.
    pub fn patch(
        &self,
        collection: CollectionId,
        key: &str,
        current: &[u8],
        body: &[u8],
        asker: &Asker,
    ) -> Result<Write, Fault> {
        self.granted(collection, asker.caller.role, Right::UpdateUsing)?;
        let fields = self.model.collection(collection);
        let key = key_value(fields, key)?;
        let current = members(fields, current)?;
        let mut rows = self.record(collection, body, asker, Fill::Given, Some(&current))?;
        same_key(fields, &rows, &key)?;
        let row = rows.rows.pop().unwrap_or_default();
        let (mut set, mut values) = (Vec::new(), vec![key]);
        for (at, value) in rows.fields.into_iter().zip(row) {
            // What stays as it is needs no index, no trigger and no log.
            let old = current[at].map(|json| fields.fields[at].ty.read_json(json, u32::MAX));
            if !fields.is_key(at) && old != Some(Ok(value.clone())) {
                set.push((at, values.len()));
                values.push(value);
            }
        }
        let returning = Returning { select: select::all(fields), ..Returning::default() };
        let shape = WriteShape::Update { set, filter: plans::by_key(), returning };
        let plan = self.plan_write(collection, asker.caller.role, shape)?;
        Ok(write(plan, asker, values, Vec::new()))
    }

    /// Removes the record at this key.
    ///
    /// # Errors
    /// When the key is no value of its type, or the caller may not delete.
    pub fn remove(&self, collection: CollectionId, key: &str, asker: &Asker) -> Result<Write, Fault> {
        let plan = self.mounts.of(collection, asker.caller.role)?.remove.clone()?;
        let key = key_value(self.model.collection(collection), key)?;
        Ok(write(plan, asker, vec![key], Vec::new()))
    }

    /// Reads a body that is one record.
    fn record(
        &self,
        collection: CollectionId,
        body: &[u8],
        asker: &Asker,
        fill: Fill,
        current: Option<&[Option<&str>]>,
    ) -> Result<Rows, Fault> {
        let reader = Reader {
            collection: self.model.collection(collection),
            asker,
            depth: self.model.limits.depth,
            words: Words::Plain("body"),
            fill,
            columns: None,
            missing_default: false,
            current,
        };
        let rows = record::read(reader, body)?;
        if rows.many {
            let fault = Fault::new(FaultKind::Body, "the body must be an object: it is an array");
            return Err(fault.hint("send one record at a time"));
        }
        Ok(rows)
    }
}

fn write(plan: Arc<WritePlan>, asker: &Asker, values: Vec<Value>, rows: Vec<Vec<Value>>) -> Write {
    Write { plan, inputs: asker.inputs(values), rows, single: false, max_affected: None, rollback: false }
}

/// The key, as it stands in the URL.
fn key_value(collection: &Collection, key: &str) -> Result<Value, Fault> {
    collection.fields[0].ty.read_text(key).map_err(|error| bad_value(&error))
}

/// A record is found again at the path that ends with its key: `/configs/` is the list's, and clients take the steps `.`
/// and `..` out of a path before they send it.
fn has_address(collection: &Collection, key: &str) -> Result<(), Fault> {
    if !["", ".", ".."].contains(&key) {
        return Ok(());
    }
    let name = &collection.fields[0].name;
    let fault = format!("`{name}` must not be {key:?}: no URL leads to such a record");
    let mut refused = Fault::new(FaultKind::Check, fault.clone());
    refused.details = Details::List(vec![(name.clone(), fault)]);
    Err(refused)
}

/// A key in the body must be the URL's.
fn same_key(collection: &Collection, rows: &Rows, key: &Value) -> Result<(), Fault> {
    match rows.key.first() {
        Some(Some(given)) if given != key => {
            let name = &collection.fields[0].name;
            let message = format!("`{name}` is not the one in the URL, and a key never changes");
            Err(Fault::new(FaultKind::PutKey, message).hint(format!("leave `{name}` out, or give the same")))
        }
        _ => Ok(()),
    }
}

/// The members of a record as it was answered, by field.
fn members<'a>(collection: &Collection, record: &'a [u8]) -> Result<Vec<Option<&'a str>>, Fault> {
    let members: BTreeMap<&str, &RawValue> = serde_json::from_slice(record)
        .map_err(|error| Fault::new(FaultKind::Body, format!("the record to patch cannot be read: {error}")))?;
    Ok(collection.fields.iter().map(|field| members.get(field.name.as_str()).map(|json| json.get())).collect())
}
