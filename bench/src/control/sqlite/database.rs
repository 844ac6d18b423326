//! The control's database: its table, its readers, rows as JSON.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use super::super::body::NewItem;
use crate::item;

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS items (
      key TEXT PRIMARY KEY NOT NULL,
      title TEXT NOT NULL,
      category TEXT NOT NULL,
      owner TEXT NOT NULL,
      amount INTEGER NOT NULL,
      active INTEGER NOT NULL DEFAULT 1,
      data TEXT,
      created TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS items_category_key ON items (category, key);";
const INSERT: &str = "INSERT INTO items (key, title, category, owner, amount, active, data, created)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const FETCH: &str = "SELECT key, title, category, owner, amount, active, data, created FROM items WHERE key = ?1";
const LIST: &str = "SELECT key, title, category, owner, amount, active, data, created FROM items
    WHERE category = ?1 ORDER BY key LIMIT ?2";

/// Opens the database to write, and makes its table.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    tune(&connection)?;
    connection.execute_batch(TABLE)?;
    Ok(connection)
}

fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -16384)?;
    // Else SQLite compiles a statement anew whenever its LIMIT is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Fills an empty table with `count` items.
pub(super) fn seed(connection: &Connection, count: u64) -> Result<()> {
    let held: i64 = connection.query_row("SELECT count(*) FROM items", [], |row| row.get(0))?;
    if held > 0 {
        return Ok(());
    }
    connection.execute_batch("BEGIN")?;
    let (mut body, created) = (Vec::new(), now());
    for n in 0..count {
        body.clear();
        item::write(n, &mut body);
        insert(connection, &NewItem::read(&body).map_err(anyhow::Error::msg)?, &created)?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(())
}

/// The moment, in the form that is stored and answered.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

/// Stores one item.
pub(super) fn insert(connection: &Connection, item: &NewItem, created: &str) -> rusqlite::Result<()> {
    let NewItem { key, title, category, owner, amount, active, data } = item;
    let data = data.as_ref().map(|data| data.get());
    let mut statement = connection.prepare_cached(INSERT)?;
    statement.execute((key, title, category, owner, amount, active, data, created))?;
    Ok(())
}

/// A stored item as JSON, without asking for it again.
pub(super) fn json(item: &NewItem, created: &str) -> Vec<u8> {
    let NewItem { key, title, category, owner, amount, active, data } = item;
    let mut json = Vec::with_capacity(320);
    for (name, value) in [(r#"{"key":"#, key), (r#","title":"#, title), (r#","category":"#, category)] {
        text(&mut json, name, value);
    }
    text(&mut json, r#","owner":"#, owner);
    json.extend_from_slice(br#","amount":"#);
    json.extend_from_slice(itoa::Buffer::new().format(*amount).as_bytes());
    json.extend_from_slice(if *active { br#","active":true,"data":"# } else { br#","active":false,"data":"# });
    json.extend_from_slice(data.as_ref().map_or("null", |data| data.get()).as_bytes());
    text(&mut json, r#","created":"#, created);
    json.push(b'}');
    json
}

fn text(json: &mut Vec<u8>, name: &str, value: &str) {
    json.extend_from_slice(name.as_bytes());
    // Writing to a vector cannot fail.
    let _ = serde_json::to_writer(json, value);
}

thread_local! {
    static READER: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// Connections that read: one for each of the server's workers.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Readers {
        Readers { path }
    }

    /// One item as JSON.
    pub(super) fn fetch(&self, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(FETCH)?;
            let mut rows = statement.query([key])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let mut json = Vec::with_capacity(320);
            object(&mut json, row)?;
            Ok(Some(json))
        })
    }

    /// The first items of a category as a JSON array.
    pub(super) fn list(&self, category: &str, limit: u32) -> rusqlite::Result<Vec<u8>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let mut rows = statement.query((category, limit))?;
            let mut json = Vec::with_capacity(8192);
            json.push(b'[');
            while let Some(row) = rows.next()? {
                if json.len() > 1 {
                    json.push(b',');
                }
                object(&mut json, row)?;
            }
            json.push(b']');
            Ok(json)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        READER.with_borrow_mut(|reader| match reader {
            Some(connection) => work(connection),
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = reader.insert(Connection::open_with_flags(&self.path, flags)?);
                tune(connection)?;
                work(connection)
            }
        })
    }
}

/// A row as a JSON object, straight from the driver's values.
fn object(json: &mut Vec<u8>, row: &Row<'_>) -> rusqlite::Result<()> {
    const NAMES: [&str; 8] = [
        r#"{"key":"#,
        r#","title":"#,
        r#","category":"#,
        r#","owner":"#,
        r#","amount":"#,
        r#","active":"#,
        r#","data":"#,
        r#","created":"#,
    ];
    const ACTIVE: usize = 5;
    const DATA: usize = 6;
    for (at, name) in NAMES.iter().enumerate() {
        json.extend_from_slice(name.as_bytes());
        match (at, row.get_ref(at)?) {
            (ACTIVE, ValueRef::Integer(active)) => json.extend_from_slice(if active == 0 { b"false" } else { b"true" }),
            (DATA, ValueRef::Text(data)) => json.extend_from_slice(data),
            (_, ValueRef::Text(text)) => {
                let text = std::str::from_utf8(text).map_err(|error| rusqlite::Error::Utf8Error(at, error))?;
                let _ = serde_json::to_writer(&mut *json, text);
            }
            (_, ValueRef::Integer(number)) => json.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            _ => json.extend_from_slice(b"null"),
        }
    }
    json.push(b'}');
    Ok(())
}
