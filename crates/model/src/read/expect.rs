//! Scalars of the form that a key wants.

use std::time::Duration;

use super::name::{list, shorten, suggest};
use super::{Reader, keys};
use crate::Span;
use crate::yaml::{Kind, Node, Plain};

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
/// Milliseconds of each unit.
const TIMES: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

impl Reader<'_> {
    fn wrong(&mut self, node: &Node, at: Span, key: &str, wanted: &str, help: Option<String>) {
        let span = if node.span.start == node.span.end { at } else { node.span };
        self.report(crate::Severity::Error, span, format!("`{key}` is {wanted}, not {}", node.what()), help);
    }

    /// A text; what reads as something else must stand in quotes.
    pub(super) fn text<'n>(&mut self, node: &'n Node, at: Span, key: &str) -> Option<&'n str> {
        match (&node.kind, node.plain()) {
            (Kind::Scalar { text, .. }, None) => Some(text),
            (Kind::Scalar { text, .. }, Some(Plain::Boolean(_) | Plain::Number(_))) => {
                self.wrong(node, at, key, "a text", Some(format!("put it in quotes: \"{text}\"")));
                None
            }
            _ => {
                self.wrong(node, at, key, "a text", None);
                None
            }
        }
    }

    /// A scalar as it is written, whatever it reads as; not nothing.
    pub(super) fn scalar<'n>(&mut self, node: &'n Node, at: Span, key: &str) -> Option<&'n str> {
        match (&node.kind, node.plain()) {
            (Kind::Scalar { text, .. }, plain) if plain != Some(Plain::Null) => Some(text),
            _ => {
                self.wrong(node, at, key, "a text", None);
                None
            }
        }
    }

    pub(super) fn switch(&mut self, node: &Node, at: Span, key: &str) -> Option<bool> {
        if let Some(Plain::Boolean(value)) = node.plain() {
            return Some(value);
        }
        let help = match &node.kind {
            Kind::Scalar { text, .. } => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "1" | "true" => Some("write true, without quotes"),
                "no" | "off" | "n" | "0" | "false" => Some("write false, without quotes"),
                _ => None,
            },
            _ => None,
        };
        self.wrong(node, at, key, "true or false", help.map(str::to_owned));
        None
    }

    /// An integer from `least` to `greatest`.
    pub(super) fn count(&mut self, node: &Node, at: Span, key: &str, least: u64, greatest: u64) -> Option<u64> {
        let number = match node.plain() {
            Some(Plain::Number(number)) => number.json,
            _ => {
                self.wrong(node, at, key, "an integer", None);
                return None;
            }
        };
        let good = number.parse::<u64>().ok().filter(|n| (least..=greatest).contains(n));
        if good.is_none() {
            let range = match greatest {
                u64::MAX => format!("{least} or more"),
                _ => format!("from {least} to {greatest}"),
            };
            let help = match number.parse::<f64>() {
                Ok(n) if n < least as f64 => format!("write {least} or more"),
                Ok(n) if n > greatest as f64 => format!("write {greatest} or less"),
                _ => "write a whole number".to_owned(),
            };
            self.error_help(node.span, format!("`{key}` is an integer {range}, not {}", shorten(&number)), help);
        }
        good
    }

    /// As [`Reader::count`], or `none`, which is `Some(None)`.
    pub(super) fn count_or_none(&mut self, node: &Node, at: Span, key: &str) -> Option<Option<u64>> {
        if let Kind::Scalar { text, .. } = &node.kind
            && text == "none"
        {
            return Some(None);
        }
        match node.plain() {
            Some(Plain::Number(_)) => self.count(node, at, key, 1, keys::ROWS_MAX).map(Some),
            _ => {
                self.wrong(node, at, key, "an integer or `none`", None);
                None
            }
        }
    }

    /// One of these words.
    pub(super) fn choice<'w>(&mut self, node: &Node, at: Span, key: &str, words: &[&'w str]) -> Option<&'w str> {
        let text = match &node.kind {
            Kind::Scalar { text, .. } if !text.is_empty() => text,
            _ => self.text(node, at, key)?,
        };
        let found = words.iter().copied().find(|word| *word == text);
        if found.is_none() {
            let help = match (suggest(text, words, &[]), words) {
                (Some(meant), _) => format!("did you mean `{meant}`?"),
                (None, [only]) => format!("it can only be `{only}`"),
                (None, _) => format!("it is one of {}", list(words)),
            };
            self.error_help(node.span, format!("`{key}` cannot be `{}`", shorten(text)), help);
        }
        found
    }

    /// Bytes with a unit.
    pub(super) fn size(&mut self, node: &Node, at: Span, key: &str, least: u64, greatest: u64) -> Option<u64> {
        self.quantity(node, at, key, SIZES, "`64KiB`, `1MiB`", (least, greatest))
    }

    /// A time with a unit; the bounds are milliseconds.
    pub(super) fn duration(&mut self, node: &Node, at: Span, key: &str, least: u64, greatest: u64) -> Option<Duration> {
        self.quantity(node, at, key, TIMES, "`500ms`, `30s`, `10m`", (least, greatest)).map(Duration::from_millis)
    }

    fn quantity(
        &mut self,
        node: &Node,
        at: Span,
        key: &str,
        units: &[(&str, u64)],
        examples: &str,
        (least, greatest): (u64, u64),
    ) -> Option<u64> {
        let given = self.scalar(node, at, key)?;
        let text = given.strip_prefix('-').unwrap_or(given);
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let unit = text[digits..].trim();
        let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit).filter(|_| digits > 0) else {
            let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
            let help = format!("write it as {examples}; units are {}", list(&names));
            self.error_help(node.span, format!("`{key}` needs a number with a unit, not `{}`", shorten(given)), help);
            return None;
        };
        let value = text[..digits].parse::<u64>().ok().and_then(|n| n.checked_mul(*factor));
        let below = text.len() < given.len() || value.is_some_and(|n| n < least);
        let good = value.filter(|n| !below && *n <= greatest);
        if good.is_none() {
            let bound = |n: u64| {
                let unit = units
                    .iter()
                    .filter(|(_, factor)| *factor == 1 || (n > 0 && n.is_multiple_of(*factor)))
                    .max_by_key(|(_, factor)| *factor);
                unit.map_or_else(|| n.to_string(), |(name, factor)| format!("{}{name}", n / factor))
            };
            let message = format!("`{key}` is from {} to {}, not {}", bound(least), bound(greatest), shorten(given));
            let help = if below {
                format!("write {} or more", bound(least))
            } else {
                format!("write {} or less", bound(greatest))
            };
            self.error_help(node.span, message, help);
        }
        good
    }

    /// The items of a list.
    pub(super) fn items<'n>(
        &mut self,
        node: &'n Node,
        at: Span,
        key: &str,
        of: &str,
        empty: keys::Empty,
    ) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) if items.is_empty() && empty == keys::Empty::Refused => {
                self.error(node.span, format!("`{key}` is empty: leave it out or list {of}"));
                None
            }
            Kind::List(items) => Some(items),
            _ if empty == keys::Empty::Allowed && node.plain() == Some(Plain::Null) => Some(&[]),
            _ => {
                self.wrong(node, at, key, &format!("a list of {of}"), None);
                None
            }
        }
    }
}
