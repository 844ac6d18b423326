//! A scanner over JSON text: strings, numbers and words, with errors that say where.

use super::{ValueError, ValueErrorKind};

/// How a string is written out while it is scanned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The characters that it stands for.
    Decoded,
    /// As jsonb prints it, without the quotes.
    Escaped,
}

/// A number's parts, as they stand in the text.
pub(super) struct Number<'a> {
    pub(super) negative: bool,
    pub(super) int: &'a str,
    pub(super) frac: &'a str,
    /// With its sign, if there is one.
    pub(super) exponent: Option<&'a str>,
    pub(super) whole: &'a str,
}

/// A place in a JSON text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Scanner<'a> {
        Scanner { text, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn bump(&mut self) {
        self.at += 1;
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Takes this byte, or says what was there instead.
    pub(super) fn expect(&mut self, byte: u8, what: &str) -> Result<(), ValueError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.expected(what))
    }

    /// Takes this word (`true`), or says that a value was expected.
    pub(super) fn word(&mut self, word: &str) -> Result<(), ValueError> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.expected("a JSON value"))
    }

    pub(super) fn expected(&self, what: &str) -> ValueError {
        let found = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(c) => format!("`{}`", c.escape_debug()),
            None => "the end".to_owned(),
        };
        self.error(&format!("expected {what}, found {found}"))
    }

    pub(super) fn error(&self, what: &str) -> ValueError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        ValueError {
            kind: ValueErrorKind::Syntax,
            message: format!("invalid input syntax for type json: {what} at character {}", before.chars().count() + 1),
            hint: None,
        }
    }

    /// Scans a string from its opening quote to behind its closing one, and writes it to `out`.
    pub(super) fn string(&mut self, out: &mut String, form: Form) -> Result<(), ValueError> {
        self.expect(b'"', "a string")?;
        loop {
            let run = self.at;
            while let Some(byte) = self.peek() {
                if byte == b'"' || byte == b'\\' || byte < 0x20 {
                    break;
                }
                self.at += 1;
            }
            out.push_str(&self.text[run..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let c = self.escape()?;
                    match form {
                        Form::Decoded => out.push(c),
                        Form::Escaped => push_escaped(out, c),
                    }
                }
                Some(_) => return Err(self.error("a control character inside a string must be escaped")),
                None => return Err(self.error("a string is not closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ValueError> {
        let start = self.at;
        self.at += 1;
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode(start);
            }
            _ => {
                self.at = start;
                return Err(self.error("an unknown escape"));
            }
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode(&mut self, start: usize) -> Result<char, ValueError> {
        let first = self.hex4()?;
        let code = match first {
            0 => {
                return Err(ValueError {
                    kind: ValueErrorKind::Syntax,
                    message: "unsupported Unicode escape sequence: \\u0000 cannot be stored".to_owned(),
                    hint: None,
                });
            }
            0xD800..=0xDBFF if self.text.as_bytes()[self.at..].starts_with(b"\\u") => {
                self.at += 2;
                let second = self.hex4()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    self.at = start;
                    return Err(self.error("half a surrogate pair"));
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| {
            self.at = start;
            self.error("half a surrogate pair")
        })
    }

    fn hex4(&mut self) -> Result<u32, ValueError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.error("`\\u` needs four hexadecimal digits"))?;
            self.at += 1;
        }
        Ok(code)
    }

    /// Scans a number by JSON's grammar.
    pub(super) fn number(&mut self) -> Result<Number<'a>, ValueError> {
        let text = self.text;
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        if negative {
            self.at += 1;
        }
        let int = self.digits("a digit")?;
        if int.len() > 1 && int.starts_with('0') {
            self.at = start;
            return Err(self.error("a number with a leading zero"));
        }
        let mut frac = "";
        if self.peek() == Some(b'.') {
            self.at += 1;
            frac = self.digits("a digit after the point")?;
        }
        let mut exponent = None;
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            let sign = self.at;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits("a digit of the exponent")?;
            exponent = Some(&text[sign..self.at]);
        }
        Ok(Number { negative, int, frac, exponent, whole: &text[start..self.at] })
    }

    fn digits(&mut self, what: &str) -> Result<&'a str, ValueError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.expected(what));
        }
        Ok(&self.text[start..self.at])
    }
}

/// Adds a character as PostgreSQL writes it inside a JSON string.
pub(super) fn push_escaped(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0'..='\u{1f}' => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let code = c as usize;
            out.push_str("\\u00");
            out.push(char::from(HEX[code >> 4]));
            out.push(char::from(HEX[code & 15]));
        }
        c => out.push(c),
    }
}
