//! Running one plan on one connection.
//!
//! What belongs together is sent together: the driver sends a statement when its future is first polled, so all of them
//! are polled once, and then awaited in turn.

use std::pin::{Pin, pin};
use std::task::Poll;

use futures_util::TryStreamExt;
use futures_util::future::{MaybeDone, maybe_done, poll_fn};
use pintle_model::Value;
use pintle_query::plan::{Action, Inputs, ParamValue};
use pintle_query::{Read, Statement, Write, WritePlan};
use tokio_postgres::{Client, Row, RowStream, Statement as Prepared};

use super::bind::Bound;
use super::bulk::bulk;
use super::fault::Fault;
use super::json;
use super::names::Names;
use super::pool::Conn;
use crate::json::Array;
use crate::sort::Sorted;
use crate::{Error, Rows, Written, fault as shared};

/// Room for an answer of one row without growing.
const ROW_CAPACITY: usize = 512;
/// Room for a list without growing often.
const LIST_CAPACITY: usize = 8192;
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
    /// Keeps what was done.
    pub(super) keep: &'static str,
    /// Takes it back.
    pub(super) undo: &'static str,
}

impl Around {
    /// Whether it begins a transaction, and does not stand inside one.
    pub(super) fn begins(self) -> bool {
        self.open.starts_with("BEGIN")
    }
}

/// A read of two statements.
const SNAPSHOT: Around =
    Around { open: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", keep: "COMMIT", undo: "ROLLBACK" };
/// A write of several statements.
pub(super) const TRANSACTION: Around = Around { open: "BEGIN", keep: "COMMIT", undo: "ROLLBACK" };

/// Runs a statement of the app's own that writes, inside a transaction.
pub(super) async fn own(conn: &mut Conn, names: &Names, read: &Read, around: Around) -> Result<Rows, Fault> {
    let prepared = conn.prepared(&read.plan.rows.sql).await?;
    conn.idle = false;
    let outcome = owned(&conn.client, names, read, &prepared, around).await;
    settle(conn, Some(around), &outcome).await;
    outcome
}

async fn owned(
    client: &Client,
    names: &Names,
    read: &Read,
    prepared: &Prepared,
    around: Around,
) -> Result<Rows, Fault> {
    control(client, Some(around.open)).await?;
    let failed = |error: tokio_postgres::Error| match shared::written_by(read) {
        Some(write) => Fault::of_write(&error, names, &write, &[]),
        None => Fault::general(&error),
    };
    let rows = collected(client, prepared, read, failed).await?;
    control(client, Some(around.keep)).await?;
    Ok(rows)
}

/// Runs a read: by itself, or (`around`) inside a transaction.
pub(super) async fn read(conn: &mut Conn, read: &Read, around: Option<Around>) -> Result<Rows, Fault> {
    let plan = &*read.plan;
    let rows = conn.prepared(&plan.rows.sql).await?;
    let count = match &plan.count {
        Some(count) => Some((conn.prepared(&count.sql).await?, count)),
        None => None,
    };
    let around = around.or(count.is_some().then_some(SNAPSHOT));
    conn.idle = false;
    let outcome = match around {
        None => collected(&conn.client, &rows, read, general).await,
        // Apart from the read itself, which most requests wait for: a future is copied whole, also what it seldom needs.
        Some(around) => Box::pin(together(&conn.client, read, &rows, count.as_ref(), around)).await,
    };
    settle(conn, around, &outcome).await;
    outcome
}

/// Sends a read's statements and what is put around them, then waits for the answers.
async fn together(
    client: &Client,
    read: &Read,
    rows: &Prepared,
    count: Option<&(Prepared, &Statement)>,
    around: Around,
) -> Result<Rows, Fault> {
    let mut open = pin!(maybe_done(control(client, Some(around.open))));
    let mut rows = pin!(maybe_done(collected(client, rows, read, general)));
    let mut total = pin!(maybe_done(counted(client, count, &read.inputs)));
    let mut keep = pin!(maybe_done(control(client, Some(around.keep))));
    begin(&mut open).await;
    begin(&mut rows).await;
    begin(&mut total).await;
    begin(&mut keep).await;
    ended(open).await?;
    let mut found = ended(rows).await?;
    found.total = ended(total).await?;
    ended(keep).await?;
    Ok(found)
}

/// Reads all rows.
async fn collected(
    client: &Client,
    prepared: &Prepared,
    read: &Read,
    failed: impl Fn(tokio_postgres::Error) -> Fault,
) -> Result<Rows, Fault> {
    let plan = &*read.plan;
    let mut array = Array::new(if plan.point { ROW_CAPACITY } else { LIST_CAPACITY });
    let values = plan.rows.values(&read.inputs, &[]);
    let mut found = pin!(sent(client, prepared, values).await.map_err(&failed)?);
    while let Some(row) = found.try_next().await.map_err(&failed)? {
        json::push(&mut array, &row, 0, &plan.columns, plan.strip_nulls)?;
    }
    Ok(array.finish())
}

fn general(error: tokio_postgres::Error) -> Fault {
    Fault::general(&error)
}

async fn counted(
    client: &Client,
    count: Option<&(Prepared, &Statement)>,
    inputs: &Inputs,
) -> Result<Option<u64>, Fault> {
    let Some((prepared, statement)) = count else { return Ok(None) };
    let values = statement.values(inputs, &[]);
    let mut found = pin!(sent(client, prepared, values).await.map_err(|error| Fault::general(&error))?);
    let mut total: i64 = 0;
    while let Some(row) = found.try_next().await.map_err(|error| Fault::general(&error))? {
        total = row.try_get(0).map_err(Error::internal)?;
    }
    Ok(Some(u64::try_from(total).unwrap_or(0)))
}

async fn sent<'a>(
    client: &Client,
    prepared: &Prepared,
    values: impl ExactSizeIterator<Item = ParamValue<'a>>,
) -> Result<RowStream, tokio_postgres::Error> {
    client.query_raw(prepared, values.map(Bound)).await
}

