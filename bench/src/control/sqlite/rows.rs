//! A loop around rusqlite, without a server: how fast rows can be written at all.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::value::RawValue;

use super::super::body::NewItem;
use super::database;
use crate::item;

/// Rows a second of single inserts, `batch` of them a commit, each commit synced; for `time`, into a new file.
pub(crate) fn rows_per_second(folder: &Path, batch: u64, time: Duration) -> Result<f64> {
    let connection = database::open(&folder.join("loop.db"))?;
    let created = database::now();
    let data = RawValue::from_string(r#"{"size":{"h":1,"w":2},"tags":["red","small"]}"#.to_owned())?;
    let (begun, mut rows) = (Instant::now(), 0);
    while begun.elapsed() < time {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for n in rows..rows + batch {
            let item = NewItem {
                key: item::key(n),
                title: "What an item is about, in a few words".to_owned(),
                category: item::category(n),
                owner: item::OWNER.to_owned(),
                amount: 7,
                active: true,
                data: Some(data.clone()),
            };
            database::insert(&connection, &item, &created)?;
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        rows += batch;
    }
    Ok(rows as f64 / begun.elapsed().as_secs_f64())
}
