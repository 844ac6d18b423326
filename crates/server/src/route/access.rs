//! Who may call a route.

use hyper::StatusCode;
use pintle_model::{Role, Route, RouteAccess};

use crate::failure::Failure;

/// Lets those through whom the manifest names.
///
/// # Errors
/// 401 for who has not said who asks, 403 for who may not.
pub(super) fn check(route: &Route, role: Role) -> Result<(), Failure> {
    let allowed = match route.access {
        RouteAccess::Optional => true,
        RouteAccess::Required => role != Role::Anon,
        RouteAccess::ServiceRole => role == Role::ServiceRole,
    };
    if allowed {
        return Ok(());
    }
    if role == Role::Anon {
        return Err(Failure::new(StatusCode::UNAUTHORIZED, "this route needs a token")
            .hint("send a token as `Authorization: Bearer TOKEN`")
            .challenge());
    }
    Err(Failure::new(StatusCode::FORBIDDEN, format!("the role {} may not call this route", role.name()))
        .hint(format!("it is for {}", Role::ServiceRole.name())))
}
