//! Changes in the words of the diff that a person reviews.

use crate::migrate::Line;
use crate::migrate::diff::Alter;
use crate::migrate::snapshot::{Column, Default, Delete, Table};

/// `field level: integer, required`
pub(super) fn describe(table: &Table, column: &Column) -> String {
    let mut text = format!("field {}: {}", column.name, column.ty);
    if table.is_key(&column.name) {
        text.push_str(", key");
    } else if column.required {
        text.push_str(", required");
    }
    match &column.default {
        Some(Default::Literal(value)) => text.push_str(&format!(", default {value}")),
        Some(Default::Now) => text.push_str(", default now()"),
        Some(Default::Uuid) => text.push_str(", default uuid()"),
        None => {}
    }
    if !column.choices.is_empty() {
        text.push_str(&format!(", one of {}", column.choices.join(", ")));
    }
    for (word, bound) in [("minimum", &column.minimum), ("maximum", &column.maximum)] {
        if let Some(bound) = bound {
            text.push_str(&format!(", {word} {bound}"));
        }
    }
    for (word, bound) in [("minLength", column.min_length), ("maxLength", column.max_length)] {
        if let Some(bound) = bound {
            text.push_str(&format!(", {word} {bound}"));
        }
    }
    if let Some(reference) = &column.reference {
        let on_delete = match reference.on_delete {
            Delete::Restrict => "",
            Delete::Cascade => " (on_delete: cascade)",
            Delete::SetNull => " (on_delete: set_null)",
        };
        text.push_str(&format!(", ref to {}{on_delete}", reference.table));
    }
    text
}

/// `1 row`, `3 rows`; `None` for no row.
pub(super) fn lost(count: u64, what: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        count => Some(format!("{count} {what}s")),
    }
}

/// `1 row has`, `3 rows have`
pub(super) fn have(count: u64, what: &str, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {what} {one}") } else { format!("{count} {what}s {many}") }
}

/// The lines of indexes.
pub(super) fn index_lines(alter: &Alter<'_>, lines: &mut Vec<Line>) {
    for index in &alter.new.indexes {
        if !alter.old.indexes.contains(index) {
            let unique = if index.unique { "unique " } else { "" };
            lines.push(Line::inner('+', format!("{unique}index {}", index.name)));
        }
    }
    for index in &alter.old.indexes {
        if !alter.new.indexes.contains(index) {
            lines.push(Line::inner('-', format!("index {}", index.name)));
        }
    }
}
