//! Running a write of many rows as one statement, be they one caller's or ([`shared`]) several callers'.

use std::pin::pin;

use futures_util::TryStreamExt;
use futures_util::future::maybe_done;
use pintle_model::Value;
use pintle_query::plan::Param;
use pintle_query::{Statement, Write};
use tokio_postgres::{Client, Row, Statement as Prepared};

use super::bind::{Bound, Brought};
use super::fault::Fault;
use super::names::Names;
use super::order::{self, Places};
use super::pool::Conn;
use super::run::{Around, TRANSACTION, Taken, decided, decides, settle, settled};
use super::send::{Sent, begin, control, done, ended, send};
use super::together::Shared;
use crate::{Error, Written};

/// Runs a write of many rows as one statement. `None` if a row is against it: nothing remains, and one row after the other
/// tells which.
pub(super) async fn bulk(
    conn: &mut Conn,
    names: &Names,
    write: &Write,
    statement: &Statement,
    around: Option<Around>,
) -> Option<Result<Written, Fault>> {
    let around = around.or(decides(write, true).then_some(TRANSACTION));
    let prepared = match conn.prepared(&statement.sql).await {
        Ok(prepared) => prepared,
        Err(fault) => return Some(Err(fault)),
    };
    conn.idle = false;
    let outcome = at_once(&conn.client, names, write, statement, &prepared, around).await;
    let told = match &outcome {
        Err(Fault::Told(Error::NotSingle(_) | Error::MaxAffected(_))) => true,
        Err(Fault::Told(error)) => !error.is_of_a_row(),
        _ => true,
    };
    let outcome = settled(conn, write, around, outcome).await;
    (told || !conn.idle).then_some(outcome)
}

/// Sends the statement for all rows, and what is put around it.
async fn at_once(
    client: &Client,
    names: &Names,
    write: &Write,
    statement: &Statement,
    prepared: &Prepared,
    around: Option<Around>,
) -> Result<Written, Fault> {
    let decides = decides(write, true);
    // Behind a `BEGIN` that failed it would be kept by itself, and a savepoint that there is not cannot be gone back to.
    let mut opened = around.map(|around| Sent::send(client, around.open)).transpose()?;
    if around.is_some_and(Around::begins) {
        done(opened.take()).await?;
    }
    let load = Load::of(statement, write);
    let mut sent = pin!(maybe_done(returned(client, names, prepared, &load)));
    begin(&mut sent).await;
    let keep = around.filter(|_| !decides).and_then(|around| around.keep);
    let kept = send(client, keep)?;
    done(opened).await?;
    let taken = ended(sent).await?;
    done(kept).await?;
    decided(client, write, around.filter(|_| decides), &taken).await?;
    Ok(taken.finish(&write.plan))
}

/// Reads what a statement for all rows returns.
async fn returned(client: &Client, names: &Names, prepared: &Prepared, load: &Load<'_>) -> Result<Taken, Fault> {
    let Load { write, order, .. } = load;
    let failed = |error: tokio_postgres::Error| Fault::of_write(&error, names, write, &[]);
    let mut taken = Taken::new(&write.plan);
    let mut places = (!order.is_sorted()).then(|| Places::new(write, order));
    let mut rows = pin!(client.query_raw(prepared, load.values()).await.map_err(failed)?);
    let mut affected = 0;
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        affected += 1;
        let place = match &mut places {
            Some(places) if !write.plan.columns.is_empty() => Some(places.next(&row)?.unwrap_or(usize::MAX)),
            _ => None,
        };
        taken.placed(&row, &write.plan, place)?;
    }
    if prepared.columns().is_empty() {
        affected = rows.rows_affected().unwrap_or(0);
    }
    taken.count(affected, &write.plan);
    Ok(taken)
}

/// The transaction of rows of several callers: a lock that somebody holds costs those that it does not concern a moment.
const SHARED: Around =
    Around { open: "BEGIN; SET LOCAL lock_timeout = '250ms'", keep: Some("COMMIT"), undo: "ROLLBACK" };

/// Runs one statement for rows of several callers; what became of each.
pub(super) async fn shared(conn: &mut Conn, names: &Names, write: &Write) -> Result<Shared, Fault> {
    let Some(statement) = &write.plan.bulk else {
        return Err(Error::internal("rows share a statement that there is not").into());
    };
    let prepared = conn.prepared(&statement.sql).await?;
    conn.idle = false;
    let outcome = of_several(&conn.client, names, write, statement, &prepared).await;
    settle(conn, Some(SHARED), &outcome).await;
    outcome
}

