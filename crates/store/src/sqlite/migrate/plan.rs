//! Differences as steps of SQL, with a look at the rows: what would be lost, and what cannot be.

use rusqlite::Connection;

use super::convert::{Conversion, conversion};
use super::ddl::{NOW, column_definition, create_index, create_table, quoted};
use super::describe::{describe, index_lines, lost};
use crate::migrate::diff::{Alter, Difference};
use crate::migrate::snapshot::{Column, Default, Snapshot, Table};
use crate::migrate::{Line, MigrationPlan, Step};

/// Makes the steps of a migration.
pub(super) struct Steps<'a> {
    pub(super) db: &'a Connection,
    pub(super) old: &'a Snapshot,
    pub(super) differences: &'a [Difference<'a>],
    pub(super) plan: MigrationPlan,
    /// Run after all tables have been built and filled: the old ones go, the new ones take their names, indexes come.
    swaps: Vec<String>,
    renames: Vec<String>,
    indexes: Vec<String>,
}

/// A new column, and what its rows get.
pub(super) struct Filling<'a> {
    pub(super) column: &'a Column,
    /// SQL over the old table's columns.
    pub(super) value: String,
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

    pub(super) fn count(&self, sql: &str) -> rusqlite::Result<u64> {
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
        index_lines(alter, &mut lines);
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
        let Some(Conversion { value, unfit }) = converted else {
            self.plan.refusals.push(format!(
                "field `{}` of `{}` cannot become {} from {}: add a field of another name, and drop this one",
                column.name, alter.new.name, column.ty, before.ty
            ));
            return None;
        };
        Some(Filling { column, value, unfit })
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
    pub(super) fn filling_quietly<'c>(
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
