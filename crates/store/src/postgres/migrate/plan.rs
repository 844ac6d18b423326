//! Differences as SQL: what is one transaction, and what is made afterwards.
//!
//! A table changes in this order: what stands in the way goes (references, indexes, checks, the key), columns go, change
//! their types, take new names, come; then the key, checks and references come back. Names are free before others take
//! them, since all drops and renames of tables and indexes come before all else.

use super::columns;
use super::ddl::{
    Postgres, constraint, create_index, create_table, index_name, index_parts, key_name, named_check, primary_key,
    refers,
};
use super::later::{Work, add_not_null};
use crate::migrate::diff::{Alter, Difference};
use crate::migrate::review::{Engine as _, before, quoted, text_literal};
use crate::migrate::snapshot::{Column, Index, Reference, Snapshot, Table};
use crate::migrate::{MigrationPlan, Step};

/// Makes the steps of a migration.
struct Steps<'a> {
    old: &'a Snapshot,
    new: &'a Snapshot,
    differences: &'a [Difference<'a>],
    /// In this order, before all tables.
    references_dropped: Vec<String>,
    tables_dropped: Vec<String>,
    indexes_dropped: Vec<String>,
    renamed: Vec<String>,
    /// In this order, after all tables.
    references: Vec<String>,
    comments: Vec<String>,
}

