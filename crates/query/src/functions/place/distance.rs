//! Distances on the ellipsoid of WGS 84, in metres: geodesics, as PostGIS measures them.

use std::sync::LazyLock;

use geographiclib_rs::{Geodesic, InverseGeodesic};
use pintle_model::Point;

static EARTH: LazyLock<Geodesic> = LazyLock::new(Geodesic::wgs84);
/// The radius of a ball, and how far its distances may be from those of the ellipsoid, of themselves.
const RADIUS: f64 = 6_371_008.8;
const DEVIATION: f64 = 0.006;
/// PostGIS rounds distances to this part of a metre, and so does [`between`].
const PARTS: f64 = 1.0e8;

/// The distance of two points.
pub(crate) fn between(a: Point, b: Point) -> f64 {
    (exact(a, b) * PARTS).round() / PARTS
}

/// Whether the distance of two points is at most so many metres. Most pairs are told by a ball's.
pub(crate) fn within(a: Point, b: Point, metres: f64) -> bool {
    let rough = on_a_ball(a, b);
    if rough * (1.0 - DEVIATION) - 1.0e-6 > metres {
        return false;
    }
    rough * (1.0 + DEVIATION) + 1.0e-6 < metres || between(a, b) <= metres
}

fn exact(a: Point, b: Point) -> f64 {
    EARTH.inverse(a.latitude, a.longitude, b.latitude, b.longitude)
}

/// The haversine of the angle, which is exact for what is near as well.
fn on_a_ball(a: Point, b: Point) -> f64 {
    let half = |a: f64, b: f64| ((b - a).to_radians() / 2.0).sin().powi(2);
    let cosines = a.latitude.to_radians().cos() * b.latitude.to_radians().cos();
    let haversine = half(a.latitude, b.latitude) + cosines * half(a.longitude, b.longitude);
    2.0 * RADIUS * haversine.min(1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(longitude: f64, latitude: f64) -> Point {
        Point::new(longitude, latitude).expect("a point")
    }

    #[test]
    fn distances_are_those_that_postgis_measures() {
        // SELECT ST_Distance(ST_Point(…)::geography, ST_Point(…)::geography), PostGIS 3.3.
        for (a, b, metres) in [
            (at(-74.0, 40.7), at(2.35, 48.85), 5_853_490.432_575_24),
            (at(180.0, 0.0), at(-180.0, 0.0), 0.0),
            (at(10.0, 90.0), at(-120.0, 90.0), 0.0),
            (at(0.0, 0.0), at(180.0, 0.0), 20_003_931.458_625_45),
            (at(11.5761, 48.1374), at(11.576_15, 48.1374), 3.721_349_13),
        ] {
            assert!((between(a, b) - metres).abs() < 1.0e-6, "{a:?} {b:?}: {}", between(a, b));
        }
    }

    proptest! {
        #[test]
        fn what_is_told_roughly_is_told_rightly(
            a in (-180.0..=180.0, -90.0..=90.0), b in (-180.0..=180.0, -90.0..=90.0), near in 0.0..1.0_f64, part in 0.98..1.02,
        ) {
            let a = at(a.0, a.1);
            // Of all sizes, from millimetres to the whole Earth.
            let shrink = 10.0_f64.powf(-near * 9.0);
            let b = at(a.longitude + (b.0 - a.longitude) * shrink, a.latitude + (b.1 - a.latitude) * shrink);
            let metres = exact(a, b) * part;
            prop_assert_eq!(within(a, b, metres), between(a, b) <= metres);
        }
    }
}
