//! Bodies: JSON into rows of checked values, in one pass over the bytes.
//!
//! 1. [`read`] walks one object, or an array of objects; each value is read by its field's type and checked as it comes.
//! 2. Behind each record, what was not given is filled in ([`Fill`]): defaults, nulls, a new UUID.
//! 3. Every fault of every record is collected ([`faults`]), so that a caller mends all of them at once.
//!
//! What was whole once is read [`again`](again()): its fields may have other names now.
//!
//! No tree of values is made, except of json that has a schema to satisfy, and of json that a merge patch changes
//! ([`merge`]).

mod again;
pub(crate) mod faults;
pub(crate) mod merge;
mod walk;

use pintle_model::{COUNTED_KEY_MAX, Collection, DefaultValue, Field, KeyOrigin, Type, Value};

use crate::rest::Asker;
use crate::{Fault, FaultKind};
pub(crate) use again::again;
use faults::{Faults, Words};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// How bodies are read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    /// Whose records.
    pub(crate) collection: &'a Collection,
    /// Who asks: for defaults.
    pub(crate) asker: &'a Asker,
    /// Levels of arrays and objects that a body may have.
    pub(crate) depth: u32,
    /// How faults are told.
    pub(crate) words: Words,
    /// Which fields a row has.
    pub(crate) fill: Fill,
    /// The only fields that count, whatever else the body gives (`columns=`).
    pub(crate) columns: Option<&'a [usize]>,
    /// What stands in `columns` and is not given takes its default instead of null (`missing=default`).
    pub(crate) missing_default: bool,
    /// The json fields of the record as it stands, by field, for a merge patch.
    pub(crate) current: Option<&'a [Option<&'a str>]>,
}

/// Which fields a row has beside those that were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// None: the rest stays as it is.
    Given,
    /// Those with a default.
    Defaults,
    /// All but a counted key that was not given.
    All,
    /// All but the key and what the caller may not give.
    Replace,
}

/// What a body held.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rows {
    /// Which fields the values are for.
    pub(crate) fields: Vec<usize>,
    /// Which of `fields` the caller gave.
    pub(crate) given: Vec<usize>,
    /// Whether the body was an array.
    pub(crate) many: bool,
    /// For each record, a value for each of `fields`.
    pub(crate) rows: Vec<Vec<Value>>,
    /// The first record's key, by field, where it was given.
    pub(crate) key: Vec<Option<Value>>,
}

/// Reads a body.
///
/// # Errors
/// When it is no JSON or no object (or array of objects), and with every fault of its records; and for a readonly field
/// in `columns`: to list a field is to give it, be it as null or as its default.
pub(crate) fn read(reader: Reader<'_>, body: &[u8]) -> Result<Rows, Fault> {
    let mut listed = reader.columns.into_iter().flatten().map(|at| &reader.collection.fields[*at]);
    if let Some(field) = listed.find(|field| field.readonly) {
        let fault = Fault::new(FaultKind::ReadOnly, reader.words.readonly(field));
        return Err(fault.hint(format!("`{}` is readonly: leave it out of `columns`", field.name)));
    }
    walk::walk(reader, body)
}

