//! Policies: from a manifest's SQL text to typed expressions, or to diagnostics.

use pintle_model::{Diagnostic, Model};

use crate::expr::Expr;

/// A collection's policies, compiled; `None` is no grant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) select: Option<Expr>,
    pub(crate) insert: Option<Expr>,
    pub(crate) update_using: Option<Expr>,
    pub(crate) update_check: Option<Expr>,
    pub(crate) delete: Option<Expr>,
}

/// Compiles every policy of a model.
///
/// # Errors
/// Every mistake in them.
pub(crate) fn compile(model: &Model) -> Result<Vec<Rules>, Vec<Diagnostic>> {
    Ok(model.collections.iter().map(|_| Rules::default()).collect())
}
