//! `like`, `ilike` and regular expressions, with PostgreSQL's rules.

use std::borrow::Cow;
use std::cell::RefCell;

use regex::{Regex, RegexBuilder};

/// Bytes that a compiled regular expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Bytes that a compiled regular expression of a caller's may take.
const REQUEST_REGEX_BYTES_MAX: usize = 256 << 10;
/// Bytes that matching one may take beside it.
const REGEX_CACHE_BYTES_MAX: usize = 512 << 10;
/// Compiled regular expressions that a thread keeps: more than a request and the policies that it falls under hold, or
/// each row would compile them anew.
const REGEXES_KEPT: usize = 16;

/// Up to so many steps `like` may take the way without memory.
const STEPS_MAX: usize = 1 << 16;
/// Characters that may stand between two `%` where `_` is among them.
pub(crate) const WILD_PIECE_MAX: usize = 100;

/// Whether a caller's `like` pattern is matched in a time that grows with the value alone.
pub(crate) fn check_like_cost(pattern: &str) -> bool {
    // What stands at the beginning is held against one place only.
    pieces(pattern).skip(1).all(|piece| piece.chars.len() <= WILD_PIECE_MAX || piece.chars.iter().all(Option::is_some))
}

/// Whether a `like` pattern is whole.
///
/// # Errors
/// PostgreSQL's words (SQLSTATE 22025) when it ends with a lone escape.
pub fn check_like(pattern: &str) -> Result<(), &'static str> {
    let trailing = pattern.bytes().rev().take_while(|b| *b == b'\\').count();
    if trailing % 2 == 1 { Err("LIKE pattern must not end with escape character") } else { Ok(()) }
}

/// Compiles a regular expression, with a bound on its size. `.` stands for a new line too, as in PostgreSQL.
///
/// # Errors
/// When it is none, or becomes too large (SQLSTATE 2201B).
pub fn compile_regex(pattern: &str, fold: bool) -> Result<Regex, regex::Error> {
    build(pattern, fold, REGEX_BYTES_MAX)
}

/// Whether a caller's regular expression is one, and small enough.
///
/// # Errors
/// As [`compile_regex`].
pub(crate) fn check_regex(pattern: &str, fold: bool) -> Result<(), regex::Error> {
    build(pattern, fold, REQUEST_REGEX_BYTES_MAX).map(|_| ())
}

fn build(pattern: &str, fold: bool, bytes: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(fold)
        .dot_matches_new_line(true)
        .size_limit(bytes)
        .dfa_size_limit(REGEX_CACHE_BYTES_MAX)
        .build()
}

/// `value like pattern`: `%` is any text, `_` any character, `\` takes the next one as it is.
pub(super) fn like(value: &str, pattern: &str) -> bool {
    if check_like(pattern).is_err() {
        return false;
    }
    if value.len().saturating_mul(pattern.len()) > STEPS_MAX {
        like_long(value, pattern)
    } else {
        like_short(value, pattern)
    }
}

/// Without any memory of its own; as many steps as the value's length times the pattern's at the worst.
fn like_short(value: &str, pattern: &str) -> bool {
    let (mut at, mut p) = (0, 0);
    // Where the last `%` stands in the pattern, and where the text that it covers ends so far.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let rest = &pattern[p..];
        if rest.starts_with('%') {
            retry = Some((p, at));
            p += 1;
            continue;
        }
        let Some(next) = value[at..].chars().next() else {
            return rest.is_empty();
        };
        if let Some(taken) = step(rest, next) {
            p += taken;
            at += next.len_utf8();
            continue;
        }
        // Let the last `%` cover one character more.
        let Some((star, covered)) = retry else { return false };
        let Some(skipped) = value[covered..].chars().next() else { return false };
        at = covered + skipped.len_utf8();
        retry = Some((star, at));
        p = star + 1;
    }
}

