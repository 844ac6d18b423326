//! What is near a time: the days around it, and how far two are from one another.

use std::fmt::Write as _;

use pintle_model::value::print;
use pintle_model::{Type, Value};

use super::{Answer, Arg, number};

/// Days around a time, at the most.
const DAYS_MAX: i32 = 800;

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
