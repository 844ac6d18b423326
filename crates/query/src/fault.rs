//! What is wrong with a request, in the caller's words. Status codes are the server's business.

use std::borrow::Cow;

/// Characters of a caller's name or text that a fault repeats.
pub(crate) const NAMED_MAX: usize = 100;

/// A text of the caller's as a fault repeats it: its beginning, if it is longer than so many characters.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// A request's mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What sort of mistake.
    pub kind: FaultKind,
    /// What was wrong.
    pub message: String,
    /// Where, or each fault of a record.
    pub details: Details,
    /// What would be right.
    pub hint: Option<String>,
}

/// The details of a fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Details {
    /// None.
    #[default]
    None,
    /// One line.
    Text(String),
    /// Every fault of a body, each with the path of its field (`data/0/id`; for arrays of records `1/name`).
    List(Vec<(String, String)>),
}

/// Sorts of mistakes, with the code that `/rest/v1` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The query string does not parse.
    Parse,
    /// There is no such operator: the query string does not parse.
    UnknownOperator,
    /// A statement of the app's own is wrong, whatever its parameters are.
    Statement,
    /// The body is no JSON, or of the wrong form.
    Body,
    /// The body is nested too deeply.
    TooDeep,
    /// An offset or limit out of range.
    Range,
    /// A `PUT` whose filters are not the key.
    PutFilters,
    /// A `PUT` with limit or offset.
    PutLimit,
    /// A `PUT` whose body has another key than its URL.
    PutKey,
    /// An embed that is not selected.
    NotEmbedded,
    /// Not built yet: the message names it.
    Unsupported,
    /// No such column in a body or `columns`.
    UnknownColumn,
    /// No such column in a filter, select or order (42703).
    UndefinedColumn,
    /// An operator that the type does not have (42883).
    UndefinedOperator,
    /// A value that is none of its type, with the SQLSTATE (22P02, 22007, 22008, 22003).
    Value(&'static str),
    /// `on_conflict` names nothing unique (42P10).
    ConflictTarget,
    /// Null where a value is required (23502).
    NotNull,
    /// A constraint of a field (23514).
    Check,
    /// A field that the caller may not give (428C9).
    ReadOnly,
    /// The caller may not do this (42501).
    Denied,
}

impl FaultKind {
    /// The code of PostgREST's or PostgreSQL's that `/rest/v1` answers.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            FaultKind::Parse | FaultKind::UnknownOperator => "PGRST100",
            FaultKind::Statement => "42601",
            FaultKind::Body | FaultKind::TooDeep => "PGRST102",
            FaultKind::Range => "PGRST103",
            FaultKind::PutFilters => "PGRST105",
            FaultKind::NotEmbedded => "PGRST108",
            FaultKind::PutLimit => "PGRST114",
            FaultKind::PutKey => "PGRST115",
            FaultKind::Unsupported => "PGRST127",
            FaultKind::UnknownColumn => "PGRST204",
            FaultKind::UndefinedColumn => "42703",
            FaultKind::UndefinedOperator => "42883",
            FaultKind::Value(state) => state,
            FaultKind::ConflictTarget => "42P10",
            FaultKind::NotNull => "23502",
            FaultKind::Check => "23514",
            FaultKind::ReadOnly => "428C9",
            FaultKind::Denied => "42501",
        }
    }
}

impl Fault {
    /// A fault with a message alone.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Fault {
        Fault { kind, message: message.into(), details: Details::None, hint: None }
    }

    /// The same with details.
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Fault {
        self.details = Details::Text(details.into());
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }
}
