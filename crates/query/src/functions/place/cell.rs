//! Cells: the whole Earth as numbers of one dimension, so that an ordinary index finds what lies near.
//!
//! The range of longitudes and that of latitudes are cut in half 31 times. A point's number is the halves that it lies in,
//! taken in turns (a Z-order), with a 1 behind them; so a cell of about 2 cm is an odd number. A larger cell is named by the
//! number in the middle of those that lie in it: its lowest 1 says how large it is, and the numbers within are all from
//! `name - (lowest - 1)` to `name + (lowest - 1)`.
//!
//! Numbers grow with their degrees, whatever a computer rounds: so a point within some degrees always lies in the cells
//! that cover them, and nothing has to be widened.

use pintle_model::Point;

use super::shape::Box;

/// How often each range is cut in half.
const LEVELS: u32 = 31;
/// Halves of a range, less one.
const LAST: u32 = (1 << LEVELS) - 1;

/// The number of the smallest cell that a point lies in.
pub(crate) fn of(point: Point) -> i64 {
    name(column(point.longitude), row(point.latitude), 0)
}

/// The cell that the point lies in whose height is about so many metres: at most that, and more than half of it.
pub(crate) fn of_about(point: Point, metres: f64) -> i64 {
    /// The height of the smallest cells.
    const HEIGHT: f64 = 20_003_931.5 / (1_u64 << LEVELS) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates at both ends")]
    let size = ((metres / HEIGHT).log2() as u32).min(LEVELS);
    name(column(point.longitude), row(point.latitude), size)
}

/// Where a longitude falls.
fn column(longitude: f64) -> u32 {
    place((longitude + 180.0) / 360.0)
}

