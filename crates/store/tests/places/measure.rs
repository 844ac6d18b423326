//! What is near, in a box and in a polygon, as plainly as it can be said.

use geographiclib_rs::{Geodesic, InverseGeodesic};

/// Metres between two places (longitude, latitude).
pub(crate) fn metres(a: (f64, f64), b: (f64, f64)) -> f64 {
    Geodesic::wgs84().inverse(a.1, a.0, b.1, b.0)
}

/// Whether a place is in a box (west, south, east, north): as far to the east of its west as it is wide.
pub(crate) fn in_box(place: (f64, f64), (west, south, east, north): (f64, f64, f64, f64)) -> bool {
    let east_of = |degrees: f64| (degrees - west).rem_euclid(360.0);
    let width = if west <= east { east - west } else { east - west + 360.0 };
    let pole = place.1.abs() == 90.0;
    (south..=north).contains(&place.1) && (pole || width >= 360.0 || east_of(place.0) <= width)
}

/// Whether a place is in a star: in one of the triangles that its middle makes with its edges. Two names of a place, at the 180th meridian or at a
/// pole, are one.
pub(crate) fn in_star(place: (f64, f64), middle: (f64, f64), corners: &[(f64, f64)]) -> bool {
    if place.1.abs() == 90.0 {
        return corners.iter().any(|corner| corner.1 == place.1);
    }
    let mirror = if place.0.abs() == 180.0 { (-place.0, place.1) } else { place };
    let next = corners.iter().cycle().skip(1);
    corners.iter().zip(next).any(|(from, to)| {
        let triangle = [middle, *from, *to];
        in_triangle(place, triangle) || in_triangle(mirror, triangle)
    })
}

/// Whether a place is in a triangle: on the same side of all of its edges.
fn in_triangle(place: (f64, f64), corners: [(f64, f64); 3]) -> bool {
    let side = |a: (f64, f64), b: (f64, f64)| (b.0 - a.0) * (place.1 - a.1) - (b.1 - a.1) * (place.0 - a.0);
    let [a, b, c] = corners;
    let sides = [side(a, b), side(b, c), side(c, a)];
    sides.iter().all(|side| *side >= 0.0) || sides.iter().all(|side| *side <= 0.0)
}
