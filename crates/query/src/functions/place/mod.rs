//! Places on Earth: what SQLite keeps of them, and the [`cell`]s by which its indexes find them.
//!
//! A point is a text in a column (its GeoJSON). One that is made of two columns goes from function to function as 16 bytes,
//! longitude and latitude, since nobody reads it.

pub(crate) mod cell;
pub(crate) mod distance;
pub(super) mod near;
mod polygon;
pub(crate) mod shape;

use pintle_model::Point;

use super::{Answer, Arg};
use shape::Box;

/// A point: of a column, bound, or made of two numbers.
fn point(arg: Arg<'_>) -> Option<Point> {
    match arg {
        Arg::Text(text) => Point::from_stored(text),
        Arg::Bytes(bytes) => Point::from_bytes(bytes),
        _ => None,
    }
}

fn number(arg: Arg<'_>) -> Option<f64> {
    match arg {
        Arg::Number(number) => Some(number),
        #[expect(clippy::cast_precision_loss, reason = "a whole number in a column of doubles was one")]
        Arg::Integer(number) => Some(number as f64),
        _ => None,
    }
}

/// `pintle_point(longitude, latitude)`: the point of two numbers; null where it is none.
pub(super) fn point_of<'a>(longitude: Arg<'a>, latitude: Arg<'a>) -> Answer<'a> {
    match number(longitude).zip(number(latitude)).and_then(|(longitude, latitude)| Point::new(longitude, latitude)) {
        Some(point) => Answer::Bytes(point.to_bytes()),
        None => Answer::Null,
    }
}

/// `pintle_cell(point)`: the number of the smallest cell that the point lies in.
pub(super) fn cell_of(arg: Arg<'_>) -> Answer<'_> {
    point(arg).map_or(Answer::Null, |point| Answer::Integer(cell::of(point)))
}

/// `pintle_distance(a, b)`: metres between two points.
pub(super) fn distance<'a>(a: Arg<'a>, b: Arg<'a>) -> Answer<'a> {
    point(a).zip(point(b)).map_or(Answer::Null, |(a, b)| Answer::Number(distance::between(a, b)))
}

/// `pintle_dwithin(a, b, metres)`: whether two points are so near each other.
pub(super) fn dwithin<'a>(a: Arg<'a>, b: Arg<'a>, metres: Arg<'a>) -> Answer<'a> {
    match (point(a), point(b), number(metres)) {
        (Some(a), Some(b), Some(metres)) => Answer::Boolean(distance::within(a, b, metres)),
        _ => Answer::Null,
    }
}

/// `pintle_in_box(point, south, north, west, east, west, east)`
pub(super) fn in_box<'a>(args: &[Arg<'a>]) -> Answer<'a> {
    let Some((first, rest)) = args.split_first() else { return Answer::Null };
    point(*first).zip(box_of(rest)).map_or(Answer::Null, |(point, of)| Answer::Boolean(of.holds(point)))
}

/// `pintle_in_shape(point, shape)`: a GeoJSON Polygon or MultiPolygon.
pub(super) fn in_shape<'a>(of: Arg<'a>, shape: Arg<'a>) -> Answer<'a> {
    let (Some(point), Arg::Text(shape)) = (point(of), shape) else { return Answer::Null };
    shape::of_text(shape, |shape| shape.holds(point)).map_or(Answer::Null, Answer::Boolean)
}

/// `pintle_cover(point, metres)`: the cells that cover what is so near a point, as a JSON array of their names.
pub(super) fn cover_around<'a>(of: Arg<'a>, metres: Arg<'a>) -> Answer<'a> {
    point(of).zip(number(metres)).map_or(Answer::Null, |(point, metres)| cells(cell::around(point, metres)))
}

/// `pintle_cover_box(south, north, west, east, west, east)`
pub(super) fn cover_box<'a>(args: &[Arg<'a>]) -> Answer<'a> {
    box_of(args).map_or(Answer::Null, cells)
}

/// `pintle_cover_shape(shape)`
pub(super) fn cover_shape(shape: Arg<'_>) -> Answer<'_> {
    let Arg::Text(shape) = shape else { return Answer::Null };
    shape::of_text(shape, shape::Shape::bounds).map_or(Answer::Null, cells)
}

fn box_of(args: &[Arg<'_>]) -> Option<Box> {
    let numbers: Option<Vec<f64>> = args.iter().map(|arg| number(*arg)).collect();
    match numbers.as_deref() {
        Some([south, north, west, east, other_west, other_east]) => {
            Some(Box { south: *south, north: *north, ranges: [(*west, *east), (*other_west, *other_east)] })
        }
        _ => None,
    }
}

fn cells<'a>(of: Box) -> Answer<'a> {
    let names: Vec<String> = cell::cover(of).iter().map(i64::to_string).collect();
    Answer::Text(format!("[{}]", names.join(",")).into())
}
