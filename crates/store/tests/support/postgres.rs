//! Stores on PostgreSQL, each in a database of its own.

use std::sync::Arc;
use std::time::Duration;

use pintle_model::{Model, Type, Value};
use pintle_query::plan::{Action, Column};
use pintle_query::{Read, Write};
use pintle_store::{Access, Store};
use pintle_testbed::Postgres;

use super::{Place, collection, field, model, read, write, write_plan};

/// `configs`, as a migration would make it.
pub const CONFIGS: &str = r#"CREATE TABLE configs (
  name text COLLATE "C" CONSTRAINT configs_pkey PRIMARY KEY, data jsonb NOT NULL, rank bigint CONSTRAINT configs_rank_key UNIQUE,
  CONSTRAINT configs_rank_check CHECK (rank >= 0))"#;

/// Whether somebody sleeps in the database.
pub const ASLEEP: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                      AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid())";

/// A model of `configs` with a rank, which is unique and not negative.
pub fn configs() -> Model {
    let mut data = field("data", Type::Json);
    data.required = true;
    let mut rank = field("rank", Type::Integer);
    rank.unique = true;
    rank.minimum = Some(Value::Integer(0));
    model(vec![collection("configs", vec![field("name", Type::Text), data, rank])])
}

/// A database on the shared server, with tables made by `sql`.
pub fn place(model: Model, sql: &str) -> Place {
    place_on(Postgres::shared(), model, sql)
}

/// The same on another server.
pub fn place_on(server: &Postgres, model: Model, sql: &str) -> Place {
    let place =
        Place { folder: tempfile::tempdir().unwrap(), database: Some(server.database()), model: Arc::new(model) };
    place.run(sql);
    place
}

/// Opens with parameters behind the URL: `?connections_max=1`.
pub fn open_with(place: &Place, parameters: &str) -> Store {
    open(&format!("{}{parameters}", place.database.as_ref().unwrap().url), &place.model)
}

/// Opens what a URL names.
pub fn open(url: &str, model: &Arc<Model>) -> Store {
    Store::open(&url.parse().unwrap(), model, Access::Serve).unwrap()
}

/// What a person sees beside the store.
pub fn psql(place: &Place, sql: &str) -> String {
    place.database.as_ref().unwrap().psql(sql)
}

/// Waits until a person beside the store sees it so, which holds up nothing that the store does meanwhile in this thread.
pub async fn until(place: &Place, sql: &str) {
    let so = async {
        let (client, connection) =
            tokio_postgres::connect(&place.database.as_ref().unwrap().url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        while !client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0) {}
    };
    tokio::time::timeout(Duration::from_secs(60), so).await.unwrap_or_else(|_| panic!("never so: {sql}"));
}

/// New configs, with ranks or without.
pub fn insert(rows: &[(&str, Option<i64>)]) -> Write {
    let mut plan = write_plan(
        Action::Insert,
        "INSERT INTO configs (name, data, rank) VALUES ($1::text, $2::jsonb, $3::int8) RETURNING name, rank",
        3,
    );
    plan.columns = vec![Column::new("name", Type::Text), Column::new("rank", Type::Integer)];
    let rows = rows.iter().map(|(name, rank)| {
        vec![Value::Text((*name).to_owned()), Value::Json("{}".to_owned()), rank.map_or(Value::Null, Value::Integer)]
    });
    write(plan, Vec::new(), rows.collect())
}

/// A change of all configs, with their ranks as the answer.
pub fn update(set: &str) -> Write {
    let mut plan = write_plan(Action::Update, &format!("UPDATE configs SET {set} RETURNING name"), 0);
    plan.columns = vec![Column::new("name", Type::Text)];
    write(plan, Vec::new(), Vec::new())
}

/// What a query of one integer gives.
pub fn number(sql: &str) -> Read {
    read(sql, &[("n", Type::Integer)], Vec::new())
}

/// What a query of one text gives.
pub fn word(sql: &str) -> Read {
    read(sql, &[("t", Type::Text)], Vec::new())
}
