//! Values on their way into SQLite: each type in the form that a person can read with any SQLite tool.

use pintle_model::Value;
use pintle_model::value::print::{stored_date, stored_timestamp, stored_uuid};
use pintle_query::Statement as PlanStatement;
use pintle_query::plan::{Inputs, ParamValue};
use rusqlite::Statement;
use rusqlite::types::Null;

/// Binds a plan's statement's placeholders.
pub(super) fn bind(
    statement: &mut Statement<'_>,
    plan: &PlanStatement,
    inputs: &Inputs,
    row: &[Value],
) -> rusqlite::Result<()> {
    for (index, value) in plan.values(inputs, row).enumerate() {
        let place = index + 1;
        match value {
            ParamValue::Null => statement.raw_bind_parameter(place, Null)?,
            ParamValue::Text(text) => statement.raw_bind_parameter(place, text)?,
            ParamValue::Timestamp(micros) => statement.raw_bind_parameter(place, &*stored_timestamp(micros))?,
            ParamValue::Value(value) => bind_value(statement, place, value)?,
        }
    }
    Ok(())
}

/// Binds one value.
pub(super) fn bind_value(statement: &mut Statement<'_>, place: usize, value: &Value) -> rusqlite::Result<()> {
    match value {
        Value::Null => statement.raw_bind_parameter(place, Null),
        Value::Text(text) | Value::Json(text) => statement.raw_bind_parameter(place, text.as_str()),
        Value::Integer(number) => statement.raw_bind_parameter(place, number),
        Value::Number(number) => statement.raw_bind_parameter(place, number),
        Value::Boolean(truth) => statement.raw_bind_parameter(place, i64::from(*truth)),
        Value::Timestamp(micros) => statement.raw_bind_parameter(place, &*stored_timestamp(*micros)),
        Value::Date(days) => statement.raw_bind_parameter(place, &*stored_date(*days)),
        Value::Uuid(uuid) => statement.raw_bind_parameter(place, &*stored_uuid(uuid)),
        Value::Point(_) => statement.raw_bind_parameter(place, value.to_text()),
        Value::Bytes(bytes) => statement.raw_bind_parameter(place, bytes.as_slice()),
    }
}
