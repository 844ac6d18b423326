//! Locations: stored with the same indexes as `apps/connect` has them, each once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, accepts, to_sql_checked};

use super::super::location::NewLocation;
use super::super::{answer, failed};
use super::{Server, refused};
use crate::location::PERSONS;

const TABLES: &str = "
    CREATE EXTENSION IF NOT EXISTS postgis;
    CREATE EXTENSION IF NOT EXISTS btree_gist;
    CREATE TABLE IF NOT EXISTS persons (id bigint PRIMARY KEY, name text NOT NULL);
    CREATE TABLE IF NOT EXISTS locations (
      id uuid PRIMARY KEY,
      person_id bigint NOT NULL REFERENCES persons (id),
      longitude double precision NOT NULL,
      latitude double precision NOT NULL,
      creation_time timestamptz NOT NULL
    );
    CREATE INDEX IF NOT EXISTS locations_person ON locations (person_id, creation_time, id);
    CREATE INDEX IF NOT EXISTS locations_time ON locations (creation_time, id);
    CREATE INDEX IF NOT EXISTS locations_place ON locations
      USING gist ((ST_MakePoint(longitude, latitude)::geography), creation_time);
    CREATE INDEX IF NOT EXISTS locations_near ON locations
      (((creation_time AT TIME ZONE 'UTC')::date), (floor(latitude * 1000)::int), longitude, latitude, (creation_time AT TIME ZONE 'UTC'));";
pub(super) const INSERT: &str = "INSERT INTO locations (id, person_id, longitude, latitude, creation_time)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING";

/// What makes the tables, with everybody in them.
pub(super) fn tables() -> String {
    format!(
        "{TABLES} INSERT INTO persons SELECT id, 'somebody' FROM generate_series(1, {PERSONS}) AS id ON CONFLICT DO NOTHING"
    )
}

/// A UUID, by its text.
#[derive(Debug)]
pub(super) struct Uuid<'a>(pub(super) &'a str);

impl ToSql for Uuid<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let digits: String = self.0.chars().filter(|digit| *digit != '-').collect();
        out.put_u128(u128::from_str_radix(&digits, 16)?);
        Ok(IsNull::No)
    }

    accepts!(UUID);
    to_sql_checked!();
}

/// `POST /api/locations`
pub(super) async fn create(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let location = match NewLocation::read(&body) {
        Ok(location) => location,
        Err(message) => return failed(StatusCode::BAD_REQUEST, &message),
    };
    match server.database.locate(&location).await {
        Ok(true) => answer(StatusCode::CREATED, location.json()),
        Ok(false) => answer(StatusCode::OK, location.json()),
        Err(failure) => refused(&failure),
    }
}
