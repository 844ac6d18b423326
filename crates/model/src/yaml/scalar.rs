//! What a scalar without quotes means, by YAML 1.2's core schema: `yes` and `on` are texts.

/// A scalar that is no text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plain {
    Null,
    Boolean(bool),
    Number(Number),
}

/// A number, as JSON writes it: `+1` is `1`, `.5` is `0.5`, `0x1f` is `31`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    pub(crate) json: String,
}

impl Plain {
    pub(crate) fn read(text: &str) -> Option<Plain> {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Some(Plain::Null),
            "true" | "True" | "TRUE" => Some(Plain::Boolean(true)),
            "false" | "False" | "FALSE" => Some(Plain::Boolean(false)),
            _ => number(text).map(|json| Plain::Number(Number { json })),
        }
    }
}

fn number(text: &str) -> Option<String> {
    let (radix, digits) = match text.get(..2) {
        Some("0x") => (16, &text[2..]),
        Some("0o") => (8, &text[2..]),
        _ => return decimal(text),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(|n| n.to_string())
}

fn decimal(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (int, frac) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if (int.is_empty() && frac.is_empty()) || !all_digits(int) || !all_digits(frac) {
        return None;
    }
    let int = int.trim_start_matches('0');
    let mut json = format!("{sign}{}", if int.is_empty() { "0" } else { int });
    if !frac.is_empty() {
        json.push('.');
        json.push_str(frac);
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !all_digits(digits) {
            return None;
        }
        json.push('e');
        json.push_str(exponent);
    }
    Some(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_yaml_1_2_says() {
        for text in [
            "yes", "no", "on", "off", "y", "tRUE", "1.2.3", "1e", "-", ".", "+", "0x", "1_000", ".inf", ".nan", "é",
            "0x+1",
        ] {
            assert_eq!(Plain::read(text), None, "{text}");
        }
        for (text, json) in [
            ("17", "17"),
            ("+1", "1"),
            ("-0.50", "-0.50"),
            (".5", "0.5"),
            ("5.", "5"),
            ("007", "7"),
            ("1E+3", "1e+3"),
            ("0x1f", "31"),
            ("0o17", "15"),
        ] {
            assert_eq!(Plain::read(text), Some(Plain::Number(Number { json: json.to_owned() })), "{text}");
            assert!(serde_json::from_str::<serde_json::Number>(json).is_ok(), "{json}");
        }
        assert_eq!(Plain::read("true"), Some(Plain::Boolean(true)));
        assert_eq!(Plain::read("~"), Some(Plain::Null));
    }
}
