//! What is answered where: one file an endpoint.

pub(crate) mod health;
pub(crate) mod record;
pub(crate) mod records;
pub(crate) mod rest;

use std::sync::Arc;

use axum::http::HeaderMap;
use pintle_model::{Caller, CollectionId};

use crate::answer::{Answer, Failure};

/// What a handler answers.
pub(crate) type Outcome = Result<Answer, Failure>;

/// A request to a collection, once it is known who asks for what.
#[derive(Debug)]
pub(crate) struct Call<'r> {
    pub(crate) collection: CollectionId,
    pub(crate) query: &'r str,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) caller: Arc<Caller>,
}