impl Reader<'_> {
    /// Reads one value of a field, or notes why it is none.
    fn value(&self, at: usize, json: &str, levels: u32, path: &mut faults::Path<'_>, faults: &mut Faults) -> Value {
        let field = &self.collection.fields[at];
        if field.readonly {
            faults.add(path, FaultKind::ReadOnly, self.words.readonly(field));
            return Value::Null;
        }
        let depth = self.depth.saturating_sub(levels);
        let merged = self.merged(at, json, depth);
        let value = match merged.and_then(|merged| field.ty.read_json(merged.as_deref().unwrap_or(json), depth)) {
            Ok(value) => value,
            Err(error) => {
                let fault = crate::rest::bad_value(&error);
                faults.add_hinted(path, fault.kind, fault.message, fault.hint);
                return Value::Null;
            }
        };
        self.check(at, &value, true, path, faults);
        value
    }

    /// For an object that patches a json field: what the field becomes.
    fn merged(&self, at: usize, json: &str, depth: u32) -> Result<Option<String>, pintle_model::ValueError> {
        let Some(current) = self.current else { return Ok(None) };
        if self.collection.fields[at].ty != Type::Json || !json.trim_start().starts_with('{') {
            return Ok(None);
        }
        merge::patch(current.get(at).copied().flatten(), json, depth).map(Some)
    }

    /// Notes what the field does not allow about a value.
    fn check(&self, at: usize, value: &Value, given: bool, path: &mut faults::Path<'_>, faults: &mut Faults) {
        let field = &self.collection.fields[at];
        match (value, &field.schema) {
            (Value::Null, _) => {
                if field.required || self.collection.is_key(at) {
                    faults.add(path, FaultKind::NotNull, self.words.null(self.collection, field, given));
                }
            }
            (Value::Json(text), Some(schema)) if schema.surely_takes(text, self.depth) => {}
            (Value::Json(text), Some(schema)) => {
                let Some(json) = tree(text) else {
                    return faults.add(path, FaultKind::Check, self.words.no_tree(field));
                };
                for error in schema.validator.iter_errors(&json) {
                    let inside = error.instance_path().to_string();
                    if !faults.add_inside(path, &inside, self.words.schema(field, &inside, &error.to_string())) {
                        break;
                    }
                }
            }
            (Value::Integer(n), _) if self.is_counted(at) && *n > COUNTED_KEY_MAX => {
                let complaint = format!("is counted, and must be at most {COUNTED_KEY_MAX}");
                faults.add(path, FaultKind::Check, self.words.check(field, &complaint));
            }
            _ => {
                if let Some(complaint) = field.complaint(value) {
                    faults.add(path, FaultKind::Check, self.words.check(field, &complaint));
                }
            }
        }
    }

    /// Whether the store counts this field unless it is given.
    fn is_counted(&self, at: usize) -> bool {
        at == 0 && self.collection.key.origin == KeyOrigin::Counted
    }

    /// Whether a row has this field, given what its record gave.
    fn has(&self, at: usize, given: bool) -> bool {
        let field = &self.collection.fields[at];
        let listed = given || self.columns.is_some_and(|columns| columns.contains(&at));
        match self.fill {
            // What is readonly keeps its stored value.
            Fill::Given => listed && !field.readonly,
            Fill::Defaults => listed || self.has_default(at, field),
            Fill::All => listed || !self.is_counted(at),
            Fill::Replace => !self.collection.is_key(at) && !field.readonly,
        }
    }

    fn has_default(&self, at: usize, field: &Field) -> bool {
        // A required field without a value must be complained of; a counted key gets its value in the store.
        !self.is_counted(at) && (field.default.is_some() || field.required || self.collection.is_key(at))
    }

    /// The value of a field that a record did not give.
    fn filled(&self, at: usize, path: &mut faults::Path<'_>, faults: &mut Faults) -> Value {
        let field = &self.collection.fields[at];
        let listed = self.columns.is_some_and(|columns| columns.contains(&at));
        let is_key = self.collection.is_key(at);
        let value = if listed && !self.missing_default {
            Value::Null
        } else {
            match (&field.default, self.collection.key.origin) {
                (Some(default), _) => self.default(default, field.ty),
                (None, KeyOrigin::UuidV7) if is_key => Value::Uuid((self.asker.new_uuid)()),
                // The store counts.
                (None, KeyOrigin::Counted) if is_key => return Value::Null,
                _ => Value::Null,
            }
        };
        // Literals were checked with the manifest.
        if !matches!(field.default, Some(DefaultValue::Literal(_))) || value == Value::Null {
            self.check(at, &value, false, path, faults);
        }
        value
    }

    fn default(&self, default: &DefaultValue, ty: Type) -> Value {
        match default {
            DefaultValue::Literal(value) => value.clone(),
            DefaultValue::Now if ty == Type::Date => {
                i32::try_from(self.asker.now.div_euclid(DAY)).map_or(Value::Null, Value::Date)
            }
            DefaultValue::Now => Value::Timestamp(self.asker.now),
            DefaultValue::Uuid => Value::Uuid((self.asker.new_uuid)()),
            DefaultValue::Uid => self.asker.caller.user.clone().map_or(Value::Null, Value::Text),
        }
    }
}

/// What keys begin with that serde_json keeps for itself: it reads an object with such a key as something else, so a
/// schema would be held against another value than the one that is stored.
const RESERVED: &str = "\"$serde_json::private::";

/// A tree of a text that the catalogue wrote; `None` where serde_json would read another value, or go too deep.
fn tree(text: &str) -> Option<serde_json::Value> {
    if text.contains(RESERVED) { None } else { serde_json::from_str(text).ok() }
}
