//! Differences as steps of SQL, with a look at the rows: what would be lost, and what cannot be.

use rusqlite::Connection;

use super::convert::{Conversion, conversion};
use super::ddl::{NOW, check, column_definition, create_index, create_table, quoted};
use crate::migrate::diff::{Alter, Difference};
use crate::migrate::snapshot::{Column, Default, Delete, Snapshot, Table};
use crate::migrate::{Line, MigrationPlan, Step};

/// Makes the steps of a migration.
pub(super) struct Steps<'a> {
    pub(super) db: &'a Connection,
    pub(super) old: &'a Snapshot,
    pub(super) differences: &'a [Difference<'a>],
    plan: MigrationPlan,
    /// Run after all tables have been built and filled: the old ones go, the new ones take their names, indexes come.
    swaps: Vec<String>,
    renames: Vec<String>,
    indexes: Vec<String>,
}

/// A new column, and what its rows get.
struct Filling<'a> {
    column: &'a Column,
    /// SQL over the old table's columns.
    value: String,
    unfit: Option<String>,
}

impl<'a> Steps<'a> {
    /// The plan.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) fn plan(
        db: &'a Connection,
        old: &'a Snapshot,
        differences: &'a [Difference<'a>],
    ) -> rusqlite::Result<MigrationPlan> {
        let mut steps = Steps {
            db,
            old,
            differences,
            plan: MigrationPlan::default(),
            swaps: Vec::new(),
            renames: Vec::new(),
            indexes: Vec::new(),
        };
        for difference in differences {
            match difference {
                Difference::Create(table) => steps.create(table)?,
                Difference::Alter(alter) => steps.alter(alter)?,
                Difference::Drop(table) => steps.drop_table(table)?,
            }
        }
        // Tables are swapped last of all, so that names may change places.
        let last = Step { lines: Vec::new(), sql: [steps.swaps, steps.renames, steps.indexes].concat() };
        let mut plan = steps.plan;
        if !last.sql.is_empty() {
            plan.steps.push(last);
        }
        Ok(plan)
    }

    fn count(&self, sql: &str) -> rusqlite::Result<u64> {
        self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|count| u64::try_from(count).unwrap_or(0))
    }

    fn create(&mut self, table: &Table) -> rusqlite::Result<()> {
        let foreign = self.db.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE",
            [&table.name],
            |row| row.get::<_, i64>(0),
        )?;
        let ours = self.old.tables.iter().any(|old| old.name.eq_ignore_ascii_case(&table.name));
        if foreign > 0 && !ours {
            self.plan.refusals.push(format!(
                "the database has a table `{}` that Pintle did not make: rename that table, or the collection",
                table.name
            ));
        }
        let mut lines = vec![Line::outer('+', format!("collection {}", table.name))];
        lines.extend(table.columns.iter().map(|column| Line::inner('+', describe(table, column))));
        lines.extend(table.indexes.iter().map(|index| Line::inner('+', format!("index {}", index.name))));
        // Where an old name differs in case alone, that table must go first.
        let name = if ours { building(table) } else { table.name.clone() };
        self.plan.steps.push(Step { lines, sql: vec![create_table(table, &name)] });
        if ours {
            self.renames.push(rename_table(table));
        }
        self.indexes.extend(table.indexes.iter().map(|index| create_index(table, index)));
        Ok(())
    }

    fn drop_table(&mut self, table: &Table) -> rusqlite::Result<()> {
        let rows = self.count(&format!("SELECT count(*) FROM {}", quoted(&table.name)))?;
        let mut line = Line::outer('-', format!("collection {}", table.name));
        line.loses = lost(rows, "row");
        self.plan.steps.push(Step { lines: vec![line], sql: Vec::new() });
        self.swaps.push(format!("DROP TABLE {}", quoted(&table.name)));
        Ok(())
    }

    fn alter(&mut self, alter: &Alter<'_>) -> rusqlite::Result<()> {
        let name = if alter.old.name == alter.new.name {
            format!("collection {}", alter.new.name)
        } else {
            format!("collection {} (was {})", alter.new.name, alter.old.name)
        };
        let mut lines = vec![Line::outer('~', name)];
        self.columns(alter, &mut lines)?;
        if alter.old.key != alter.new.key {
            lines.push(Line::inner('~', format!("key: {}", alter.new.key.join(", "))));
            self.key_is_unique(alter)?;
        }
        if alter.old.counted != alter.new.counted {
            let text = if alter.new.counted { "key: counted by the store" } else { "key: given by the caller" };
            lines.push(Line::inner('~', text));
        }
        self.index_lines(alter, &mut lines);
        self.unique_holds(alter)?;
        let sql = if added_only(alter) { self.in_place(alter) } else { self.rebuild(alter) };
        if lines.len() > 1 || !sql.is_empty() || alter.old.name != alter.new.name {
            self.plan.steps.push(Step { lines, sql });
        }
        Ok(())
    }

    /// The lines of columns, and what their rows say to it.
    fn columns(&mut self, alter: &Alter<'_>, lines: &mut Vec<Line>) -> rusqlite::Result<()> {
        let table = quoted(&alter.old.name);
        for (column, source) in alter.new.columns.iter().zip(&alter.sources) {
            let before = source.and_then(|source| alter.old.column(source));
            if before == Some(column) {
                continue;
            }
            let mut line = match before {
                None => Line::inner('+', describe(alter.new, column)),
                Some(before) if before.name != column.name => {
                    Line::inner('~', format!("{} (was {})", describe(alter.new, column), before.name))
                }
                Some(before) if before.ty != column.ty => {
                    Line::inner('~', format!("{} (was {})", describe(alter.new, column), before.ty))
                }
                Some(_) => Line::inner('~', describe(alter.new, column)),
            };
            if let Some(filling) = self.filling(alter, column, before) {
                if let Some(unfit) = &filling.unfit {
                    line.loses = lost(self.count(&format!("SELECT count(*) FROM {table} WHERE {unfit}"))?, "value");
                }
                self.values_hold(alter, &filling)?;
            }
            lines.push(line);
        }
        for name in &alter.dropped {
            let values = format!("SELECT count(*) FROM {table} WHERE {} IS NOT NULL", quoted(name));
            let mut line = Line::inner('-', format!("field {name}"));
            line.loses = lost(self.count(&values)?, "value");
            lines.push(line);
        }
        Ok(())
    }

    /// What the rows get in a column; `None`, with a refusal, if there is no way.
    fn filling<'c>(&mut self, alter: &Alter<'_>, column: &'c Column, before: Option<&Column>) -> Option<Filling<'c>> {
        let default = match &column.default {
            Some(Default::Literal(text)) => Some(super::ddl::literal(column, text)),
            Some(Default::Now) => Some(NOW.to_owned()),
            Some(Default::Uuid) => Some("pintle_uuid()".to_owned()),
            None => None,
        };
        let Some(before) = before else {
            return Some(Filling { column, value: default.unwrap_or_else(|| "NULL".to_owned()), unfit: None });
        };
        let converted = before.ty().zip(column.ty()).and_then(|(from, to)| conversion(from, to, &quoted(&before.name)));
        let Some(Conversion { mut value, unfit }) = converted else {
            self.plan.refusals.push(format!(
                "field `{}` of `{}` cannot become {} from {}: add a field of another name, and drop this one",
                column.name, alter.new.name, column.ty, before.ty
            ));
            return None;
        };
        if let (true, Some(default)) = (column.required, default) {
            value = format!("coalesce({value}, {default})");
        }
        Some(Filling { column, value, unfit })
    }

    /// Refuses what the rows that are there do not satisfy, with their count.
    fn values_hold(&mut self, alter: &Alter<'_>, filling: &Filling<'_>) -> rusqlite::Result<()> {
        let Filling { column, value, .. } = filling;
        let table = quoted(&alter.old.name);
        let field = format!("field `{}` of `{}`", column.name, alter.new.name);
        if column.required && !(alter.new.counted && alter.new.is_key(&column.name)) {
            let rows = self.count(&format!("SELECT count(*) FROM {table} WHERE ({value}) IS NULL"))?;
            if rows > 0 {
                self.plan.refusals.push(format!(
                    "{field} is required, but {} no value: give it a default, or fill it first",
                    have(rows, "row", "has", "have")
                ));
            }
        }
        if let Some(check) = check(column, &format!("({value})"), false) {
            let rows = self.count(&format!("SELECT count(*) FROM {table} WHERE NOT ({check})"))?;
            if rows > 0 {
                self.plan.refusals.push(format!(
                    "{field} has limits that {} not keep: change those rows first",
                    have(rows, "row", "does", "do")
                ));
            }
        }
        if let Some(reference) = &column.reference {
            let orphans = match self.before(&reference.table).zip(self.key_before(&reference.table)) {
                Some((target, key)) => self.count(&format!(
                    "SELECT count(*) FROM {table} AS o WHERE ({value}) IS NOT NULL AND NOT EXISTS \
                     (SELECT 1 FROM {} AS t WHERE t.{} = ({value}))",
                    quoted(&target),
                    quoted(&key)
                ))?,
                None => self.count(&format!("SELECT count(*) FROM {table} WHERE ({value}) IS NOT NULL"))?,
            };
            if orphans > 0 {
                self.plan.refusals.push(format!(
                    "{field} refers to `{}`, but {} at nothing there: change those rows first",
                    reference.table,
                    have(orphans, "row", "points", "point")
                ));
            }
        }
        Ok(())
    }

    /// The name that a table has now; `None` if it is new.
    fn before(&self, table: &str) -> Option<String> {
        let altered = self.differences.iter().find_map(|difference| match difference {
            Difference::Alter(alter) if alter.new.name == table => Some(alter.old.name.clone()),
            _ => None,
        });
        altered.or_else(|| self.old.table(table).map(|table| table.name.clone()))
    }

    fn key_before(&self, table: &str) -> Option<String> {
        let before = self.before(table)?;
        self.old.table(&before)?.key.first().cloned()
    }

    fn key_is_unique(&mut self, alter: &Alter<'_>) -> rusqlite::Result<()> {
        let key: Vec<&str> = alter.new.key.iter().map(String::as_str).collect();
        let what = format!("the key ({}) of `{}`", key.join(", "), alter.new.name);
        self.unique(alter, &key, &what)
    }

    fn unique_holds(&mut self, alter: &Alter<'_>) -> rusqlite::Result<()> {
        for index in alter.new.indexes.iter().filter(|index| index.unique && !alter.old.indexes.contains(index)) {
            let columns: Vec<&str> = alter
                .new
                .columns
                .iter()
                .map(|column| column.name.as_str())
                .filter(|name| index.parts.iter().any(|part| part.trim_end_matches(" DESC") == quoted(name)))
                .collect();
            // An index on paths inside json is only known to hold when it is built.
            if columns.len() == index.parts.len() {
                let what = format!("({}) of `{}`", columns.join(", "), alter.new.name);
                self.unique(alter, &columns, &what)?;
            }
        }
        Ok(())
    }

    fn unique(&mut self, alter: &Alter<'_>, columns: &[&str], what: &str) -> rusqlite::Result<()> {
        let mut values = Vec::new();
        for (column, source) in alter.new.columns.iter().zip(&alter.sources) {
            if !columns.contains(&column.name.as_str()) {
                continue;
            }
            // Without a source each row gets its own value (uuid), or the same, which `values_hold` cannot see.
            let before = source.and_then(|source| alter.old.column(source));
            let Some(filling) = self.filling_quietly(alter, column, before) else { return Ok(()) };
            values.push(filling.value);
        }
        let nulls: Vec<_> = values.iter().map(|value| format!("({value}) IS NOT NULL")).collect();
        let rows = self.count(&format!(
            "SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1)",
            quoted(&alter.old.name),
            nulls.join(" AND "),
            values.iter().map(|value| format!("({value})")).collect::<Vec<_>>().join(", ")
        ))?;
        if rows > 0 {
            self.plan.refusals.push(format!(
                "{what} must be unique, but {} values with another: change those rows first",
                have(rows, "row", "shares its", "share their")
            ));
        }
        Ok(())
    }

    fn index_lines(&self, alter: &Alter<'_>, lines: &mut Vec<Line>) {
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

    /// Columns that SQLite can add, and indexes.
    fn in_place(&mut self, alter: &Alter<'_>) -> Vec<String> {
        let mut sql = Vec::new();
        for index in alter.old.indexes.iter().filter(|index| !alter.new.indexes.contains(index)) {
            sql.push(format!("DROP INDEX {}", quoted(&index.name)));
        }
        for (column, source) in alter.new.columns.iter().zip(&alter.sources) {
            if source.is_none() {
                sql.push(format!(
                    "ALTER TABLE {} ADD COLUMN {}",
                    quoted(&alter.new.name),
                    column_definition(alter.new, column)
                ));
            }
        }
        for index in alter.new.indexes.iter().filter(|index| !alter.old.indexes.contains(index)) {
            self.indexes.push(create_index(alter.new, index));
        }
        sql
    }

    /// A new table beside the old one, filled from it; they are swapped when all are built.
    fn rebuild(&mut self, alter: &Alter<'_>) -> Vec<String> {
        let new_name = quoted(&building(alter.new));
        let mut names = Vec::new();
        let mut values = Vec::new();
        for (column, source) in alter.new.columns.iter().zip(&alter.sources) {
            let before = source.and_then(|source| alter.old.column(source));
            let counts = alter.new.counted && alter.new.is_key(&column.name) && before.is_none();
            if counts {
                continue;
            }
            if let Some(filling) = self.filling_quietly(alter, column, before) {
                names.push(quoted(&column.name));
                values.push(filling.value);
            }
        }
        let mut sql = vec![create_table(alter.new, &building(alter.new))];
        sql.push(format!(
            "INSERT INTO {new_name} ({}) SELECT {} FROM {}",
            names.join(", "),
            values.join(", "),
            quoted(&alter.old.name)
        ));
        if alter.new.counted && alter.old.counted {
            // Numbers that were given out once are not given out again.
            let (new, old) = (building(alter.new), &alter.old.name);
            sql.push(format!("DELETE FROM sqlite_sequence WHERE name = '{new}'"));
            sql.push(format!(
                "INSERT INTO sqlite_sequence (name, seq) SELECT '{new}', seq FROM sqlite_sequence WHERE name = '{old}'"
            ));
        }
        self.swaps.push(format!("DROP TABLE {}", quoted(&alter.old.name)));
        self.renames.push(rename_table(alter.new));
        self.indexes.extend(alter.new.indexes.iter().map(|index| create_index(alter.new, index)));
        sql
    }

    /// As [`Steps::filling`], for what was refused already if it was to be.
    fn filling_quietly<'c>(
        &mut self,
        alter: &Alter<'_>,
        column: &'c Column,
        before: Option<&Column>,
    ) -> Option<Filling<'c>> {
        let refusals = self.plan.refusals.len();
        let filling = self.filling(alter, column, before);
        self.plan.refusals.truncate(refusals);
        filling
    }
}

