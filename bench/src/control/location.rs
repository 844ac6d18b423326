//! A location as it is posted, and as it is answered.

use std::io::Write;

use jiff::Timestamp;
use serde::Deserialize;

/// A location that is right.
#[derive(Debug, Clone)]
pub(super) struct NewLocation {
    /// A UUID, in lower case.
    pub(super) id: String,
    pub(super) person_id: i64,
    pub(super) longitude: f64,
    pub(super) latitude: f64,
    pub(super) creation_time: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    id: String,
    person_id: i64,
    longitude: f64,
    latitude: f64,
    creation_time: String,
}

impl NewLocation {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(body: &[u8]) -> Result<NewLocation, String> {
        let posted: Posted = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let Posted { mut id, person_id, longitude, latitude, creation_time } = posted;
        let is_uuid = |(at, byte): (usize, u8)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        if id.len() != 36 || !id.bytes().enumerate().all(is_uuid) {
            return Err("`id` is a UUID".to_owned());
        }
        id.make_ascii_lowercase();
        if !(-180.0..=180.0).contains(&longitude) || !(-90.0..=90.0).contains(&latitude) {
            return Err("`longitude` is from -180 to 180, `latitude` from -90 to 90".to_owned());
        }
        let creation_time = creation_time.parse().map_err(|error| format!("`creation_time`: {error}"))?;
        Ok(NewLocation { id, person_id, longitude, latitude, creation_time })
    }

    /// As it is answered.
    pub(super) fn json(&self) -> Vec<u8> {
        let NewLocation { id, person_id, longitude, latitude, creation_time } = self;
        let mut json = Vec::with_capacity(192);
        // Writing to a vector cannot fail; a timestamp is printed with a Z behind it.
        let _ = write!(
            json,
            r#"{{"id":"{id}","person_id":{person_id},"longitude":{longitude},"latitude":{latitude},"creation_time":"{creation_time}"#
        );
        json.pop();
        json.extend_from_slice(br#"+00:00"}"#);
        json
    }
}
