//! JSON in jsonb's form: keys ordered by length, then bytes; the last of equal keys; exact numbers without exponents;
//! one space after `:` and `,`. Two JSON texts that mean the same have the same form, so stores can compare texts.

use std::ops::Range;

use super::scan::{Form, Number, Scanner, push_escaped};
use super::{ValueError, ValueErrorKind};

/// Digits that one number with an exponent may grow to: all doubles fit.
const DIGITS_MAX: i64 = 400;
/// Digits that all such numbers of a text may grow to, so that a small text cannot become a huge one.
const EXPANSION_MAX: i64 = 1 << 18;
/// PostgreSQL's numeric: digits before and after the point.
const NUMERIC_MAX: (usize, usize) = (131_072, 16_383);
/// Levels that the recursion may take of the stack, whatever the caller allows.
const DEPTH_MAX: u32 = 512;

/// Normalises a JSON text.
pub(super) fn normalise(text: &str, depth: u32) -> Result<String, ValueError> {
    let limit = depth.min(DEPTH_MAX);
    let mut writer = Writer {
        scanner: Scanner::new(text),
        out: String::with_capacity(text.len() + text.len() / 8),
        keys: String::new(),
        members: Vec::new(),
        scratch: String::new(),
        expansion: EXPANSION_MAX,
        limit,
    };
    writer.scanner.skip_space();
    writer.value(limit)?;
    writer.scanner.skip_space();
    match writer.scanner.peek() {
        None => Ok(writer.out),
        Some(_) => Err(writer.scanner.expected("the end of the JSON")),
    }
}

/// An object's member: its decoded key in `keys`, its printed form in `out`.
struct Member {
    key: Range<usize>,
    printed: Range<usize>,
}

/// Writes the normal form as it scans. Members are printed where they stand and moved only if they are out of order.
struct Writer<'a> {
    scanner: Scanner<'a>,
    out: String,
    /// The keys of all open objects, one after the other.
    keys: String,
    /// The members of all open objects.
    members: Vec<Member>,
    scratch: String,
    expansion: i64,
    limit: u32,
}

impl Writer<'_> {
    fn value(&mut self, depth: u32) -> Result<(), ValueError> {
        match self.scanner.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'"') => {
                self.out.push('"');
                self.scanner.string(&mut self.out, Form::Escaped)?;
                self.out.push('"');
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = self.scanner.number()?;
                push_numeric(&number, &mut self.out, &mut self.expansion)
            }
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.scanner.expected("a JSON value")),
        }
    }

    fn deeper(&self, depth: u32) -> Result<u32, ValueError> {
        depth.checked_sub(1).ok_or_else(|| ValueError {
            kind: ValueErrorKind::TooDeep,
            message: format!("the JSON is nested too deeply: at most {} levels are allowed", self.limit),
            hint: Some("nest fewer arrays and objects in each other".to_owned()),
        })
    }

    fn word(&mut self, word: &str) -> Result<(), ValueError> {
        self.scanner.word(word)?;
        self.out.push_str(word);
        Ok(())
    }

    fn array(&mut self, depth: u32) -> Result<(), ValueError> {
        self.scanner.bump();
        self.out.push('[');
        self.scanner.skip_space();
        if self.scanner.peek() != Some(b']') {
            loop {
                self.scanner.skip_space();
                self.value(depth)?;
                self.scanner.skip_space();
                if self.scanner.peek() != Some(b',') {
                    break;
                }
                self.scanner.bump();
                self.out.push_str(", ");
            }
        }
        self.scanner.expect(b']', "`,` or `]`")?;
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, depth: u32) -> Result<(), ValueError> {
        let (first_member, first_key) = (self.members.len(), self.keys.len());
        self.scanner.bump();
        self.out.push('{');
        let start = self.out.len();
        self.scanner.skip_space();
        if self.scanner.peek() != Some(b'}') {
            loop {
                self.member(depth)?;
                self.scanner.skip_space();
                if self.scanner.peek() != Some(b',') {
                    break;
                }
                self.scanner.bump();
                self.out.push_str(", ");
            }
        }
        self.scanner.expect(b'}', "`,` or `}`")?;
        self.order(first_member, start);
        self.members.truncate(first_member);
        self.keys.truncate(first_key);
        self.out.push('}');
        Ok(())
    }

    fn member(&mut self, depth: u32) -> Result<(), ValueError> {
        self.scanner.skip_space();
        if self.scanner.peek() != Some(b'"') {
            return Err(self.scanner.expected("a key in quotes"));
        }
        let key = self.keys.len();
        self.scanner.string(&mut self.keys, Form::Decoded)?;
        let key = key..self.keys.len();
        let printed = self.out.len();
        self.out.push('"');
        let decoded = &self.keys[key.clone()];
        if decoded.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
            self.out.push_str(decoded);
        } else {
            decoded.chars().for_each(|c| push_escaped(&mut self.out, c));
        }
        self.out.push('"');
        self.scanner.skip_space();
        self.scanner.expect(b':', "`:`")?;
        self.out.push_str(": ");
        self.scanner.skip_space();
        self.value(depth)?;
        self.members.push(Member { key, printed: printed..self.out.len() });
        Ok(())
    }

    /// Puts the members from `first` on, printed from `start` on, into jsonb's order.
    fn order(&mut self, first: usize, start: usize) {
        let keys = self.keys.as_str();
        let rank = |member: &Member| (member.key.len(), &keys[member.key.clone()]);
        let members = &mut self.members[first..];
        if members.is_sorted_by(|a, b| rank(a) < rank(b)) {
            return;
        }
        members.sort_by(|a, b| rank(a).cmp(&rank(b)));
        self.scratch.clear();
        for (at, member) in members.iter().enumerate() {
            // The sort is stable, so of equal keys the last is the one that came last.
            if members.get(at + 1).is_some_and(|next| rank(next) == rank(member)) {
                continue;
            }
            if !self.scratch.is_empty() {
                self.scratch.push_str(", ");
            }
            self.scratch.push_str(&self.out[member.printed.clone()]);
        }
        self.out.truncate(start);
        self.out.push_str(&self.scratch);
    }
}

