//! Why a store did not do as it was told, by what can be done about it.

/// An error of a store. [`std::fmt::Display`] is for the caller; `source` and the log have the rest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique value is taken (23505).
    #[error("duplicate key value violates unique constraint \"{constraint}\"")]
    Unique {
        /// The constraint, named as PostgreSQL would: `configs_pkey`, `configs_name_key`.
        constraint: String,
        /// The fields that it spans.
        fields: Vec<String>,
        /// `Key (name)=(Nanette) already exists.`, where the values are the caller's own.
        details: Option<String>,
    },
    /// A reference points at nothing, or a row that is pointed at would go (23503).
    #[error("{message}")]
    ForeignKey {
        /// PostgreSQL's words.
        message: String,
        /// The constraint: `TABLE_FIELD_fkey`.
        constraint: Option<String>,
        /// PostgreSQL's details.
        details: Option<String>,
    },
    /// A constraint that only the database saw (23502, 23514).
    #[error("{message}")]
    Constraint {
        /// SQLSTATE.
        code: &'static str,
        /// PostgreSQL's words.
        message: String,
    },
    /// A policy's check does not hold for what would be written (42501).
    #[error("new row violates row-level security policy for table \"{0}\"")]
    Policy(String),
    /// Not exactly one row: nothing was written.
    #[error("Cannot coerce the result to a single JSON object")]
    NotSingle(u64),
    /// More rows than the caller allowed: nothing was written.
    #[error("Query result exceeds max-affected preference constraint")]
    MaxAffected(u64),
    /// A value, a statement or an answer is larger than it may be (54000): nothing was written.
    #[error("{0}")]
    TooLarge(&'static str),
    /// It took longer than it may.
    #[error("the store took too long")]
    Timeout,
    /// The write queue is full, or the store is closing: try again later.
    #[error("the store is busy")]
    Busy,
    /// As many answers are sent as lines as may be at a time: try again later.
    #[error("as many answers are being sent as lines as may be at a time")]
    Crowded,
    /// Another one holds the number that [`crate::Mode::Claim`] names: nothing was written.
    #[error("another request holds this")]
    Claimed,
    /// The disk is full: nothing was written.
    #[error("the store's disk is full")]
    Full,
    /// The store cannot be written.
    #[error("the store is read-only")]
    ReadOnly,
    /// The store does not answer.
    #[error("the store does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A migration would lose data, or cannot be made.
    #[error("{0}")]
    Migration(String),
    /// The store cannot be opened: the message says why, and what would be right.
    #[error("{0}")]
    Open(String),
    /// A backup cannot be made or put back: the message says why, and what would be right.
    #[error("{0}")]
    Backup(String),
    /// A defect of Pintle's own.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A defect of Pintle's own, or a file that somebody edited.
    pub(crate) fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Internal(source.into())
    }

    /// Whether a single row may be to blame, so that others can be stored without it.
    #[must_use]
    pub fn is_of_a_row(&self) -> bool {
        matches!(
            self,
            Error::Unique { .. }
                | Error::ForeignKey { .. }
                | Error::Constraint { .. }
                | Error::Policy(_)
                | Error::TooLarge(_)
        )
    }

    /// The same for another one who waits: sources are told as text.
    pub(crate) fn copied(&self) -> Error {
        match self {
            Error::Unique { constraint, fields, details } => {
                Error::Unique { constraint: constraint.clone(), fields: fields.clone(), details: details.clone() }
            }
            Error::ForeignKey { message, constraint, details } => {
                Error::ForeignKey { message: message.clone(), constraint: constraint.clone(), details: details.clone() }
            }
            Error::Constraint { code, message } => Error::Constraint { code, message: message.clone() },
            Error::Policy(table) => Error::Policy(table.clone()),
            Error::NotSingle(rows) => Error::NotSingle(*rows),
            Error::MaxAffected(rows) => Error::MaxAffected(*rows),
            Error::TooLarge(what) => Error::TooLarge(what),
            Error::Full => Error::Full,
            Error::ReadOnly => Error::ReadOnly,
            Error::Busy => Error::Busy,
            Error::Crowded => Error::Crowded,
            Error::Claimed => Error::Claimed,
            Error::Timeout => Error::Timeout,
            Error::Unavailable(source) => Error::Unavailable(source.to_string().into()),
            Error::Migration(why) => Error::Migration(why.clone()),
            Error::Open(why) => Error::Open(why.clone()),
            Error::Backup(why) => Error::Backup(why.clone()),
            Error::Internal(source) => Error::Internal(source.to_string().into()),
        }
    }
}