/// The same in steps that grow with the value alone, but for pieces with `_` ([`check_like_cost`] bounds those).
fn like_long(value: &str, pattern: &str) -> bool {
    let mut pieces = pieces(pattern);
    let (Some(first), last) = (pieces.next(), pieces.next_back()) else { return value.is_empty() };
    let Some(taken) = first.begins(value) else { return false };
    let Some(last) = last else { return taken == value.len() };
    let rest = &value[taken..];
    // The last piece stands at the end, wherever the others are.
    let Some(tail) = last.tail(rest) else { return false };
    let mut rest = &rest[..tail];
    pieces.all(|piece| match piece.find_end(rest) {
        Some(end) => {
            rest = &rest[end..];
            true
        }
        None => false,
    })
}

/// What stands between two `%` of a pattern.
struct Piece {
    /// Its characters; `None` is any.
    chars: Vec<Option<char>>,
}

/// The pieces between the `%` of a pattern.
fn pieces(pattern: &str) -> std::vec::IntoIter<Piece> {
    let mut all = vec![Piece { chars: Vec::new() }];
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let unit = match c {
            '%' => {
                all.push(Piece { chars: Vec::new() });
                continue;
            }
            '_' => None,
            '\\' => chars.next(),
            plain => Some(plain),
        };
        if let Some(piece) = all.last_mut() {
            piece.chars.push(unit);
        }
    }
    all.into_iter()
}

impl Piece {
    /// How many bytes of the text it takes, if the text begins with it.
    fn begins(&self, text: &str) -> Option<usize> {
        let mut found = text.chars();
        self.chars
            .iter()
            .all(|unit| found.next().is_some_and(|c| unit.is_none_or(|u| u == c)))
            .then(|| text.len() - found.as_str().len())
    }

    /// Where it begins, if the text ends with it.
    fn tail(&self, text: &str) -> Option<usize> {
        let mut found = text.chars();
        self.chars
            .iter()
            .rev()
            .all(|unit| found.next_back().is_some_and(|c| unit.is_none_or(|u| u == c)))
            .then_some(found.as_str().len())
    }

    /// Where it ends for the first time in the text.
    fn find_end(&self, text: &str) -> Option<usize> {
        if let Some(plain) = self.chars.iter().copied().collect::<Option<String>>() {
            return text.find(&plain).map(|at| at + plain.len());
        }
        text.char_indices().find_map(|(at, _)| self.begins(&text[at..]).map(|taken| at + taken))
    }
}

/// How many bytes of the pattern stand for this character, if they do.
fn step(pattern: &str, c: char) -> Option<usize> {
    let mut chars = pattern.chars();
    match chars.next()? {
        '_' => Some(1),
        '\\' => {
            let escaped = chars.next()?;
            (escaped == c).then(|| 1 + escaped.len_utf8())
        }
        plain => (plain == c).then(|| plain.len_utf8()),
    }
}

/// `value ilike pattern`.
pub(super) fn ilike(value: &str, pattern: &str) -> bool {
    like(&lower(value), &lower(pattern))
}

/// Lower case, character by character: no character's form depends on its neighbours.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) { text.to_ascii_lowercase().into() } else { text.into() }
    } else {
        text.chars().flat_map(char::to_lowercase).collect::<String>().into()
    }
}

/// The text that everything a pattern matches begins with.
pub(super) fn prefix(pattern: &str) -> String {
    let mut prefix = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' | '_' => break,
            '\\' => match chars.next() {
                Some(escaped) => prefix.push(escaped),
                None => break,
            },
            plain => prefix.push(plain),
        }
    }
    prefix
}