/// The name of a table while it is built.
fn building(table: &Table) -> String {
    format!("_pintle_new_{}", table.name)
}

fn rename_table(table: &Table) -> String {
    format!("ALTER TABLE {} RENAME TO {}", quoted(&building(table)), quoted(&table.name))
}

/// Whether SQLite can make the change without a copy: columns that may be null or have a constant default, and indexes.
fn added_only(alter: &Alter<'_>) -> bool {
    let (old, new) = (alter.old, alter.new);
    old.name == new.name
        && old.key == new.key
        && old.counted == new.counted
        && alter.dropped.is_empty()
        && new.columns.iter().zip(&alter.sources).all(|(column, source)| match source {
            Some(source) => old.column(source) == Some(column),
            None => {
                let constant = matches!(column.default, Some(Default::Literal(_)));
                let plain = column.default.is_none() && !column.required;
                // A reference must start as null.
                plain || (constant && column.reference.is_none())
            }
        })
}

/// `field level: integer, required`
fn describe(table: &Table, column: &Column) -> String {
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

fn lost(count: u64, what: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        count => Some(format!("{count} {what}s")),
    }
}

/// `1 row has`, `3 rows have`
fn have(count: u64, what: &str, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {what} {one}") } else { format!("{count} {what}s {many}") }
}
