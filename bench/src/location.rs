//! Where phones were, and what sensors told: the same records for every server.

use std::io::Write;

/// Whose phones they are.
pub(crate) const PERSONS: u64 = 1000;
/// When the first record was made, in seconds since 1970: 2021-03-01.
const FIRST: u64 = 1_614_556_800;
/// What each sensor tells in a day.
const SENSORS: u64 = 100;

/// Where a phone was.
#[derive(Debug)]
pub(crate) struct Location {
    pub(crate) id: String,
    pub(crate) person: u64,
    pub(crate) longitude: f64,
    pub(crate) latitude: f64,
    /// Since 1970.
    pub(crate) seconds: u64,
}

/// The nth location: somewhere on the fairground, a second after the one before.
pub(crate) fn of(n: u64) -> Location {
    let (person, [east, north]) = place(n);
    Location {
        id: id(n),
        person,
        longitude: 11.0 + east as f64 / 1e7,
        latitude: 49.0 + north as f64 / 1e7,
        seconds: FIRST + n,
    }
}

/// Whose phone it was, and where, in parts of a degree.
fn place(n: u64) -> (u64, [u64; 2]) {
    let chance = scattered(n);
    (1 + n % PERSONS, [775_000 + chance % 85_000, 4_150_000 + (chance >> 32) % 40_000])
}

/// The same as a JSON object, appended to `to`.
pub(crate) fn write(n: u64, to: &mut Vec<u8>) {
    let (person, [east, north]) = place(n);
    head(n, to);
    // Writing to a vector cannot fail.
    let _ = write!(to, r#""person_id":{person},"longitude":11.{east:07},"latitude":49.{north:07},"creation_time":"#);
    time(n, to);
    to.push(b'}');
}

/// The nth thing that a sensor told, as a JSON object, appended to `to`.
pub(crate) fn write_reading(n: u64, to: &mut Vec<u8>) {
    let (sensor, tenths) = (1 + n % SENSORS, scattered(n) % 400);
    head(n, to);
    let _ = write!(to, r#""sensor":{sensor},"celsius":{}.{},"at":"#, tenths / 10, tenths % 10);
    time(n, to);
    to.push(b'}');
}

/// A UUID of the record's time and number, as version 7 has it.
fn id(n: u64) -> String {
    let ms = (FIRST + n) * 1000;
    format!("{:08x}-{:04x}-7000-8000-{n:012x}", ms >> 16, ms & 0xffff)
}

fn head(n: u64, to: &mut Vec<u8>) {
    let _ = write!(to, r#"{{"id":"{}","#, id(n));
}

fn time(n: u64, to: &mut Vec<u8>) {
    let moment = i64::try_from(FIRST + n).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let _ = write!(to, r#""{}""#, moment.unwrap_or_default());
}

/// A number that looks like chance (splitmix64).
fn scattered(n: u64) -> u64 {
    let mut mixed = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::{write, write_reading};

    #[test]
    fn records_are_the_same_each_time_and_each_another() {
        let text = |write: fn(u64, &mut Vec<u8>), n| {
            let mut json = Vec::new();
            write(n, &mut json);
            String::from_utf8(json).unwrap()
        };
        assert_eq!(
            text(write, 1001),
            r#"{"id":"0177eb24-ea28-7000-8000-0000000003e9","person_id":2,"longitude":11.0779701,"latitude":49.4176044,"creation_time":"2021-03-01T00:16:41Z"}"#
        );
        assert_eq!(
            text(write_reading, 3),
            r#"{"id":"0177eb15-afb8-7000-8000-000000000003","sensor":4,"celsius":4.4,"at":"2021-03-01T00:00:03Z"}"#
        );
        assert_ne!(text(write, 7), text(write, 8));
    }
}
