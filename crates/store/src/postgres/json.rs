//! PostgreSQL's binary values as JSON, written straight into the answer.

use std::error::Error as StdError;

use pintle_model::value::print;
use pintle_model::{Type, Value};
use pintle_query::functions::sort_key;
use pintle_query::plan::Column;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type as PgType};

use super::bind::{EPOCH_DAYS, EPOCH_MICROS};
use super::geography;
use crate::Error;
use crate::json::{Array, Cell};
use crate::sort::SortValue;

/// The years 1 to 9999, which all that we wrote is in, in microseconds since 1970.
const MOMENTS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;
/// The same in days since 1970.
const DAYS: std::ops::Range<i32> = -719_162..2_932_897;

/// A value as the server sent it.
struct Raw<'a> {
    ty: PgType,
    bytes: Option<&'a [u8]>,
}

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(ty: &PgType, raw: &'a [u8]) -> Result<Raw<'a>, Box<dyn StdError + Sync + Send>> {
        Ok(Raw { ty: ty.clone(), bytes: Some(raw) })
    }

    fn from_sql_null(ty: &PgType) -> Result<Raw<'a>, Box<dyn StdError + Sync + Send>> {
        Ok(Raw { ty: ty.clone(), bytes: None })
    }

    fn accepts(_: &PgType) -> bool {
        true
    }
}

/// Adds a row: the result's columns from `first` on, one for each of `columns`.
///
/// # Errors
/// As [`Array::push`].
pub(super) fn push(
    array: &mut Array,
    row: &Row,
    first: usize,
    columns: &[Column],
    strip_nulls: bool,
) -> Result<(), Error> {
    array.push(columns, strip_nulls, |out, index, ty| {
        let raw: Raw<'_> = row.try_get(first + index).map_err(Error::internal)?;
        Ok(match raw.bytes {
            None => Cell::Null,
            Some(bytes) if is_endless(&raw.ty, bytes) => return Err(endless(&raw.ty)),
            Some(bytes) => write(out, ty, &raw.ty, bytes).map_or(Cell::Wrong, |()| Cell::Written),
        })
    })
}

/// Adds a value as JSON; `None` if it is not of the type.
fn write(out: &mut Vec<u8>, ty: Type, stored: &PgType, bytes: &[u8]) -> Option<()> {
    match ty {
        Type::Text => return (is_text(stored) && print::json_text(out, bytes)).then_some(()),
        Type::Integer => print::json_integer(out, integer(stored, bytes)?),
        Type::Number if *stored == PgType::FLOAT8 => {
            // SQLite keeps no -0, and nothing is to differ.
            print::json_number(out, f64::from_be_bytes(bytes.try_into().ok()?) + 0.0);
        }
        Type::Number => print::json_integer(out, integer(stored, bytes)?),
        Type::Boolean if *stored == PgType::BOOL => print::json_boolean(out, *bytes.first()? != 0),
        Type::Timestamp if *stored == PgType::TIMESTAMPTZ => {
            let moment = i64::from_be_bytes(bytes.try_into().ok()?).checked_add(EPOCH_MICROS)?;
            print::json_timestamp(out, moment);
        }
        Type::Date if *stored == PgType::DATE => {
            let days = i32::from_be_bytes(bytes.try_into().ok()?).checked_add(EPOCH_DAYS)?;
            print::json_stored_plain(out, &print::stored_date(days));
        }
        Type::Uuid if *stored == PgType::UUID => {
            let uuid = uuid::Uuid::from_slice(bytes).ok()?;
            print::json_stored_plain(out, &print::stored_uuid(&uuid));
        }
        Type::Json if *stored == PgType::JSONB => out.extend_from_slice(bytes.strip_prefix(&[1])?),
        Type::Bytes if *stored == PgType::BYTEA => print::json_bytes(out, bytes),
        Type::Point => geography::read(bytes)?.write_json(out),
        Type::Boolean | Type::Timestamp | Type::Date | Type::Uuid | Type::Json | Type::Bytes => return None,
    }
    Some(())
}

