//! `pintle`: serves a folder as an application's backend.
fn main() {}
