//! The compressed forms of files, kept while they are asked for: every browser takes them, and a file rarely changes.

use std::fmt;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use tokio::sync::Semaphore;
use tower_http::services::fs::ServeFileSystemResponseBody;

use crate::compress::Coding;
use crate::failure::Failure;

/// Bytes that are kept; what is asked for least goes first.
const KEPT_BYTES_MAX: u64 = 16 << 20;
/// What a form takes beside its bytes and its file's path.
const OVERHEAD_BYTES: usize = 256;
/// Files that are read whole at a time, so that many large ones take no more memory than these.
const MADE_MAX: usize = 4;

/// The forms.
pub(super) struct Coded {
    kept: moka::sync::Cache<Key, Bytes>,
    turns: Semaphore,
}

/// A form, of a file as it is told by its tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) path: String,
    pub(super) tag: HeaderValue,
    pub(super) coding: Coding,
}

impl fmt::Debug for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coded").field("forms", &self.kept.entry_count()).finish_non_exhaustive()
    }
}

impl Coded {
    pub(super) fn new() -> Coded {
        let weigh =
            |key: &Key, form: &Bytes| u32::try_from(key.path.len() + form.len() + OVERHEAD_BYTES).unwrap_or(u32::MAX);
        let kept = moka::sync::Cache::builder().max_capacity(KEPT_BYTES_MAX).weigher(weigh).build();
        Coded { kept, turns: Semaphore::new(MADE_MAX) }
    }

    /// A form of the file whose opened body and length these are; the file is read only where the form is not kept.
    pub(super) async fn form(
        &self,
        key: Key,
        body: ServeFileSystemResponseBody,
        length: u64,
    ) -> Result<Bytes, Failure> {
        if let Some(form) = self.kept.get(&key) {
            return Ok(form);
        }
        let _turn = self.turns.acquire().await.map_err(|error| failed(&error))?;
        // Made while this one waited.
        if let Some(form) = self.kept.get(&key) {
            return Ok(form);
        }
        let bytes = body.collect().await.map_err(|error| failed(&error))?.to_bytes();
        let whole = bytes.len() as u64 == length;
        let form = key.coding.encoded(bytes).await.ok_or_else(|| failed(&"it cannot be compressed"))?;
        // One that was cut off while it was read is not what its tag tells.
        if whole {
            self.kept.insert(key, form.clone());
        }
        Ok(form)
    }
}

fn failed(reason: &dyn fmt::Display) -> Failure {
    let mut failure = Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
    failure.cause = Some(format!("a page cannot be sent: {reason}"));
    failure
}
