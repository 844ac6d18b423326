//! An app as pictures: SVG, made of the model alone.
//!
//! 1. [`services()`] draws who talks to whom: callers, the gateway, services with what each answers, the store, hosts outside.
//! 2. [`collections()`] draws what is stored: a box a collection, a line a reference.
//! 3. [`png()`] makes a picture of dots of either.
//!
//! The same model is drawn in the same bytes, so a picture in a repository can be compared with what it should be.
//! This crate knows no files, no stores and no HTTP.

mod canvas;
mod collections;
mod raster;
mod services;

pub use collections::collections;
pub use raster::{Error, png};
pub use services::services;
