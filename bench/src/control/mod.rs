//! The control: what a good engineer would write by hand for items and for locations, with the same libraries.
//!
//! Its own SQL, statements prepared, bodies checked by their type and a few lines; nothing that it was not asked for. It is
//! meant to be hard to beat. There is one for each store: [`sqlite`], [`postgres`]. What both have in common stands here.

mod body;
mod location;
pub(crate) mod postgres;
pub(crate) mod sqlite;
#[cfg(test)]
mod tests;

use std::fmt::Display;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::item;

/// The parameters of a list.
#[derive(Deserialize)]
struct Filter {
    category: String,
    limit: Option<u32>,
}

impl Filter {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(item::PAGE).min(1000)
    }
}

fn answer(status: StatusCode, json: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}

/// A new item was stored.
fn created(key: &str, json: Vec<u8>) -> Response {
    let mut response = answer(StatusCode::CREATED, json);
    // A checked key is fit for a path.
    if let Ok(location) = HeaderValue::try_from(format!("/items/{key}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn failed(status: StatusCode, message: &str) -> Response {
    answer(status, serde_json::json!({ "message": message }).to_string().into_bytes())
}

fn internal(error: &dyn Display) -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
}
