//! A row as an item, and an item as JSON.

use std::time::SystemTime;

use bytes::BytesMut;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use tokio_postgres::Row;

use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

type Fault = Box<dyn std::error::Error + Sync + Send>;

/// An item as it is answered; its text stands in the row.
#[derive(Debug, Serialize)]
pub(super) struct Item<'a> {
    key: &'a str,
    title: &'a str,
    category: &'a str,
    owner: &'a str,
    amount: i64,
    active: bool,
    data: Option<Jsonb<'a>>,
    created: Moment,
}

/// The item in a row.
pub(super) fn item(row: &Row) -> Result<Item<'_>, tokio_postgres::Error> {
    Ok(Item {
        key: row.try_get(0)?,
        title: row.try_get(1)?,
        category: row.try_get(2)?,
        owner: row.try_get(3)?,
        amount: row.try_get(4)?,
        active: row.try_get(5)?,
        data: row.try_get(6)?,
        created: row.try_get(7)?,
    })
}

/// A document, as its text.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Jsonb<'a>(pub(super) &'a RawValue);

/// What stands before the text in PostgreSQL's binary form.
const VERSION: u8 = 1;

impl<'a> FromSql<'a> for Jsonb<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Jsonb<'a>, Fault> {
        let text = raw.strip_prefix(&[VERSION]).ok_or("another version of jsonb")?;
        Ok(Jsonb(serde_json::from_slice(text)?))
    }

    accepts!(JSONB);
}

impl ToSql for Jsonb<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        out.extend_from_slice(&[VERSION]);
        out.extend_from_slice(self.0.get().as_bytes());
        Ok(IsNull::No)
    }

    accepts!(JSONB);
    to_sql_checked!();
}

/// A moment, written as RFC 3339.
#[derive(Debug)]
struct Moment(SystemTime);

impl<'a> FromSql<'a> for Moment {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Moment, Fault> {
        SystemTime::from_sql(kind, raw).map(Moment)
    }

    accepts!(TIMESTAMPTZ);
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let moment = jiff::Timestamp::try_from(self.0).map_err(serde::ser::Error::custom)?;
        serializer.collect_str(&moment)
    }
}