/// Writes the SQL of a plan whose steps stand for the differences.
pub(super) fn write(plan: &mut MigrationPlan, old: &Snapshot, new: &Snapshot, differences: &[Difference<'_>]) {
    let mut steps = Steps {
        old,
        new,
        differences,
        references_dropped: Vec::new(),
        tables_dropped: Vec::new(),
        indexes_dropped: Vec::new(),
        renamed: Vec::new(),
        references: Vec::new(),
        comments: Vec::new(),
    };
    let mut made: Vec<&str> = Vec::new();
    for (difference, step) in differences.iter().zip(&mut plan.steps) {
        match difference {
            Difference::Create(table) => {
                step.sql = steps.create(table, &made);
                made.push(&table.name);
            }
            Difference::Alter(alter) => (step.sql, step.later) = steps.alter(alter),
            Difference::Drop(table) => steps.drop_table(table),
        }
    }
    let first = [steps.references_dropped, steps.tables_dropped, steps.indexes_dropped, steps.renamed].concat();
    let last = [steps.references, steps.comments].concat();
    if !first.is_empty() {
        plan.steps.insert(0, Step { sql: first, ..Step::default() });
    }
    if !last.is_empty() {
        plan.steps.push(Step { sql: last, ..Step::default() });
    }
}

/// The tables of which nobody may read or write a row between the look at their rows and their change.
pub(super) fn locked<'a>(differences: &'a [Difference<'a>]) -> Vec<&'a str> {
    let loses = |difference: &&Difference<'_>| match difference {
        Difference::Create(_) => false,
        Difference::Drop(_) => true,
        Difference::Alter(alter) => {
            !alter.dropped.is_empty()
                || alter.pairs().any(|(column, before)| before.is_some_and(|before| before.ty != column.ty))
        }
    };
    let names = differences.iter().filter(loses).map(|difference| match difference {
        Difference::Create(table) | Difference::Drop(table) => table.name.as_str(),
        Difference::Alter(alter) => alter.old.name.as_str(),
    });
    names.collect()
}

impl Steps<'_> {
    fn create(&mut self, table: &Table, made: &[&str]) -> Vec<String> {
        let stays = |name: &str| {
            let changes = self.differences.iter().any(|difference| match difference {
                Difference::Create(other) => other.name == name,
                Difference::Alter(alter) => alter.new.name == name,
                Difference::Drop(_) => false,
            });
            name == table.name || made.contains(&name) || !changes
        };
        let mut sql = vec![create_table(table, &stays)];
        sql.extend(table.indexes.iter().map(|index| create_index(table, index, "")));
        for column in &table.columns {
            if let Some(reference) = column.reference.as_ref().filter(|reference| !stays(&reference.table)) {
                self.references.push(add_reference(table, column, reference));
            }
        }
        self.comment(table, None);
        for column in &table.columns {
            self.comment_column(table, column, None);
        }
        sql
    }

    fn drop_table(&mut self, table: &Table) {
        for column in table.columns.iter().filter(|column| column.reference.is_some()) {
            self.drop_reference(table, column);
        }
        self.tables_dropped.push(format!("DROP TABLE {}", quoted(&table.name)));
    }

    fn alter(&mut self, alter: &Alter<'_>) -> (Vec<String>, Vec<String>) {
        if alter.old.name != alter.new.name {
            self.renamed.push(format!("ALTER TABLE {} RENAME TO {}", quoted(&alter.old.name), quoted(&alter.new.name)));
        }
        let indexes = self.indexes(alter);
        let (mut sql, mut last, mut later) = (Vec::new(), Vec::new(), Vec::new());
        let table = quoted(&alter.new.name);
        let new_key = key_before(alter).as_deref() != Some(&alter.old.key[..]);
        if new_key {
            self.renamed.push(format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {}", key_name(alter.old)));
        } else {
            // Its index has its name.
            rename_constraint(&mut self.renamed, alter, key_name(alter.old), key_name(alter.new));
        }
        self.constraints(alter, &mut sql, &mut last, &mut later);
        columns::change(alter, &mut sql);
        if new_key {
            sql.push(format!("ALTER TABLE {table} ADD CONSTRAINT {} {}", key_name(alter.new), primary_key(alter.new)));
        }
        columns::count_key(alter, &mut sql);
        for (column, before) in alter.pairs() {
            let Some(before) = before else { continue };
            if column.required && !before.required && !alter.new.is_key(&column.name) {
                sql.push(add_not_null(alter.new, column));
                later.splice(0..0, Work::required(alter.new, column).sql);
            }
        }
        sql.append(&mut last);
        later.extend(indexes);
        self.comments(alter);
        (sql, later)
    }

    /// Indexes that go, and take another name; those that come are made later.
    fn indexes(&mut self, alter: &Alter<'_>) -> Vec<String> {
        let before: Vec<(&Index, Vec<String>)> =
            alter.old.indexes.iter().map(|index| (index, renamed_parts(alter, index))).collect();
        let mut kept: Vec<&str> = Vec::new();
        let mut later = Vec::new();
        for index in &alter.new.indexes {
            let parts = index_parts(alter.new, index);
            let same = before.iter().find(|(old, old_parts)| {
                old.unique == index.unique && *old_parts == parts && !kept.contains(&old.name.as_str())
            });
            match same {
                Some((old, _)) => {
                    kept.push(&old.name);
                    if old.name != index.name {
                        let (from, to) = (index_name(old), index_name(index));
                        self.renamed.push(format!("ALTER INDEX IF EXISTS {from} RENAME TO {to}"));
                    }
                }
                None => later.extend(Work::index(alter.new, index).sql),
            }
        }
        for (index, _) in before.iter().filter(|(index, _)| !kept.contains(&index.name.as_str())) {
            self.indexes_dropped.push(format!("DROP INDEX IF EXISTS {}", index_name(index)));
        }
        later
    }

    /// Checks and references: those that change go and come back, unproved; the others take their new names.
    fn constraints(
        &mut self,
        alter: &Alter<'_>,
        sql: &mut Vec<String>,
        last: &mut Vec<String>,
        later: &mut Vec<String>,
    ) {
        let table = quoted(&alter.new.name);
        let gone = alter.dropped.iter().filter_map(|name| alter.old.column(name));
        for column in gone.filter(|column| column.reference.is_some()) {
            self.drop_reference(alter.old, column);
        }
        for (column, before) in alter.pairs() {
            let form = |column: &Column| Postgres.check(column, "value", true);
            let (old, new) = (before.and_then(form), form(column));
            let same_type = before.is_some_and(|before| before.ty == column.ty);
            if same_type && old == new {
                if let (Some(before), Some(_)) = (before, &new) {
                    let from = constraint(alter.old, &before.name, "check");
                    rename_constraint(sql, alter, from, constraint(alter.new, &column.name, "check"));
                }
            } else {
                if let (Some(before), Some(_)) = (before, &old) {
                    let name = constraint(alter.old, &before.name, "check");
                    sql.push(format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}"));
                }
                if let Some(check) = named_check(alter.new, column) {
                    last.push(format!("ALTER TABLE {table} ADD {check} NOT VALID"));
                    later.extend(Work::check(alter.new, column).into_iter().flat_map(|work| work.sql));
                }
            }
            if self.reference_stays(column, before) {
                if let (Some(before), Some(_)) = (before, &column.reference) {
                    let from = constraint(alter.old, &before.name, "fkey");
                    rename_constraint(sql, alter, from, constraint(alter.new, &column.name, "fkey"));
                }
                continue;
            }
            if let Some(before) = before.filter(|before| before.reference.is_some()) {
                self.drop_reference(alter.old, before);
            }
            if let Some(reference) = &column.reference {
                self.references.push(format!("{} NOT VALID", add_reference(alter.new, column, reference)));
                later.extend(Work::reference(alter.new, column, reference).sql);
            }
        }
    }

    fn drop_reference(&mut self, table: &Table, column: &Column) {
        self.references_dropped.push(format!(
            "ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}",
            quoted(&table.name),
            constraint(table, &column.name, "fkey")
        ));
    }

    /// Whether a reference is the same, but for names.
    fn reference_stays(&self, column: &Column, old: Option<&Column>) -> bool {
        let (Some(old), Some(new)) = (old.and_then(|old| old.reference.as_ref()), &column.reference) else {
            return old.is_none_or(|old| old.reference.is_none()) && column.reference.is_none();
        };
        let same_type = target_type(self.old, old) == target_type(self.new, new);
        let target = before(self.old, self.differences, &new.table);
        let key = self.differences.iter().find_map(|difference| match difference {
            Difference::Alter(alter) if alter.new.name == new.table => key_before(alter),
            _ => None,
        });
        let key = key.unwrap_or_else(|| vec![new.column.clone()]);
        same_type
            && old.on_delete == new.on_delete
            && target.is_some_and(|target| target.name == old.table && target.key == key)
            && key == [old.column.clone()]
    }

    fn comments(&mut self, alter: &Alter<'_>) {
        self.comment(alter.new, alter.old.description.as_ref());
        for (column, before) in alter.pairs() {
            self.comment_column(alter.new, column, before.and_then(|before| before.description.as_ref()));
        }
    }

    fn comment(&mut self, table: &Table, before: Option<&String>) {
        if table.description.as_ref() != before {
            let text = comment_text(table.description.as_ref());
            self.comments.push(format!("COMMENT ON TABLE {} IS {text}", quoted(&table.name)));
        }
    }

    fn comment_column(&mut self, table: &Table, column: &Column, before: Option<&String>) {
        if column.description.as_ref() != before {
            let text = comment_text(column.description.as_ref());
            let (table, column) = (quoted(&table.name), quoted(&column.name));
            self.comments.push(format!("COMMENT ON COLUMN {table}.{column} IS {text}"));
        }
    }
}

fn comment_text(text: Option<&String>) -> String {
    text.map_or_else(|| "NULL".to_owned(), |text| text_literal(text))
}

fn add_reference(table: &Table, column: &Column, reference: &Reference) -> String {
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) {}",
        quoted(&table.name),
        constraint(table, &column.name, "fkey"),
        quoted(&column.name),
        refers(reference)
    )
}

