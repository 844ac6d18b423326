//! A small vocabulary for the store's tests: models, plans and stores in temporary folders.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of the vocabulary")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

pub mod postgres;
pub mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use pintle_model::{
    Caller, Collection, CollectionId, Cors, Durability, Field, Key, KeyOrigin, Limits, Model, Policies, Role,
    SourceFile, Span, Type, Value,
};
use pintle_query::plan::{Action, Column, Inputs, Param, ReadPlan, Statement, WritePlan};
use pintle_query::{Read, Write};
use pintle_store::{Access, Location, Store};

/// A field of a type and no constraint.
pub fn field(name: &str, ty: Type) -> Field {
    Field {
        name: name.to_owned(),
        ty,
        reference: None,
        required: false,
        unique: false,
        readonly: false,
        default: None,
        choices: Vec::new(),
        pattern: None,
        minimum: None,
        maximum: None,
        min_length: None,
        max_length: None,
        schema: None,
        description: None,
        renamed_from: None,
        span: Span::default(),
    }
}

/// A collection whose key is its first field.
pub fn collection(name: &str, fields: Vec<Field>) -> Collection {
    let mut fields = fields;
    fields[0].required = true;
    Collection {
        name: name.to_owned(),
        description: None,
        fields,
        key: Key { len: 1, origin: KeyOrigin::Given },
        indexes: Vec::new(),
        positions: Vec::new(),
        spaces: Vec::new(),
        policies: Policies::default(),
        mount: None,
        renamed_from: None,
        system: false,
        span: Span::default(),
    }
}

/// A model of these collections.
pub fn model(collections: Vec<Collection>) -> Model {
    Model {
        name: "test".to_owned(),
        description: None,
        version: "1".to_owned(),
        collections,
        routes: Vec::new(),
        pipelines: Vec::new(),
        scripts: pintle_model::Scripts::default(),
        pages: None,
        seed: None,
        services: Vec::new(),
        services_named: false,
        credentials: pintle_model::Credentials::default(),
        cors: Cors::default(),
        limits: Limits::default(),
        durability: Durability::Relaxed,
        source: Arc::new(SourceFile { path: "pintle.yaml".to_owned(), text: String::new() }),
    }
}

/// Runs each of these functions on both stores: a test of its own in `sqlite` and in `postgres`.
#[allow(unused_macros, reason = "not every test needs it")]
macro_rules! scenarios {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name(super::On::Sqlite).await; })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() { super::$name(super::On::Postgres).await; })*
        }
    };
}
#[allow(unused_imports, reason = "not every test needs it")]
pub(crate) use scenarios;

/// The same for what is about places: also in `without_postgis`, on a PostgreSQL that has none.
#[allow(unused_macros, reason = "not every test needs it")]
macro_rules! scenarios_of_places {
    ($($name:ident)*) => {
        crate::support::scenarios! { $($name)* }
        mod postgres_without_postgis {
            $(#[tokio::test] async fn $name() { super::$name(super::On::WithoutPostgis).await; })*
        }
    };
}
#[allow(unused_imports, reason = "not every test needs it")]
pub(crate) use scenarios_of_places;

/// `configs`: a text as the key, and json.
pub fn configs() -> Model {
    let mut data = field("data", Type::Json);
    data.required = true;
    model(vec![collection("configs", vec![field("name", Type::Text), data])])
}

/// Which of the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
    /// PostgreSQL where PostGIS cannot be made.
    WithoutPostgis,
}

/// A store in a folder of its own, or a database of its own.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub database: Option<pintle_testbed::Database>,
    pub model: Arc<Model>,
}

impl Place {
    pub fn new(model: Model) -> Place {
        Place::on(On::Sqlite, model)
    }

    pub fn on(on: On, model: Model) -> Place {
        let server = pintle_testbed::Postgres::shared;
        let database = match on {
            On::Sqlite => None,
            On::Postgres => Some(server().database()),
            On::WithoutPostgis => Some(server().database_without_postgis()),
        };
        Place { folder: tempfile::tempdir().unwrap(), database, model: Arc::new(model) }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("data.db")
    }

    pub fn location(&self) -> Location {
        match &self.database {
            Some(database) => database.url.parse().unwrap(),
            None => Location::Sqlite(self.path()),
        }
    }

