//! YAML as a small tree in which every key and value knows its place. Only what a manifest needs: one document, text
//! keys, no tags. Bounded in size, depth and the growth of aliases.

mod scalar;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

pub(crate) use scalar::Plain;

use crate::Span;

/// Bytes that a file may have: far more than a person writes.
const SIZE_MAX: usize = 1 << 20;
/// Levels of lists and maps.
const DEPTH_MAX: usize = 64;
/// Values in all, those that aliases repeat included.
const NODES_MAX: usize = 100_000;

/// A value and where it stands. A list's and a map's span reaches from their first to their last entry.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What sort of value.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A text, number, boolean or null. `plain` when it stands without quotes, so that it may be other than a text.
    Scalar { text: String, plain: bool },
    /// `[…]` or lines that begin with `-`
    List(Vec<Node>),
    /// `{…}` or lines with `key:`. The first of equal keys.
    Map(Vec<(Key, Node)>),
}

/// A map's key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A mistake in the YAML itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Node {
    /// What it is, for messages: ``a text``, ``a list``.
    pub(crate) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Scalar { .. } => match self.plain() {
                Some(Plain::Null) => "nothing",
                Some(Plain::Boolean(_)) => "a boolean",
                Some(Plain::Number(_)) => "a number",
                None => "a text",
            },
        }
    }

    /// What a scalar without quotes means, unless it is a text.
    pub(crate) fn plain(&self) -> Option<Plain> {
        match &self.kind {
            Kind::Scalar { text, plain: true } => Plain::read(text),
            _ => None,
        }
    }

    fn count(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::List(items) => items.iter().map(Node::count).sum(),
            Kind::Map(entries) => entries.iter().map(|(_, value)| 1 + value.count()).sum(),
        }
    }
}

/// Reads a file's text. `None` if there is nothing to go on with; the faults are in the text's order.
pub(crate) fn parse(text: &str) -> (Option<Node>, Vec<Fault>) {
    if text.len() > SIZE_MAX {
        let message = format!("the file has {} bytes; at most {SIZE_MAX} are read", text.len());
        return (None, vec![Fault { span: Span::default(), message, help: None }]);
    }
    let mut builder = Builder {
        text,
        offsets: Offsets::new(text),
        open: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        nodes: 0,
        faults: Vec::new(),
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let go_on = match event {
            Ok((event, span)) => {
                let span = builder.offsets.span(span.start.index(), span.end.index());
                builder.event(event, span)
            }
            Err(error) => builder.broken(&error),
        };
        if let Err(fault) = go_on {
            builder.faults.push(fault);
            return (None, builder.faults);
        }
    }
    (builder.root, builder.faults)
}

/// From characters, which the parser counts, to bytes.
struct Offsets {
    /// The byte of each character; empty if the text is ASCII and they are the same.
    bytes: Vec<usize>,
    len: usize,
}

impl Offsets {
    fn new(text: &str) -> Offsets {
        let bytes = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        Offsets { bytes, len: text.len() }
    }

    fn byte(&self, character: usize) -> usize {
        if self.bytes.is_empty() {
            return character.min(self.len);
        }
        self.bytes.get(character).copied().unwrap_or(self.len)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let start = self.byte(start);
        Span { start, end: self.byte(end).max(start) }
    }
}

/// A list or map that is not closed yet.
struct Open {
    anchor: usize,
    span: Span,
    entries: Entries,
}

enum Entries {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, seen: HashSet<String>, key: Option<Key> },
}

struct Builder<'t> {
    text: &'t str,
    offsets: Offsets,
    open: Vec<Open>,
    root: Option<Node>,
    /// Values that an alias may repeat.
    anchors: HashMap<usize, Node>,
    nodes: usize,
    faults: Vec<Fault>,
}