/// The type of what is referred to.
fn target_type<'s>(snapshot: &'s Snapshot, reference: &Reference) -> Option<&'s str> {
    snapshot.table(&reference.table)?.column(&reference.column).map(|column| column.ty.as_str())
}

/// The names that the columns of the new key have now; `None` if one is new.
fn key_before(alter: &Alter<'_>) -> Option<Vec<String>> {
    let of = |name: &String| {
        let (_, before) = alter.pairs().find(|(column, _)| column.name == *name)?;
        before.map(|before| before.name.clone())
    };
    alter.new.key.iter().map(of).collect()
}

/// What an old index orders by, with the columns' new names.
fn renamed_parts(alter: &Alter<'_>, index: &Index) -> Vec<String> {
    let rename = |part: String| {
        let first = part.find('"').map_or("", |at| &part[at..]);
        let renamed = alter.pairs().find_map(|(column, before)| {
            let from = quoted(&before?.name);
            (column.name != before?.name && first.starts_with(&from))
                .then(|| part.replacen(&from, &quoted(&column.name), 1))
        });
        renamed.unwrap_or(part)
    };
    index_parts(alter.old, index).into_iter().map(rename).collect()
}

fn rename_constraint(sql: &mut Vec<String>, alter: &Alter<'_>, from: String, to: String) {
    if from != to {
        sql.push(format!("ALTER TABLE {} RENAME CONSTRAINT {from} TO {to}", quoted(&alter.new.name)));
    }
}
