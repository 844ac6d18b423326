//! Differences as steps of SQL. What the rows say to them is asked by the review.

use rusqlite::Connection;

use super::ddl::{Sqlite, column_definition, create_index, create_table};
use crate::migrate::diff::{Alter, Difference};
use crate::migrate::review::{Engine as _, Review, filling, quoted};
use crate::migrate::snapshot::{Default, Snapshot, Table};
use crate::migrate::{MigrationPlan, Step};

/// Makes the steps of a migration.
pub(super) struct Steps<'a> {
    old: &'a Snapshot,
    /// Run after all tables have been built and filled: the old ones go, the new ones take their names, indexes come.
    swaps: Vec<String>,
    renames: Vec<String>,
    indexes: Vec<String>,
}

impl<'a> Steps<'a> {
    /// The plan.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) fn plan(
        db: &Connection,
        old: &'a Snapshot,
        differences: &'a [Difference<'a>],
    ) -> rusqlite::Result<MigrationPlan> {
        let review = Review::of(&Sqlite, old, differences);
        let mut counts = Vec::new();
        for sql in review.questions() {
            let count = db.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
            counts.push(u64::try_from(count).unwrap_or(0));
        }
        let mut plan = review.answered(&counts);
        let mut steps = Steps { old, swaps: Vec::new(), renames: Vec::new(), indexes: Vec::new() };
        for (difference, step) in differences.iter().zip(&mut plan.steps) {
            step.sql = match difference {
                Difference::Create(table) => steps.create(table),
                Difference::Alter(alter) if added_only(alter) => steps.in_place(alter),
                Difference::Alter(alter) => steps.rebuild(alter),
                Difference::Drop(table) => {
                    steps.swaps.push(format!("DROP TABLE {}", quoted(&table.name)));
                    Vec::new()
                }
            };
        }
        // Tables are swapped last of all, so that names may change places.
        let last = Step { sql: [steps.swaps, steps.renames, steps.indexes].concat(), ..Step::default() };
        if !last.sql.is_empty() {
            plan.steps.push(last);
        }
        Ok(plan)
    }

    fn create(&mut self, table: &Table) -> Vec<String> {
        self.indexes.extend(table.indexes.iter().map(|index| create_index(table, index)));
        // Where an old name differs in case alone, that table must go first.
        if self.old.tables.iter().any(|old| Sqlite.same_name(&old.name, &table.name)) {
            self.renames.push(rename_table(table));
            return vec![create_table(table, &building(table))];
        }
        vec![create_table(table, &table.name)]
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
        for (column, before) in alter.pairs() {
            let counts = alter.new.counted && alter.new.is_key(&column.name) && before.is_none();
            if counts {
                continue;
            }
            // Where there is no way, the plan was refused already.
            if let Ok(filling) = filling(&Sqlite, alter, column, before) {
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
