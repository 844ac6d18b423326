//! The one table of what goes wrong and which status and code that is.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use pintle_model::Role;
use pintle_query::{Details, Fault, FaultKind};
use pintle_store::Error;

use crate::failure::Failure;

/// Whose codes an error carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// `/rest/v1`: PostgREST's and PostgreSQL's.
    Rest,
    /// All else: `PT` and the status.
    Plain,
}

/// When to try again what failed for want of room, in seconds.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The status of a request's mistake.
fn of_fault(kind: FaultKind, surface: Surface) -> StatusCode {
    match kind {
        FaultKind::Range if surface == Surface::Rest => StatusCode::RANGE_NOT_SATISFIABLE,
        // PostgreSQL's 42883 is a 404 at PostgREST.
        FaultKind::UndefinedOperator if surface == Surface::Rest => StatusCode::NOT_FOUND,
        FaultKind::PutFilters => StatusCode::METHOD_NOT_ALLOWED,
        FaultKind::Denied => StatusCode::FORBIDDEN,
        FaultKind::Range
        | FaultKind::UndefinedOperator
        | FaultKind::Parse
        | FaultKind::UnknownOperator
        | FaultKind::Statement
        | FaultKind::Body
        | FaultKind::TooDeep
        | FaultKind::PutLimit
        | FaultKind::PutKey
        | FaultKind::NotEmbedded
        | FaultKind::Unsupported
        | FaultKind::UnknownColumn
        | FaultKind::UndefinedColumn
        | FaultKind::Value(_)
        | FaultKind::ConflictTarget
        | FaultKind::NotNull
        | FaultKind::Check
        | FaultKind::ReadOnly => StatusCode::BAD_REQUEST,
    }
}

/// The status of a store's error, and the SQLSTATE (or PostgREST's code) that `/rest/v1` answers.
fn of_error(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Unique { .. } => (StatusCode::CONFLICT, "23505"),
        Error::ForeignKey { .. } => (StatusCode::CONFLICT, "23503"),
        Error::Constraint { code, .. } => (StatusCode::BAD_REQUEST, code),
        Error::Policy(_) => (StatusCode::FORBIDDEN, "42501"),
        Error::NotSingle(_) => (StatusCode::NOT_ACCEPTABLE, "PGRST116"),
        Error::MaxAffected(_) => (StatusCode::BAD_REQUEST, "PGRST124"),
        Error::TooLarge(_) => (StatusCode::BAD_REQUEST, "54000"),
        Error::Timeout => (StatusCode::GATEWAY_TIMEOUT, "57014"),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "53300"),
        Error::Crowded => (StatusCode::TOO_MANY_REQUESTS, "53300"),
        Error::Full => (StatusCode::INSUFFICIENT_STORAGE, "53100"),
        Error::ReadOnly => (StatusCode::SERVICE_UNAVAILABLE, "25006"),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "PGRST001"),
        Error::Migration(_) | Error::Open(_) => (StatusCode::SERVICE_UNAVAILABLE, "PGRST002"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "XX000"),
    }
}

/// A request's mistake, as this caller is told.
pub(crate) fn fault(fault: Fault, surface: Surface, role: Role) -> Failure {
    let mut failure = Failure::new(of_fault(fault.kind, surface), fault.message);
    if surface == Surface::Rest {
        failure.code = Some(fault.kind.code());
    }
    failure.details = fault.details;
    failure.hint = fault.hint;
    if fault.kind == FaultKind::Denied { denied(failure, role) } else { failure }
}

/// A store's error, as this caller is told.
pub(crate) fn error(error: Error, surface: Surface, role: Role) -> Failure {
    let (status, code) = of_error(&error);
    let message = match &error {
        // What the store says of itself is for those who run it.
        Error::Migration(_) => {
            "the store is not ready for this version of the app: its tables are another one's".to_owned()
        }
        Error::Open(_) => "the store is not ready".to_owned(),
        _ => error.to_string(),
    };
    let mut failure = Failure::new(status, message);
    if surface == Surface::Rest {
        failure.code = Some(code);
    }
    if status.is_server_error() {
        failure = failure.because(&error);
    }
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        failure = failure.header(header::RETRY_AFTER, RETRY_AFTER);
    }
    match error {
        Error::Unique { fields, .. } if surface == Surface::Plain && !fields.is_empty() => {
            failure.message = format!("`{}` is taken: another record has it", fields.join("`, `"));
            failure.details = Details::List(fields.into_iter().map(|field| (field, "is taken".to_owned())).collect());
        }
        Error::Unique { details: Some(text), .. } | Error::ForeignKey { details: Some(text), .. } => {
            failure.details = Details::Text(text);
        }
        Error::NotSingle(rows) => failure.details = not_single(rows),
        Error::MaxAffected(rows) => failure.details = Details::Text(format!("The query affects {rows} rows")),
        Error::Crowded => failure.hint = Some("ask again in a moment, or for an array".to_owned()),
        Error::Policy(_) => return denied(failure, role),
        _ => {}
    }
    failure
}

