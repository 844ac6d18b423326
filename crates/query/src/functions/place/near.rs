//! What is near a place and a time: the cells around it, the days around it, and how far two are from one another.

use std::fmt::Write as _;

use geographiclib_rs::{Geodesic, InverseGeodesic};
use pintle_model::value::print;
use pintle_model::{Point, Type, Value};

use super::{Answer, Arg, cell, point};

/// The cells around a place, at the most: more are finer, so that fewer rows are looked at, but more of them are sought.
const CELLS_MAX: u32 = 16;
/// The least radius of a meridian, at the equator, in metres: no step goes further north or south.
const MERIDIAN_MIN: f64 = 6_335_439.0;
/// The radius of the equator in metres: no parallel is smaller than this times the cosine of its latitude.
const EQUATOR: f64 = 6_378_137.0;
/// Degrees that cover what a computer rounds: a tenth of a millimetre.
const MARGIN: f64 = 1e-9;
/// Days around a time, at the most.
const DAYS_MAX: i32 = 800;

fn number(arg: Arg<'_>) -> Option<f64> {
    match arg {
        Arg::Number(number) => Some(number),
        #[expect(clippy::cast_precision_loss, reason = "it is bounded where it is read")]
        Arg::Integer(number) => Some(number as f64),
        _ => None,
    }
}

/// `pintle_cells_near(point, metres)`: the cells that cover all within so many metres, as a JSON array of their names.
pub(in crate::functions) fn cells<'a>(at: Arg<'a>, metres: Arg<'a>) -> Answer<'a> {
    let Some((point, metres)) = point(at).zip(number(metres)) else { return Answer::Null };
    let around = Around::of(point, metres);
    let mut json = "[".to_owned();
    for name in cell::cover(&around.longitudes, around.south, around.north, CELLS_MAX) {
        let _ = write!(json, "{}{name}", if json.len() > 1 { "," } else { "" });
    }
    json.push(']');
    Answer::Text(json.into())
}

/// The degrees between which all lies that is near a place.
struct Around {
    south: f64,
    north: f64,
    /// From west to east; two where the 180th meridian lies between them.
    longitudes: Vec<(f64, f64)>,
}

impl Around {
    /// On the way to whatever is so many metres off, no latitude is passed that is further off than the meridian allows, and
    /// the smallest parallel on it tells how many degrees of longitude the metres can be.
    fn of(point: Point, metres: f64) -> Around {
        let degrees = (metres / MERIDIAN_MIN).to_degrees() + MARGIN;
        let (south, north) = (point.latitude - degrees, point.latitude + degrees);
        let furthest = north.abs().max(south.abs());
        let all = vec![(-180.0, 180.0)];
        let longitudes = if furthest >= 90.0 {
            all
        } else {
            let degrees = (metres / (EQUATOR * furthest.to_radians().cos())).to_degrees() + MARGIN;
            let (west, east) = (point.longitude - degrees, point.longitude + degrees);
            if degrees >= 180.0 {
                all
            } else if west <= -180.0 {
                vec![(west + 360.0, 180.0), (-180.0, east)]
            } else if east >= 180.0 {
                vec![(west, 180.0), (-180.0, east - 360.0)]
            } else {
                vec![(west, east)]
            }
        };
        Around { south: south.max(-90.0), north: north.min(90.0), longitudes }
    }
}

/// `pintle_distance(a, b)`: metres on the ellipsoid of WGS 84.
pub(in crate::functions) fn distance<'a>(a: Arg<'a>, b: Arg<'a>) -> Answer<'a> {
    thread_local!(static EARTH: Geodesic = Geodesic::wgs84());
    let Some((a, b)) = point(a).zip(point(b)) else { return Answer::Null };
    let metres: f64 = EARTH.with(|earth| earth.inverse(a.latitude, a.longitude, b.latitude, b.longitude));
    Answer::Number(metres)
}

fn micros(stored: &str) -> Option<i64> {
    match Type::Timestamp.read_text(stored) {
        Ok(Value::Timestamp(micros)) => Some(micros),
        _ => None,
    }
}

/// `pintle_seconds_between(a, b)`: of two times as they are stored, never less than 0.
pub(in crate::functions) fn seconds_between<'a>(a: &str, b: &str) -> Answer<'a> {
    #[expect(clippy::cast_precision_loss, reason = "what is lost is less than a microsecond")]
    let seconds = |(a, b): (i64, i64)| a.abs_diff(b) as f64 / 1e6;
    micros(a).zip(micros(b)).map_or(Answer::Null, |times| Answer::Number(seconds(times)))
}

/// `pintle_days_around(time, seconds)`: the days that lie within so many seconds of a stored time, as a JSON array.
pub(in crate::functions) fn days_around<'a>(time: &str, seconds: Arg<'a>) -> Answer<'a> {
    let Some((time, seconds)) = micros(time).zip(number(seconds)) else { return Answer::Null };
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    let shift = (seconds * 1e6).ceil() as i64;
    let day = |micros: i64| i32::try_from(micros.div_euclid(86_400_000_000)).unwrap_or(0);
    let (first, last) = (day(time.saturating_sub(shift)), day(time.saturating_add(shift)));
    let mut json = "[".to_owned();
    for day in first..=last.min(first + DAYS_MAX) {
        let _ = write!(json, "{}\"{}\"", if json.len() > 1 { "," } else { "" }, &*print::stored_date(day));
    }
    json.push(']');
    Answer::Text(json.into())
}
