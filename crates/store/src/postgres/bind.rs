//! Values on their way into PostgreSQL, in the binary form of the type that the server takes a placeholder for.

use std::error::Error as StdError;
use std::fmt;

use super::geography;
use bytes::{BufMut, BytesMut};
use pintle_model::Value;
use pintle_query::plan::ParamValue;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type as PgType};

/// From 1970, as we count, to 2000, as PostgreSQL does.
pub(super) const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// The same in days.
pub(super) const EPOCH_DAYS: i32 = 10_957;

/// A value to bind.
pub(super) struct Bound<'a>(pub(super) ParamValue<'a>);

/// What a statement for many rows is brought.
pub(super) enum Brought<'a> {
    /// One value for all.
    One(Bound<'a>),
    /// The values of all rows at a place, as an array in this order.
    Rows { rows: &'a [Vec<Value>], order: &'a [usize], at: usize },
    /// An array.
    Values(&'a [Value]),
}

/// Values are the callers', and no business of a log's.
impl fmt::Debug for Bound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What one of ours is to one of the server's types.
enum Form {
    Null,
    Binary,
    /// The server reads it as it reads a literal.
    Text,
}

impl Bound<'_> {
    fn form(&self, ty: &PgType) -> Form {
        let value = match self.0 {
            ParamValue::Null | ParamValue::Value(Value::Null) => return Form::Null,
            ParamValue::Value(value) => value,
            ParamValue::Text(_) if is_text(ty) => return Form::Binary,
            ParamValue::Timestamp(_) if *ty == PgType::TIMESTAMPTZ => return Form::Binary,
            ParamValue::Text(_) | ParamValue::Timestamp(_) => return Form::Text,
        };
        let same = match value {
            Value::Null => return Form::Null,
            Value::Text(_) => is_text(ty),
            Value::Integer(_) => *ty == PgType::INT8,
            Value::Number(_) => *ty == PgType::FLOAT8,
            Value::Boolean(_) => *ty == PgType::BOOL,
            Value::Timestamp(_) => *ty == PgType::TIMESTAMPTZ,
            Value::Date(_) => *ty == PgType::DATE,
            Value::Uuid(_) => *ty == PgType::UUID,
            Value::Json(_) => *ty == PgType::JSONB || is_text(ty),
            Value::Bytes(_) | Value::Point(_) => *ty == PgType::BYTEA,
        };
        if same { Form::Binary } else { Form::Text }
    }
}

fn is_text(ty: &PgType) -> bool {
    *ty == PgType::TEXT || *ty == PgType::VARCHAR
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, ty: &PgType, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self.form(ty) {
            Form::Null => return Ok(IsNull::Yes),
            Form::Text => text(&self.0, out),
            Form::Binary => binary(&self.0, ty, out)?,
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &PgType) -> bool {
        true
    }

    fn encode_format(&self, ty: &PgType) -> Format {
        if matches!(self.form(ty), Form::Text) { Format::Text } else { Format::Binary }
    }

    tokio_postgres::types::to_sql_checked!();
}

impl fmt::Debug for Brought<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Brought<'_> {
    fn to_sql(&self, ty: &PgType, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Brought::One(value) => value.to_sql(ty, out),
            Brought::Rows { rows, order, at } => {
                let value = |row: &usize| rows.get(*row).and_then(|row| row.get(*at)).unwrap_or(&Value::Null);
                array(order.iter().map(value), ty, out)
            }
            Brought::Values(values) => array(values.iter(), ty, out),
        }
    }

    fn accepts(_: &PgType) -> bool {
        true
    }

    fn encode_format(&self, ty: &PgType) -> Format {
        match self {
            Brought::One(value) => value.encode_format(ty),
            Brought::Rows { .. } | Brought::Values(_) => Format::Binary,
        }
    }

    tokio_postgres::types::to_sql_checked!();
}

/// An array of one dimension, whose elements are all in their binary form.
fn array<'a>(
    values: impl ExactSizeIterator<Item = &'a Value>,
    ty: &PgType,
    out: &mut BytesMut,
) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
    let Kind::Array(of) = ty.kind() else { return Err("no array takes the values of rows".into()) };
    const DIMENSIONS: i32 = 1;
    const MAY_HOLD_NULLS: i32 = 1;
    const LOWEST: i32 = 1;
    out.put_i32(DIMENSIONS);
    out.put_i32(MAY_HOLD_NULLS);
    out.put_u32(of.oid());
    out.put_i32(i32::try_from(values.len())?);
    out.put_i32(LOWEST);
    for value in values {
        let value = Bound(ParamValue::Value(value));
        let length_at = out.len();
        out.put_i32(-1);
        match value.form(of) {
            Form::Null => continue,
            Form::Binary => binary(&value.0, of, out)?,
            Form::Text => return Err("a value is not of its field's type".into()),
        }
        let length = i32::try_from(out.len() - length_at - size_of::<i32>())?;
        out[length_at..length_at + size_of::<i32>()].copy_from_slice(&length.to_be_bytes());
    }
    Ok(IsNull::No)
}

fn binary(value: &ParamValue<'_>, ty: &PgType, out: &mut BytesMut) -> Result<(), Box<dyn StdError + Sync + Send>> {
    let value = match value {
        ParamValue::Null => return Ok(()),
        ParamValue::Text(text) => {
            out.put_slice(text.as_bytes());
            return Ok(());
        }
        ParamValue::Timestamp(micros) => &Value::Timestamp(*micros),
        ParamValue::Value(value) => *value,
    };
    match value {
        Value::Null => {}
        Value::Text(text) => out.put_slice(text.as_bytes()),
        Value::Integer(number) => out.put_i64(*number),
        Value::Number(number) => out.put_f64(*number),
        Value::Boolean(truth) => out.put_u8(u8::from(*truth)),
        Value::Timestamp(micros) => {
            out.put_i64(micros.checked_sub(EPOCH_MICROS).ok_or("a timestamp before all years")?)
        }
        Value::Date(days) => out.put_i32(days.checked_sub(EPOCH_DAYS).ok_or("a date before all years")?),
        Value::Uuid(uuid) => out.put_slice(uuid.as_bytes()),
        Value::Json(json) => {
            if *ty == PgType::JSONB {
                // The version of the form.
                out.put_u8(1);
            }
            out.put_slice(json.as_bytes());
        }
        Value::Bytes(bytes) => out.put_slice(bytes),
        Value::Point(point) => geography::put(*point, out),
    }
    Ok(())
}

fn text(value: &ParamValue<'_>, out: &mut BytesMut) {
    match value {
        ParamValue::Null => {}
        ParamValue::Text(text) => out.put_slice(text.as_bytes()),
        ParamValue::Timestamp(micros) => out.put_slice(Value::Timestamp(*micros).to_text().as_bytes()),
        ParamValue::Value(value) => out.put_slice(value.to_text().as_bytes()),
    }
}
