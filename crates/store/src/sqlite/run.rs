//! Running one plan on one connection.

use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use pintle_model::{Model, Value};
use pintle_query::plan::{Action, Inputs};
use pintle_query::{Read, Statement, Write, WritePlan};
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, Row};

use super::bind::bind;
use super::fault;
use super::json;
use crate::json::Array;
use crate::sort::{SortValue, Sorted};
use crate::{Error, Ingested, Refused, Rows, Written};

/// Room for an answer of one row without growing.
const ROW_CAPACITY: usize = 512;
/// The longest SQL whose compiled statement is kept: connections count the statements that they keep, not their bytes.
const KEPT_SQL_BYTES: usize = 16 << 10;
/// Room for a list without growing often.
const LIST_CAPACITY: usize = 8192;

/// Runs a read. A count is read on the same snapshot, so the connection must be in a transaction if there is one.
pub(super) fn read(db: &Connection, read: &Read) -> Result<Rows, Error> {
    let plan = &*read.plan;
    let mut found = rows(db, read, fault::general)?;
    if let Some(count) = &plan.count {
        let mut statement = Prepared::filled(db, count, &read.inputs)?;
        let mut rows = statement.raw_query();
        let total: i64 = match rows.next().map_err(|error| fault::general(&error))? {
            Some(row) => row.get(0).map_err(Error::internal)?,
            None => 0,
        };
        found.total = Some(u64::try_from(total).unwrap_or(0));
    }
    Ok(found)
}

/// Runs a statement of the app's own that writes. After an error a part of it may remain.
pub(super) fn own(db: &Connection, model: &Model, read: &Read) -> Result<Rows, Error> {
    rows(db, read, |error| fault::of_own(error, db, model, read))
}

fn rows(db: &Connection, read: &Read, failed: impl Fn(&rusqlite::Error) -> Error) -> Result<Rows, Error> {
    let plan = &*read.plan;
    let mut array = Array::new(if plan.point { ROW_CAPACITY } else { LIST_CAPACITY });
    let mut statement = Prepared::filled(db, &plan.rows, &read.inputs)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|error| failed(&error))? {
        json::push(&mut array, row, 0, &plan.columns, plan.strip_nulls)?;
    }
    Ok(array.finish())
}

/// Runs a read whose rows are handed on as lines while they are found. `hand_on` says whether they are still wanted.
pub(super) fn lines(
    db: &Connection,
    read: &Read,
    mut hand_on: impl FnMut(Bytes) -> Result<(), Error>,
) -> Result<(), Error> {
    let plan = &*read.plan;
    let mut lines = Array::lines();
    let mut statement = Prepared::filled(db, &plan.rows, &read.inputs)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|error| fault::general(&error))? {
        json::push(&mut lines, row, 0, &plan.columns, plan.strip_nulls)?;
        lines.piece(false).map_or(Ok(()), &mut hand_on)?;
    }
    lines.piece(true).map_or(Ok(()), &mut hand_on)
}

/// A statement that is compiled: kept for the next time, unless it is long.
enum Prepared<'c> {
    Kept(CachedStatement<'c>),
    Once(rusqlite::Statement<'c>),
}

impl<'c> Prepared<'c> {
    fn new(db: &'c Connection, statement: &Statement) -> Result<Prepared<'c>, Error> {
        let long = statement.sql.len() > KEPT_SQL_BYTES;
        let made = if long {
            db.prepare(&statement.sql).map(Prepared::Once)
        } else {
            db.prepare_cached(&statement.sql).map(Prepared::Kept)
        };
        made.map_err(|error| fault::general(&error))
    }

    /// Compiles a statement and fills it.
    fn filled(db: &'c Connection, statement: &Statement, inputs: &Inputs) -> Result<Prepared<'c>, Error> {
        let mut prepared = Prepared::new(db, statement)?;
        prepared.fill(statement, inputs, &[])?;
        Ok(prepared)
    }

    fn fill(&mut self, statement: &Statement, inputs: &Inputs, row: &[Value]) -> Result<(), Error> {
        bind(self, statement, inputs, row).map_err(|error| fault::general(&error))
    }

    /// Whether it finds a row.
    fn answers(&mut self, statement: &Statement, write: &Write, row: &[Value]) -> Result<bool, Error> {
        self.fill(statement, &write.inputs, row)?;
        let found = self.raw_query().next().map_err(|error| fault::general(&error))?.is_some();
        Ok(found)
    }
}

impl<'c> Deref for Prepared<'c> {
    type Target = rusqlite::Statement<'c>;

    fn deref(&self) -> &Self::Target {
        match self {
            Prepared::Kept(statement) => statement,
            Prepared::Once(statement) => statement,
        }
    }
}

impl DerefMut for Prepared<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Prepared::Kept(statement) => statement,
            Prepared::Once(statement) => statement,
        }
    }
}

/// Whether a failure of this write may leave a part of it behind, so that it needs a savepoint: a single statement is
/// atomic by itself.
pub(super) fn needs_savepoint(write: &Write) -> bool {
    let inserts_one = write.plan.action == Action::Insert && write.rows.len() == 1;
    write.rows.len() > 1
        || write.plan.verdicts > 0
        || write.rollback
        || write.max_affected.is_some()
        || (write.single && !inserts_one)
}

