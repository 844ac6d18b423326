//! Routes that a statement answers.

use pintle_model::ResultShape;

use super::{Call, Told};
use crate::failure::Failure;
use crate::handle::Ask;

/// Runs the route's statement and answers what it finds.
pub(super) async fn answer(_ask: &Ask<'_>, call: &Call<'_>, _shape: ResultShape) -> Result<Told, Failure> {
    Err(Failure::bad_request(format!("SQL routes are not built yet, so {} does not answer", call.route.path)))
}
