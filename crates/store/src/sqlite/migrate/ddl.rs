//! Tables as SQL that a person can read: STRICT, every constraint named and beside its column.

use pintle_model::{Type, Value};

use super::convert::conversion;
use crate::migrate::review::{Engine, Filling, quoted, text_literal};
use crate::migrate::snapshot::{Column, Default, Delete, Index, Table};
use crate::names;

/// What SQLite writes in its own way.
pub(super) struct Sqlite;

impl Engine for Sqlite {
    fn literal(&self, column: &Column, text: &str) -> String {
        literal(column, text)
    }

    fn now(&self) -> String {
        NOW.to_owned()
    }

    fn uuid(&self) -> String {
        "pintle_uuid()".to_owned()
    }

    fn filled(&self, _column: &Column, value: String) -> String {
        value
    }

    fn check(&self, column: &Column, value: &str, form: bool) -> Option<String> {
        check(column, value, form)
    }

    fn conversion(&self, from: Type, to: Type, old: &str) -> Option<Filling> {
        conversion(from, to, old)
    }

    fn taken(&self, name: &str) -> String {
        format!("SELECT count(*) FROM sqlite_schema WHERE name = {} COLLATE NOCASE", text_literal(name))
    }

    fn same_name(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }
}

/// The moment at which a statement runs, in the form that timestamps are kept in.
pub(super) const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')";

/// `CREATE TABLE`; constraints carry the table's own name even while it is built under another (`as_name`).
pub(super) fn create_table(table: &Table, as_name: &str) -> String {
    let mut lines: Vec<String> = table.columns.iter().map(|column| column_definition(table, column)).collect();
    if table.key.len() > 1 {
        let key: Vec<_> = table.key.iter().map(|name| quoted(name)).collect();
        lines.push(format!("CONSTRAINT {} PRIMARY KEY ({})", quoted(&names::key(&table.name)), key.join(", ")));
    }
    format!("CREATE TABLE {} (\n  {}\n) STRICT", quoted(as_name), lines.join(",\n  "))
}

/// One column with its constraints.
pub(super) fn column_definition(table: &Table, column: &Column) -> String {
    let mut sql = format!("{} {}", quoted(&column.name), storage(column));
    if table.key.len() == 1 && table.is_key(&column.name) {
        sql.push_str(&format!(" CONSTRAINT {} PRIMARY KEY", quoted(&names::key(&table.name))));
        if table.counted {
            sql.push_str(" AUTOINCREMENT");
        }
    }
    // A counted key is never null, and its column must be a plain one.
    if column.required && !(table.counted && table.is_key(&column.name)) {
        sql.push_str(" NOT NULL");
    }
    match &column.default {
        Some(Default::Literal(text)) => sql.push_str(&format!(" DEFAULT {}", literal(column, text))),
        Some(Default::Now) => sql.push_str(&format!(" DEFAULT ({NOW})")),
        // SQLite cannot make one by itself, and a tool without our function could then not insert.
        Some(Default::Uuid) | None => {}
    }
    if let Some(check) = check(column, &quoted(&column.name), true) {
        let name = names::over(&table.name, &[&column.name], "check");
        sql.push_str(&format!(" CONSTRAINT {} CHECK ({check})", quoted(&name)));
    }
    if let Some(reference) = &column.reference {
        let name = names::over(&table.name, &[&column.name], "fkey");
        sql.push_str(&format!(
            " CONSTRAINT {} REFERENCES {} ({})",
            quoted(&name),
            quoted(&reference.table),
            quoted(&reference.column)
        ));
        sql.push_str(match reference.on_delete {
            Delete::Restrict => "",
            Delete::Cascade => " ON DELETE CASCADE",
            Delete::SetNull => " ON DELETE SET NULL",
        });
    }
    sql
}

fn storage(column: &Column) -> &'static str {
    match column.ty() {
        Some(Type::Integer | Type::Boolean) => "INTEGER",
        Some(Type::Number) => "REAL",
        Some(Type::Bytes) => "BLOB",
        _ => "TEXT",
    }
}

/// What a value of this column must satisfy, over the SQL `value`; null satisfies everything. Without `form`, only what
/// the manifest asks for.
fn check(column: &Column, value: &str, form: bool) -> Option<String> {
    let mut all = Vec::new();
    match column.ty() {
        Some(Type::Boolean) if form => all.push(format!("{value} IN (0, 1)")),
        Some(Type::Json | Type::Point) if form => all.push(format!("json_valid({value})")),
        _ => {}
    }
    if !column.choices.is_empty() {
        let choices: Vec<_> = column.choices.iter().map(|text| literal(column, text)).collect();
        all.push(format!("{value} IN ({})", choices.join(", ")));
    }
    if let Some(least) = &column.minimum {
        all.push(format!("{value} >= {}", literal(column, least)));
    }
    if let Some(most) = &column.maximum {
        all.push(format!("{value} <= {}", literal(column, most)));
    }
    if let Some(least) = column.min_length {
        all.push(format!("length({value}) >= {least}"));
    }
    if let Some(most) = column.max_length {
        all.push(format!("length({value}) <= {most}"));
    }
    (!all.is_empty()).then(|| all.join(" AND "))
}

/// `CREATE INDEX`.
///
/// Lists are in the order of the key, so an index that finds many rows ends with it: else a page of a few rows would have
/// all that are found sorted first. A key that is an integer is SQLite's row id, with which every index ends by itself.
pub(super) fn create_index(table: &Table, index: &Index) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let mut parts = index.parts.join(", ");
    if let [key] = &table.key[..]
        && !index.unique
        && !index.space
        && table.column(key).is_some_and(|column| column.ty() != Some(Type::Integer))
        && !index.parts.iter().any(|part| part.trim_end_matches(" DESC") == quoted(key))
    {
        parts = format!("{parts}, {}", quoted(key));
    }
    format!("CREATE {unique}INDEX {} ON {} ({parts})", quoted(&index.name), quoted(&table.name))
}

/// A value of the column's type, as SQL.
fn literal(column: &Column, text: &str) -> String {
    let Some(ty) = column.ty() else { return text_literal(text) };
    match ty.read_text(text) {
        Ok(Value::Integer(number)) => number.to_string(),
        Ok(Value::Number(number)) => format!("{number:?}"),
        Ok(Value::Boolean(truth)) => i64::from(truth).to_string(),
        Ok(Value::Timestamp(micros)) => text_literal(&pintle_model::value::print::stored_timestamp(micros)),
        Ok(Value::Bytes(bytes)) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{hex}'")
        }
        Ok(Value::Null) => "NULL".to_owned(),
        // The others are kept as their text; what does not read (it was checked in the model) stays as it is.
        Ok(Value::Text(text) | Value::Json(text)) => text_literal(&text),
        Ok(Value::Date(_) | Value::Uuid(_) | Value::Point(_)) | Err(_) => text_literal(text),
    }
}
