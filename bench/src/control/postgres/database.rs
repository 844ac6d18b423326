//! The control's table, and a pool of connections that keep their statements.

use std::str::FromStr;

use anyhow::{Context, Result};
use deadpool::managed::{Manager, Metrics, Pool, PoolError, RecycleError, RecycleResult};
use futures_util::future::try_join_all;
use tokio_postgres::{Client, Config, NoTls, Row, Statement, Transaction};

use super::super::body::NewItem;
use super::super::location::NewLocation;
use super::locations;
use super::row::Jsonb;
use crate::item;

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS items (
      key text PRIMARY KEY,
      title text NOT NULL,
      category text NOT NULL,
      owner text NOT NULL,
      amount bigint NOT NULL,
      active boolean NOT NULL DEFAULT true,
      data jsonb,
      created timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX IF NOT EXISTS items_category_key ON items (category, key);";
const FETCH: &str = "SELECT key, title, category, owner, amount, active, data, created FROM items
    WHERE key = $1 AND (active OR owner = $2)";
const LIST: &str = "SELECT key, title, category, owner, amount, active, data, created FROM items
    WHERE category = $1 AND (active OR owner = $2) ORDER BY key LIMIT $3";
const INSERT: &str = "INSERT INTO items (key, title, category, owner, amount, active, data)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    RETURNING key, title, category, owner, amount, active, data, created";

/// Connections at the most: as many as Pintle has where nothing else is said.
const CONNECTIONS_MAX: usize = 16;
/// Inserts under way at once while the table is filled.
const SEED_BATCH: u64 = 500;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    Query(tokio_postgres::Error),
    Pool(PoolError<tokio_postgres::Error>),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Failure {
        Failure::Query(error)
    }
}

impl From<PoolError<tokio_postgres::Error>> for Failure {
    fn from(error: PoolError<tokio_postgres::Error>) -> Failure {
        Failure::Pool(error)
    }
}

/// A connection with its statements.
pub(super) struct Connection {
    pub(super) client: Client,
    fetch: Statement,
    list: Statement,
    pub(super) insert: Statement,
    locate: Statement,
}

impl Connection {
    pub(super) async fn open(config: &Config) -> Result<Connection, tokio_postgres::Error> {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let (fetch, list) = (client.prepare(FETCH).await?, client.prepare(LIST).await?);
        let (insert, locate) = (client.prepare(INSERT).await?, client.prepare(locations::INSERT).await?);
        Ok(Connection { client, fetch, list, insert, locate })
    }
}

struct Connector(Config);

impl Manager for Connector {
    type Type = Connection;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Connection, tokio_postgres::Error> {
        Connection::open(&self.0).await
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<tokio_postgres::Error> {
        if connection.client.is_closed() { Err(RecycleError::message("it is closed")) } else { Ok(()) }
    }
}

/// The pool.
pub(super) struct Database {
    pool: Pool<Connector>,
}

impl Database {
    /// Makes the table in the database at `url`, and a pool for it.
    pub(super) async fn open(url: &str) -> Result<Database> {
        let config = Config::from_str(url)?;
        make_table(&config).await.context("cannot make the table")?;
        let pool = Pool::builder(Connector(config)).max_size(CONNECTIONS_MAX).build()?;
        Ok(Database { pool })
    }

    /// Fills an empty table with `count` items.
    pub(super) async fn seed(&self, count: u64) -> Result<()> {
        let mut connection = self.pool.get().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        let held: i64 = connection.client.query_one("SELECT count(*) FROM items", &[]).await?.get(0);
        if held > 0 {
            return Ok(());
        }
        let insert = connection.insert.clone();
        let transaction = connection.client.transaction().await?;
        for first in (0..count).step_by(SEED_BATCH as usize) {
            insert_many(&transaction, &insert, first..(first + SEED_BATCH).min(count)).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// One item that the user may see.
    pub(super) async fn fetch(&self, key: &str, user: &str) -> Result<Option<Row>, Failure> {
        let connection = self.pool.get().await?;
        Ok(connection.client.query_opt(&connection.fetch, &[&key, &user]).await?)
    }

    /// The first items of a category that the user may see.
    pub(super) async fn list(&self, category: &str, user: &str, limit: u32) -> Result<Vec<Row>, Failure> {
        let connection = self.pool.get().await?;
        Ok(connection.client.query(&connection.list, &[&category, &user, &i64::from(limit)]).await?)
    }

    /// Stores one item; as it is stored.
    pub(super) async fn insert(&self, item: &NewItem) -> Result<Row, Failure> {
        let connection = self.pool.get().await?;
        let NewItem { key, title, category, owner, amount, active, data } = item;
        let data = data.as_deref().map(Jsonb);
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [key, title, category, owner, amount, active, &data];
        Ok(connection.client.query_one(&connection.insert, &values).await?)
    }

    /// Stores one location; whether it is new.
    pub(super) async fn locate(&self, location: &NewLocation) -> Result<bool, Failure> {
        let connection = self.pool.get().await?;
        let NewLocation { id, person_id, longitude, latitude, creation_time } = location;
        let (id, time) = (locations::Uuid(id), std::time::SystemTime::from(*creation_time));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] = [&id, person_id, longitude, latitude, &time];
        Ok(connection.client.execute(&connection.locate, &values).await? > 0)
    }
}

async fn make_table(config: &Config) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(TABLE).await?;
    client.batch_execute(&locations::tables()).await
}

/// Inserts the items of a range, all under way at once.
pub(super) async fn insert_many(
    transaction: &Transaction<'_>,
    insert: &Statement,
    range: std::ops::Range<u64>,
) -> Result<()> {
    let one = async |n: u64| {
        let mut body = Vec::new();
        item::write(n, &mut body);
        let NewItem { key, title, category, owner, amount, active, data } =
            NewItem::read(&body).map_err(anyhow::Error::msg)?;
        let data = data.as_deref().map(Jsonb);
        transaction.execute(insert, &[&key, &title, &category, &owner, &amount, &active, &data]).await?;
        anyhow::Ok(())
    };
    try_join_all(range.map(one)).await?;
    Ok(())
}
