//! What one of the three says to a request, in a form that can be compared.

use std::fmt;

use pintle_query::{Fault, FaultKind};
use pintle_store::Error;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 42501: there is no grant.
    NoGrant,
    /// 42501: a policy's check does not hold.
    Policy,
    /// 23502, seen in the body before the database was asked.
    NullInBody,
    /// Another SQLSTATE, or a code of Pintle's.
    Code(String),
}

/// The rows of every table, each as JSON, in the order of their keys.
pub(crate) type Tables = Vec<Vec<String>>;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// The answer's rows as JSON.
    pub(crate) rows: Vec<String>,
    pub(crate) count: Option<u64>,
    /// How many rows were written, and how many of them are new.
    pub(crate) affected: u64,
    pub(crate) inserted: u64,
}

/// An answer, and the tables afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) said: Result<Done, Refusal>,
    pub(crate) tables: Tables,
}

impl Refusal {
    pub(crate) fn code(code: &str) -> Refusal {
        Refusal::Code(code.to_owned())
    }

    pub(crate) fn of_fault(fault: &Fault) -> Refusal {
        match fault.kind {
            FaultKind::Denied => Refusal::NoGrant,
            FaultKind::NotNull => Refusal::NullInBody,
            kind => Refusal::Code(format!("{} {}", kind.code(), fault.message)),
        }
    }

    pub(crate) fn of_error(error: &Error) -> Refusal {
        match error {
            Error::Policy(_) => Refusal::Policy,
            Error::Unique { .. } => Refusal::code("23505"),
            Error::ForeignKey { .. } => Refusal::code("23503"),
            Error::Constraint { code, .. } => Refusal::code(code),
            other => Refusal::Code(format!("{other} ({other:?})")),
        }
    }

    /// PostgreSQL's own errors.
    pub(crate) fn of_server(code: &str, message: &str) -> Refusal {
        match code {
            "42501" if message.starts_with("permission denied") => Refusal::NoGrant,
            "42501" => Refusal::Policy,
            "42P17" | "21000" | "22003" | "23502" | "23503" | "23505" | "23514" => Refusal::code(code),
            other => Refusal::Code(format!("{other} {message}")),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoGrant => f.write_str("42501, no grant"),
            Refusal::Policy => f.write_str("42501, a policy's check"),
            Refusal::NullInBody => f.write_str("23502, seen in the body"),
            Refusal::Code(code) => f.write_str(code),
        }
    }
}

impl Answer {
    /// The same, where rows that are in no promised order are sorted.
    pub(crate) fn settled(mut self, ordered: bool) -> Answer {
        if let (Ok(done), false) = (&mut self.said, ordered) {
            done.rows.sort();
        }
        self
    }

    /// For a picture: what was said, and the tables where they are not as before.
    pub(crate) fn shown(&self, before: &Tables) -> String {
        let mut text = match &self.said {
            Err(refusal) => format!("refused: {refusal}"),
            Ok(done) => {
                let count = done.count.map_or(String::new(), |count| format!(", count {count}"));
                let written = format!("{} written, {} of them new", done.affected, done.inserted);
                format!("rows [{}]{count}, {written}", done.rows.join(", "))
            }
        };
        if self.tables != *before {
            for (table, was) in self.tables.iter().zip(before) {
                if table != was {
                    text += &format!("\n      now: {}", table.join(" "));
                }
            }
        }
        text
    }
}
