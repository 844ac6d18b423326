//! The control on PostgreSQL: tokio-postgres, a pool of connections that keep their statements prepared, rows and JSON by
//! serde. It asks who calls, by a token that it knows by its hash, and its statements hold the same policies as the app.
//!
//! 1. [`Server::prepare`] connects ([`database`]), makes the table and fills it; [`serve`] listens.
//! 2. The three handlers below, each behind [`Caller`], and that of [`locations`], which anybody may ask.

mod caller;
mod database;
mod locations;
mod row;
mod rows;

pub(crate) use rows::rows_per_second;

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_postgres::error::SqlState;

use self::caller::{Caller, Callers};
use self::database::{Database, Failure};
use super::body::NewItem;
use super::{Filter, answer, created, failed, internal};

/// What the handlers share.
pub(crate) struct Server {
    database: Database,
    callers: Callers,
}

impl Server {
    /// Connects to the database at `url`, and fills it with items if it is empty. `token` is the caller's.
    pub(crate) async fn prepare(url: &str, token: &str, items: u64) -> Result<Server> {
        let database = Database::open(url).await?;
        database.seed(items).await.context("cannot fill the table")?;
        Ok(Server { database, callers: Callers::of(token) })
    }
}

/// Serves the items until the process is ended.
pub(crate) async fn serve(listener: TcpListener, server: Server) -> Result<()> {
    let router = Router::new()
        .route("/items", get(list).post(create))
        .route("/items/{key}", get(fetch))
        .route("/api/locations", post(locations::create))
        .with_state(Arc::new(server));
    crate::bare::listen(listener, router).await
}

/// `GET /items/{key}`
async fn fetch(State(server): State<Arc<Server>>, caller: Caller, Path(key): Path<String>) -> Response {
    match server.database.fetch(&key, &caller.user).await {
        Ok(Some(row)) => row::item(&row).map_or_else(|error| internal(&error), |item| json(StatusCode::OK, &item)),
        Ok(None) => failed(StatusCode::NOT_FOUND, "there is no such item"),
        Err(failure) => refused(&failure),
    }
}

/// `GET /items?category=…&limit=…`
async fn list(State(server): State<Arc<Server>>, caller: Caller, Query(filter): Query<Filter>) -> Response {
    match server.database.list(&filter.category, &caller.user, filter.limit()).await {
        Ok(rows) => match rows.iter().map(row::item).collect::<Result<Vec<_>, _>>() {
            Ok(items) => json(StatusCode::OK, &items),
            Err(error) => internal(&error),
        },
        Err(failure) => refused(&failure),
    }
}

/// `POST /items`
async fn create(State(server): State<Arc<Server>>, caller: Caller, body: Bytes) -> Response {
    let item = match NewItem::read(&body) {
        Ok(item) => item,
        Err(message) => return failed(StatusCode::BAD_REQUEST, &message),
    };
    if *item.owner != *caller.user {
        return failed(StatusCode::FORBIDDEN, "an item belongs to whoever creates it");
    }
    match server.database.insert(&item).await {
        Ok(row) => match row::item(&row).map(|stored| serde_json::to_vec(&stored)) {
            Ok(Ok(json)) => created(&item.key, json),
            Ok(Err(error)) => internal(&error),
            Err(error) => internal(&error),
        },
        Err(failure) => refused(&failure),
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    serde_json::to_vec(value).map_or_else(|error| internal(&error), |json| answer(status, json))
}

fn refused(failure: &Failure) -> Response {
    match failure {
        Failure::Query(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            failed(StatusCode::CONFLICT, "the key is taken")
        }
        Failure::Query(error) => internal(error),
        Failure::Pool(error) => failed(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}