/// What we keep is finite and of the years 1 to 9999. A cast may read other values out of a text, which JSON cannot say.
fn is_endless(stored: &PgType, bytes: &[u8]) -> bool {
    let number = || bytes.try_into().ok().map(f64::from_be_bytes);
    let moment = || bytes.try_into().ok().map(i64::from_be_bytes).and_then(|m| m.checked_add(EPOCH_MICROS));
    let day = || bytes.try_into().ok().map(i32::from_be_bytes).and_then(|days| days.checked_add(EPOCH_DAYS));
    match *stored {
        PgType::FLOAT8 => number().is_some_and(|number| !number.is_finite()),
        PgType::TIMESTAMPTZ => moment().is_none_or(|moment| !MOMENTS.contains(&moment)),
        PgType::DATE => day().is_none_or(|day| !DAYS.contains(&day)),
        _ => false,
    }
}

fn endless(stored: &PgType) -> Error {
    let (code, name) = match *stored {
        PgType::FLOAT8 => ("22003", "double precision"),
        PgType::TIMESTAMPTZ => ("22008", "timestamp with time zone"),
        _ => ("22008", "date"),
    };
    Error::Constraint { code, message: format!("a value is out of range for type {name}") }
}

fn is_text(stored: &PgType) -> bool {
    matches!(*stored, PgType::TEXT | PgType::VARCHAR | PgType::BPCHAR | PgType::NAME)
}

fn integer(stored: &PgType, bytes: &[u8]) -> Option<i64> {
    match *stored {
        PgType::INT8 => bytes.try_into().ok().map(i64::from_be_bytes),
        PgType::INT4 => bytes.try_into().ok().map(|bytes| i32::from_be_bytes(bytes).into()),
        PgType::INT2 => bytes.try_into().ok().map(|bytes| i16::from_be_bytes(bytes).into()),
        _ => None,
    }
}

/// Whether a column holds this value, be it null.
pub(super) fn is(row: &Row, column: usize, ty: Type, value: &Value) -> Result<bool, Error> {
    let raw: Raw<'_> = row.try_get(column).map_err(Error::internal)?;
    let Some(bytes) = raw.bytes else { return Ok(*value == Value::Null) };
    let (mut stored, mut given) = (Vec::new(), Vec::new());
    value.write_json(&mut given);
    Ok(write(&mut stored, ty, &raw.ty, bytes).is_some() && stored == given)
}

/// A boolean.
pub(super) fn boolean(row: &Row, column: usize) -> Result<bool, Error> {
    row.try_get(column).map_err(Error::internal)
}

/// A value to sort by: it has PostgreSQL's order, in a database whose collation is C.
pub(super) fn sort_value(row: &Row, at: usize) -> Result<SortValue, Error> {
    let raw: Raw<'_> = row.try_get(at).map_err(Error::internal)?;
    let Some(bytes) = raw.bytes else { return Ok(SortValue::Null) };
    let value = match raw.ty {
        PgType::TIMESTAMPTZ => bytes.try_into().ok().map(i64::from_be_bytes).map(SortValue::Integer),
        PgType::DATE => bytes.try_into().ok().map(|bytes| SortValue::Integer(i32::from_be_bytes(bytes).into())),
        PgType::BOOL => bytes.first().map(|truth| SortValue::Integer((*truth).into())),
        PgType::FLOAT8 => bytes.try_into().ok().map(|bytes| SortValue::Number(f64::from_be_bytes(bytes) + 0.0)),
        PgType::JSONB => {
            let json = bytes.strip_prefix(&[1]).and_then(|json| std::str::from_utf8(json).ok());
            json.and_then(sort_key).map(SortValue::Bytes)
        }
        PgType::TEXT | PgType::UUID | PgType::BYTEA => Some(SortValue::Bytes(bytes.to_vec())),
        ref stored => integer(stored, bytes).map(SortValue::Integer),
    };
    value.ok_or_else(|| Error::internal("a value to sort by is of no type that we keep"))
}
