//! Running a write on one connection, and what reads ([`super::read`]) share with it.

use std::pin::pin;

use futures_util::TryStreamExt;
use futures_util::future::maybe_done;
use pintle_model::Value;
use pintle_query::plan::Action;
use pintle_query::{Write, WritePlan};
use tokio_postgres::{Client, Row, Statement as Prepared};

use super::bulk::bulk;
use super::fault::Fault;
use super::json;
use super::names::Names;
use super::pool::Conn;
use super::send::{begin, control, done, query, send};
use crate::json::Array;
use crate::sort::Sorted;
use crate::{Error, Written};

/// Room for an answer of one row without growing.
pub(super) const ROW_CAPACITY: usize = 512;
/// Rows of a bulk write that are sent before the first answer is read.
const PIPELINED_ROWS: usize = 128;
/// With at most so many bytes of values in it, a written row's representation cannot be too large for an answer, even if
/// each byte is written as an escape.
const SMALL_BYTES: usize = 8 << 20;

/// What is put around the statements of one plan, so that all of them see the same, or none remains.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// Sent first.
    pub(super) open: &'static str,
    /// Keeps what was done, unless that is for another one to say.
    pub(super) keep: Option<&'static str>,
    /// Takes it back.
    pub(super) undo: &'static str,
}

impl Around {
    /// Whether it begins a transaction, and does not stand inside one.
    pub(super) fn begins(self) -> bool {
        self.open.starts_with("BEGIN")
    }
}

/// A write of several statements.
pub(super) const TRANSACTION: Around = Around { open: "BEGIN", keep: Some("COMMIT"), undo: "ROLLBACK" };

/// Leaves the connection idle if it can be. Inside a transaction (a savepoint) what failed is taken back.
pub(super) async fn settle<T>(conn: &mut Conn, around: Option<Around>, outcome: &Result<T, Fault>) {
    match outcome {
        Err(Fault::Unsent(_)) => conn.forget(),
        // After a failover the primary is another one: the next connection finds it.
        Err(Fault::Told(Error::ReadOnly)) => conn.worn = true,
        _ => {}
    }
    conn.idle = match (outcome, around) {
        (Ok(_), _) => true,
        (Err(Fault::Broken(_)), _) => false,
        // The rows that were not read may still come: they are waited for where nobody waits for an answer.
        (Err(Fault::Told(Error::TooLarge(_) | Error::Internal(_))), None) => false,
        (Err(_), None) => true,
        (Err(_), Some(around)) => conn.client.batch_execute(around.undo).await.is_ok(),
    };
}

/// Whether a write is one statement that keeps what it does, or fails as a whole, and its answer is not too large.
fn is_one_statement(write: &Write) -> bool {
    let inserts = matches!(write.plan.action, Action::Insert | Action::Upsert);
    write.rows.len() <= 1 && !decides(write, inserts)
}

/// Whether something is decided after the statements have run: then they are kept, or not, by one more.
pub(super) fn decides(write: &Write, inserts: bool) -> bool {
    let inserts_one = write.plan.action == Action::Insert && write.rows.len() == 1;
    write.rollback
        || write.max_affected.is_some()
        || (write.single && !inserts_one)
        || !(write.plan.columns.is_empty() || inserts && is_small(write))
}

fn is_small(write: &Write) -> bool {
    bytes(write) <= SMALL_BYTES
}

