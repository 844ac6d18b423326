//! `/rest/v1`: PostgREST's grammar.
//!
//! 1. [`query`] takes a query string apart; [`select`], [`filter`] and [`order`] read its parts, field by field against
//!    the collection, with a [`cursor`] that says where a mistake stands.
//! 2. [`crate::record`] reads the body.
//! 3. The methods of [`Planner`] here put both into a shape, look up its plan, and hand out what is to be run.

pub(crate) mod cursor;
pub(crate) mod filter;
mod name;
mod operator;
pub(crate) mod order;
mod place;
pub(crate) mod query;
pub(crate) mod select;
#[cfg(test)]
mod tests;
mod value;
mod write;

use std::sync::Arc;

use pintle_model::{Caller, CollectionId, Value};

use crate::plan::{Inputs, Read, Write};
use crate::planner::Right;
use crate::request::ReadShape;
use crate::{Fault, Planner};

pub(crate) use filter::bad_value;
pub(crate) use name::nearest;
pub(crate) use select::unknown_column;

/// What the headers of a request to `/rest/v1` ask for, parsed by the server from `Prefer` and `Accept`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `return=`
    pub returning: Return,
    /// `count=exact` (planned and estimated are exact too).
    pub count: bool,
    /// `resolution=`
    pub resolution: Option<Resolution>,
    /// `missing=default`
    pub missing_default: bool,
    /// `max-affected=`, when `handling=strict`.
    pub max_affected: Option<u64>,
    /// `tx=rollback`, when the server allows it.
    pub rollback: bool,
    /// `Accept: application/vnd.pgrst.object+json`
    pub single: bool,
    /// `nulls=stripped`
    pub strip_nulls: bool,
    /// The manifest's `limits.rows` does not hold: what scripts read stays inside.
    pub all_rows: bool,
}

/// What a write answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Return {
    /// Nothing.
    #[default]
    Minimal,
    /// A `Location` header.
    HeadersOnly,
    /// The rows.
    Representation,
}

/// What an insert does with a row that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Change it.
    MergeDuplicates,
    /// Leave it.
    IgnoreDuplicates,
}

/// Who asks, when.
#[derive(Debug, Clone)]
pub struct Asker {
    /// Who.
    pub caller: Arc<Caller>,
    /// The time of the request, in microseconds since 1970.
    pub now: i64,
    /// Chance for new UUIDs: called once for each.
    pub new_uuid: fn() -> uuid::Uuid,
}

/// A planned read with what the server needs for its headers.
#[derive(Debug, Clone)]
pub struct RestRead {
    /// What to run.
    pub read: Read,
    /// The first row's number, for `Content-Range`.
    pub offset: u64,
    /// How many rows at the most.
    pub limit: Option<u64>,
}

/// A planned write with what the server needs for its headers.
#[derive(Debug, Clone)]
pub struct RestWrite {
    /// What to run; `None` when there is nothing to write (`[]`, a `PATCH` of `{}`).
    pub write: Option<Write>,
    /// For `return=headers-only` on an insert of one row: the answer's representation holds the key alone; the server
    /// makes `Location` of it.
    pub location: bool,
}

impl Asker {
    /// What a request of this asker brings to a plan.
    #[must_use]
    pub fn inputs(&self, values: Vec<Value>) -> Inputs {
        Inputs { values, caller: Arc::clone(&self.caller), now: self.now }
    }
}

/// A count of rows as a value to bind.
pub(crate) fn count_value(rows: u64) -> Value {
    Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX))
}

impl Planner {
    /// `GET` and `HEAD`.
    ///
    /// # Errors
    /// When the query string does not parse or names what is not there, or the caller may not read.
    pub fn rest_read(
        &self,
        collection: CollectionId,
        query: &str,
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestRead, Fault> {
        // Who may not read at all is told so before anything costs.
        self.allowed(collection, asker.caller.role, Right::Select)?;
        let fields = self.model.collection(collection);
        let query = query::query(fields, self.dialect, query)?;
        let mut values = query.values;
        let mut bind = |rows| {
            values.push(count_value(rows));
            values.len() - 1
        };
        let limit = match (query.limit, self.model.limits.rows.filter(|_| !prefer.all_rows)) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        };
        let shape = ReadShape {
            select: query.select,
            filter: query.filter,
            order: query.order,
            limit: limit.map(&mut bind),
            offset: (query.offset > 0).then(|| bind(query.offset)),
            count: prefer.count,
            strip_nulls: prefer.strip_nulls,
        };
        let plan = self.plan_read(collection, asker.caller.role, shape)?;
        Ok(RestRead { read: Read { plan, inputs: asker.inputs(values) }, offset: query.offset, limit })
    }
}
