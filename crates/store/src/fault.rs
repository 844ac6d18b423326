//! Broken constraints in PostgreSQL's words, the same whichever engine saw them. Values stand in them only where the
//! caller gave them.

use std::sync::Arc;

use pintle_model::{Collection, Field, Model, Value};
use pintle_query::{Read, Write, WritePlan};

use crate::{Error, names};

/// A statement names what is not there, in the engine's words.
pub(crate) fn other_tables(missing: &str) -> String {
    format!("the tables are not this model's: another version of the app, or a person, changed them: {missing}")
}

/// What a statement of the app's own writes, as far as the words of its error must know; nothing if it only reads.
pub(crate) fn written_by(read: &Read) -> Option<Write> {
    let (collection, action) = read.plan.writes?;
    let plan = WritePlan {
        collection,
        action,
        fields: Vec::new(),
        check: None,
        probe: None,
        write: read.plan.rows.clone(),
        bulk: None,
        apart: None,
        locks: Vec::new(),
        tells_new: false,
        verdicts: 0,
        columns: Vec::new(),
        sort: Vec::new(),
        strip_nulls: false,
    };
    let inputs = read.inputs.clone();
    Some(Write { plan: Arc::new(plan), inputs, rows: Vec::new(), single: false, max_affected: None, rollback: false })
}

/// A unique value is taken. `fields` are those of the constraint, or none where it spans paths inside json; `name` is the
/// constraint's.
pub(crate) fn unique(
    collection: &Collection,
    write: &Write,
    row: &[Value],
    name: String,
    fields: Vec<String>,
) -> Error {
    let details = given(collection, write, row, &fields)
        .map(|values| format!("Key ({})=({values}) already exists.", fields.join(", ")));
    Error::Unique { constraint: name, fields, details }
}

/// The caller's own values for these fields, as text; `None` unless all of them were given.
fn given(collection: &Collection, write: &Write, row: &[Value], fields: &[String]) -> Option<String> {
    let values: Option<Vec<String>> =
        fields.iter().map(|name| value_of(collection, write, row, name).map(Value::to_text)).collect();
    values.filter(|values| !values.is_empty()).map(|values| values.join(", "))
}

/// What the caller gave for a field of the row.
pub(crate) fn value_of<'a>(collection: &Collection, write: &Write, row: &'a [Value], name: &str) -> Option<&'a Value> {
    let (field, _) = collection.field(name)?;
    let place = write.plan.fields.iter().position(|&given| given == field)?;
    row.get(place)
}

/// A field is null that must not be.
pub(crate) fn not_null(table: &str, field: &str) -> Error {
    Error::Constraint {
        code: "23502",
        message: format!("null value in column \"{field}\" of relation \"{table}\" violates not-null constraint"),
    }
}

/// A value breaks a check.
pub(crate) fn check(table: &str, name: &str) -> Error {
    Error::Constraint {
        code: "23514",
        message: format!("new row for relation \"{table}\" violates check constraint \"{name}\""),
    }
}

/// A field of the row refers to nothing.
pub(crate) fn missing_target(model: &Model, collection: &Collection, field: &Field, value: Option<&Value>) -> Error {
    let constraint = names::over(&collection.name, &[&field.name], "fkey");
    let target = field.reference.as_ref().map(|reference| &model.collection(reference.collection).name);
    Error::ForeignKey {
        message: format!(
            "insert or update on table \"{}\" violates foreign key constraint \"{constraint}\"",
            collection.name
        ),
        constraint: Some(constraint),
        details: value.zip(target).map(|(value, target)| {
            format!("Key ({})=({}) is not present in table \"{target}\".", field.name, value.to_text())
        }),
    }
}

/// A row is referred to that was to go.
pub(crate) fn still_referenced(collection: &Collection, other: &Collection, field: &Field) -> Error {
    let constraint = names::over(&other.name, &[&field.name], "fkey");
    Error::ForeignKey {
        message: format!(
            "update or delete on table \"{}\" violates foreign key constraint \"{constraint}\" on table \"{}\"",
            collection.name, other.name
        ),
        details: Some(format!("Key is still referenced from table \"{}\".", other.name)),
        constraint: Some(constraint),
    }
}
