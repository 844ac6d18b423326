//! The control on SQLite: rusqlite, `synchronous=FULL`, one writer with group commit, readers with statements of their own, point
//! reads on the worker that has the request, JSON straight from the row. It does not ask who calls, and knows no policies.
//!
//! 1. [`prepare`] opens the database ([`database`]) and fills it; [`serve`] starts the writer ([`writer`]) and listens.
//! 2. The three handlers below, and that of [`locations`].

mod database;
mod locations;
mod rows;
mod writer;

pub(crate) use rows::rows_per_second;

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{Path as InPath, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use rusqlite::Connection;
use tokio::net::TcpListener;

use self::database::Readers;
use self::writer::{New, Refused, Writer};
use super::body::NewItem;
use super::{Filter, answer, created, failed, internal};

struct Server {
    readers: Readers,
    writer: Writer,
}

/// Opens the database at `path`, and fills it with items if it is empty.
pub(crate) fn prepare(path: &Path, items: u64) -> Result<Connection> {
    let connection = database::open(path)?;
    database::seed(&connection, items)?;
    locations::prepare(&connection)?;
    Ok(connection)
}

/// Serves the items of a database until the process is ended.
pub(crate) async fn serve(listener: TcpListener, connection: Connection, path: &Path) -> Result<()> {
    let server = Arc::new(Server { readers: Readers::new(path.to_owned()), writer: Writer::start(connection)? });
    let router = Router::new()
        .route("/items", get(list).post(create))
        .route("/items/{key}", get(fetch))
        .route("/api/locations", post(locations::create))
        .with_state(server);
    crate::bare::listen(listener, router).await
}

/// `GET /items/{key}`
async fn fetch(State(server): State<Arc<Server>>, InPath(key): InPath<String>) -> Response {
    match server.readers.fetch(&key) {
        Ok(Some(json)) => answer(StatusCode::OK, json),
        Ok(None) => failed(StatusCode::NOT_FOUND, "there is no such item"),
        Err(error) => internal(&error),
    }
}

/// `GET /items?category=…&limit=…`
async fn list(State(server): State<Arc<Server>>, Query(filter): Query<Filter>) -> Response {
    match server.readers.list(&filter.category, filter.limit()) {
        Ok(json) => answer(StatusCode::OK, json),
        Err(error) => internal(&error),
    }
}

/// `POST /items`
async fn create(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let item = match NewItem::read(&body) {
        Ok(item) => item,
        Err(message) => return failed(StatusCode::BAD_REQUEST, &message),
    };
    let moment = database::now();
    let json = database::json(&item, &moment);
    let key = item.key.clone();
    match server.writer.insert(New::Item(item, moment)).await {
        Ok(()) => created(&key, json),
        Err(Refused::Taken) => failed(StatusCode::CONFLICT, "the key is taken"),
        Err(Refused::Failed(message)) => failed(StatusCode::SERVICE_UNAVAILABLE, &message),
    }
}
