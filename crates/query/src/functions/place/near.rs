//! What is near a time: the days around it, and how far two are from one another.

use std::fmt::Write as _;

use pintle_model::value::print;
use pintle_model::{Type, Value};

use super::{Answer, Arg, cell, distance, number, point};

/// Days around a time, at the most.
const DAYS_MAX: i32 = 1200;

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

/// `pintle_days_around(first, last, seconds, from, to)`: the days from the one on to the other that lie within so many seconds of what is
/// between two stored times, as a JSON array.
pub(in crate::functions) fn days_around<'a>(args: &[Arg<'a>]) -> Answer<'a> {
    let [Arg::Text(first), Arg::Text(last), seconds, Arg::Text(from), Arg::Text(to)] = *args else {
        return Answer::Null;
    };
    let of_text = |text: &str| match Type::Date.read_text(text) {
        Ok(Value::Date(day)) => Some(day),
        _ => None,
    };
    let (Some((first, last)), Some(seconds), Some((from, to))) =
        (micros(first).zip(micros(last)), number(seconds), of_text(from).zip(of_text(to)))
    else {
        return Answer::Null;
    };
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    let shift = (seconds * 1e6).ceil() as i64;
    let day = |micros: i64| i32::try_from(micros.div_euclid(86_400_000_000)).unwrap_or(0);
    let (first, last) = (day(first.saturating_sub(shift)).max(from), day(last.saturating_add(shift)).min(to));
    let mut json = "[".to_owned();
    for day in first..=last.min(first.saturating_add(DAYS_MAX)) {
        let _ = write!(json, "{}\"{}\"", if json.len() > 1 { "," } else { "" }, &*print::stored_date(day));
    }
    json.push(']');
    Answer::Text(json.into())
}

/// `pintle_run(point, metres)`: what is the same for points that lie within about half as many metres.
pub(in crate::functions) fn run<'a>(at: Arg<'a>, metres: Arg<'a>) -> Answer<'a> {
    let found = point(at).zip(number(metres));
    found.map_or(Answer::Null, |(at, metres)| Answer::Integer(cell::of_about(at, metres / 2.0)))
}

/// `pintle_slot(time, seconds)`: the number of the span of so many seconds that a stored time lies in. What lies within as many seconds
/// is in the same or in one beside it.
pub(in crate::functions) fn slot<'a>(time: Arg<'a>, seconds: Arg<'a>) -> Answer<'a> {
    let (Arg::Text(time), Some(seconds)) = (time, number(seconds)) else { return Answer::Null };
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    let span = ((seconds * 1e6).ceil() as i64).max(1);
    micros(time).map_or(Answer::Null, |time| Answer::Integer(time.div_euclid(span)))
}

/// `pintle_near_run(middle, point, metres, wide)`: whether a point is near all places that are at most so wide around a middle; null if
/// it may be near some of them.
pub(in crate::functions) fn near_run<'a>(args: &[Arg<'a>]) -> Answer<'a> {
    /// By how much sums of distances may be wrong that are rounded, in metres.
    const ROUNDED: f64 = 1.0e-6;
    let [middle, at, metres, wide] = *args else { return Answer::Null };
    let (Some((middle, at)), Some((metres, wide))) = (point(middle).zip(point(at)), number(metres).zip(number(wide)))
    else {
        return Answer::Null;
    };
    if wide == 0.0 {
        return Answer::Boolean(distance::within(middle, at, metres));
    }
    if distance::within(middle, at, metres - wide - ROUNDED) {
        return Answer::Boolean(true);
    }
    if distance::within(middle, at, metres + wide + ROUNDED) { Answer::Null } else { Answer::Boolean(false) }
}
