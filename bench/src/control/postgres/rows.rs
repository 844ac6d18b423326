//! A loop around tokio-postgres, without a server: how fast rows can be written at all.

use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio_postgres::Config;

use super::database::{Connection, insert_many};

/// Rows a second of single inserts under way at once, `batch` of them a commit, for `time`, on one connection into the
/// control's table, where items from `first` on are not there yet.
pub(crate) async fn rows_per_second(url: &str, first: u64, batch: u64, time: Duration) -> Result<f64> {
    let mut connection = Connection::open(&Config::from_str(url)?).await?;
    let (begun, mut rows) = (Instant::now(), 0);
    while begun.elapsed() < time {
        let insert = connection.insert.clone();
        let transaction = connection.client.transaction().await?;
        insert_many(&transaction, &insert, first + rows..first + rows + batch).await?;
        transaction.commit().await?;
        rows += batch;
    }
    Ok(rows as f64 / begun.elapsed().as_secs_f64())
}
