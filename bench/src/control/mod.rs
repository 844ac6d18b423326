//! The control: what a good engineer would write by hand for this one collection, with the same libraries.
//!
//! Its own SQL, `synchronous=FULL`, one writer with group commit, readers with statements of their own, point reads on the
//! worker that has the request, JSON straight from the row, bodies checked by their type and a few lines. Nothing that it
//! was not asked for: no sign-in, no policies, no metrics. It is meant to be hard to beat.
//!
//! 1. [`prepare`] opens the database ([`database`]) and fills it; [`serve`] starts the writer ([`writer`]) and listens.
//! 2. The three handlers below.

mod body;
mod database;
mod rows;
mod writer;

pub(crate) use rows::rows_per_second;

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{Path as InPath, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use rusqlite::Connection;
use serde::Deserialize;
use tokio::net::TcpListener;

use self::body::NewItem;
use self::database::Readers;
use self::writer::{Refused, Writer};
use crate::item;

struct Server {
    readers: Readers,
    writer: Writer,
}

/// Opens the database at `path`, and fills it with items if it is empty.
pub(crate) fn prepare(path: &Path, items: u64) -> Result<Connection> {
    let connection = database::open(path)?;
    database::seed(&connection, items)?;
    Ok(connection)
}

/// Serves the items of a database until the process is ended.
pub(crate) async fn serve(listener: TcpListener, connection: Connection, path: &Path) -> Result<()> {
    let server = Arc::new(Server { readers: Readers::new(path.to_owned()), writer: Writer::start(connection)? });
    let router =
        Router::new().route("/items", get(list).post(create)).route("/items/{key}", get(fetch)).with_state(server);
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

#[derive(Deserialize)]
struct Filter {
    category: String,
    limit: Option<u32>,
}

/// `GET /items?category=…&limit=…`
async fn list(State(server): State<Arc<Server>>, Query(filter): Query<Filter>) -> Response {
    let limit = filter.limit.unwrap_or(item::PAGE).min(1000);
    match server.readers.list(&filter.category, limit) {
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
    let Ok(location) = HeaderValue::try_from(format!("/items/{}", item.key)) else {
        return failed(StatusCode::BAD_REQUEST, "the key is not fit for a path");
    };
    let created = database::now();
    let json = database::json(&item, &created);
    match server.writer.insert(item, created).await {
        Ok(()) => {
            let mut response = answer(StatusCode::CREATED, json);
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        Err(Refused::Taken) => failed(StatusCode::CONFLICT, "the key is taken"),
        Err(Refused::Failed(message)) => failed(StatusCode::SERVICE_UNAVAILABLE, &message),
    }
}

fn answer(status: StatusCode, json: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}

fn failed(status: StatusCode, message: &str) -> Response {
    answer(status, serde_json::json!({ "message": message }).to_string().into_bytes())
}

fn internal(error: &rusqlite::Error) -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
}
