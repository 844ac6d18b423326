//! JSON numbers of any size, compared exactly.

/// A number as 0.DIGITS × 10^exponent; zero has no digits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    exponent: i64,
    digits: Vec<u8>,
}

impl Decimal {
    /// Reads a JSON number.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let (negative, body) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = match body.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok()?),
            None => (body, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let zeros = digits.iter().take_while(|d| **d == b'0').count();
        digits.drain(..zeros);
        if digits.is_empty() {
            return Some(Decimal { negative: false, exponent: 0, digits });
        }
        let exponent = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()? + i64::from(power);
        Some(Decimal { negative, exponent, digits })
    }

    /// Adds bytes that compare as the numbers do.
    pub(super) fn write_key(&self, out: &mut Vec<u8>) {
        if self.digits.is_empty() {
            return out.push(1);
        }
        out.push(if self.negative { 0 } else { 2 });
        let start = out.len();
        #[expect(clippy::cast_sign_loss, reason = "flipping the sign's bit keeps the order")]
        let exponent = (self.exponent ^ i64::MIN) as u64;
        out.extend_from_slice(&exponent.to_be_bytes());
        out.extend_from_slice(&self.digits);
        out.push(0);
        if self.negative {
            out[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Decimal::parse(text).expect("a number").write_key(&mut out);
        out
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        assert_eq!(Decimal::parse("1"), Decimal::parse("1.00"));
        assert_eq!(Decimal::parse("100"), Decimal::parse("1e2"));
        assert_eq!(Decimal::parse("-0.0"), Decimal::parse("0"));
        assert_ne!(Decimal::parse("9007199254740993"), Decimal::parse("9007199254740992"));
        for none in ["", "-", "1.", ".5", "01", "+1", "0x1", "1e", "NaN", "1 "] {
            assert_eq!(Decimal::parse(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn keys_compare_as_numbers(a in -100_000i64..100_000, b in -100_000i64..100_000, scale in 0usize..4) {
            let text = |n: i64| {
                let sign = if n < 0 { "-" } else { "" };
                let digits = format!("{:0width$}", n.abs(), width = scale + 1);
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
            };
            prop_assert_eq!(key(&text(a)).cmp(&key(&text(b))), a.cmp(&b));
        }
    }
}
