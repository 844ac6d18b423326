//! The statement written by hand, on the same database.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use tokio_postgres::{Client, NoTls, Statement};

use crate::measure::median;
use crate::progress;
use crate::stores::Another;

/// What makes its table and indexes, and the statement.
const SQL: &str = include_str!("../../proximity.sql");
/// What stands between them.
const MARK: &str = "-- The statement";
/// The day that is asked for, in seconds since 1970, and the metres.
const DAY: [u64; 2] = [1_577_836_800, 1_577_923_200];
const METRES: f64 = 5.0;

/// Its median time, in milliseconds, for the same questions.
///
/// # Errors
/// When its answers are others.
pub(super) fn median_ms(store: &Another, answers: &[BTreeSet<String>], times: u64) -> Result<f64> {
    progress("the statement written by hand: making its table and its indexes");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&store.url, NoTls).await?;
        tokio::spawn(connection);
        let (tables, asked) = SQL.split_once(MARK).context("bench/proximity.sql has no statement")?;
        let (_, asked) = asked.split_once('\n').context("its statement is empty")?;
        for statement in tables.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            client.batch_execute(statement).await?;
        }
        let statement = client.prepare(asked).await?;
        let mut found = Vec::new();
        for _ in 0..times {
            for (person, answer) in (1..).zip(answers) {
                found.push(ask(&client, &statement, person, answer).await?);
            }
        }
        let found = median(found);
        progress(&format!("by hand: {found:.2} ms"));
        Ok(found)
    })
}

/// Milliseconds of one question.
async fn ask(client: &Client, statement: &Statement, person: i64, answer: &BTreeSet<String>) -> Result<f64> {
    let [from, to] = DAY.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let begun = Instant::now();
    let rows = client.query(statement, &[&person, &from, &to, &METRES]).await?;
    let ms = begun.elapsed().as_secs_f64() * 1000.0;
    let ids: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    ensure!(ids == *answer, "person {person} was near {} places by hand, and {} of Pintle's", ids.len(), answer.len());
    Ok(ms)
}