/// Runs a statement that brings nothing back, if there is one.
pub(super) async fn control(client: &Client, sql: Option<&str>) -> Result<(), Fault> {
    match sql {
        Some(sql) => client.batch_execute(sql).await.map_err(|error| Fault::general(&error)),
        None => Ok(()),
    }
}

/// Polls once, which sends.
pub(super) async fn begin<F: Future>(future: &mut Pin<&mut MaybeDone<F>>) {
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

/// Waits for what was begun.
pub(super) async fn ended<T>(
    mut future: Pin<&mut MaybeDone<impl Future<Output = Result<T, Fault>>>>,
) -> Result<T, Fault> {
    future.as_mut().await;
    future.take_output().unwrap_or_else(|| Err(Fault::Told(Error::internal("an answer was taken twice"))))
}

/// Leaves the connection idle if it can be. Inside a transaction (a savepoint) what failed is taken back.
async fn settle<T>(conn: &mut Conn, around: Option<Around>, outcome: &Result<T, Fault>) {
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
    let bytes = |value: &Value| match value {
        Value::Text(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 32,
    };
    // Fields that the plan fills by itself are short, or were given once for all.
    let columns: usize = write.plan.columns.iter().map(|column| column.json_key().len()).sum();
    let given: usize = write.rows.iter().flatten().map(bytes).sum();
    given + write.rows.len() * columns <= SMALL_BYTES
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
    control(client, around.filter(|_| !write.rollback).map(|around| around.keep)).await
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
        let keep = around.filter(|_| is_last && !decides).map(|around| around.keep);
        let mut opened = pin!(maybe_done(control(client, open.take())));
        begin(&mut opened).await;
        let mut begun = Vec::with_capacity(chunk.len());
        for row in chunk {
            let mut one = Box::pin(maybe_done(sent(client, prepared, plan.write.values(&write.inputs, row))));
            begin(&mut one.as_mut()).await;
            begun.push((row, one));
        }
        let mut kept = pin!(maybe_done(control(client, keep)));
        begin(&mut kept).await;
        ended(opened).await?;
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
        ended(kept).await?;
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
        if plan.tells_new && json::boolean(row, 0)? {
            self.inserted += 1;
        }
        if plan.columns.is_empty() {
            return Ok(());
        }
        let first = usize::from(plan.tells_new);
        json::push(&mut self.rows, row, first, &plan.columns, plan.strip_nulls)?;
        if !plan.sort.is_empty() {
            let first = first + plan.columns.len();
            let values = (first..first + plan.sort.len()).map(|at| json::sort_value(row, at)).collect::<Result<_, _>>();
            self.sorted.push(values?, &self.rows);
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
