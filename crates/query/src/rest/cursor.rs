//! A place in a parameter's text, with faults that say what was found there and what would be right.

use crate::fault::{NAMED_MAX, shortened};
use crate::{Fault, FaultKind};

/// A place in a text. What is read is gone; a fault points at the place.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// What the text is, for faults: `filter`, `order`.
    what: &'static str,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(what: &'static str, text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0, what }
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes the next character.
    pub(crate) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Takes this word if it stands here.
    pub(crate) fn eat(&mut self, word: &str) -> bool {
        let there = self.rest().starts_with(word);
        if there {
            self.at += word.len();
        }
        there
    }

    /// Takes characters as long as they do.
    pub(crate) fn take_while(&mut self, mut wanted: impl FnMut(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Takes all that is left.
    pub(crate) fn take_rest(&mut self) -> &'a str {
        let rest = self.rest();
        self.at = self.text.len();
        rest
    }

    pub(crate) fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// A text in double quotes, where `\` keeps the next character from meaning anything. `None` (and nothing is taken)
    /// if there is no quote, or no closing one.
    pub(crate) fn quoted(&mut self) -> Option<String> {
        let mut ahead = self.clone();
        if !ahead.eat("\"") {
            return None;
        }
        let mut inside = String::new();
        loop {
            match ahead.next()? {
                '"' => break,
                '\\' => inside.push(ahead.next()?),
                c => inside.push(c),
            }
        }
        *self = ahead;
        Some(inside)
    }

    /// Takes this word, or says that it was expected.
    pub(crate) fn expect(&mut self, word: &str, expecting: &str) -> Result<(), Fault> {
        if self.eat(word) { Ok(()) } else { Err(self.unexpected(expecting)) }
    }

    /// That the text should have ended here.
    pub(crate) fn expect_end(&self, expecting: &str) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(c) => Err(self.fault(&format!("unexpected '{c}' expecting {expecting}"))),
        }
    }

    /// What stands here is not what would be right.
    pub(crate) fn unexpected(&self, expecting: &str) -> Fault {
        match self.peek() {
            None => self.fault(&format!("unexpected end of input expecting {expecting}")),
            Some(c) => self.fault(&format!("unexpected {:?} expecting {expecting}", c.to_string())),
        }
    }

    fn fault(&self, details: &str) -> Fault {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let message = format!(
            "\"failed to parse {} ({})\" (line {line}, column {column})",
            self.what,
            shortened(self.text, NAMED_MAX)
        );
        Fault::new(FaultKind::Parse, message).details(details)
    }
}
