//! What went wrong, as a status: the one table.

use axum::http::{HeaderValue, StatusCode, header};
use pintle_model::Role;
use pintle_query::{Details, Fault, FaultKind};
use pintle_store::Error;

use crate::answer::Failure;

/// Whose codes an error carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// `/rest/v1`: PostgREST's and PostgreSQL's.
    Rest,
    /// Mounts: `PT` and the status.
    Mount,
}

/// How long a caller may wait before it tries again what failed for want of room or of a database.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The status of a request's mistake.
fn of_fault(kind: FaultKind) -> StatusCode {
    match kind {
        FaultKind::Range => StatusCode::RANGE_NOT_SATISFIABLE,
        FaultKind::PutFilters => StatusCode::METHOD_NOT_ALLOWED,
        FaultKind::UnknownCollection | FaultKind::UndefinedOperator => StatusCode::NOT_FOUND,
        FaultKind::Denied => StatusCode::FORBIDDEN,
        FaultKind::NotSingle => StatusCode::NOT_ACCEPTABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// A request's mistake as an error.
pub(crate) fn fault(fault: Fault, surface: Surface, role: Role) -> Failure {
    let failure = Failure {
        status: of_fault(fault.kind),
        code: (surface == Surface::Rest).then(|| fault.kind.code()),
        message: fault.message,
        details: fault.details,
        hint: fault.hint,
        headers: Vec::new(),
    };
    if fault.kind == FaultKind::Denied { denied(failure, role) } else { failure }
}

/// What is denied to nobody in particular is 401: a token might help.
fn denied(mut failure: Failure, role: Role) -> Failure {
    if role == Role::Anon {
        failure.status = StatusCode::UNAUTHORIZED;
        failure.hint.get_or_insert_with(|| "send a token: `Authorization: Bearer TOKEN`".to_owned());
        return failure.header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    failure
}

/// A store's error as one for the caller. What only we can mend is logged here, once, and not told.
pub(crate) fn store(error: Error, surface: Surface, role: Role) -> Failure {
    let message = error.to_string();
    let (status, code) = of_store(&error);
    if status.is_server_error() {
        tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
    }
    let mut failure = Failure::new(status, message);
    if surface == Surface::Rest {
        failure.code = Some(code);
    }
    match error {
        Error::Unique { fields, details, .. } => {
            if surface == Surface::Mount {
                failure.message = format!("`{}` is taken: another record has this value", fields.join("`, `"));
            }
            failure.details = details.map_or(Details::None, Details::Text);
        }
        Error::ForeignKey { details, .. } => failure.details = details.map_or(Details::None, Details::Text),
        Error::NotSingle(rows) => {
            failure.details = Details::Text(format!("The result contains {rows} rows"));
        }
        Error::MaxAffected(rows) => failure.details = Details::Text(format!("The query affects {rows} rows")),
        Error::Policy(_) => return denied(failure, role),
        _ => {}
    }
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE) {
        return failure.header(header::RETRY_AFTER, RETRY_AFTER);
    }
    failure
}

fn of_store(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Unique { .. } => (StatusCode::CONFLICT, "23505"),
        Error::ForeignKey { .. } => (StatusCode::CONFLICT, "23503"),
        Error::Constraint { code, .. } => (StatusCode::BAD_REQUEST, code),
        Error::Policy(_) => (StatusCode::FORBIDDEN, "42501"),
        Error::NotSingle(_) => (StatusCode::NOT_ACCEPTABLE, "PGRST116"),
        Error::MaxAffected(_) => (StatusCode::BAD_REQUEST, "PGRST124"),
        Error::Timeout => (StatusCode::GATEWAY_TIMEOUT, "57014"),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "53300"),
        Error::Full => (StatusCode::INSUFFICIENT_STORAGE, "53100"),
        Error::ReadOnly => (StatusCode::SERVICE_UNAVAILABLE, "25006"),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "PGRST001"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "XX000"),
    }
}
