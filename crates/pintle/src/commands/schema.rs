//! `pintle schema`: the JSON Schema of the manifest.

use crate::failure::Failure;
use crate::ui;

pub(crate) fn run() -> Result<(), Failure> {
    ui::out(&format!("{:#}", pintle_model::schema()));
    Ok(())
}
