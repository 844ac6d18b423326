//! Running a write of many rows as one statement.

use std::pin::pin;

use futures_util::TryStreamExt;
use futures_util::future::maybe_done;
use pintle_query::plan::Param;
use pintle_query::{Statement, Write};
use tokio_postgres::{Client, Statement as Prepared};

use super::bind::{Bound, Brought};
use super::fault::Fault;
use super::names::Names;
use super::pool::Conn;
use super::run::{Around, TRANSACTION, Taken, decided, decides, settled};
use super::send::{Sent, begin, done, ended, send};
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
    let values = statement.params.iter().zip(statement.values(&write.inputs, &[])).map(|(param, value)| match param {
        Param::Rows(n) => Brought::Rows(&write.rows, *n),
        _ => Brought::One(Bound(value)),
    });
    let mut sent = pin!(maybe_done(returned(client, names, write, prepared, values)));
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
async fn returned<'a>(
    client: &Client,
    names: &Names,
    write: &Write,
    prepared: &Prepared,
    values: impl ExactSizeIterator<Item = Brought<'a>>,
) -> Result<Taken, Fault> {
    let failed = |error: tokio_postgres::Error| Fault::of_write(&error, names, write, &[]);
    let mut taken = Taken::new(&write.plan);
    let mut rows = pin!(client.query_raw(prepared, values).await.map_err(failed)?);
    let mut affected = 0;
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        affected += 1;
        taken.row(&row, &write.plan)?;
    }
    if prepared.columns().is_empty() {
        affected = rows.rows_affected().unwrap_or(0);
    }
    taken.count(affected, &write.plan);
    Ok(taken)
}
