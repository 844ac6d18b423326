//! Values from text and from JSON, refused in PostgreSQL's words.

use super::scan::{Form, Scanner};
use super::{Type, Value, ValueError, ValueErrorKind, jsonb, point, time};

/// Levels that a json value in a URL may have.
const TEXT_DEPTH: u32 = 64;
/// Characters of a refused value that its error repeats.
const QUOTE_MAX: usize = 100;

/// A value in quotes for a message; long ones are cut.
pub(super) fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTE_MAX) {
        Some((end, _)) => format!("\"{}…\"", &text[..end]),
        None => format!("\"{text}\""),
    }
}

fn syntax(ty: Type, text: &str, hint: Option<&str>) -> ValueError {
    ValueError {
        kind: ValueErrorKind::Syntax,
        message: format!("invalid input syntax for type {}: {}", ty.pg_name(), quote(text)),
        hint: hint.map(str::to_owned),
    }
}

/// As [`Type::read_text`].
pub(super) fn text(ty: Type, text: &str) -> Result<Value, ValueError> {
    match ty {
        Type::Text => no_nul(text.to_owned()).map(Value::Text),
        Type::Integer => integer(text).map(Value::Integer),
        Type::Number => number(text).map(Value::Number),
        Type::Boolean => boolean(text).map(Value::Boolean),
        Type::Timestamp => time::read_timestamp(text).map(Value::Timestamp),
        Type::Date => time::read_date(text).map(Value::Date),
        Type::Uuid => uuid(text).map(Value::Uuid),
        Type::Json => jsonb::normalise(text, TEXT_DEPTH).map(Value::Json),
        Type::Bytes => bytes(text).map(Value::Bytes),
        Type::Point => point::read(text).map(Value::Point),
    }
}

/// As [`Type::read_json`].
pub(super) fn json(ty: Type, json: &str, depth: u32) -> Result<Value, ValueError> {
    let json = json.trim_matches([' ', '\t', '\n', '\r']);
    if json == "null" {
        return Ok(Value::Null);
    }
    if ty == Type::Json {
        return jsonb::normalise(json, depth).map(Value::Json);
    }
    if ty == Type::Point {
        return point::read(json).map(Value::Point);
    }
    if json.starts_with('"') {
        // Without escapes, quotes and control characters inside, the text stands there as it is.
        let inside = json.get(1..json.len() - 1).filter(|inside| {
            json.len() > 1 && json.ends_with('"') && inside.bytes().all(|b| b != b'"' && b != b'\\' && b >= b' ')
        });
        if let Some(inside) = inside {
            return text(ty, inside);
        }
        let mut decoded = String::with_capacity(json.len());
        let mut scanner = Scanner::new(json);
        scanner.string(&mut decoded, Form::Decoded)?;
        if scanner.peek().is_some() {
            return Err(scanner.expected("the end of the JSON"));
        }
        return if ty == Type::Text { Ok(Value::Text(decoded)) } else { text(ty, &decoded) };
    }
    match (ty, json.as_bytes().first()) {
        (Type::Integer, Some(b'-' | b'0'..=b'9')) => integer(json).map(Value::Integer),
        (Type::Number, Some(b'-' | b'0'..=b'9')) => number(json).map(Value::Number),
        (Type::Boolean, _) if json == "true" => Ok(Value::Boolean(true)),
        (Type::Boolean, _) if json == "false" => Ok(Value::Boolean(false)),
        _ => Err(syntax(ty, json, Some(wanted(ty)))),
    }
}

/// What JSON a type is written as.
fn wanted(ty: Type) -> &'static str {
    match ty {
        Type::Text => "a text is written as a JSON string: \"…\"",
        Type::Integer => "an integer is written as a JSON number without a point: 17",
        Type::Number => "a number is written as a JSON number: 1.5",
        Type::Boolean => "a boolean is written as true or false",
        Type::Timestamp => "a timestamp is written as a JSON string: \"2026-01-31T23:59:59Z\"",
        Type::Date => "a date is written as a JSON string: \"2026-01-31\"",
        Type::Uuid => "a uuid is written as a JSON string: \"0190163d-8694-739b-aea5-966c26f8ad91\"",
        Type::Json => "any JSON",
        Type::Bytes => "bytes are written as a JSON string in hex: \"\\\\x00ff\"",
        Type::Point => point::FORM,
    }
}

