//! Records that were whole once, read again by a model that may be another one.

use std::collections::BTreeMap;

use pintle_model::Value;
use serde_json::value::RawValue;

use super::Reader;
use super::faults::{Faults, Path};
use crate::rest::bad_value;
use crate::{Fault, FaultKind};

/// Reads a record: a value for each field, without the key where the store counts it (then it is true).
///
/// # Errors
/// When it is no object, and with every fault of it.
pub(crate) fn again(reader: Reader<'_>, json: &str) -> Result<(Vec<Value>, bool), Fault> {
    let mut members: BTreeMap<&str, &RawValue> =
        serde_json::from_str(json).map_err(|error| Fault::new(FaultKind::Body, error.to_string()))?;
    let collection = reader.collection;
    let mut faults = Faults::default();
    let (mut values, mut counted) = (Vec::with_capacity(collection.fields.len()), false);
    for (at, field) in collection.fields.iter().enumerate() {
        let earlier = field.renamed_from.as_deref();
        let member = members.remove(field.name.as_str()).or_else(|| members.remove(earlier?));
        let mut path = Path { row: None, field: &field.name };
        let value = match member {
            None if reader.is_counted(at) => {
                counted = true;
                continue;
            }
            None => reader.filled(at, &mut path, &mut faults),
            // What the caller could not give stands here too, so it is not refused; nor is its depth, which was bounded once.
            Some(json) => match field.ty.read_json(json.get(), u32::MAX) {
                Ok(value) => {
                    reader.check(at, &value, true, &mut path, &mut faults);
                    value
                }
                Err(error) => {
                    let fault = bad_value(&error);
                    faults.add_hinted(&path, fault.kind, fault.message, fault.hint);
                    continue;
                }
            },
        };
        values.push(value);
    }
    for name in members.keys() {
        let (message, hint) = reader.words.unknown(collection, name);
        faults.add_hinted(&Path { row: None, field: name }, FaultKind::UnknownColumn, message, hint);
    }
    match faults.into_fault() {
        Some(fault) => Err(fault),
        None => Ok((values, counted)),
    }
}
