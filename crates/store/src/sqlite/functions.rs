//! The functions that SQLite lacks: `pintle_query` has their meaning, this registers them.

use rusqlite::Connection;

/// Registers every function on a connection.
pub(super) fn register(db: &Connection) -> rusqlite::Result<()> {
    let _ = db;
    Ok(())
}