    pub fn open(&self) -> Store {
        Store::open(&self.location(), &self.model, Access::Serve).unwrap()
    }

    /// Runs SQL as a person would beside the store.
    pub fn run(&self, sql: &str) {
        match &self.database {
            Some(database) => drop(database.psql(sql)),
            None => self.by_hand().execute_batch(sql).unwrap(),
        }
    }

    /// SQLite as a person would use it beside the store.
    pub fn by_hand(&self) -> rusqlite::Connection {
        let db = rusqlite::Connection::open(self.path()).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        db
    }
}

/// What the service itself brings to a plan.
pub fn inputs(values: Vec<Value>) -> Inputs {
    Inputs { values, caller: Arc::new(Caller::of(Role::ServiceRole)), now: 0 }
}

fn statement(sql: &str, params: Vec<Param>) -> Statement {
    Statement { sql: sql.to_owned(), params }
}

/// A read with the request's values in order.
pub fn read(sql: &str, columns: &[(&str, Type)], values: Vec<Value>) -> Read {
    let params = (0..values.len()).map(Param::Value).collect();
    let columns = columns.iter().map(|(name, ty)| Column::new(*name, *ty)).collect();
    let plan = ReadPlan {
        rows: statement(sql, params),
        count: None,
        columns,
        strip_nulls: false,
        point: false,
        own: false,
        inline: true,
        reads: Vec::new(),
        writes: None,
    };
    Read { plan: Arc::new(plan), inputs: inputs(values) }
}

/// How many rows a collection holds.
pub async fn count(store: &Store, collection: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM \"{collection}\"");
    let rows = store.read(read(&sql, &[("n", Type::Integer)], Vec::new())).await.unwrap();
    let text = String::from_utf8(rows.json.to_vec()).unwrap();
    text.trim_start_matches("[{\"n\":").trim_end_matches("}]").parse().unwrap()
}

/// The plan of a write whose placeholders are the row's values (insert, upsert) or the request's.
pub fn write_plan(action: Action, sql: &str, fields: usize) -> WritePlan {
    let params = match action {
        Action::Insert | Action::Upsert => (0..fields).map(Param::Row).collect(),
        Action::Update | Action::Delete => (0..fields).map(Param::Value).collect(),
    };
    WritePlan {
        collection: CollectionId(0),
        action,
        fields: (0..fields).collect(),
        check: None,
        probe: None,
        write: statement(sql, params),
        bulk: None,
        apart: None,
        locks: Vec::new(),
        tells_new: false,
        verdicts: 0,
        columns: Vec::new(),
        sort: Vec::new(),
        strip_nulls: false,
    }
}

/// An insert of rows into the first collection.
pub fn write(plan: WritePlan, values: Vec<Value>, rows: Vec<Vec<Value>>) -> Write {
    Write { plan: Arc::new(plan), inputs: inputs(values), rows, single: false, max_affected: None, rollback: false }
}

/// One new config.
pub fn insert_config(name: &str, data: &str) -> Write {
    insert_configs(&[(name, data)])
}

/// Several new configs, as one mutation.
pub fn insert_configs(rows: &[(&str, &str)]) -> Write {
    let mut plan = write_plan(
        Action::Insert,
        "INSERT INTO \"configs\" (\"name\", \"data\") VALUES (?1, ?2) RETURNING \"name\", \"data\"",
        2,
    );
    plan.columns = vec![Column::new("name", Type::Text), Column::new("data", Type::Json)];
    let rows = rows
        .iter()
        .map(|(name, data)| vec![Value::Text((*name).to_owned()), Value::Json((*data).to_owned())])
        .collect();
    write(plan, Vec::new(), rows)
}

/// A read of one config by its key, as the server runs it.
pub fn get_config(name: &str) -> Read {
    let mut read = read(
        "SELECT \"name\", \"data\" FROM \"configs\" WHERE \"name\" = ?1",
        &[("name", Type::Text), ("data", Type::Json)],
        vec![Value::Text(name.to_owned())],
    );
    Arc::get_mut(&mut read.plan).unwrap().point = true;
    read
}

/// Rows as text.
pub fn text(rows: &pintle_store::Rows) -> &str {
    std::str::from_utf8(&rows.json).unwrap()
}