/// Runs a write inside the open transaction. After an error a part of it may remain if [`needs_savepoint`]; whether to
/// keep what a write with `rollback` did is the caller's to decide.
pub(super) fn write(db: &Connection, model: &Model, write: &Write) -> Result<Written, Error> {
    let plan = &*write.plan;
    let mut taken = Taken::new(plan);
    let once: [Vec<Value>; 1] = [Vec::new()];
    let inserts = matches!(plan.action, Action::Insert | Action::Upsert);
    let rows: &[Vec<Value>] = if inserts { &write.rows } else { &once };
    let compiled = |statement: &Option<Statement>| statement.as_ref().map(|s| Prepared::new(db, s)).transpose();
    let (mut check, mut probe) = (compiled(&plan.check)?, compiled(&plan.probe)?);
    let mut change = Prepared::new(db, &plan.write)?;
    for row in rows {
        if let (Some(check), Some(statement)) = (&mut check, &plan.check)
            && check.answers(statement, write, row)?
        {
            return Err(Error::Policy(model.collection(plan.collection).name.clone()));
        }
        let was_there = match (&mut probe, &plan.probe) {
            (Some(probe), Some(statement)) => probe.answers(statement, write, row)?,
            _ => false,
        };
        let affected = self::change(&mut change, db, model, write, row, &mut taken)?;
        taken.affected += affected;
        if !was_there && inserts {
            taken.inserted += affected;
        }
    }
    if write.single && taken.affected != 1 {
        return Err(Error::NotSingle(taken.affected));
    }
    if write.max_affected.is_some_and(|most| taken.affected > most) {
        return Err(Error::MaxAffected(taken.affected));
    }
    Ok(taken.finish(plan))
}

/// Runs an insert for each row on its own, inside the open transaction: a statement that fails undoes itself, so a row that is
/// refused costs itself alone. After an error the rows before it remain.
pub(super) fn ingest(db: &Connection, model: &Model, write: &Write) -> Result<Ingested, Error> {
    let plan = &*write.plan;
    let mut check = plan.check.as_ref().map(|check| Prepared::new(db, check)).transpose()?;
    let mut insert = Prepared::new(db, &plan.write)?;
    if plan.verdicts > 0 || insert.column_count() > 0 {
        return Err(Error::internal("a plan that answers rows where none is asked for"));
    }
    let mut one = |row: &[Value]| {
        if let (Some(check), Some(statement)) = (&mut check, &plan.check)
            && check.answers(statement, write, row)?
        {
            return Err(Error::Policy(model.collection(plan.collection).name.clone()));
        }
        insert.fill(&plan.write, &write.inputs, row)?;
        insert.raw_execute().map_err(|error| fault::of_write(&error, db, model, write, row))
    };
    let mut done = Ingested::default();
    for (at, row) in write.rows.iter().enumerate() {
        match one(row) {
            Ok(stored) => done.stored += stored as u64,
            Err(error) if error.is_of_a_row() && !db.is_autocommit() => {
                done.refused.push(Refused { at, row: row.clone(), error });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Runs the write's statement once, and takes what it returns. How many rows were written.
fn change(
    statement: &mut Prepared<'_>,
    db: &Connection,
    model: &Model,
    write: &Write,
    row: &[Value],
    taken: &mut Taken,
) -> Result<u64, Error> {
    let plan = &*write.plan;
    statement.fill(&plan.write, &write.inputs, row)?;
    let failed = |error: rusqlite::Error| fault::of_write(&error, db, model, write, row);
    if statement.column_count() == 0 {
        let changed = statement.raw_execute().map_err(failed)?;
        return Ok(changed as u64);
    }
    let mut affected = 0;
    let mut rows = statement.raw_query();
    while let Some(returned) = rows.next().map_err(failed)? {
        affected += 1;
        for verdict in 0..plan.verdicts {
            let holds: Option<bool> = returned.get(verdict).map_err(Error::internal)?;
            if holds != Some(true) {
                return Err(Error::Policy(model.collection(plan.collection).name.clone()));
            }
        }
        taken.row(returned, plan)?;
    }
    Ok(affected)
}

/// What a write has done so far.
struct Taken {
    rows: Array,
    sorted: Sorted,
    affected: u64,
    inserted: u64,
}

impl Taken {
    fn new(plan: &WritePlan) -> Taken {
        let capacity = if plan.columns.is_empty() { 2 } else { ROW_CAPACITY };
        Taken { rows: Array::new(capacity), sorted: Sorted::default(), affected: 0, inserted: 0 }
    }

    fn row(&mut self, row: &Row<'_>, plan: &WritePlan) -> Result<(), Error> {
        if plan.columns.is_empty() {
            return Ok(());
        }
        json::push(&mut self.rows, row, plan.verdicts, &plan.columns, plan.strip_nulls)?;
        if !plan.sort.is_empty() {
            let first = plan.verdicts + plan.columns.len();
            let values: rusqlite::Result<Vec<_>> =
                (first..first + plan.sort.len()).map(|i| sort_value(row, i)).collect();
            self.sorted.push(values.map_err(Error::internal)?, None, &self.rows);
        }
        Ok(())
    }

    fn finish(self, plan: &WritePlan) -> Written {
        let rows = self.sorted.apply(self.rows, &plan.sort);
        Written { rows: rows.finish(), affected: self.affected, inserted: self.inserted }
    }
}

fn sort_value(row: &Row<'_>, at: usize) -> rusqlite::Result<SortValue> {
    Ok(match row.get_ref(at)? {
        ValueRef::Null => SortValue::Null,
        ValueRef::Integer(number) => SortValue::Integer(number),
        ValueRef::Real(number) => SortValue::Number(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => SortValue::Bytes(bytes.to_vec()),
    })
}
