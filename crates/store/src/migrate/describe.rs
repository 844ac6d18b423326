//! Changes in the words of the diff that a person reviews.

use super::Line;
use super::diff::Alter;
use super::snapshot::{Column, Default, Delete, Index, Table};

/// `field level: integer, required`
pub(crate) fn describe(table: &Table, column: &Column) -> String {
    let mut text = format!("field {}: {}", column.name, column.ty);
    if column.pair {
        text.push_str(", without PostGIS");
    }
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
pub(crate) fn lost(count: u64, what: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        count => Some(format!("{count} {what}s")),
    }
}

/// What rows must keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Every row has a value in the field.
    Required { table: String, field: String },
    /// The values are within the manifest's limits.
    Limits { table: String, field: String },
    /// The values are keys of the other table.
    Refers { table: String, field: String, to: String },
    /// No two rows agree in what an index orders by: `(name)`, `index places_data_a_key`.
    Unique { table: String, what: String },
    /// No two rows have the same key.
    Key { table: String, columns: String },
    /// The table's name is nobody else's.
    Free { table: String },
}

impl Rule {
    /// What is said when so many rows (or tables) are against it.
    pub(crate) fn broken(&self, rows: u64) -> String {
        match self {
            Rule::Required { table, field } => format!(
                "field `{field}` of `{table}` is required, but {} no value: fill it first (a field that is new may have \
                 a default)",
                have(rows, "row", "has", "have")
            ),
            Rule::Limits { table, field } => format!(
                "field `{field}` of `{table}` has limits that {} not keep: change those rows first",
                have(rows, "row", "does", "do")
            ),
            Rule::Refers { table, field, to } => format!(
                "field `{field}` of `{table}` refers to `{to}`, but {} at nothing there: change those rows first",
                have(rows, "row", "points", "point")
            ),
            Rule::Unique { table, what } => twice(&format!("{what} of `{table}`"), rows),
            Rule::Key { table, columns } => twice(&format!("the key ({columns}) of `{table}`"), rows),
            Rule::Free { table } => format!(
                "the database has a table `{table}` that Pintle did not make: rename that table, or the collection"
            ),
        }
    }
}

impl Index {
    /// What it asks of the table's rows if it is unique.
    pub(crate) fn rule(&self, table: &str) -> Rule {
        let columns: Option<Vec<&str>> =
            self.parts.iter().map(|part| part.trim_end_matches(" DESC").strip_prefix('"')?.strip_suffix('"')).collect();
        let what =
            columns.map_or_else(|| format!("index {}", self.name), |columns| format!("({})", columns.join(", ")));
        Rule::Unique { table: table.to_owned(), what }
    }
}

fn twice(what: &str, rows: u64) -> String {
    format!(
        "{what} must be unique, but {} values with another: change those rows first",
        have(rows, "row", "shares its", "share their")
    )
}

/// `1 row has`, `3 rows have`
fn have(count: u64, what: &str, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {what} {one}") } else { format!("{count} {what}s {many}") }
}

/// The lines of indexes.
pub(crate) fn index_lines(alter: &Alter<'_>, lines: &mut Vec<Line>) {
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
