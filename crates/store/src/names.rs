//! What constraints and indexes are called, in the tables of every engine and in the errors that tell of them.

use pintle_model::Collection;

/// A table's key.
pub(crate) fn key(table: &str) -> String {
    format!("{table}_pkey")
}

/// A constraint of columns, or an index over them: `kind` is `check`, `fkey`, `key`, `idx` or `not_null`.
pub(crate) fn over(table: &str, columns: &[&str], kind: &str) -> String {
    format!("{table}_{}_{kind}", columns.join("_"))
}

/// What keeps these fields unique: the key, if they are its fields.
pub(crate) fn unique(collection: &Collection, fields: &[&str]) -> String {
    let of_key = &collection.fields[..collection.key.len];
    let is_key = fields.len() == of_key.len() && of_key.iter().all(|field| fields.contains(&field.name.as_str()));
    if is_key { key(&collection.name) } else { over(&collection.name, fields, "key") }
}
