//! Storing rows each on its own.
//!
//! 1. All of them are one statement, which stores nothing where a row is against it.
//! 2. Then halves are tried, and their halves, until the row is found: a few are found with few statements.
//! 3. Where there are more, or rows cannot share a statement, one row after the other is stored, each in a savepoint of one transaction.

use std::pin::pin;
use std::sync::Arc;

use futures_util::TryStreamExt;
use futures_util::future::maybe_done;
use pintle_model::Value;
use pintle_query::Write;
use tokio_postgres::{Client, Statement as Prepared};

use super::fault::Fault;
use super::names::Names;
use super::order::order;
use super::pool::Conn;
use super::run::{TRANSACTION, settle};
use super::send::{Sent, begin, control, done, query, send};
use super::{Done, How, Postgres};
use crate::{Error, Ingested, Refused};

/// Rows that are found by halving; behind them each row is tried.
const HALVED_MAX: usize = 8;

impl Postgres {
    pub(crate) async fn ingest(&self, write: Write) -> Result<Ingested, Error> {
        let mut all = Ingested::default();
        let Write { plan, inputs, rows, .. } = write;
        let part = |rows| Write {
            plan: Arc::clone(&plan),
            inputs: inputs.clone(),
            rows,
            single: false,
            max_affected: None,
            rollback: false,
        };
        let mut open = vec![(0, part(rows))];
        while let Some((at, mut write)) = open.pop() {
            let several = write.rows.len() > 1;
            let how = if several && (plan.bulk.is_none() || all.refused.len() >= HALVED_MAX) {
                How::Each
            } else {
                How::Whole
            };
            let stored = match self.attempted(&write, how).await {
                Ok(Done::Written(written)) => written.affected,
                Ok(Done::Each(each)) => {
                    all.refused.extend(each.refused.into_iter().map(|row| Refused { at: at + row.at, ..row }));
                    each.stored
                }
                Err(error) if error.is_of_a_row() && !several => {
                    all.refused.extend(write.rows.pop().map(|row| Refused { at, row, error }));
                    0
                }
                Err(error) if !(error.is_of_a_row() && how == How::Whole) => {
                    self.changed(&write, true);
                    return Err(error);
                }
                Ok(Done::Against | Done::Shared(_)) | Err(_) => {
                    let half = write.rows.len() / 2;
                    let rest = part(write.rows.split_off(half));
                    open.push((at + half, rest));
                    open.push((at, write));
                    continue;
                }
            };
            all.stored += stored;
            self.changed(&write, stored > 0);
        }
        Ok(all)
    }
}

/// Stores one row after the other, with one commit.
pub(super) async fn each(conn: &mut Conn, names: &Names, write: &Write) -> Result<Ingested, Fault> {
    let prepared = conn.prepared(&write.plan.write.sql).await?;
    conn.idle = false;
    let outcome = rows(&conn.client, names, write, &prepared).await;
    settle(conn, Some(TRANSACTION), &outcome).await;
    outcome
}

async fn rows(client: &Client, names: &Names, write: &Write, prepared: &Prepared) -> Result<Ingested, Fault> {
    let mut all = Ingested::default();
    // What stands behind a `BEGIN` that failed would be kept by itself.
    control(client, Some("BEGIN")).await?;
    let mut before = "SAVEPOINT one";
    for at in order(write) {
        let row = &write.rows[at];
        let opened = send(client, Some(before))?;
        match one(client, names, write, prepared, row, opened).await {
            Ok(stored) => {
                all.stored += stored;
                before = "RELEASE one; SAVEPOINT one";
            }
            Err(Fault::Told(error)) if error.is_of_a_row() => {
                all.refused.push(Refused { at, row: row.clone(), error });
                before = "ROLLBACK TO one";
            }
            Err(fault) => return Err(fault),
        }
    }
    control(client, Some("ROLLBACK TO one").filter(|undo| *undo == before)).await?;
    control(client, TRANSACTION.keep).await?;
    all.refused.sort_by_key(|refused| refused.at);
    Ok(all)
}

/// Sends one row behind what opens its savepoint; how many rows were stored.
async fn one(
    client: &Client,
    names: &Names,
    write: &Write,
    prepared: &Prepared,
    row: &[Value],
    opened: Option<Sent>,
) -> Result<u64, Fault> {
    let failed = |error: tokio_postgres::Error| Fault::of_write(&error, names, write, row);
    let mut sent = Box::pin(maybe_done(query(client, prepared, write.plan.write.values(&write.inputs, row))));
    begin(&mut sent.as_mut()).await;
    done(opened).await?;
    sent.as_mut().await;
    let Some(answered) = sent.as_mut().take_output() else { return Ok(0) };
    let mut returned = pin!(answered.map_err(failed)?);
    let mut stored = 0;
    while returned.try_next().await.map_err(failed)?.is_some() {
        stored += 1;
    }
    Ok(if prepared.columns().is_empty() { returned.rows_affected().unwrap_or(0) } else { stored })
}
