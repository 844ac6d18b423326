//! The planner: an app's model with its compiled policies, for one dialect.

use std::sync::Arc;

use pintle_model::{CollectionId, Diagnostic, Model, Role};

use crate::plan::{ReadPlan, WritePlan};
use crate::request::{ReadShape, WriteShape};
use crate::{Dialect, Fault};

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

    /// The plan of a read for callers of a role: from the cache, or made now.
    ///
    /// # Errors
    /// When the role may not read, or an operator does not go with its field's type.
    pub fn plan_read(&self, collection: CollectionId, role: Role, shape: ReadShape) -> Result<Arc<ReadPlan>, Fault> {
        let _ = (collection, role, shape);
        todo!()
    }

    /// The plan of a write for callers of a role: from the cache, or made now.
    ///
    /// # Errors
    /// As [`Planner::plan_read`].
    pub fn plan_write(&self, collection: CollectionId, role: Role, shape: WriteShape) -> Result<Arc<WritePlan>, Fault> {
        let _ = (collection, role, shape);
        todo!()
    }
}
