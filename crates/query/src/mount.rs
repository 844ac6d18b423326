//! Mounts: a collection as plain resources (list, create, get, replace, patch, delete). Plans are made at load.

use pintle_model::CollectionId;

use crate::plan::{Read, Write};
use crate::rest::Asker;
use crate::{Fault, Planner};

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
        let _ = (collection, query, asker);
        todo!()
    }

    /// One record by its key, as it stands in the URL (percent-decoded).
    ///
    /// # Errors
    /// When the key is no value of its type ([`crate::FaultKind::Value`]), or the caller may not read.
    pub fn get(&self, collection: CollectionId, key: &str, asker: &Asker) -> Result<Read, Fault> {
        let _ = (collection, key, asker);
        todo!()
    }

    /// One new record; the answer holds it, if the caller may read it.
    ///
    /// # Errors
    /// With every fault of the body.
    pub fn create(&self, collection: CollectionId, body: &[u8], asker: &Asker) -> Result<Write, Fault> {
        let _ = (collection, body, asker);
        todo!()
    }

    /// The record at this key, whole: fields that are left out take their defaults or become null; the key may be left
    /// out of the body, another one is refused.
    ///
    /// # Errors
    /// With every fault of the body.
    pub fn replace(&self, collection: CollectionId, key: &str, body: &[u8], asker: &Asker) -> Result<Write, Fault> {
        let _ = (collection, key, body, asker);
        todo!()
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
        let _ = (collection, key, current, body, asker);
        todo!()
    }

    /// Removes the record at this key.
    ///
    /// # Errors
    /// When the key is no value of its type, or the caller may not delete.
    pub fn remove(&self, collection: CollectionId, key: &str, asker: &Asker) -> Result<Write, Fault> {
        let _ = (collection, key, asker);
        todo!()
    }
}
