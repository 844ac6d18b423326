//! SQLite, embedded.

/// An open SQLite database.
#[derive(Debug, Clone)]
pub struct Sqlite {}
