//! Pipelines: durable ways in for many records.

use std::time::Duration;

use crate::{CollectionId, Policy, RouteAccess, Span};

/// A pipeline's place in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipelineId(pub usize);

/// A way in for many records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// What comes in by it, for the documentation.
    pub description: Option<String>,
    /// Where records are posted, without a slash at the end: `/api/locations`.
    pub path: String,
    /// The collection that they go into.
    pub into: CollectionId,
    /// The fields that tell records apart, by their places: the key, or one that is unique.
    pub id: Vec<usize>,
    /// The field whose equal values are stored in the order in which they came.
    pub order: Option<usize>,
    /// How many records are stored together.
    pub batch: Batch,
    /// Records that may be on their way at a time.
    pub queue: u64,
    /// What is kept of those that cannot be stored.
    pub dead_letters: DeadLetters,
    /// What a record must satisfy that comes in by it, in place of the collection's `insert` policy.
    pub insert: Option<Policy>,
    /// Who may post.
    pub access: RouteAccess,
    /// Where its name stands in the manifest.
    pub span: Span,
}

/// How many records are stored together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Records at the most.
    pub records: usize,
    /// How long a batch waits for more.
    pub wait: Duration,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { records: 4000, wait: Duration::from_millis(5) }
    }
}

/// What is kept of records that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    /// Records at the most: one more is not taken.
    pub records: u64,
    /// How long each is kept; without it, until somebody stores or removes it.
    pub keep: Option<Duration>,
}

impl Default for DeadLetters {
    fn default() -> DeadLetters {
        DeadLetters { records: 100_000, keep: None }
    }
}
