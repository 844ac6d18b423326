//! What is made after the transaction, piece by piece, since inside it would lock tables for as long as their rows are
//! read: indexes of tables that were there, checks and references of rows that were there, NOT NULL.
//!
//! What is still to be made is read from the database itself. So a migration that was interrupted goes on wherever it
//! stopped, and each piece may be run again.

use std::collections::BTreeSet;

use super::ddl::{Postgres, SCHEMA, constraint, create_index, index_name};
use super::session::{Session, is_data};
use crate::Error;
use crate::migrate::describe::Rule;
use crate::migrate::review::{Engine as _, orphans, outside, quoted, repeated, required};
use crate::migrate::snapshot::{Column, Index, Reference, Snapshot, Table};
use crate::names;
use crate::postgres::names::{NAME_MAX, fitting};

/// How the names of checks end that stand for NOT NULL.
const PROOF: &str = "not_null";

/// A piece of work.
#[derive(Debug)]
pub(super) struct Work {
    /// Statements, each run by itself.
    pub(super) sql: Vec<String>,
    /// Takes back what a failure leaves.
    undo: Option<String>,
    /// What the rows must keep for it, and how those are counted that do not.
    rule: Rule,
    count: String,
}

impl Work {
    /// An index of a table that is there.
    pub(super) fn index(table: &Table, index: &Index) -> Work {
        let values: Vec<String> = index.parts.iter().map(|part| part.trim_end_matches(" DESC").to_owned()).collect();
        Work {
            sql: vec![create_index(table, index, "CONCURRENTLY ")],
            undo: Some(drop_index(index)),
            rule: index.rule(&table.name),
            count: repeated(&quoted(&table.name), &values),
        }
    }

    /// The check of a column, made without a look at the rows.
    pub(super) fn check(table: &Table, column: &Column) -> Option<Work> {
        let check = Postgres.check(column, &quoted(&column.name), true)?;
        Some(Work {
            sql: vec![validate(table, &constraint(table, &column.name, "check"))],
            undo: None,
            rule: Rule::Limits { table: table.name.clone(), field: column.name.clone() },
            count: outside(&quoted(&table.name), &check),
        })
    }

    /// A reference, made without a look at the rows.
    pub(super) fn reference(table: &Table, column: &Column, reference: &Reference) -> Work {
        let target = (reference.table.clone(), reference.column.clone());
        Work {
            sql: vec![validate(table, &constraint(table, &column.name, "fkey"))],
            undo: None,
            rule: Rule::Refers { table: table.name.clone(), field: column.name.clone(), to: reference.table.clone() },
            count: orphans(&quoted(&table.name), &format!("o.{}", quoted(&column.name)), Some(target)),
        }
    }

    /// NOT NULL, by way of a check that is proved without locking writers out.
    pub(super) fn required(table: &Table, column: &Column) -> Work {
        Work::proved(table, column, &proof_name(table, column))
    }

    fn proved(table: &Table, column: &Column, proof: &str) -> Work {
        let (name, field) = (quoted(&table.name), quoted(&column.name));
        let proof = quoted(proof);
        Work {
            sql: vec![
                validate(table, &proof),
                format!("ALTER TABLE {name} ALTER COLUMN {field} SET NOT NULL"),
                format!("ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {proof}"),
            ],
            undo: None,
            rule: Rule::Required { table: table.name.clone(), field: column.name.clone() },
            count: required(&name, &field),
        }
    }
}

/// What the check is called that stands for NOT NULL until it is proved.
fn proof_name(table: &Table, column: &Column) -> String {
    fitting(&names::over(&table.name, &[&column.name], PROOF))
}

/// The check that stands for NOT NULL until it is proved.
pub(super) fn add_not_null(table: &Table, column: &Column) -> String {
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID",
        quoted(&table.name),
        quoted(&proof_name(table, column)),
        quoted(&column.name)
    )
}

fn validate(table: &Table, constraint: &str) -> String {
    format!("ALTER TABLE {} VALIDATE CONSTRAINT {constraint}", quoted(&table.name))
}

fn drop_index(index: &Index) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {}", index_name(index))
}

/// What the database still lacks of a model whose transaction is done.
pub(super) async fn left(session: &Session, snapshot: &Snapshot) -> Result<Vec<Work>, Error> {
    let there = There::read(session).await?;
    let mut works = Vec::new();
    for table in &snapshot.tables {
        for column in &table.columns {
            works.extend(there.column_lacks(table, column));
        }
        for index in &table.indexes {
            match there.index(table, index) {
                Some(true) => {}
                Some(false) => {
                    let mut work = Work::index(table, index);
                    work.sql.insert(0, drop_index(index));
                    works.push(work);
                }
                None => works.push(Work::index(table, index)),
            }
        }
    }
    Ok(works)
}

