//! Running a read on one connection.
//!
//! One that must be alone with its snapshot, or must not write, is a transaction of its own, sent with it; nobody waits for its
//! end.

use std::pin::pin;

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::maybe_done;
use pintle_query::plan::Inputs;
use pintle_query::{Read, Statement};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_postgres::{Client, Statement as Prepared};

use super::connect::told;
use super::fault::Fault;
use super::json;
use super::names::Names;
use super::pool::Conn;
use super::run::{Around, ROW_CAPACITY, settle};
use super::send::{Sent, begin, control, done, ended, query, send};
use crate::json::Array;
use crate::lines::hand_on;
use crate::{Error, Rows, fault as shared};

/// Room for a list without growing often.
const LIST_CAPACITY: usize = 8192;
/// Before a read of two statements.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Before a statement of the app's own that reads: whatever it calls, it cannot write.
const READ_ONLY: &str = "BEGIN READ ONLY";

/// Runs a read: by itself, or (`around`) inside a transaction.
pub(super) async fn read(conn: &mut Conn, read: &Read, around: Option<Around>) -> Result<Rows, Fault> {
    let plan = &*read.plan;
    let rows = conn.prepared(&plan.rows.sql).await?;
    let count = match &plan.count {
        Some(count) => Some((conn.prepared(&count.sql).await?, count)),
        None => None,
    };
    let alone = match count {
        Some(_) => Some(SNAPSHOT),
        None => plan.own.then_some(READ_ONLY),
    };
    conn.idle = false;
    // Those of several statements are apart from the read that most requests wait for: a future is copied whole, also what it
    // seldom needs.
    let outcome = match (around, alone) {
        (None, None) => collected(&conn.client, &rows, read, of_read).await,
        (None, Some(open)) => {
            let Conn { client, leaving, .. } = conn;
            Box::pin(together(client, read, &rows, count.as_ref(), open, Some("COMMIT"), leaving)).await
        }
        (Some(around), _) => Box::pin(step(&conn.client, read, &rows, count.as_ref(), around)).await,
    };
    settle(conn, around, &outcome).await;
    outcome
}

/// Runs a read whose rows are handed on as lines while they come. After an error the connection is not idle.
pub(super) async fn lines(
    conn: &mut Conn,
    read: &Read,
    pieces: &mpsc::Sender<Bytes>,
    due: Instant,
) -> Result<(), Fault> {
    let plan = &*read.plan;
    let prepared = conn.prepared(&plan.rows.sql).await?;
    conn.idle = false;
    let outcome = async {
        let mut opened = Sent::send(&conn.client, READ_ONLY)?;
        let values = plan.rows.values(&read.inputs, &[]);
        let mut rows = pin!(query(&conn.client, &prepared, values).await.map_err(of_read)?);
        opened.done().await?;
        let mut lines = Array::lines();
        loop {
            let row = rows.try_next().await.map_err(of_read)?;
            if let Some(row) = &row {
                json::push(&mut lines, row, 0, &plan.columns, plan.strip_nulls)?;
            }
            if let Some(piece) = lines.piece(row.is_none()) {
                hand_on(pieces, piece, due).await?;
            }
            if row.is_none() {
                return control(&conn.client, Some("COMMIT")).await;
            }
        }
    }
    .await;
    match outcome {
        Err(Fault::Unsent(_)) => conn.forget(),
        _ => conn.idle = outcome.is_ok(),
    }
    outcome
}

/// Runs a read inside a transaction.
async fn step(
    client: &Client,
    read: &Read,
    rows: &Prepared,
    count: Option<&(Prepared, &Statement)>,
    around: Around,
) -> Result<Rows, Fault> {
    let mut kept = None;
    let rows = together(client, read, rows, count, around.open, around.keep, &mut kept).await?;
    done(kept).await?;
    Ok(rows)
}

/// Sends a read's statements, one before and one after them, then waits for the answers but the last one's.
async fn together(
    client: &Client,
    read: &Read,
    rows: &Prepared,
    count: Option<&(Prepared, &Statement)>,
    open: &str,
    close: Option<&str>,
    closing: &mut Option<Sent>,
) -> Result<Rows, Fault> {
    let mut opened = Sent::send(client, open)?;
    let mut rows = pin!(maybe_done(collected(client, rows, read, of_read)));
    let mut total = pin!(maybe_done(counted(client, count, &read.inputs)));
    begin(&mut rows).await;
    begin(&mut total).await;
    *closing = send(client, close)?;
    let found = ended(rows).await;
    // What it says has come by now, and is the reason if it is an error.
    opened.done().await?;
    let mut found = found?;
    found.total = ended(total).await?;
    Ok(found)
}

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
    let failed = |error: tokio_postgres::Error| match shared::written_by(read) {
        Some(write) => Fault::of_write(&error, names, &write, &[]),
        None => Fault::general(&error),
    };
    let mut opened = Some(Sent::send(client, around.open)?);
    // Behind a `BEGIN` that failed it would be kept by itself.
    if around.begins() {
        done(opened.take()).await?;
    }
    let mut rows = pin!(maybe_done(collected(client, prepared, read, failed)));
    begin(&mut rows).await;
    let kept = send(client, around.keep)?;
    let rows = ended(rows).await;
    done(opened).await?;
    let rows = rows?;
    done(kept).await?;
    Ok(rows)
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
    let mut found = pin!(query(client, prepared, values).await.map_err(&failed)?);
    while let Some(row) = found.try_next().await.map_err(&failed)? {
        json::push(&mut array, &row, 0, &plan.columns, plan.strip_nulls)?;
    }
    Ok(array.finish())
}

/// An error of a plan that only reads.
fn of_read(error: tokio_postgres::Error) -> Fault {
    match Fault::general(&error) {
        // It is refused as a whole, and nothing is the matter with the server.
        Fault::Told(Error::ReadOnly) => {
            Error::internal(format!("a statement that only reads would have written: {}", told(&error))).into()
        }
        other => other,
    }
}

async fn counted(
    client: &Client,
    count: Option<&(Prepared, &Statement)>,
    inputs: &Inputs,
) -> Result<Option<u64>, Fault> {
    let Some((prepared, statement)) = count else { return Ok(None) };
    let values = statement.values(inputs, &[]);
    let mut found = pin!(query(client, prepared, values).await.map_err(of_read)?);
    let mut total: i64 = 0;
    while let Some(row) = found.try_next().await.map_err(of_read)? {
        total = row.try_get(0).map_err(Error::internal)?;
    }
    Ok(Some(u64::try_from(total).unwrap_or(0)))
}
