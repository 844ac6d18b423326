//! Mistakes in a user's file, as values.

use std::fmt;
use std::sync::Arc;

/// A file that diagnostics point into.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path as the user would write it.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl SourceFile {
    /// The line and column of a byte, both from 1, the column in characters.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The character at a line and a column as JSON parsers count them: from 1, the column in bytes.
    pub(crate) fn span_at(&self, line: usize, column: usize) -> Span {
        let line_start: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let mut start = (line_start + column.saturating_sub(1)).min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let end = start + self.text[start..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
        Span { start, end }
    }
}

/// A piece of a file, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The app cannot be served.
    Error,
    /// It can, but the author would want to know.
    Warning,
}

/// One mistake: what, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// The words at the carets, shorter than the message.
    pub label: Option<String>,
    /// What would be right.
    pub help: Option<String>,
    /// The file.
    pub file: Arc<SourceFile>,
    /// Where in it.
    pub span: Span,
}

impl fmt::Display for Diagnostic {
    /// `pintle.yaml:3:7: error: …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.file.position(self.span.start);
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{line}:{column}: {severity}: {}", self.file.path, self.message)
    }
}
