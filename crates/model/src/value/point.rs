//! Points: places on Earth by longitude and latitude (WGS 84), in JSON as GeoJSON has them.

use serde_json::{Map, Value as Json};

use super::read::{number, quote};
use super::{Type, ValueError, ValueErrorKind, number as doubles};

/// A place on Earth (WGS 84). What was given is kept: -180 and 180 are one meridian and two values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// Degrees north, -90 to 90.
    pub latitude: f64,
}

/// How points are written.
pub(super) const FORM: &str = r#"a point is written as {"type": "Point", "coordinates": [longitude, latitude]} or as {"longitude": …, "latitude": …}"#;
/// How the form begins that points are printed in.
const PRINTED: &str = r#"{"type":"Point","coordinates":["#;

impl Point {
    /// A point, if its degrees are within their ranges.
    #[must_use]
    pub fn new(longitude: f64, latitude: f64) -> Option<Point> {
        let within = longitude.abs() <= 180.0 && latitude.abs() <= 90.0;
        // No store keeps a -0.
        within.then_some(Point { longitude: longitude + 0.0, latitude: latitude + 0.0 })
    }

    /// Reads what [`Point::write_json`] wrote, quickly, and any other GeoJSON of a point; `None` for all else.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Point> {
        let printed = text.strip_prefix(PRINTED).and_then(|rest| rest.strip_suffix("]}"));
        match printed.and_then(|numbers| numbers.split_once(',')) {
            Some((longitude, latitude)) => Point::new(longitude.parse().ok()?, latitude.parse().ok()?),
            None => read(text).ok(),
        }
    }

    /// Longitude and latitude in 16 bytes, which [`Point::from_bytes`] reads.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        [self.longitude.to_be_bytes(), self.latitude.to_be_bytes()].concat()
    }

    /// Reads what [`Point::to_bytes`] wrote; `None` for all else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Point> {
        let (longitude, latitude) = bytes.split_at_checked(8)?;
        Point::new(f64::from_be_bytes(longitude.try_into().ok()?), f64::from_be_bytes(latitude.try_into().ok()?))
    }

    /// Adds the point as GeoJSON, numbers as those of `number` are printed.
    pub fn write_json(self, out: &mut Vec<u8>) {
        out.extend_from_slice(PRINTED.as_bytes());
        doubles::print(out, self.longitude);
        out.push(b',');
        doubles::print(out, self.latitude);
        out.extend_from_slice(b"]}");
    }
}

/// Reads a point from its JSON.
///
/// # Errors
/// When it is none, or lies beyond the ranges of degrees.
pub(super) fn read(json: &str) -> Result<Point, ValueError> {
    let refuse = |why: &str| ValueError {
        kind: ValueErrorKind::Syntax,
        message: format!("invalid input syntax for type {}: {}: {why}", Type::Point.pg_name(), quote(json)),
        hint: Some(FORM.to_owned()),
    };
    let Ok(Json::Object(members)) = serde_json::from_str(json) else { return Err(refuse("it is no JSON object")) };
    let (longitude, latitude) = if members.contains_key("type") || members.contains_key("coordinates") {
        coordinates(&members).map_err(refuse)?
    } else {
        let known = |key: &String| key == "longitude" || key == "latitude";
        match (members.get("longitude"), members.get("latitude")) {
            (Some(longitude), Some(latitude)) if members.keys().all(known) => (longitude, latitude),
            _ => return Err(refuse("it has other keys than `longitude` and `latitude`, or lacks one of them")),
        }
    };
    let (longitude, latitude) = (degrees(longitude, "longitude", 180.0)?, degrees(latitude, "latitude", 90.0)?);
    Ok(Point { longitude, latitude })
}

/// The two members of GeoJSON's `coordinates`.
fn coordinates(members: &Map<String, Json>) -> Result<(&Json, &Json), &'static str> {
    if members.get("type").and_then(Json::as_str) != Some("Point") {
        return Err("its `type` is not \"Point\"");
    }
    if members.keys().any(|key| key != "type" && key != "coordinates") {
        return Err("it has other keys than `type` and `coordinates`");
    }
    match members.get("coordinates").and_then(Json::as_array).map(Vec::as_slice) {
        Some([longitude, latitude]) => Ok((longitude, latitude)),
        Some([_, _, _]) => Err("it has a third coordinate, and heights are not kept"),
        _ => Err("its `coordinates` are not two numbers"),
    }
}

fn degrees(json: &Json, name: &str, most: f64) -> Result<f64, ValueError> {
    let text = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let degrees = number(&text)?;
    if degrees.abs() > most {
        return Err(ValueError {
            kind: ValueErrorKind::NumberRange,
            message: format!("{name} {} is out of range for type {}", quote(&text), Type::Point.pg_name()),
            hint: Some(format!("a {name} is from -{most} to {most} degrees; GeoJSON has the longitude first")),
        });
    }
    Ok(degrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[track_caller]
    fn reads(json: &str, printed: &str) {
        let value = Type::Point.read_json(json, 8).expect("a point");
        assert_eq!(value.to_text(), printed);
        let Value::Point(point) = value else { panic!("{value:?} is no point") };
        assert_eq!(Point::from_stored(printed), Some(point));
        assert_eq!(Type::Point.read_text(printed), Ok(Value::Point(point)));
    }

    #[test]
    fn a_point_is_read_in_two_forms_and_printed_in_one() {
        reads(r#"{"type":"Point","coordinates":[11.5,48]}"#, r#"{"type":"Point","coordinates":[11.5,48]}"#);
        reads(r#" {"coordinates": [-0.0, 1e1], "type": "Point"} "#, r#"{"type":"Point","coordinates":[0,10]}"#);
        reads(r#"{"latitude":-90,"longitude":"180"}"#, r#"{"type":"Point","coordinates":[180,-90]}"#);
        reads(r#"{"longitude":-180,"latitude":90}"#, r#"{"type":"Point","coordinates":[-180,90]}"#);
        assert_eq!(Type::Point.read_json("null", 8), Ok(Value::Null));
    }

    #[test]
    fn what_is_no_point_is_refused_with_the_reason() {
        for (json, reason) in [
            (r#"{"type":"Point","coordinates":[1,2,3]}"#, "third coordinate"),
            (r#"{"type":"Point","coordinates":[1]}"#, "not two numbers"),
            (r#"{"type":"Point","coordinates":[1,null]}"#, "double precision"),
            (r#"{"type":"Polygon","coordinates":[1,2]}"#, "not \"Point\""),
            (r#"{"type":"Point","coordinates":[1,2],"crs":1}"#, "other keys"),
            (r#"{"longitude":1}"#, "lacks one"),
            (r#"{"longitude":1,"latitude":2,"height":3}"#, "other keys"),
            (r#"{"longitude":180.0000001,"latitude":0}"#, "longitude \"180.0000001\" is out of range"),
            (r#"{"longitude":0,"latitude":"-90.1"}"#, "latitude \"-90.1\" is out of range"),
            (r#"{"longitude":"NaN","latitude":0}"#, "double precision"),
            (r#"{"longitude":1e999,"latitude":0}"#, ""),
            ("[1,2]", "no JSON object"),
            ("\"POINT(1 2)\"", "no JSON object"),
            ("17", "no JSON object"),
        ] {
            let error = Type::Point.read_json(json, 8).expect_err(json);
            assert!(error.message.contains(reason), "{json}: {}", error.message);
        }
    }
}
