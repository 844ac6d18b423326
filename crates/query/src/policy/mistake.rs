//! Mistakes in a policy, and where they stand in the manifest.

use std::ops::Range;
use std::sync::Arc;

use pintle_model::likeness::meant;
use pintle_model::{Diagnostic, Model, Policy, Severity, Span};
use sqlparser::tokenizer;

/// A mistake in a policy's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) message: String,
    pub(crate) label: Option<String>,
    pub(crate) help: Option<String>,
    /// Bytes of the policy's text.
    pub(crate) at: Option<Range<usize>>,
}

impl Mistake {
    pub(crate) fn new(message: impl Into<String>) -> Mistake {
        Mistake { message: message.into(), label: None, help: None, at: None }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Mistake {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Mistake {
        self.help = Some(help.into());
        self
    }

    /// Where, as the parser has it.
    pub(crate) fn at(mut self, source: &str, span: tokenizer::Span) -> Mistake {
        if let (Some(start), Some(end)) = (offset(source, span.start), offset(source, span.end)) {
            self.at = Some(start..end.max(start));
        }
        self
    }

    /// The mistake as the user sees it: at the very words where the manifest has the policy's text as it is, else at the
    /// whole policy.
    pub(crate) fn diagnostic(self, model: &Arc<Model>, policy: &Policy) -> Diagnostic {
        let span = written_at(&model.source.text, policy.span, &policy.source, self.at);
        Diagnostic {
            severity: Severity::Error,
            message: self.message,
            label: self.label,
            help: self.help,
            file: Arc::clone(&model.source),
            span,
        }
    }
}

/// Where a piece of a text stands in the file that has the text at `whole`: as it is, or as a block of YAML, indented. Else at the whole.
pub(crate) fn written_at(file: &str, whole: Span, text: &str, at: Option<Range<usize>>) -> Span {
    let written = file.get(whole.start..whole.end).unwrap_or_default();
    let find = |at: usize| match written.find(text) {
        Some(offset) => Some(offset + at),
        None => in_block(written, text, at),
    };
    let found = at.and_then(|at| Some((find(at.start)?, find(at.end)?)));
    found.map_or(whole, |(start, end)| Span { start: whole.start + start, end: whole.start + end })
}

/// The place of a byte of `text` where each of its lines is written with spaces before it.
fn in_block(written: &str, text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?;
    let (number, column) = (before.matches('\n').count(), before.len() - before.rfind('\n').map_or(0, |end| end + 1));
    let line = text.split('\n').nth(number)?;
    let start: usize = written.split_inclusive('\n').take(number).map(str::len).sum();
    let indented = written.split('\n').nth(number)?;
    let spaces = indented.strip_suffix(line).filter(|spaces| spaces.trim().is_empty())?;
    Some(start + spaces.len() + column)
}

/// The byte at a line and column (both from 1, columns in characters).
fn offset(source: &str, location: tokenizer::Location) -> Option<usize> {
    let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(location.column).ok()?.checked_sub(1)?;
    let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = source.get(start..)?;
    Some(start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at))
}

/// `did you mean …?`, or all that there is.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone, what: &str) -> String {
    match meant(name, known.clone()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => {
            let all: Vec<String> = known.into_iter().map(|candidate| format!("`{candidate}`")).collect();
            format!("{what} {}", all.join(", "))
        }
    }
}