/// About how many bytes the written rows have.
pub(super) fn bytes(write: &Write) -> usize {
    let bytes = |value: &Value| match value {
        Value::Text(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 32,
    };
    // Fields that the plan fills by itself are short, or were given once for all.
    let columns: usize = write.plan.columns.iter().map(|column| column.json_key().len()).sum();
    let given: usize = write.rows.iter().flatten().map(bytes).sum();
    given + write.rows.len() * columns
}

/// Runs a write: by itself, or (`around`) inside a transaction.
pub(super) async fn write(
    conn: &mut Conn,
    names: &Names,
    write: &Write,
    around: Option<Around>,
) -> Result<Written, Fault> {
    let plan = &*write.plan;
    if plan.check.is_some() || plan.probe.is_some() || plan.verdicts > 0 {
        return Err(Error::internal("a plan of several steps: it was made for another store").into());
    }
    let once: [Vec<Value>; 1] = [Vec::new()];
    let inserts = matches!(plan.action, Action::Insert | Action::Upsert);
    let rows: &[Vec<Value>] = if inserts { &write.rows } else { &once };
    if let Some(statement) = plan.bulk.as_ref().filter(|_| rows.len() > 1)
        && let Some(outcome) = Box::pin(bulk(conn, names, write, statement, around)).await
    {
        return outcome;
    }
    let around = around.or((!is_one_statement(write)).then_some(TRANSACTION));
    let prepared = conn.prepared(&plan.write.sql).await?;
    conn.idle = false;
    let outcome = statements(&conn.client, names, write, &prepared, rows, around).await;
    settled(conn, write, around, outcome).await
}

/// Runs a write of rows that are kept each on its own as one statement. `None` if a row is against it, or there is no such
/// statement for several: then nothing remains.
pub(super) async fn whole(conn: &mut Conn, names: &Names, write: &Write) -> Result<Option<Written>, Fault> {
    if write.rows.len() <= 1 {
        return self::write(conn, names, write, None).await.map(Some);
    }
    let Some(statement) = &write.plan.bulk else { return Ok(None) };
    Box::pin(bulk(conn, names, write, statement, None)).await.transpose()
}

/// Takes back what failed, and what was to be.
pub(super) async fn settled(
    conn: &mut Conn,
    write: &Write,
    around: Option<Around>,
    outcome: Result<Written, Fault>,
) -> Result<Written, Fault> {
    settle(conn, around, &outcome).await;
    if let (Ok(_), true, Some(around)) = (&outcome, write.rollback, around) {
        conn.idle = false;
        control(&conn.client, Some(around.undo)).await?;
        conn.idle = true;
    }
    outcome
}

/// Whether what was written may stay; keeps it, where that was left to be decided.
pub(super) async fn decided(
    client: &Client,
    write: &Write,
    around: Option<Around>,
    taken: &Taken,
) -> Result<(), Fault> {
    if write.single && taken.affected != 1 {
        return Err(Error::NotSingle(taken.affected).into());
    }
    if write.max_affected.is_some_and(|most| taken.affected > most) {
        return Err(Error::MaxAffected(taken.affected).into());
    }
    control(client, around.filter(|_| !write.rollback).and_then(|around| around.keep)).await
}

/// Sends the write's statement for each row, and what is put around them. On an error, and with `rollback`, what was done
/// is still to be taken back.
async fn statements(
    client: &Client,
    names: &Names,
    write: &Write,
    prepared: &Prepared,
    rows: &[Vec<Value>],
    around: Option<Around>,
) -> Result<Written, Fault> {
    let plan = &*write.plan;
    let decides = decides(write, matches!(plan.action, Action::Insert | Action::Upsert));
    let mut taken = Taken::new(plan);
    let mut chunks = rows.chunks(PIPELINED_ROWS).peekable();
    let mut open = around.map(|around| around.open);
    // Rows behind a `BEGIN` that failed would each be kept by itself.
    if around.is_some_and(Around::begins) {
        control(client, open.take()).await?;
    }
    loop {
        let chunk = chunks.next().unwrap_or_default();
        let is_last = chunks.peek().is_none();
        let keep = around.filter(|_| is_last && !decides).and_then(|around| around.keep);
        let opened = send(client, open.take())?;
        let mut begun = Vec::with_capacity(chunk.len());
        for row in chunk {
            let mut one = Box::pin(maybe_done(query(client, prepared, plan.write.values(&write.inputs, row))));
            begin(&mut one.as_mut()).await;
            begun.push((row, one));
        }
        let kept = send(client, keep)?;
        done(opened).await?;
        for (row, mut one) in begun {
            one.as_mut().await;
            let failed = |error: tokio_postgres::Error| Fault::of_write(&error, names, write, row);
            let Some(answered) = one.as_mut().take_output() else { continue };
            let mut returned = pin!(answered.map_err(failed)?);
            let mut affected = 0;
            while let Some(row) = returned.try_next().await.map_err(failed)? {
                affected += 1;
                taken.row(&row, plan)?;
            }
            if prepared.columns().is_empty() {
                affected = returned.rows_affected().unwrap_or(0);
            }
            taken.count(affected, plan);
        }
        done(kept).await?;
        if is_last {
            break;
        }
    }
    decided(client, write, around.filter(|_| decides), &taken).await?;
    Ok(taken.finish(plan))
}

/// What a write has done so far.
pub(super) struct Taken {
    rows: Array,
    sorted: Sorted,
    affected: u64,
    inserted: u64,
}

impl Taken {
    pub(super) fn new(plan: &WritePlan) -> Taken {
        let capacity = if plan.columns.is_empty() { 2 } else { ROW_CAPACITY };
        Taken { rows: Array::new(capacity), sorted: Sorted::default(), affected: 0, inserted: 0 }
    }

    pub(super) fn row(&mut self, row: &Row, plan: &WritePlan) -> Result<(), Error> {
        self.placed(row, plan, None)
    }

    /// Takes a row that is to be told at this place among those that have one.
    pub(super) fn placed(&mut self, row: &Row, plan: &WritePlan, place: Option<usize>) -> Result<(), Error> {
        if plan.tells_new && json::boolean(row, 0)? {
            self.inserted += 1;
        }
        if plan.columns.is_empty() {
            return Ok(());
        }
        let first = usize::from(plan.tells_new);
        json::push(&mut self.rows, row, first, &plan.columns, plan.strip_nulls)?;
        if !plan.sort.is_empty() || place.is_some() {
            let first = first + plan.columns.len();
            let values = (first..first + plan.sort.len()).map(|at| json::sort_value(row, at)).collect::<Result<_, _>>();
            self.sorted.push(values?, place, &self.rows);
        }
        Ok(())
    }

    pub(super) fn count(&mut self, affected: u64, plan: &WritePlan) {
        self.affected += affected;
        if !plan.tells_new && matches!(plan.action, Action::Insert | Action::Upsert) {
            self.inserted += affected;
        }
    }

    pub(super) fn finish(self, plan: &WritePlan) -> Written {
        let rows = self.sorted.apply(self.rows, &plan.sort);
        Written { rows: rows.finish(), affected: self.affected, inserted: self.inserted }
    }
}