/// Does it.
///
/// # Errors
/// When rows are against it (all that is possible is done nevertheless), or the database does not answer.
pub(super) async fn finish(session: &Session, works: Vec<Work>) -> Result<(), Error> {
    let mut against = Vec::new();
    for work in works {
        let mut failed = None;
        for sql in &work.sql {
            if let Err(error) = session.patiently(sql).await {
                failed = Some((error, sql));
                break;
            }
        }
        let Some((error, sql)) = failed else { continue };
        if !is_data(&error) {
            return Err(session.because(error, sql));
        }
        if let Some(undo) = &work.undo {
            session.patiently(undo).await.map_err(|error| session.because(error, undo))?;
        }
        let rows = session.count(&work.count).await.unwrap_or(0);
        against.push(work.rule.broken(rows));
    }
    if against.is_empty() {
        return Ok(());
    }
    Err(Error::Migration(format!(
        "rows that were written meanwhile keep the last of the changes from being made:\n  {}\nThe next start goes on with them",
        against.join("\n  ")
    )))
}

/// What the catalogue says of the schema's tables.
struct There {
    /// Table, index, whether it is whole, what it orders by.
    indexes: Vec<(String, String, bool)>,
    /// Table and constraint, of those that no look at the rows has proved.
    unproved: BTreeSet<(String, String)>,
    /// Table, column and constraint, of the checks that stand for NOT NULL. Their names may be those that the table and
    /// the column had before.
    proofs: Vec<(String, String, String)>,
    /// Table and column, of those that may be null.
    nullable: BTreeSet<(String, String)>,
}

impl There {
    async fn read(session: &Session) -> Result<There, Error> {
        let pairs = |rows: Vec<tokio_postgres::Row>| rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let indexes = session
            .query(&format!(
                "SELECT t.relname::text, c.relname::text, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 JOIN pg_class t ON t.oid = i.indrelid WHERE c.relnamespace = {SCHEMA}"
            ))
            .await?;
        let of_constraints = |which: &str| {
            format!(
                "SELECT t.relname::text, c.conname::text FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid \
                 WHERE c.connamespace = {SCHEMA} AND {which}"
            )
        };
        let proofs = format!(
            "SELECT t.relname::text, a.attname::text, c.conname::text FROM pg_constraint c JOIN pg_class t ON t.oid = \
             c.conrelid JOIN pg_attribute a ON a.attrelid = t.oid AND c.conkey = ARRAY[a.attnum] WHERE c.connamespace = \
             {SCHEMA} AND c.contype = 'c' AND pg_get_expr(c.conbin, c.conrelid) = format('(%I IS NOT NULL)', a.attname) \
             AND (right(c.conname, {}) = '_{PROOF}' OR octet_length(c.conname) = {NAME_MAX})",
            PROOF.len() + 1
        );
        let nullable = format!(
            "SELECT t.relname::text, a.attname::text FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid WHERE \
             t.relnamespace = {SCHEMA} AND t.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.attnotnull"
        );
        Ok(There {
            indexes: indexes.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect(),
            unproved: pairs(session.query(&of_constraints("c.contype IN ('c', 'f') AND NOT c.convalidated")).await?),
            proofs: session.query(&proofs).await?.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect(),
            nullable: pairs(session.query(&nullable).await?),
        })
    }

    fn is_unproved(&self, table: &Table, column: &Column, kind: &str) -> bool {
        let name = fitting(&names::over(&table.name, &[&column.name], kind));
        self.unproved.contains(&(table.name.clone(), name))
    }

    fn column_lacks(&self, table: &Table, column: &Column) -> Vec<Work> {
        let mut works = Vec::new();
        let proof = self.proofs.iter().find(|(of, on, _)| *of == table.name && *on == column.name);
        let nullable = self.nullable.contains(&(table.name.clone(), column.name.clone()));
        match proof {
            Some((.., proof)) => {
                let mut work = Work::proved(table, column, proof);
                if !column.required {
                    // A later model takes it back.
                    work.sql.drain(..work.sql.len() - 1);
                }
                works.push(work);
            }
            None if column.required && nullable => {
                let mut work = Work::required(table, column);
                work.sql.insert(0, add_not_null(table, column));
                works.push(work);
            }
            None => {}
        }
        if self.is_unproved(table, column, "check") {
            works.extend(Work::check(table, column));
        }
        if let Some(reference) = &column.reference
            && self.is_unproved(table, column, "fkey")
        {
            works.push(Work::reference(table, column, reference));
        }
        works
    }

    /// Whether an index is whole; `None` if there is none. One of another table has the name for itself, so that making
    /// ours fails and says so.
    fn index(&self, table: &Table, index: &Index) -> Option<bool> {
        let name = fitting(&index.name);
        let found = self.indexes.iter().find(|(of, there, _)| *of == table.name && *there == name);
        found.map(|(_, _, whole)| *whole)
    }
}
