//! Requests and policies, planned into SQL: the only place that makes SQL out of what a caller sends.
//!
//! 1. [`Planner::new`] compiles an app's policies (type-checked against the model) for one dialect.
//! 2. A request's text is parsed into a *shape* and its *values* ([`rest`], [`mount`]); every value is checked against
//!    its field's type before any store sees it.
//! 3. The shape is compiled once into a [`plan`]: SQL text, and a layout that says where each bound value comes from.
//!    Plans of mounts are made at load, those of `/rest/v1` are kept in a bounded cache by shape.
//! 4. The store runs the plan with the request's values. Values are bound, never spliced.
//!
//! Pure: no connection, no clock, no chance, no HTTP. What SQLite lacks are functions in [`functions`], which the store
//! registers.

pub mod expr;
pub mod fault;
pub mod functions;
pub mod mount;
pub mod near;
pub mod own;
pub mod pipeline;
pub mod plan;
pub mod planner;
mod policy;
mod record;
pub mod request;
pub mod rest;
pub mod sql;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use fault::{Details, Fault, FaultKind};
pub use own::OwnPlan;
pub use plan::{Dialect, Read, ReadPlan, Statement, Write, WritePlan};
pub use planner::{Planner, Right};
pub use sql::POSTGRES_FUNCTIONS;
