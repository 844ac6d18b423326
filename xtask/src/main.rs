//! The project's own commands: `cargo xtask test | bench | ci`.
fn main() {}
