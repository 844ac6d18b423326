//! Points as PostGIS has them in binary: well-known binary with the number of the reference system (EWKB). Where there is no PostGIS,
//! statements bring them in the same form, and the server sends a pair of numbers.

use bytes::{BufMut, BytesMut};
use pintle_model::Point;

/// Little-endian numbers follow.
const LITTLE: u8 = 1;
/// A point, with a reference system.
const KIND: u32 = 0x2000_0001;
/// WGS 84.
const SYSTEM: u32 = 4326;
/// Bytes of all of it.
const LEN: usize = 25;

/// Adds a point.
pub(super) fn put(point: Point, out: &mut BytesMut) {
    out.put_u8(LITTLE);
    out.put_u32_le(KIND);
    out.put_u32_le(SYSTEM);
    out.put_f64_le(point.longitude);
    out.put_f64_le(point.latitude);
}

/// A pair of numbers as the server sends it: how many values follow, and each with its type (double precision) and length.
const PAIR: [&[u8]; 2] = [&[0, 0, 0, 2, 0, 0, 2, 0xbd, 0, 0, 0, 8], &[0, 0, 2, 0xbd, 0, 0, 0, 8]];

/// Reads a point; `None` if it is none of WGS 84.
pub(super) fn read(bytes: &[u8]) -> Option<Point> {
    if let Some((longitude, rest)) = bytes.strip_prefix(PAIR[0]).and_then(|rest| rest.split_first_chunk()) {
        let latitude = rest.strip_prefix(PAIR[1])?.try_into().ok()?;
        return Point::new(f64::from_be_bytes(*longitude), f64::from_be_bytes(latitude));
    }
    let head = [&[LITTLE][..], &KIND.to_le_bytes(), &SYSTEM.to_le_bytes()].concat();
    let rest = bytes.strip_prefix(&head[..]).filter(|_| bytes.len() == LEN)?;
    let (longitude, latitude) = rest.split_at_checked(8)?;
    let number = |bytes: &[u8]| bytes.try_into().ok().map(f64::from_le_bytes);
    Point::new(number(longitude)?, number(latitude)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let point = Point::new(-180.0, 47.123_456_789).unwrap();
        let mut out = BytesMut::new();
        put(point, &mut out);
        assert_eq!((out.len(), read(&out)), (LEN, Some(point)));
        assert_eq!((read(&out[..24]), read(b"")), (None, None));
        out[5] = 0;
        assert_eq!(read(&out), None);
        let numbers = [point.longitude.to_be_bytes(), point.latitude.to_be_bytes()];
        let mut pair = [PAIR[0], &numbers[0], PAIR[1], &numbers[1]].concat();
        assert_eq!(read(&pair), Some(point));
        pair.pop();
        assert_eq!(read(&pair), None);
    }
}
