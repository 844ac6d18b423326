//! The real binary, as its users use it: each file is a thing that they do.

#[path = "../common/mod.rs"]
mod common;

mod check;
