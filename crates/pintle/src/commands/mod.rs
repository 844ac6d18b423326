//! One command a file.

pub(crate) mod check;
pub(crate) mod new;
pub(crate) mod schema;
