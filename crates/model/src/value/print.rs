//! Values as JSON and as text, written into a buffer that is there already.
//!
//! The `json_…` functions write what PostgreSQL's JSON holds; those with `stored` in their names take the form that a
//! store keeps, so that rows become answers without a [`Value`] in between.

use std::ops::Deref;

use super::{Value, number, time};

/// A text of `N` ASCII characters that needs no heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed<const N: usize>([u8; N]);

impl<const N: usize> Deref for Fixed<N> {
    type Target = str;

    fn deref(&self) -> &str {
        // ASCII by construction, so the default is never taken.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A timestamp as stores keep it in text: `YYYY-MM-DDTHH:MM:SS.ffffffZ`. `moment` is in microseconds since 1970.
#[must_use]
pub fn stored_timestamp(moment: i64) -> Fixed<27> {
    Fixed(time::print_timestamp(moment))
}

/// A date as stores keep it in text: `YYYY-MM-DD`. `days` since 1970.
#[must_use]
pub fn stored_date(days: i32) -> Fixed<10> {
    Fixed(time::print_date(days))
}

/// A uuid as stores keep it in text: 36 characters in lower case.
#[must_use]
pub fn stored_uuid(uuid: &uuid::Uuid) -> Fixed<36> {
    let mut text = [0; 36];
    uuid.hyphenated().encode_lower(&mut text);
    Fixed(text)
}

/// The bytes that stand for themselves in a JSON string, each a character.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    plain
};

/// Adds the bytes of a text as a JSON string; false, and nothing is added, if they are no UTF-8. Most texts are plain, which
/// is seen by one look at each byte.
#[must_use]
pub fn json_text(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    if bytes.iter().all(|&byte| PLAIN[usize::from(byte)]) {
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
        return true;
    }
    std::str::from_utf8(bytes).is_ok_and(|text| {
        json_string(out, text);
        true
    })
}

/// Adds a JSON string.
pub fn json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut run = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[run..at]);
        run = at + 1;
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            12 => b'f',
            _ => {
                out.extend_from_slice(b"\\u00");
                push_hex(out, byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.extend_from_slice(&bytes[run..]);
    out.push(b'"');
}

/// Adds an integer.
pub fn json_integer(out: &mut Vec<u8>, n: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Adds a double as PostgreSQL prints it: the shortest digits that read back the same, `1`, `0.0001`, `1e+15`.
/// What is not finite becomes null.
pub fn json_number(out: &mut Vec<u8>, n: f64) {
    number::print(out, n);
}

/// Adds a boolean.
pub fn json_boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Adds a timestamp as PostgreSQL's JSON has it: `"2020-08-15T10:37:06.12+00:00"`. Microseconds since 1970.
pub fn json_timestamp(out: &mut Vec<u8>, moment: i64) {
    json_stored_timestamp(out, &stored_timestamp(moment));
}

/// Adds a timestamp that stands as [`stored_timestamp`] writes it. What does not is written as the string it is.
pub fn json_stored_timestamp(out: &mut Vec<u8>, stored: &str) {
    let bytes = stored.as_bytes();
    if bytes.len() != 27 || bytes[26] != b'Z' || bytes[19] != b'.' {
        return json_string(out, stored);
    }
    let mut end = 26;
    while bytes[end - 1] == b'0' {
        end -= 1;
    }
    if bytes[end - 1] == b'.' {
        end -= 1;
    }
    out.push(b'"');
    out.extend_from_slice(&bytes[..end]);
    out.extend_from_slice(b"+00:00\"");
}

/// Adds a date or a uuid that stands as [`stored_date`] or [`stored_uuid`] writes it, which needs no escapes.
pub fn json_stored_plain(out: &mut Vec<u8>, stored: &str) {
    json_string(out, stored);
}

/// Adds bytes in hex: `"\\x00ff"`.
pub fn json_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() * 2 + 5);
    out.extend_from_slice(b"\"\\\\x");
    for byte in bytes {
        push_hex(out, *byte);
    }
    out.push(b'"');
}

fn push_hex(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

impl Value {
    /// Adds the value as JSON, as answers hold it.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Text(text) => json_string(out, text),
            Value::Integer(n) => json_integer(out, *n),
            Value::Number(n) => json_number(out, *n),
            Value::Boolean(value) => json_boolean(out, *value),
            Value::Timestamp(moment) => json_timestamp(out, *moment),
            Value::Date(days) => json_stored_plain(out, &stored_date(*days)),
            Value::Uuid(uuid) => json_stored_plain(out, &stored_uuid(uuid)),
            Value::Json(text) => out.extend_from_slice(text.as_bytes()),
            Value::Bytes(bytes) => json_bytes(out, bytes),
            Value::Point(point) => point.write_json(out),
        }
    }

    /// Adds the value as text that [`Type::read_text`](super::Type::read_text) reads back: what stands in a URL or a
    /// message. Null is `null`.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        match self {
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            Value::Timestamp(_) => {
                let start = out.len();
                self.write_json(out);
                // JSON's form without its quotes.
                out.pop();
                out.remove(start);
            }
            Value::Date(days) => out.extend_from_slice(stored_date(*days).as_bytes()),
            Value::Uuid(uuid) => out.extend_from_slice(stored_uuid(uuid).as_bytes()),
            Value::Bytes(bytes) => {
                out.extend_from_slice(b"\\x");
                for byte in bytes {
                    push_hex(out, *byte);
                }
            }
            other => other.write_json(out),
        }
    }

    /// The value as text: see [`Value::write_text`].
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = Vec::new();
        self.write_text(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}
