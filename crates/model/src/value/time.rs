//! Moments and days: read in PostgreSQL's and ISO 8601's forms, kept in UTC, printed at a fixed width.

use super::{Type, ValueError, ValueErrorKind};

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;
/// The first moment that is no longer in the year 9999, in microseconds since 1970.
const END: i64 = 2_932_897 * DAY;
/// The first day of the year 1, in days since 1970.
const START_DAY: i32 = -719_162;

/// What is wrong with a text that should be a time.
enum Wrong {
    Form,
    Range,
    Zone,
}

/// Reads a moment, in microseconds since 1970.
pub(super) fn read_timestamp(text: &str) -> Result<i64, ValueError> {
    let (days, time) = parse(text).map_err(|wrong| error(Type::Timestamp, text, &wrong))?;
    let moment = i64::from(days) * DAY + time;
    if (i64::from(START_DAY) * DAY..END).contains(&moment) {
        Ok(moment)
    } else {
        Err(error(Type::Timestamp, text, &Wrong::Range))
    }
}

/// Reads a day, in days since 1970. A time of day behind it is checked and dropped, as PostgreSQL does.
pub(super) fn read_date(text: &str) -> Result<i32, ValueError> {
    parse(text).map(|(days, _)| days).map_err(|wrong| error(Type::Date, text, &wrong))
}

fn error(ty: Type, text: &str, wrong: &Wrong) -> ValueError {
    let quoted = super::read::quote(text);
    let (kind, message) = match wrong {
        Wrong::Form => {
            (ValueErrorKind::DatetimeSyntax, format!("invalid input syntax for type {}: {quoted}", ty.pg_name()))
        }
        Wrong::Range => (ValueErrorKind::DatetimeRange, format!("date/time field value out of range: {quoted}")),
        Wrong::Zone => (ValueErrorKind::DatetimeRange, format!("time zone displacement out of range: {quoted}")),
    };
    let plus = || text.rsplit_once(' ').is_some_and(|(time, zone)| parse(&format!("{time}+{zone}")).is_ok());
    let hint = match ty {
        _ if matches!(wrong, Wrong::Form) && plus() => "in a URL the + of a time zone is written %2B",
        Type::Date => "dates are written as 2026-01-31, years 0001 to 9999",
        _ => "timestamps are written as 2026-01-31T23:59:59Z or 2026-01-31 23:59:59+01:00, years 0001 to 9999",
    };
    ValueError { kind, message, hint: Some(hint.to_owned()) }
}

/// A reader of digits and signs.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, byte: u8) -> bool {
        let there = self.0.first() == Some(&byte);
        if there {
            self.0 = &self.0[1..];
        }
        there
    }

    /// A number of `min` to `max` digits (at most 9).
    fn number(&mut self, min: usize, max: usize) -> Result<i64, Wrong> {
        let len = self.0.iter().take(max).take_while(|b| b.is_ascii_digit()).count();
        if len < min {
            return Err(Wrong::Form);
        }
        let (digits, rest) = self.0.split_at(len);
        self.0 = rest;
        Ok(digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    }

    fn skip_spaces(&mut self) {
        while self.take(b' ') {}
    }
}

/// Reads `DATE[(T| )TIME][ ZONE]` into days since 1970 and the microseconds since then, which may pass the day's ends.
fn parse(text: &str) -> Result<(i32, i64), Wrong> {
    let mut reader = Reader(super::read::trim(text).as_bytes());
    let days = parse_date(&mut reader)?;
    let mut time = None;
    if reader.take(b'T') || reader.take(b't') {
        time = Some(parse_time(&mut reader)?);
    } else if reader.take(b' ') {
        reader.skip_spaces();
        if reader.0.first().is_some_and(u8::is_ascii_digit) {
            time = Some(parse_time(&mut reader)?);
        }
    }
    reader.skip_spaces();
    // Behind a day alone, `-3` is no zone but a mistake.
    if time.is_none() && matches!(reader.0.first(), Some(b'+' | b'-')) {
        return Err(Wrong::Form);
    }
    let offset = parse_zone(&mut reader)?;
    if reader.0.is_empty() { Ok((days, time.unwrap_or(0) - offset)) } else { Err(Wrong::Form) }
}

fn parse_date(reader: &mut Reader<'_>) -> Result<i32, Wrong> {
    let year = reader.number(4, 9)?;
    if !reader.take(b'-') {
        return Err(Wrong::Form);
    }
    let month = reader.number(1, 2)?;
    if !reader.take(b'-') {
        return Err(Wrong::Form);
    }
    let day = reader.number(1, 2)?;
    if reader.0.first().is_some_and(u8::is_ascii_digit) {
        return Err(Wrong::Form);
    }
    // All three fit an i32: they have at most nine digits.
    let [year, month, day] = [year, month, day].map(|n| i32::try_from(n).unwrap_or(i32::MAX));
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return Err(Wrong::Range);
    }
    Ok(days_from_civil(year, month, day))
}