/// One record was asked for, and there are more or none.
pub(crate) fn single(rows: u64) -> Failure {
    let mut failure =
        Failure::new(StatusCode::NOT_ACCEPTABLE, "Cannot coerce the result to a single JSON object").code("PGRST116");
    failure.details = not_single(rows);
    failure
}

/// Clients read the number before "rows".
fn not_single(rows: u64) -> Details {
    Details::Text(format!("The result contains {rows} rows"))
}

/// An anonymous caller may be somebody who has not said so.
fn denied(mut failure: Failure, role: Role) -> Failure {
    if role != Role::Anon {
        return failure;
    }
    failure.status = StatusCode::UNAUTHORIZED;
    let ask = "send a token as `Authorization: Bearer TOKEN`";
    failure.hint = Some(failure.hint.map_or_else(|| ask.to_owned(), |reason| format!("{ask}: {reason}")));
    failure.challenge()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: FaultKind) -> (u16, Option<&'static str>) {
        let failure = fault(Fault::new(kind, "no"), Surface::Rest, Role::Authenticated);
        (failure.status.as_u16(), failure.code)
    }

    #[test]
    fn a_request_s_mistakes_have_the_statuses_of_postgrest() {
        assert_eq!(told(FaultKind::Parse), (400, Some("PGRST100")));
        assert_eq!(told(FaultKind::Range), (416, Some("PGRST103")));
        assert_eq!(told(FaultKind::PutFilters), (405, Some("PGRST105")));
        assert_eq!(told(FaultKind::UndefinedOperator), (404, Some("42883")));
        assert_eq!(told(FaultKind::UndefinedColumn), (400, Some("42703")));
        assert_eq!(told(FaultKind::Value("22P02")), (400, Some("22P02")));
        assert_eq!(told(FaultKind::Denied), (403, Some("42501")));
    }

    #[test]
    fn mounts_have_codes_of_their_own_and_no_416() {
        let failure = fault(Fault::new(FaultKind::Range, "no"), Surface::Plain, Role::Anon);
        assert_eq!((failure.status.as_u16(), failure.code), (400, None));
    }

    #[test]
    fn anonymous_callers_are_asked_who_they_are() {
        for failure in [
            fault(Fault::new(FaultKind::Denied, "no"), Surface::Rest, Role::Anon),
            error(Error::Policy("t".to_owned()), Surface::Plain, Role::Anon),
        ] {
            assert_eq!(failure.status, 401);
            assert_eq!(failure.answer().headers()["www-authenticate"], "Bearer");
        }
        assert_eq!(error(Error::Policy("t".to_owned()), Surface::Rest, Role::Authenticated).status, 403);
    }

    #[test]
    fn a_mount_names_the_field_that_is_taken_and_rest_has_postgresql_s_words() {
        let taken = || Error::Unique {
            constraint: "configs_pkey".to_owned(),
            fields: vec!["name".to_owned()],
            details: Some("Key (name)=(a) already exists.".to_owned()),
        };
        let plain = error(taken(), Surface::Plain, Role::Anon);
        assert_eq!(plain.message, "`name` is taken: another record has it");
        let rest = error(taken(), Surface::Rest, Role::Anon);
        assert_eq!(rest.message, "duplicate key value violates unique constraint \"configs_pkey\"");
        assert_eq!(rest.details, Details::Text("Key (name)=(a) already exists.".to_owned()));
        assert_eq!((plain.status, rest.status), (StatusCode::CONFLICT, StatusCode::CONFLICT));
    }

    #[test]
    fn a_store_s_trouble_is_no_fault_of_the_caller_and_its_reason_is_kept_for_the_log() {
        let reason = || -> Box<dyn std::error::Error + Send + Sync> { "sector 7".into() };
        let statuses = [Error::Busy, Error::Full, Error::ReadOnly, Error::Timeout, Error::Unavailable(reason())]
            .map(|e| error(e, Surface::Plain, Role::Anon).status.as_u16());
        assert_eq!(statuses, [503, 507, 503, 504, 503]);
        let failure = error(Error::Internal(reason()), Surface::Plain, Role::Anon);
        assert_eq!(failure.cause.as_deref(), Some("internal error: sector 7"));
        assert!(!failure.message.contains("sector"));
        let busy = error(Error::Busy, Surface::Rest, Role::Anon).answer();
        assert_eq!(busy.headers()["retry-after"], "1");
    }
}
