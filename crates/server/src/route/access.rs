//! Who may call a route, or post to a pipeline.

use hyper::StatusCode;
use pintle_model::{Role, RouteAccess};

use crate::failure::Failure;

/// Lets those through whom the manifest names; `what` is a route or a pipeline.
///
/// # Errors
/// 401 for who has not said who asks, 403 for who may not.
pub(crate) fn check(what: &str, access: RouteAccess, role: Role) -> Result<(), Failure> {
    let allowed = match access {
        RouteAccess::Optional => true,
        RouteAccess::Required => role != Role::Anon,
        RouteAccess::ServiceRole => role == Role::ServiceRole,
    };
    if allowed {
        return Ok(());
    }
    if role == Role::Anon {
        return Err(Failure::new(StatusCode::UNAUTHORIZED, format!("this {what} needs a token"))
            .hint("send a token as `Authorization: Bearer TOKEN`")
            .challenge());
    }
    Err(Failure::new(StatusCode::FORBIDDEN, format!("the role {} may not call this {what}", role.name()))
        .hint(format!("it is for {}", Role::ServiceRole.name())))
}