/// Sends the statement, and what keeps it, once there is a transaction.
async fn of_several(
    client: &Client,
    names: &Names,
    write: &Write,
    statement: &Statement,
    prepared: &Prepared,
) -> Result<Shared, Fault> {
    // Behind a `BEGIN` that failed it would be kept by itself, and all would be told otherwise.
    control(client, Some(SHARED.open)).await?;
    let load = Load::of(statement, write);
    let mut sent = pin!(maybe_done(rows(client, prepared, &load)));
    begin(&mut sent).await;
    let kept = send(client, SHARED.keep)?;
    sent.as_mut().await;
    let answered = sent.take_output().ok_or_else(|| Error::internal("an answer was taken twice"))?;
    let rows = match answered {
        Ok(rows) => rows,
        Err(error) => {
            let fault = Fault::of_write(&error, names, write, &[]);
            // What the server lacks is no row's fault, and it would lack more of it for each by itself.
            let lacks = error.code().is_some_and(|code| code.code().starts_with("53"));
            // Of the driver's own errors that are not the connection's, only that a value cannot be written has a source.
            let is_undone = error.as_db_error().is_some() || std::error::Error::source(&error).is_some();
            return match fault {
                // Nothing was sent of it, or of a transaction that failed, of which `COMMIT` keeps nothing.
                Fault::Told(error) if is_undone && !lacks && may_be_of_a_row(&error) => {
                    done(kept).await?;
                    Ok(Shared::Against(error))
                }
                fault => Err(fault),
            };
        }
    };
    done(kept).await?;
    Ok(Shared::Stored(each(&rows, write, &load.order)))
}

/// Whether others can be stored without a row: also what a lock holds up, what takes too long, and a defect may be one row's alone.
fn may_be_of_a_row(error: &Error) -> bool {
    error.is_of_a_row() || matches!(error, Error::Busy | Error::Timeout | Error::Internal(_))
}

async fn rows(client: &Client, prepared: &Prepared, load: &Load<'_>) -> Result<(Vec<Row>, u64), tokio_postgres::Error> {
    let mut answered = pin!(client.query_raw(prepared, load.values()).await?);
    let mut rows = Vec::new();
    while let Some(row) = answered.try_next().await? {
        rows.push(row);
    }
    let affected =
        if prepared.columns().is_empty() { answered.rows_affected().unwrap_or(0) } else { rows.len() as u64 };
    Ok((rows, affected))
}

/// What became of each row: those that come back are new; the others were there. All of it is kept by now, so nothing fails but for
/// the row that it concerns.
fn each((rows, affected): &(Vec<Row>, u64), write: &Write, order: &[usize]) -> Vec<Result<Written, Error>> {
    let plan = &*write.plan;
    let all_new = *affected == write.rows.len() as u64;
    let mut new: Vec<Option<Option<&Row>>> = vec![all_new.then_some(None); write.rows.len()];
    let mut places = Places::new(write, order);
    let mut untold = 0;
    for (n, row) in rows.iter().enumerate() {
        let at = if all_new { order.get(n).copied() } else { places.next(row).ok().flatten() };
        match at.and_then(|at| new.get_mut(at)) {
            Some(new) => *new = Some(Some(row)),
            None => untold += 1,
        }
    }
    if untold > 0 {
        tracing::error!(
            collection = plan.collection.0,
            "rows are new and nobody was told: they could not be told apart"
        );
    }
    let one = |new: Option<Option<&Row>>| {
        let mut taken = Taken::new(plan);
        if let Some(row) = new {
            row.map_or(Ok(()), |row| taken.row(row, plan))?;
            taken.count(1, plan);
        }
        Ok(taken.finish(plan))
    };
    new.into_iter().map(one).collect()
}

/// What a statement for all rows is brought, and in which order.
struct Load<'a> {
    statement: &'a Statement,
    write: &'a Write,
    order: Vec<usize>,
    /// Of those that the statement puts in order by itself.
    ranks: Vec<Value>,
    as_they_came: Vec<usize>,
}

impl<'a> Load<'a> {
    fn of(statement: &'a Statement, write: &'a Write) -> Load<'a> {
        let order = order::order(write);
        let (ranks, as_they_came) = match order::is_ranked(statement) {
            true => (order::ranks(&order), (0..order.len()).collect()),
            false => Default::default(),
        };
        Load { statement, write, order, ranks, as_they_came }
    }

    fn values(&self) -> impl ExactSizeIterator<Item = Brought<'_>> {
        let order = if self.ranks.is_empty() { &self.order } else { &self.as_they_came };
        let rows = &self.write.rows;
        self.statement.params.iter().zip(self.statement.values(&self.write.inputs, &[])).map(move |(param, value)| {
            match param {
                Param::Rows(at) => Brought::Rows { rows, order, at: *at },
                Param::Ranks => Brought::Values(&self.ranks),
                _ => Brought::One(Bound(value)),
            }
        })
    }
}
