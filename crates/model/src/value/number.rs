//! Doubles as PostgreSQL prints them.

/// Adds a double as PostgreSQL prints it: the shortest digits that read back the same, `1`, `0.0001`, `1e+15`.
/// What is not finite becomes null.
pub(super) fn print(out: &mut Vec<u8>, n: f64) {
    if !n.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    #[expect(clippy::cast_possible_truncation, reason = "only used when the integer is the same number")]
    let whole = n as i64;
    #[expect(clippy::cast_precision_loss, reason = "below 1e15 every integer is a double")]
    let same = whole as f64 == n;
    if same && whole.unsigned_abs() < 1_000_000_000_000_000 {
        return super::print::json_integer(out, whole);
    }
    if n < 0.0 {
        out.push(b'-');
    }
    let n = n.abs();
    let mut buffer = ryu::Buffer::new();
    let mut decimal = Decimal::read(buffer.format_finite(n).as_bytes());
    if decimal.is_halfway(n) {
        decimal = longer(n, decimal);
    }
    push_decimal(out, &decimal.digits[..decimal.len], decimal.exponent);
}

/// The shortest digits that are more than these and read back the same. Rare, so it may allocate.
fn longer(n: f64, halfway: Decimal) -> Decimal {
    for len in halfway.len..17 {
        let text = format!("{n:.len$e}");
        let decimal = Decimal::read(text.as_bytes());
        if text.parse() == Ok(n) && !decimal.is_halfway(n) {
            return decimal;
        }
    }
    halfway
}

/// Significant digits, and the power of ten of the first.
struct Decimal {
    digits: [u8; 24],
    len: usize,
    exponent: i32,
}

impl Decimal {
    /// Reads what ryu or `{:e}` printed: `123.45`, `1.5e-7`.
    fn read(text: &[u8]) -> Decimal {
        let (digits, len, exponent) = decimal(text);
        Decimal { digits, len, exponent }
    }

    /// Whether these digits lie exactly between `n` and the next double. They read back as `n` by rounding to even, which
    /// PostgreSQL does not trust: it prints more digits then. Such digits are integers from 2^53 to 2^80.
    fn is_halfway(&self, n: f64) -> bool {
        if !(9_007_199_254_740_992.0..1_208_925_819_614_629_174_706_176.0).contains(&n) {
            return false;
        }
        let Some(zeros) = usize::try_from(self.exponent).ok().and_then(|e| (e + 1).checked_sub(self.len)) else {
            return false;
        };
        let digits = self.digits[..self.len].iter().fold(0_u128, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        let Some(decimal) = u32::try_from(zeros).ok().and_then(|zeros| digits.checked_mul(10_u128.checked_pow(zeros)?))
        else {
            return false;
        };
        let bits = n.to_bits();
        // The double is `fraction * 2^power`; the next one is `2^power` away, or half of it below a power of two.
        let (fraction, power) = (bits & ((1 << 52) - 1) | 1 << 52, (bits >> 52) - 1075);
        let distance = decimal.abs_diff(u128::from(fraction) << power);
        let below = if fraction == 1 << 52 && decimal < u128::from(fraction) << power { 4 } else { 2 };
        distance > 0 && distance * below == 1_u128 << power
    }
}

/// The significant digits of what ryu printed, and the power of ten of the first.
fn decimal(text: &[u8]) -> ([u8; 24], usize, i32) {
    let (mut digits, mut len) = ([b'0'; 24], 0);
    let (mut first, mut point, mut exponent) = (None, None, 0_i32);
    let mut places = 0_i32;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'.' => point = Some(places),
            b'e' => {
                exponent = std::str::from_utf8(&text[at + 1..]).ok().and_then(|e| e.parse().ok()).unwrap_or(0);
                break;
            }
            _ => {
                if byte != b'0' && first.is_none() {
                    first = Some(places);
                }
                if first.is_some() && len < digits.len() {
                    digits[len] = byte;
                    len += 1;
                }
                places += 1;
            }
        }
    }
    while len > 1 && digits[len - 1] == b'0' {
        len -= 1;
    }
    (digits, len, point.unwrap_or(places) - first.unwrap_or(0) - 1 + exponent)
}

/// Adds digits whose first stands at ten to the `exponent`, with an exponent where PostgreSQL would.
fn push_decimal(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    if !(-4..15).contains(&exponent) {
        out.extend_from_slice(&digits[..1]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            out.push(b'0');
        }
        return super::print::json_integer(out, i64::from(exponent.abs()));
    }
    let Ok(before) = usize::try_from(exponent + 1) else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', usize::try_from(-exponent - 1).unwrap_or(0)));
        return out.extend_from_slice(digits);
    };
    let whole = before.min(digits.len());
    if before == 0 {
        out.push(b'0');
    }
    out.extend_from_slice(&digits[..whole]);
    out.extend(std::iter::repeat_n(b'0', before - whole));
    if digits.len() > whole {
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    }
}
