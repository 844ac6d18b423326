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

/// How often each range is cut in half.
const LEVELS: u32 = 31;
/// Halves of a range, less one.
const LAST: u32 = (1 << LEVELS) - 1;

/// The number of the smallest cell that a point lies in.
pub(crate) fn of(point: Point) -> i64 {
    name(column(point.longitude), row(point.latitude), 0)
}

/// The names of cells of one size that cover these degrees, at most so many.
pub(crate) fn cover(longitudes: &[(f64, f64)], south: f64, north: f64, cells_max: u32) -> Vec<i64> {
    let rows = |size: u32| row(south) >> size..=row(north) >> size;
    let columns = |(west, east): (f64, f64), size: u32| column(west) >> size..=column(east) >> size;
    let wide = |range: &std::ops::RangeInclusive<u32>| u64::from(range.end() - range.start()) + 1;
    let count = |size: u32| longitudes.iter().map(|both| wide(&columns(*both, size))).sum::<u64>() * wide(&rows(size));
    let size = (0..=LEVELS).find(|size| count(*size) <= cells_max.into()).unwrap_or(LEVELS);
    let mut names = Vec::new();
    for both in longitudes {
        for column in columns(*both, size) {
            names.extend(rows(size).map(|row| name(column << size, row << size, size)));
        }
    }
    // Both sides of a meridian may lie in one large cell.
    names.sort_unstable();
    names.dedup();
    names
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

        #[test]
        fn cells_of_one_size_do_not_overlap(a in (0..=LAST, 0..=LAST), b in (0..=LAST, 0..=LAST), size in 0..=LEVELS) {
            let (one, other) = (name(a.0, a.1, size), name(b.0, b.1, size));
            prop_assert_eq!(one == other, (a.0 >> size, a.1 >> size) == (b.0 >> size, b.1 >> size));
            prop_assert!(one == other || !within(one).contains(within(other).start()));
        }
    }
}