fn fault(span: Span, message: impl Into<String>) -> Fault {
    Fault { span, message: message.into(), help: None }
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(tag) = tag {
                    self.faults.push(fault(span, format!("tags such as `{tag}` are not used in a manifest")));
                }
                let plain = style == ScalarStyle::Plain;
                let span = self.tighten(span, style);
                let node = Node { span, kind: Kind::Scalar { text: text.into_owned(), plain } };
                self.add(node, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.begin(anchor, tag.is_some(), span, Entries::List(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                let entries = Entries::Map { entries: Vec::new(), seen: HashSet::new(), key: None };
                self.begin(anchor, tag.is_some(), span, entries)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(fault(span, "this alias stands inside the value that it repeats"));
                };
                let mut node = node.clone();
                node.span = span;
                self.nodes += node.count();
                self.add(node, 0)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(fault(span, "a manifest is one YAML document; a second one begins here"))
            }
            _ => Ok(()),
        }
    }

    /// The parser's spans of scalars may take in white space, comments and line ends behind them.
    fn tighten(&self, span: Span, style: ScalarStyle) -> Span {
        let raw = self.text.get(span.start..span.end).unwrap_or_default();
        match style {
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => {
                Span { start: span.start, end: span.start + raw.trim_end().len() }
            }
            _ => span,
        }
    }

    fn begin(&mut self, anchor: usize, tagged: bool, span: Span, entries: Entries) -> Result<(), Fault> {
        if tagged {
            self.faults.push(fault(span, "tags are not used in a manifest"));
        }
        if self.open.len() == DEPTH_MAX {
            return Err(fault(span, format!("nested more than {DEPTH_MAX} levels deep")));
        }
        self.open.push(Open { anchor, span, entries });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Fault> {
        let Some(Open { anchor, span, entries }) = self.open.pop() else { return Ok(()) };
        // A block ends where the next thing begins; its last entry ends where a reader sees its end.
        let byte = |at: usize| self.text.as_bytes().get(at).copied();
        let flow = matches!(byte(span.start), Some(b'[' | b'{')) && matches!(byte(end.start), Some(b']' | b'}'));
        let node = match entries {
            Entries::List(items) => {
                let last = items.last().map_or(span.end, |node| node.span.end);
                let end = if flow { end.start + 1 } else { last };
                Node { span: Span { start: span.start, end: end.max(span.start) }, kind: Kind::List(items) }
            }
            Entries::Map { entries, .. } => {
                let start =
                    entries.first().map_or(span.start, |(key, _)| if flow { span.start } else { key.span.start });
                let last = entries.last().map_or(span.end, |(key, value)| value.span.end.max(key.span.end));
                let end = if flow { end.start + 1 } else { last };
                Node { span: Span { start, end: end.max(start) }, kind: Kind::Map(entries) }
            }
        };
        self.add(node, anchor)
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(fault(node.span, format!("more than {NODES_MAX} values, those that aliases repeat included")));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
            self.nodes += node.count();
        }
        match self.open.last_mut().map(|open| &mut open.entries) {
            None => self.root = Some(node),
            Some(Entries::List(items)) => items.push(node),
            Some(Entries::Map { entries, seen, key }) => match key.take() {
                None => {
                    let Kind::Scalar { text, .. } = node.kind else {
                        return Err(fault(node.span, "a key must be a text, not a list or a map"));
                    };
                    *key = Some(Key { text, span: node.span });
                }
                Some(key) if seen.insert(key.text.clone()) => entries.push((key, node)),
                Some(key) => {
                    let message = format!("`{}` stands here a second time", key.text);
                    let help = Some("keep one of them".to_owned());
                    self.faults.push(Fault { span: key.span, message, help });
                }
            },
        }
        Ok(())
    }

    fn broken(&self, error: &ScanError) -> Result<(), Fault> {
        let at = self.offsets.byte(error.marker().index());
        let line_start = self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let message = format!("this is no YAML: {}", error.info());
        // The parser may stop before the tab that it found.
        let tab = || indent_tab(self.text, line_start).filter(|tab| error.info().contains("tab") || *tab <= at);
        if let Some(tab) = tab() {
            let help = Some("YAML is indented with spaces: there is a tab in this line".to_owned());
            return Err(Fault { span: Span { start: tab, end: tab + 1 }, message, help });
        }
        if error.info().contains("anchor or alias") {
            let help = Some("`*` and `&` mean something in YAML: put the text in quotes, \"*\"".to_owned());
            return Err(Fault { span: Span { start: at, end: at }, message, help });
        }
        let line = self.text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        if let Some(dollar) = line.find("${") {
            let span = Span { start: line_start + dollar, end: line_start + dollar + 2 };
            let help = Some("between braces and brackets, put it in quotes: \"${env:NAME}\"".to_owned());
            return Err(Fault { span, message, help });
        }
        let next = self.text.get(at..).and_then(|rest| rest.chars().next());
        let end = at + next.filter(|c| *c != '\n').map_or(0, char::len_utf8);
        Err(Fault { span: Span { start: at, end }, message, help: None })
    }
}

/// The first tab that indents a line, from the line at `start` on.
fn indent_tab(text: &str, start: usize) -> Option<usize> {
    let mut line_start = start;
    for line in text.get(start..)?.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t') {
            return Some(line_start + tab);
        }
        line_start += line.len();
    }
    None
}
