//! Mistakes in a user's file, as values.

use std::sync::Arc;

/// A file that diagnostics point into.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path as the user would write it.
    pub path: String,
    /// Its text.
    pub text: String,
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