/// `HH:MM[:SS[.ffffff]]`, in microseconds; `24:00` and a 60th second are the next day's and minute's first.
fn parse_time(reader: &mut Reader<'_>) -> Result<i64, Wrong> {
    let hour = reader.number(1, 2)?;
    if !reader.take(b':') {
        return Err(Wrong::Form);
    }
    let minute = reader.number(2, 2)?;
    let (mut second, mut micros) = (0, 0);
    if reader.take(b':') {
        second = reader.number(2, 2)?;
        if reader.take(b'.') {
            micros = parse_fraction(reader)?;
        }
    }
    let time = ((hour * 60 + minute) * 60 + second) * SECOND + micros;
    if hour > 24 || minute > 59 || second > 60 || time > DAY {
        return Err(Wrong::Range);
    }
    Ok(time)
}

/// Digits behind the point, rounded to microseconds.
fn parse_fraction(reader: &mut Reader<'_>) -> Result<i64, Wrong> {
    let before = reader.0.len();
    let mut micros = reader.number(1, 6)?;
    for _ in before - reader.0.len()..6 {
        micros *= 10;
    }
    if reader.0.first().is_some_and(|digit| (b'5'..=b'9').contains(digit)) {
        micros += 1;
    }
    while reader.0.first().is_some_and(u8::is_ascii_digit) {
        reader.0 = &reader.0[1..];
    }
    Ok(micros)
}

/// Nothing, `Z`, `UTC`, or `±HH[[:]MM[[:]SS]]`, in microseconds east of UTC.
fn parse_zone(reader: &mut Reader<'_>) -> Result<i64, Wrong> {
    if reader.0.eq_ignore_ascii_case(b"utc") || reader.0.eq_ignore_ascii_case(b"z") || reader.0.is_empty() {
        reader.0 = &[];
        return Ok(0);
    }
    let sign = match (reader.take(b'+'), reader.take(b'-')) {
        (true, false) => 1,
        (false, true) => -1,
        _ => return Err(Wrong::Form),
    };
    let hours = reader.number(1, 2)?;
    let (mut minutes, mut seconds) = (0, 0);
    if reader.take(b':') || reader.0.len() == 2 {
        minutes = reader.number(2, 2)?;
        if reader.take(b':') {
            seconds = reader.number(2, 2)?;
        }
    }
    if hours > 15 || minutes > 59 || seconds > 59 {
        return Err(Wrong::Zone);
    }
    Ok(sign * ((hours * 60 + minutes) * 60 + seconds) * SECOND)
}

fn month_days(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a day of the Gregorian calendar, years 1 to 9999. Years are counted from March, so that the leap
/// day is a year's last.
fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// Year, month and day of days since 1970; beyond the years 1 to 9999, their first or last day.
fn civil_from_days(days: i32) -> (u32, u32, u32) {
    let days = days.clamp(START_DAY, 2_932_896) + 719_468;
    // 400 years have 146,097 days.
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    [year + era * 400 + carry, month, day].map(i32::unsigned_abs).into()
}

/// Writes `n` in as many digits as `to` has.
fn digits(to: &mut [u8], mut n: u32) {
    for place in to.iter_mut().rev() {
        *place = b'0' + u8::try_from(n % 10).unwrap_or(0);
        n /= 10;
    }
}

/// `YYYY-MM-DD`
pub(super) fn print_date(days: i32) -> [u8; 10] {
    let (year, month, day) = civil_from_days(days);
    let mut text = *b"0000-00-00";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    text
}

/// `YYYY-MM-DDTHH:MM:SS.ffffffZ`
pub(super) fn print_timestamp(moment: i64) -> [u8; 27] {
    let moment = moment.clamp(i64::from(START_DAY) * DAY, END - 1);
    let (days, time) = (moment.div_euclid(DAY), moment.rem_euclid(DAY));
    let seconds = time / SECOND;
    let part = |n: i64| u32::try_from(n).unwrap_or(0);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    text[..10].copy_from_slice(&print_date(i32::try_from(days).unwrap_or(0)));
    digits(&mut text[11..13], part(seconds / 3600));
    digits(&mut text[14..16], part(seconds / 60 % 60));
    digits(&mut text[17..19], part(seconds % 60));
    digits(&mut text[20..26], part(time % SECOND));
    text
}
