//! A dead letter as it is read, and what is written of it.

use std::collections::BTreeMap;

use pintle_model::{Caller, Role, Value};
use pintle_store::Error as StoreError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A record that could not be stored, with the reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Letter {
    /// The pipeline that it came by.
    pub pipeline: String,
    /// What tells it apart from the pipeline's others.
    pub id: String,
    /// The record as it was taken.
    pub record: Box<RawValue>,
    /// Who sent it.
    pub caller: Sender,
    /// SQLSTATE of the last attempt's error.
    pub code: String,
    /// The error.
    pub message: String,
    /// What more is known of it.
    pub details: Option<String>,
    /// When the record came; the last time, where it was sent again.
    pub received_at: String,
    /// When the last attempt failed.
    pub failed_at: String,
    /// How often it was tried.
    pub attempts: i64,
}

/// Who a record came from, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    role: String,
    user: Option<String>,
    claims: BTreeMap<String, String>,
}

impl Sender {
    pub(crate) fn of(caller: &Caller) -> Sender {
        Sender { role: caller.role.name().to_owned(), user: caller.user.clone(), claims: caller.claims.clone() }
    }

    /// The caller, as it was.
    pub(crate) fn caller(self) -> Caller {
        Caller { role: Role::parse(&self.role).unwrap_or(Role::Anon), user: self.user, claims: self.claims }
    }
}

/// Code, message and details of an error.
pub(crate) fn reason(error: &StoreError) -> [Value; 3] {
    let (code, details) = match error {
        StoreError::Unique { details, .. } => ("23505", details.clone()),
        StoreError::ForeignKey { details, .. } => ("23503", details.clone()),
        StoreError::Constraint { code, .. } => (*code, None),
        StoreError::Policy(_) => ("42501", None),
        StoreError::TooLarge(_) => ("54000", None),
        _ => ("XX000", None),
    };
    [Value::Text(code.to_owned()), Value::Text(error.to_string()), details.map_or(Value::Null, Value::Text)]
}
