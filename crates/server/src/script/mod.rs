//! Routes that a script answers.

use crate::failure::Failure;
use crate::handle::Ask;
use crate::route::{Call, Told};

/// Runs the route's script.
pub(crate) async fn answer(_ask: &Ask<'_>, call: &Call<'_>) -> Result<Told, Failure> {
    Err(Failure::bad_request(format!("scripts are not built yet, so {} does not answer", call.route.path)))
}
