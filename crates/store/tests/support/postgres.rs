//! Stores on PostgreSQL, each in a database of its own.

use std::sync::Arc;

use pintle_model::{Model, Type, Value};
use pintle_query::plan::{Action, Column};
use pintle_query::{Read, Write};
use pintle_store::{Access, Location, Store};
use pintle_testbed::{Database, Postgres};

use super::{collection, field, model, read, write, write_plan};

/// `configs`, as a migration would make it.
pub const CONFIGS: &str = r#"CREATE TABLE configs (
  name text COLLATE "C" CONSTRAINT configs_pkey PRIMARY KEY, data jsonb NOT NULL, rank bigint CONSTRAINT configs_rank_key UNIQUE,
  CONSTRAINT configs_rank_check CHECK (rank >= 0))"#;

/// A model of `configs` with a rank, which is unique and not negative.
pub fn configs() -> Model {
    let mut data = field("data", Type::Json);
    data.required = true;
    let mut rank = field("rank", Type::Integer);
    rank.unique = true;
    rank.minimum = Some(Value::Integer(0));
    model(vec![collection("configs", vec![field("name", Type::Text), data, rank])])
}

/// A database and the model of its tables.
pub struct Place {
    pub database: Database,
    pub model: Arc<Model>,
}

impl Place {
    /// A database on the shared server, with tables made by `sql`.
    pub fn new(model: Model, sql: &str) -> Place {
        Place::on(Postgres::shared(), model, sql)
    }

    /// The same on another server.
    pub fn on(server: &Postgres, model: Model, sql: &str) -> Place {
        let database = server.database();
        database.psql(sql);
        Place { database, model: Arc::new(model) }
    }

    pub fn open(&self) -> Store {
        self.open_with("")
    }

    /// Opens with parameters behind the URL: `?connections_max=1`.
    pub fn open_with(&self, parameters: &str) -> Store {
        let location: Location = format!("{}{parameters}", self.database.url).parse().unwrap();
        Store::open(&location, &self.model, Access::Serve).unwrap()
    }
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