/// Where a latitude falls.
fn row(latitude: f64) -> u32 {
    place((latitude + 90.0) / 180.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates at both ends")]
fn place(part: f64) -> u32 {
    ((part * f64::from(1_u32 << LEVELS)) as u32).min(LAST)
}

/// The cell with sides of `1 << size` that this place lies in.
fn name(column: u32, row: u32, size: u32) -> i64 {
    let halves = (spread(column >> size) | spread(row >> size) << 1) << 1 | 1;
    // 62 halves and the 1: 63 bits.
    i64::try_from(halves << (2 * size)).unwrap_or(i64::MAX)
}

/// The half of the shorter axis of WGS 84, in metres, and by how much it is shorter.
const SHORTER: f64 = 6_356_752.314_2;
const FLATTENING: f64 = 1.0 / 298.257_223_563;
/// Degrees by which what is worked out is widened, for what a computer rounds: less than a tenth of a millimetre.
const ROUNDED: f64 = 1.0e-9;
/// Cells that cover a range of longitudes and latitudes, at the most: each is one place in the index to look at.
const CELLS_MAX: u32 = 16;

/// The box around all that is so near a point.
///
/// A geodesic is a great circle on a ball whose latitudes are the *reduced* ones: its angle there is at most its length
/// divided by the shorter half axis, and the difference of longitudes at most that on the ball.
pub(crate) fn around(point: Point, metres: f64) -> Box {
    let angle = metres.max(0.0) / SHORTER + ROUNDED.to_radians();
    let reduced = ((1.0 - FLATTENING) * point.latitude.to_radians().tan()).atan();
    let (least, most) = (reduced - angle, reduced + angle);
    let latitude = |reduced: f64| (reduced.tan() / (1.0 - FLATTENING)).atan().to_degrees();
    let pole = std::f64::consts::FRAC_PI_2 - ROUNDED.to_radians();
    let south = if least <= -pole { -90.0 } else { latitude(least) - ROUNDED };
    let north = if most >= pole { 90.0 } else { latitude(most) + ROUNDED };
    let beside = angle.sin() / reduced.cos();
    if least <= -pole || most >= pole || beside >= 1.0 {
        return Box { south, north, ranges: [(-180.0, 180.0); 2] };
    }
    let beside = beside.asin().to_degrees() + ROUNDED;
    let (west, east) = (point.longitude - beside, point.longitude + beside);
    let ranges = if beside >= 180.0 {
        [(-180.0, 180.0); 2]
    } else if west <= -180.0 {
        [(west + 360.0, 180.0), (-180.0, east)]
    } else if east >= 180.0 {
        [(west, 180.0), (-180.0, east - 360.0)]
    } else {
        [(west, east); 2]
    };
    Box { south, north, ranges }
}

/// A point, and how many metres around it hold all of a box.
pub(crate) fn centre(of: Box) -> (Point, f64) {
    /// Further than the way from a pole to the other.
    const EVERYWHERE: f64 = 20_100_000.0;
    /// By how much, of itself, and metres, a distance on the ellipsoid may surpass those of the corners.
    const SLACK: (f64, f64) = (1.01, 1.0);
    let [(west, east), (other_west, other_east)] = of.ranges;
    // Over the antimeridian the second range goes on where the first ends.
    let width = if other_west < west && east >= 180.0 { other_east + 360.0 - west } else { east - west };
    let touches = of.ranges[0] != of.ranges[1] && width == east - west;
    let longitude = west + width / 2.0;
    let longitude = if longitude > 180.0 { longitude - 360.0 } else { longitude };
    let middle = Point::new(longitude, f64::midpoint(of.south, of.north));
    let Some(middle) = middle.filter(|_| width <= 170.0 && !touches && of.south > -90.0 && of.north < 90.0) else {
        return (Point { longitude: 0.0, latitude: 0.0 }, EVERYWHERE);
    };
    // On a ball, what is furthest of a box of less than half the way round is one of its corners.
    let corners = [(west, of.south), (west, of.north)];
    let furthest = corners.into_iter().filter_map(|(longitude, latitude)| Point::new(longitude, latitude));
    let furthest = furthest.map(|corner| super::distance::between(middle, corner)).fold(0.0, f64::max);
    (middle, furthest * SLACK.0 + SLACK.1)
}

/// Cells that cover a box.
pub(crate) fn cover(of: Box) -> Vec<i64> {
    let (south, north) = (row(of.south), row(of.north));
    let mut cells = Vec::new();
    let [first, second] = of.ranges;
    // A pole has no longitude.
    let all = of.south <= -90.0 || of.north >= 90.0;
    let ranges = if all { [(-180.0, 180.0); 2] } else { [first, second] };
    for (n, (west, east)) in ranges.into_iter().enumerate() {
        if n == 0 || ranges[0] != ranges[1] {
            cover_range((column(west), column(east)), (south, north), &mut cells);
        }
    }
    cells.sort_unstable();
    cells.dedup();
    cells
}

fn cover_range((west, east): (u32, u32), (south, north): (u32, u32), cells: &mut Vec<i64>) {
    let count = |from: u32, to: u32, size: u32| (to >> size).saturating_sub(from >> size) + 1;
    let fits = |size: &u32| count(west, east, *size).saturating_mul(count(south, north, *size)) <= CELLS_MAX;
    let size = (0..LEVELS).find(fits).unwrap_or(LEVELS);
    for row in south >> size..=north >> size {
        for column in west >> size..=east >> size {
            cells.push(name(column << size, row << size, size));
        }
    }
}

/// A zero before each bit.
fn spread(bits: u32) -> u64 {
    let mut bits = u64::from(bits);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The numbers that lie in a cell.
    fn within(cell: i64) -> std::ops::RangeInclusive<i64> {
        let lowest = cell & -cell;
        cell - (lowest - 1)..=cell + (lowest - 1)
    }

    fn at(longitude: f64, latitude: f64) -> Point {
        Point::new(longitude, latitude).expect("a point")
    }

    #[test]
    fn the_corners_of_the_earth_have_cells() {
        assert_eq!(of(at(-180.0, -90.0)), 1);
        assert_eq!(of(at(180.0, 90.0)), i64::MAX);
        assert_eq!(name(0, 0, LEVELS), 1 << 62);
        assert_eq!(within(1 << 62), 1..=i64::MAX);
    }

    proptest! {
        #[test]
        fn a_place_lies_in_its_cells_of_every_size(longitude in -180.0..=180.0, latitude in -90.0..=90.0, size in 0..=LEVELS) {
            let point = at(longitude, latitude);
            prop_assert!(within(name(column(longitude), row(latitude), size)).contains(&of(point)));
        }

        /// The box holds what is near, to the last: what lies on its rim is searched for, in all directions.
        #[test]
        fn what_is_near_lies_in_the_cells_around(
            longitude in prop_oneof![-180.0..=180.0, Just(180.0), Just(-180.0), 179.999..180.0],
            latitude in prop_oneof![-90.0..=90.0, Just(90.0), Just(-90.0), 89.99..90.0, -90.0..-89.999],
            metres in prop_oneof![0.0..10.0, 0.0..10_000.0, 0.0..20_100_000.0],
            direction in -180.0..180.0, part in prop_oneof![Just(1.0), 0.0..1.0],
        ) {
            use geographiclib_rs::{DirectGeodesic, Geodesic};
            let (lat, lon): (f64, f64) = Geodesic::wgs84().direct(latitude, longitude, direction, metres * part);
            let other = at(lon.clamp(-180.0, 180.0), lat);
            let point = at(longitude, latitude);
            let cells = cover(around(point, metres));
            prop_assert!(cells.len() <= 2 * CELLS_MAX as usize);
            prop_assert!(cells.iter().any(|cell| within(*cell).contains(&of(other))), "{:?} {:?}", other, around(point, metres));
        }

        #[test]
        fn what_a_box_holds_lies_in_its_cells(
            a in (-180.0..=180.0, -90.0..=90.0), b in (-180.0..=180.0, -90.0..=90.0), p in (-180.0..=180.0, -90.0..=90.0),
            (x, y) in (0.0..=1.0, 0.0..=1.0),
        ) {
            let (a, b): ((f64, f64), (f64, f64)) = (a, b);
            let of_request = Box::new(a.0, a.1.min(b.1), b.0, a.1.max(b.1));
            let near = at(a.0 + (b.0 - a.0) * x, a.1 + (b.1 - a.1) * y);
            for point in [at(p.0, p.1), near] {
                if of_request.holds(point) {
                    prop_assert!(cover(of_request).iter().any(|cell| within(*cell).contains(&of(point))));
                }
            }
        }

        #[test]
        fn cells_of_one_size_do_not_overlap(a in (0..=LAST, 0..=LAST), b in (0..=LAST, 0..=LAST), size in 0..=LEVELS) {
            let (one, other) = (name(a.0, a.1, size), name(b.0, b.1, size));
            prop_assert_eq!(one == other, (a.0 >> size, a.1 >> size) == (b.0 >> size, b.1 >> size));
            prop_assert!(one == other || !within(one).contains(within(other).start()));
        }
    }
}
