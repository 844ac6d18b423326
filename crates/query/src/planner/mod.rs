//! The planner: an app's model with its compiled policies, for one dialect.
//!
//! 1. [`Planner::new`] compiles the policies, and the SQL of routes ([`crate::own`]).
//! 2. [`Planner::plan_read`] and [`Planner::plan_write`] look for the plan of a shape in a bounded cache, and make it
//!    when it is not there: [`access`] says which policies the role's request falls under, [`filter`] turns conditions
//!    into expressions, [`read`] and [`mod@write`] put statements together.

mod access;
mod filter;
mod place;
mod read;
mod write;

pub use access::Right;
pub(crate) use write::{distinct_parts, is_unique, parts};

use std::sync::Arc;

use moka::sync::Cache;
use pintle_model::{CollectionId, Diagnostic, Model, Role};

use crate::mount::Mounts;
use crate::own::Own;
use crate::plan::{ReadPlan, Statement, WritePlan};
use crate::policy::{self, Rules};
use crate::request::{ReadShape, WriteShape};
use crate::{Dialect, Fault};

/// Bytes of plans of each sort that are kept, roughly. Shapes are few where clients are programs, and an ordinary plan is
/// two or three kilobytes; it is a hostile caller's shapes that this bounds.
const PLANS_BYTES_MAX: u64 = 4 << 20;

/// An app's model with its policies compiled for one dialect, and the plans made so far. Cheap to share.
#[derive(Debug)]
pub struct Planner {
    pub(crate) model: Arc<Model>,
    pub(crate) dialect: Dialect,
    pub(crate) rules: Vec<Rules>,
    reads: Cache<(CollectionId, Role, ReadShape), Arc<ReadPlan>>,
    writes: Cache<(CollectionId, Role, WriteShape), Arc<WritePlan>>,
    pub(crate) mounts: Mounts,
    pub(crate) own: Own,
}

impl Planner {
    /// Compiles the policies, and the SQL of routes. Every mistake in them is returned; with any error there is no planner.
    ///
    /// # Errors
    /// The mistakes, in the manifest's order.
    pub fn new(model: Arc<Model>, dialect: Dialect) -> Result<Planner, Vec<Diagnostic>> {
        let rules = policy::compile(&model)?;
        let reads = Cache::builder()
            .max_capacity(PLANS_BYTES_MAX)
            .weigher(|_, plan: &Arc<ReadPlan>| weight([&plan.rows].into_iter().chain(&plan.count)));
        let writes = Cache::builder().max_capacity(PLANS_BYTES_MAX).weigher(|_, plan: &Arc<WritePlan>| {
            weight([&plan.write].into_iter().chain(&plan.check).chain(&plan.probe).chain(&plan.bulk))
        });
        let (reads, writes) = (reads.build(), writes.build());
        let mut planner =
            Planner { model, dialect, rules, reads, writes, mounts: Mounts::default(), own: Own::default() };
        planner.mounts = Mounts::new(&planner);
        planner.own = Own::new(&planner)?;
        Ok(planner)
    }

    /// The model that this plans for.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The plan of a read for callers of a role: from the cache, or made now.
    ///
    /// # Errors
    /// When the role may not read, or an operator does not go with its field's type.
    pub fn plan_read(&self, collection: CollectionId, role: Role, shape: ReadShape) -> Result<Arc<ReadPlan>, Fault> {
        let key = (collection, role, shape);
        if let Some(plan) = self.reads.get(&key) {
            return Ok(plan);
        }
        let plan = Arc::new(self.make_read(collection, role, &key.2)?);
        self.reads.insert(key, Arc::clone(&plan));
        Ok(plan)
    }

    /// The plan of a write for callers of a role: from the cache, or made now.
    ///
    /// # Errors
    /// As [`Planner::plan_read`].
    pub fn plan_write(&self, collection: CollectionId, role: Role, shape: WriteShape) -> Result<Arc<WritePlan>, Fault> {
        let key = (collection, role, shape);
        if let Some(plan) = self.writes.get(&key) {
            return Ok(plan);
        }
        let plan = Arc::new(self.make_write(collection, role, &key.2)?);
        self.writes.insert(key, Arc::clone(&plan));
        Ok(plan)
    }
}

/// What a plan takes of the memory, roughly: its statements, and about as much for the shape that it was made of.
fn weight<'a>(statements: impl Iterator<Item = &'a Statement>) -> u32 {
    let bytes = statements.map(|statement| 2 * statement.sql.len() + 64 * statement.params.len()).sum::<usize>();
    u32::try_from(bytes + 1024).unwrap_or(u32::MAX)
}
