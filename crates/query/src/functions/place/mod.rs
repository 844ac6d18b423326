//! Places on Earth: what SQLite keeps of them, and the [`cell`]s by which its indexes find them.
//!
//! A point is a text in a column (its GeoJSON). One that is made of two columns goes from function to function as 16 bytes,
//! longitude and latitude, since nobody reads it.

pub(crate) mod cell;
pub(super) mod near;

use pintle_model::Point;

use super::{Answer, Arg};

/// A point: of a column, bound, or made of two numbers.
fn point(arg: Arg<'_>) -> Option<Point> {
    match arg {
        Arg::Text(text) => Point::from_stored(text),
        Arg::Bytes(bytes) => Point::from_bytes(bytes),
        _ => None,
    }
}

/// `pintle_point(longitude, latitude)`: the point of two numbers; null where it is none.
pub(super) fn point_of<'a>(longitude: Arg<'a>, latitude: Arg<'a>) -> Answer<'a> {
    #[expect(clippy::cast_precision_loss, reason = "a whole number in a column of doubles was one")]
    let number = |arg: Arg<'_>| match arg {
        Arg::Number(number) => Some(number),
        Arg::Integer(number) => Some(number as f64),
        _ => None,
    };
    match number(longitude).zip(number(latitude)).and_then(|(longitude, latitude)| Point::new(longitude, latitude)) {
        Some(point) => Answer::Bytes(point.to_bytes()),
        None => Answer::Null,
    }
}

/// `pintle_cell(point)`: the number of the smallest cell that the point lies in.
pub(super) fn cell_of(arg: Arg<'_>) -> Answer<'_> {
    point(arg).map_or(Answer::Null, |point| Answer::Integer(cell::of(point)))
}
