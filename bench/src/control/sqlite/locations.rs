//! Locations: stored with the same indexes as `apps/connect` has them, each once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Connection;

use super::super::location::NewLocation;
use super::super::{answer, failed};
use super::Server;
use super::writer::{New, Refused};
use crate::location::PERSONS;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS persons (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS locations (
      id TEXT PRIMARY KEY NOT NULL,
      person_id INTEGER NOT NULL REFERENCES persons (id),
      longitude REAL NOT NULL,
      latitude REAL NOT NULL,
      creation_time TEXT NOT NULL,
      cell INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS locations_person ON locations (person_id, creation_time, id);
    CREATE INDEX IF NOT EXISTS locations_time ON locations (creation_time, id);
    CREATE INDEX IF NOT EXISTS locations_place ON locations (substr(creation_time, 1, 10), cell, creation_time);";
const INSERT: &str = "INSERT INTO locations (id, person_id, longitude, latitude, creation_time, cell)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING";

/// Makes the tables, with everybody in them.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.execute_batch(TABLES)?;
    connection.execute_batch("BEGIN")?;
    let mut person = connection.prepare("INSERT OR IGNORE INTO persons (id, name) VALUES (?1, 'somebody')")?;
    for id in 1..=PERSONS {
        person.execute([id.cast_signed()])?;
    }
    connection.execute_batch("COMMIT")
}

/// Stores one location; whether it is new.
pub(super) fn insert(connection: &Connection, location: &NewLocation) -> rusqlite::Result<bool> {
    let NewLocation { id, person_id, longitude, latitude, creation_time } = location;
    let cell = cell(*longitude, *latitude);
    let mut statement = connection.prepare_cached(INSERT)?;
    Ok(statement.execute((id, person_id, longitude, latitude, stored(*creation_time), cell))? > 0)
}

/// Of fixed width, so that the order of texts is that of time.
fn stored(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Where it falls if the ranges of longitudes and latitudes are halved 31 times, in turns.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the casts saturate")]
fn cell(longitude: f64, latitude: f64) -> i64 {
    const PARTS: f64 = 2_147_483_647.0;
    let spread = |part: f64| {
        let mut bits = u64::from((part * PARTS) as u32);
        for (shift, mask) in [
            (16, 0x0000_ffff_0000_ffff_u64),
            (8, 0x00ff_00ff_00ff_00ff),
            (4, 0x0f0f_0f0f_0f0f_0f0f),
            (2, 0x3333_3333_3333_3333),
            (1, 0x5555_5555_5555_5555),
        ] {
            bits = (bits | bits << shift) & mask;
        }
        bits
    };
    let halves = spread((longitude + 180.0) / 360.0) | spread((latitude + 90.0) / 180.0) << 1;
    i64::try_from(halves).unwrap_or(i64::MAX)
}

/// `POST /api/locations`
pub(super) async fn create(State(server): State<Arc<Server>>, body: Bytes) -> Response {
    let location = match NewLocation::read(&body) {
        Ok(location) => location,
        Err(message) => return failed(StatusCode::BAD_REQUEST, &message),
    };
    let json = location.json();
    match server.writer.insert(New::Location(location)).await {
        Ok(()) => answer(StatusCode::CREATED, json),
        Err(Refused::Taken) => answer(StatusCode::OK, json),
        Err(Refused::Failed(message)) => failed(StatusCode::SERVICE_UNAVAILABLE, &message),
    }
}