fn no_nul(text: String) -> Result<String, ValueError> {
    if text.contains('\0') {
        return Err(ValueError {
            kind: ValueErrorKind::Syntax,
            message: "invalid byte sequence for encoding \"UTF8\": 0x00".to_owned(),
            hint: Some("a text holds no NUL character".to_owned()),
        });
    }
    Ok(text)
}

/// What PostgreSQL takes for white space around a value.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
}

fn integer(text: &str) -> Result<i64, ValueError> {
    let digits = trim(text);
    if let Ok(n) = digits.parse() {
        return Ok(n);
    }
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return Err(syntax(Type::Integer, text, None));
    }
    Err(ValueError {
        kind: ValueErrorKind::NumberRange,
        message: format!("value {} is out of range for type bigint", quote(text)),
        hint: Some("integers have 64 bits: -9223372036854775808 to 9223372036854775807".to_owned()),
    })
}

pub(super) fn number(text: &str) -> Result<f64, ValueError> {
    let digits = trim(text);
    // Rust also reads `inf` and `nan`, which are no numbers here.
    let plain = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let parsed = digits.parse::<f64>().ok().filter(|_| plain);
    let n = parsed.ok_or_else(|| {
        syntax(Type::Number, text, Some("a number is written as 1, -1.5 or 1e20; there is no NaN and no infinity"))
    })?;
    let mantissa = digits.split(['e', 'E']).next().unwrap_or_default();
    if n.is_infinite() || (n == 0.0 && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'))) {
        return Err(ValueError {
            kind: ValueErrorKind::NumberRange,
            message: format!("{} is out of range for type double precision", quote(text)),
            hint: None,
        });
    }
    // SQLite keeps no -0, so no store does.
    Ok(if n == 0.0 { 0.0 } else { n })
}

fn boolean(text: &str) -> Result<bool, ValueError> {
    let word = trim(text).to_ascii_lowercase();
    let begins = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
    if begins("true", 1) || begins("yes", 1) || word == "on" || word == "1" {
        Ok(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0" {
        Ok(false)
    } else {
        Err(syntax(Type::Boolean, text, None))
    }
}

/// 32 hexadecimal digits, in braces or not, with hyphens behind any group of four, as PostgreSQL takes them.
fn uuid(text: &str) -> Result<uuid::Uuid, ValueError> {
    if let Ok(uuid) = uuid::Uuid::try_parse(text)
        && text.len() == 36
    {
        return Ok(uuid);
    }
    let refuse = || syntax(Type::Uuid, text, None);
    let inside = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}').ok_or_else(refuse)?,
        None => text,
    };
    let (mut value, mut digits) = (0_u128, 0);
    let mut hyphen = false;
    for c in inside.chars() {
        if c == '-' && digits % 4 == 0 && digits > 0 && digits < 32 && !hyphen {
            hyphen = true;
            continue;
        }
        hyphen = false;
        value = value << 4 | u128::from(c.to_digit(16).ok_or_else(refuse)?);
        digits += 1;
        if digits > 32 {
            return Err(refuse());
        }
    }
    if digits == 32 { Ok(uuid::Uuid::from_u128(value)) } else { Err(refuse()) }
}

fn bytes(text: &str) -> Result<Vec<u8>, ValueError> {
    let hint = "bytes are written in hex: \\x00ff";
    let Some(hex) = text.strip_prefix("\\x") else { return Err(syntax(Type::Bytes, text, Some(hint))) };
    let wrong = |message: String| ValueError { kind: ValueErrorKind::Syntax, message, hint: Some(hint.to_owned()) };
    let digit = |c: char| match c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) {
        Some(digit) => Ok(digit),
        None => Err(wrong(format!("invalid hexadecimal digit: \"{}\"", c.escape_debug()))),
    };
    let mut bytes = Vec::with_capacity(hex.len() / 2);
    let mut chars = hex.chars();
    while let Some(high) = chars.next() {
        let high = digit(high)?;
        let Some(low) = chars.next() else {
            return Err(wrong("invalid hexadecimal data: odd number of digits".to_owned()));
        };
        bytes.push(high << 4 | digit(low)?);
    }
    Ok(bytes)
}