/// The least text above all that begin with the pattern's prefix; `None` if there is none.
pub(super) fn prefix_end(pattern: &str) -> Option<String> {
    let mut end = prefix(pattern);
    while let Some(last) = end.pop() {
        let next = match last {
            char::MAX => None,
            '\u{d7ff}' => Some('\u{e000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// Whether the regular expression matches somewhere in the value.
pub(super) fn matches(value: &str, pattern: &str, fold: bool) -> bool {
    thread_local! {
        static KEPT: RefCell<Vec<(String, bool, Option<Regex>)>> = const { RefCell::new(Vec::new()) };
    }
    KEPT.with_borrow_mut(|kept| {
        let at = match kept.iter().position(|(known, f, _)| known == pattern && *f == fold) {
            Some(at) => at,
            None => {
                if kept.len() == REGEXES_KEPT {
                    kept.remove(0);
                }
                kept.push((pattern.to_owned(), fold, compile_regex(pattern, fold).ok()));
                kept.len() - 1
            }
        };
        kept[at].2.as_ref().is_some_and(|regex| regex.is_match(value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn like_is_postgres_like() {
        for (value, pattern, expected) in [
            ("abc", "abc", true),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "_b_", true),
            ("abc", "", false),
            ("", "%", true),
            ("aXbXc", "%X_", true),
            ("Abc", "a%", false),
            ("50%", "50\\%", true),
            ("505", "50\\%", false),
            ("a\\b", "a\\\\b", true),
            ("é", "_", true),
            ("a\nb", "a%b", true),
            ("mississippi", "m%iss%pi", true),
            ("mississippi", "m%iss%pix", false),
            ("a", "a\\", false),
        ] {
            assert_eq!(like(value, pattern), expected, "{value:?} like {pattern:?}");
        }
    }

    #[test]
    fn ilike_folds_all_of_unicode() {
        assert!(ilike("ÉCOLE", "école"));
        assert!(ilike("straße", "STRA%"));
        assert!(!ilike("ecole", "école"));
    }

    #[test]
    fn a_regular_expression_matches_somewhere_and_a_dot_is_any_character() {
        assert!(matches("a\nb", "^a.b$", false));
        assert!(matches("xABCx", "abc", true));
        assert!(!matches("xABCx", "abc", false));
        assert!(!matches("x", "(", false));
    }

    #[test]
    fn a_long_pattern_on_a_long_text_takes_no_time_of_their_product() {
        // Character by character this would be 10^11 steps.
        let (value, run) = ("a".repeat(1 << 20), "a".repeat(1 << 17));
        assert!(!like(&value, &format!("%{run}b%")));
        assert!(like(&value, &format!("%{run}%{run}")));
        assert!(check_like_cost(&format!("%{run}%{run}")));
        assert!(check_like_cost("_%a_c%"));
        assert!(!check_like_cost(&format!("%_{run}%")));
    }

    #[test]
    fn a_callers_regular_expression_is_bounded() {
        assert_eq!(check_regex(r"^\w+@\w+\.(com|org)$", true), Ok(()));
        assert!(check_regex(r"\w{1,200}", false).is_err());
        assert!(check_regex("(", false).is_err());
    }

    /// What `like` means, by trying everything.
    fn naive(value: &[char], pattern: &[char]) -> bool {
        match pattern {
            [] => value.is_empty(),
            ['%', rest @ ..] => (0..=value.len()).any(|n| naive(&value[n..], rest)),
            ['\\', c, rest @ ..] => value.first() == Some(c) && naive(&value[1..], rest),
            ['_', rest @ ..] => !value.is_empty() && naive(&value[1..], rest),
            [c, rest @ ..] => value.first() == Some(c) && naive(&value[1..], rest),
        }
    }

    proptest! {
        #[test]
        fn like_agrees_with_its_meaning(value in "[aé%_\\\\]{0,8}", pattern in "([aé%_]|\\\\[aé%_\\\\]){0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = naive(&chars(&value), &chars(&pattern));
            prop_assert_eq!(like_short(&value, &pattern), expected);
            prop_assert_eq!(like_long(&value, &pattern), expected);
        }

        #[test]
        fn what_is_like_a_pattern_lies_within_its_bounds(value in "[aé\u{10ffff}%]{0,4}", pattern in "[aé\u{10ffff}]{0,3}%?") {
            if like(&value, &pattern) {
                prop_assert!(value >= prefix(&pattern));
                prop_assert!(prefix_end(&pattern).is_none_or(|end| value < end));
            }
        }
    }
}