/// Adds a number as PostgreSQL prints a numeric: `1e2` is `100`, `1.50` stays, `-0` is `0`.
fn push_numeric(number: &Number<'_>, out: &mut String, expansion: &mut i64) -> Result<(), ValueError> {
    let range = || ValueError {
        kind: ValueErrorKind::NumberRange,
        message: format!("value {} is out of range for type numeric", super::read::quote(number.whole)),
        hint: Some(format!("numbers are kept exactly: an exponent may make at most {DIGITS_MAX} digits of one")),
    };
    let (int, frac) = (number.int, number.frac);
    let zero = int.bytes().chain(frac.bytes()).all(|digit| digit == b'0');
    if number.negative && !zero {
        out.push('-');
    }
    let Some(exponent) = number.exponent else {
        if int.len() > NUMERIC_MAX.0 || frac.len() > NUMERIC_MAX.1 {
            return Err(range());
        }
        out.push_str(int);
        if !frac.is_empty() {
            out.push('.');
            out.push_str(frac);
        }
        return Ok(());
    };
    let exponent: i64 = exponent.parse().map_err(|_| range())?;
    let (int_len, frac_len) =
        (i64::try_from(int.len()).unwrap_or(i64::MAX), i64::try_from(frac.len()).unwrap_or(i64::MAX));
    let point = int_len.saturating_add(exponent);
    let scale = frac_len.saturating_sub(exponent).max(0);
    let digits = point.max(1).saturating_add(scale);
    if digits > DIGITS_MAX || int_len + frac_len > DIGITS_MAX {
        return Err(range());
    }
    *expansion -= digits;
    if *expansion < 0 {
        return Err(range());
    }
    // The nth digit from the point's left end; beyond what was written they are zeros.
    let digit = |n: i64| {
        usize::try_from(n)
            .ok()
            .and_then(|n| int.as_bytes().get(n).or_else(|| frac.as_bytes().get(n.wrapping_sub(int.len()))))
            .map_or('0', |byte| char::from(*byte))
    };
    let first = (0..point).find(|n| digit(*n) != '0').unwrap_or(point);
    if first >= point {
        out.push('0');
    }
    out.extend((first..point).map(digit));
    if scale > 0 {
        out.push('.');
        out.extend((point..point + scale).map(digit));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(normalise(input, 8).as_deref(), Ok(expected), "{input}");
    }

    #[track_caller]
    fn refused(input: &str, message: &str) {
        assert_eq!(normalise(input, 8).map_err(|e| e.message), Err(message.to_owned()), "{input}");
    }

    // Every expected text is what PostgreSQL 15 prints for `'…'::jsonb`.
    #[test]
    fn objects_are_ordered_as_jsonb_orders_them() {
        check(r#"{"b":1,"a":2}"#, r#"{"a": 2, "b": 1}"#);
        check(r#"{"aa":1,"b":2,"":3,"a":4}"#, r#"{"": 3, "a": 4, "b": 2, "aa": 1}"#);
        check(r#"{"a":1,"b":2,"a":3}"#, r#"{"a": 3, "b": 2}"#);
        check(r#"{"é":1,"zz":2,"abc":3}"#, r#"{"zz": 2, "é": 1, "abc": 3}"#);
        check(r#"{"\u0061":1,"\"":2, "a" : 3}"#, r#"{"\"": 2, "a": 3}"#);
        check(
            r#" [ { } , [ ] , {"b":{"d":1,"c":[{"f":1,"e":2}]},"a":1} ] "#,
            r#"[{}, [], {"a": 1, "b": {"c": [{"e": 2, "f": 1}], "d": 1}}]"#,
        );
    }

    #[test]
    fn numbers_are_exact_and_without_exponents() {
        for (input, expected) in [
            ("1e2", "100"),
            ("1.50", "1.50"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("1E-5", "0.00001"),
            ("1.5e1", "15"),
            ("1.50e1", "15.0"),
            ("0e-5", "0.00000"),
            ("0e5", "0"),
            ("0.001e2", "0.1"),
            ("0.001e4", "10"),
            ("-12.5e-3", "-0.0125"),
            ("12345678901234567890.123", "12345678901234567890.123"),
            ("1e+3", "1000"),
        ] {
            check(input, expected);
        }
    }

    #[test]
    fn strings_keep_their_characters() {
        check(r#""\u001f\/\n\u00e9\ud83d\ude00é\\\"\b\f\r\t\u007f""#, "\"\\u001f/\\né😀é\\\\\\\"\\b\\f\\r\\t\u{7f}\"");
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        refused("", "invalid input syntax for type json: expected a JSON value, found the end at character 1");
        refused("[1,]", "invalid input syntax for type json: expected a JSON value, found `]` at character 4");
        refused("[1 2]", "invalid input syntax for type json: expected `,` or `]`, found `2` at character 4");
        refused("{a:1}", "invalid input syntax for type json: expected a key in quotes, found `a` at character 2");
        refused("{\"é\" 1}", "invalid input syntax for type json: expected `:`, found `1` at character 6");
        refused("01", "invalid input syntax for type json: a number with a leading zero at character 1");
        refused(
            "1.",
            "invalid input syntax for type json: expected a digit after the point, found the end at character 3",
        );
        refused("tru", "invalid input syntax for type json: expected a JSON value, found `t` at character 1");
        refused("1 é", "invalid input syntax for type json: expected the end of the JSON, found `é` at character 3");
        refused(
            "\"a\nb\"",
            "invalid input syntax for type json: a control character inside a string must be escaped at character 3",
        );
        refused("\"a", "invalid input syntax for type json: a string is not closed at character 3");
        refused(r#""\ud800""#, "invalid input syntax for type json: half a surrogate pair at character 2");
        refused(r#""\ud800\u0041""#, "invalid input syntax for type json: half a surrogate pair at character 2");
        refused(r#""\u00""#, "invalid input syntax for type json: `\\u` needs four hexadecimal digits at character 6");
        refused(r#"{"\u0000":1}"#, "unsupported Unicode escape sequence: \\u0000 cannot be stored");
    }

    #[test]
    fn growth_and_depth_are_bounded() {
        refused("1e5000", "value \"1e5000\" is out of range for type numeric");
        refused("1e-99999999999999999999", "value \"1e-99999999999999999999\" is out of range for type numeric");
        let many = format!("[{}1]", "1e300,".repeat(5000));
        assert_eq!(normalise(&many, 8).map_err(|e| e.kind), Err(ValueErrorKind::NumberRange));
        assert!(normalise("[[[[[[[[1]]]]]]]]", 8).is_ok());
        refused("[[[[[[[[[1]]]]]]]]]", "the JSON is nested too deeply: at most 8 levels are allowed");
        let deep = "[".repeat(1_000_000);
        assert_eq!(normalise(&deep, u32::MAX).map_err(|e| e.kind), Err(ValueErrorKind::TooDeep));
    }
}
