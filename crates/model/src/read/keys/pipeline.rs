//! The keys of pipelines.

use super::Form::{Choice, Count, Duration, Name, Object, Path, Scalar, Text};
use super::{ACCESS, Table, may, must};

/// Records that a batch may hold at the most.
const RECORDS_MAX: u64 = 10_000;
/// Records that may be on their way at the most.
const QUEUE_MAX: u64 = 100_000_000;
/// Dead letters that may be kept at the most.
const LETTERS_MAX: u64 = 100_000_000;

pub(crate) static PIPELINE: Table = Table {
    of: "a pipeline",
    entries: &[
        may("description", Text, "What comes in by it, for the documentation."),
        must("path", Path, "Where records are posted: one, an array, or NDJSON. `/api/locations`"),
        must("into", Name, "The collection that they go into."),
        may(
            "id",
            Name,
            "The field that tells records apart: the key, or a unique field. A record whose value is there already is stored \
             once. Default: the key.",
        ),
        may(
            "order",
            Name,
            "The field whose records belong together. Records of one stream are stored in the order in which they came, whatever it says; it is for queues that share the work out.",
        ),
        may("batch", Object(&BATCH), "How many records are stored together."),
        may("limits", Object(&PIPELINE_LIMITS), "What is more is refused, with a time to wait."),
        may("dead_letters", Object(&DEAD_LETTERS), "What is kept of the records that cannot be stored."),
        may(
            "insert",
            Scalar,
            "The policy that a record must satisfy that comes in by it, as a boolean SQL expression, in place of the collection's own. \
             Where the collection has none, records come in by its pipelines alone.",
        ),
        may(
            "auth",
            Choice(ACCESS),
            "Who may post: `optional` (anybody, the default), `required` (who is known) or `service_role`. The `insert` policy \
             holds in any case.",
        ),
    ],
};

pub(crate) static BATCH: Table = Table {
    of: "a batch",
    entries: &[
        may("records", Count(1, RECORDS_MAX), "Records of a batch at the most. Default: 1000."),
        may("wait", Duration, "How long a batch waits for more records, up to 10s. Default: 5ms."),
    ],
};

pub(crate) static PIPELINE_LIMITS: Table = Table {
    of: "limits of a pipeline",
    entries: &[may(
        "queue",
        Count(1, QUEUE_MAX),
        "Records that may be on their way at a time; one more is answered 429. Default: 100000.",
    )],
};

pub(crate) static DEAD_LETTERS: Table = Table {
    of: "dead letters",
    entries: &[
        may(
            "records",
            Count(1, LETTERS_MAX),
            "Dead letters that the pipeline may have; a record that would be one more is answered 429, and is not kept. Default: 100000.",
        ),
        may(
            "keep",
            Duration,
            "How long a dead letter is kept, from when its record came, such as `720h`: then it is removed. Default: until it is stored or removed.",
        ),
    ],
};
