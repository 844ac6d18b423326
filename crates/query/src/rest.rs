//! `/rest/v1`: PostgREST's grammar.

use std::sync::Arc;

use pintle_model::{Caller, CollectionId};

use crate::plan::{Read, Write};
use crate::{Fault, Planner};

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
        let _ = (collection, query, prefer, asker);
        todo!()
    }

    /// `POST`: one record or an array; an upsert where `resolution` says so.
    ///
    /// # Errors
    /// As [`Planner::rest_read`], and for each fault of the body.
    pub fn rest_insert(
        &self,
        collection: CollectionId,
        query: &str,
        body: &[u8],
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestWrite, Fault> {
        let _ = (collection, query, body, prefer, asker);
        todo!()
    }

    /// `PUT`: one record at its key, whole.
    ///
    /// # Errors
    /// As [`Planner::rest_insert`].
    pub fn rest_put(
        &self,
        collection: CollectionId,
        query: &str,
        body: &[u8],
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestWrite, Fault> {
        let _ = (collection, query, body, prefer, asker);
        todo!()
    }

    /// `PATCH`: the fields given, in every row that the filters find.
    ///
    /// # Errors
    /// As [`Planner::rest_insert`].
    pub fn rest_update(
        &self,
        collection: CollectionId,
        query: &str,
        body: &[u8],
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestWrite, Fault> {
        let _ = (collection, query, body, prefer, asker);
        todo!()
    }

    /// `DELETE`: every row that the filters find.
    ///
    /// # Errors
    /// As [`Planner::rest_read`].
    pub fn rest_delete(
        &self,
        collection: CollectionId,
        query: &str,
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestWrite, Fault> {
        let _ = (collection, query, prefer, asker);
        todo!()
    }
}
