//! What statements of the app's own need beside what requests do: pieces of texts, rounded numbers, the ends of ranges.

use std::borrow::Cow;

use super::{Answer, Arg, Failure};

/// So many characters of a text from one on, as PostgreSQL counts: the first is 1, and those before it count too.
pub(super) fn substr(text: &str, from: i64, count: i64) -> Cow<'_, str> {
    let end = from.saturating_add(count.max(0));
    let skip = usize::try_from(from.max(1) - 1).unwrap_or(usize::MAX);
    let take = usize::try_from(end.saturating_sub(from.max(1))).unwrap_or(0);
    let at = |chars: usize, text: &str| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    let rest = text.get(at(skip, text)..).unwrap_or_default();
    Cow::Borrowed(rest.get(..at(take, rest)).unwrap_or_default())
}

/// A number without its fraction, or its root or sign.
pub(super) fn rounded<'a>(value: Arg<'a>, how: &str) -> Answer<'a> {
    let number = match value {
        Arg::Number(number) => number,
        #[expect(clippy::cast_precision_loss, reason = "a whole number in a column of doubles was one")]
        Arg::Integer(number) => number as f64,
        _ => return Answer::Null,
    };
    Answer::Number(match how {
        "round" => number.round_ties_even(),
        "ceil" => number.ceil(),
        "floor" => number.floor(),
        "trunc" => number.trunc(),
        "sign" if number == 0.0 => 0.0,
        "sign" => number.signum(),
        "sqrt" if number >= 0.0 => number.sqrt(),
        _ => return Answer::Null,
    })
}

/// A number as it is, unless SQLite went on with it beyond the range of its type.
pub(super) fn in_range<'a>(value: Arg<'a>, ty: &str) -> Answer<'a> {
    match (value, ty) {
        (Arg::Integer(number), _) => Answer::Integer(number),
        (Arg::Number(number), "number") if number.is_finite() => Answer::Number(number),
        (Arg::Number(_), "number") => failure("double precision out of range"),
        (Arg::Number(_), _) => failure("bigint out of range"),
        _ => Answer::Null,
    }
}

fn failure<'a>(message: &str) -> Answer<'a> {
    Answer::Failure(Failure { state: "22003", message: message.to_owned() })
}

/// Fails as a policy does.
pub(super) fn deny<'a>(collection: &str) -> Answer<'a> {
    Answer::Failure(Failure { state: "42501", message: collection.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_texts_are_postgresqls() {
        for (from, count, wanted) in [
            (1, 2, "hé"),
            (2, i64::MAX, "éllo"),
            (0, 3, "hé"),
            (-5, 3, ""),
            (-1, 4, "hé"),
            (9, 2, ""),
            (2, -1, ""),
            (i64::MIN, i64::MAX, ""),
        ] {
            assert_eq!(substr("héllo", from, count), wanted, "{from} {count}");
        }
    }

    #[test]
    fn halves_are_rounded_to_the_even_one_and_ranges_have_ends() {
        assert_eq!(rounded(Arg::Number(2.5), "round"), Answer::Number(2.0));
        assert_eq!(rounded(Arg::Number(-0.5), "sign"), Answer::Number(-1.0));
        assert_eq!(rounded(Arg::Number(-1.0), "sqrt"), Answer::Null);
        assert_eq!(in_range(Arg::Integer(3), "number"), Answer::Integer(3));
        assert!(matches!(in_range(Arg::Number(1e19), "integer"), Answer::Failure(_)));
        assert!(matches!(in_range(Arg::Number(f64::INFINITY), "number"), Answer::Failure(_)));
    }
}
