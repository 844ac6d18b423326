//! Mistakes in a user's file as pictures: what, file:line:column, the line with a mark below it, what would be right.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use pintle_model::{Diagnostic, Severity};

use crate::app::Checked;
use crate::ui::Look;

/// All mistakes, one below the other.
pub(crate) fn render(diagnostics: &[Diagnostic], look: Look) -> String {
    let theme = if look.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_links(false).with_wrap_lines(false).with_context_lines(1);
    let mut text = String::new();
    for diagnostic in diagnostics {
        // Writing to a string cannot fail.
        let _ = handler.render_report(&mut text, &Picture::of(diagnostic));
        text.push('\n');
    }
    // Printed as a paragraph of its own: one blank line behind it.
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// One line that says how it went.
pub(crate) fn verdict(checked: &Checked) -> String {
    let count = |severity| checked.diagnostics.iter().filter(|d| d.severity == severity).count();
    let manifest = checked.manifest.display();
    let warnings = plural(count(Severity::Warning), "warning");
    match (&checked.app, count(Severity::Error), count(Severity::Warning)) {
        (Some(app), _, warned) => {
            let collections = app.model().collections.iter().filter(|c| !c.system).count();
            let routes = app.model().routes.len();
            let and_routes = if routes == 0 { String::new() } else { format!(", {}", plural(routes, "route")) };
            let what = format!("{manifest} is right: {}{and_routes}", plural(collections, "collection"));
            if warned == 0 { what } else { format!("{what}, {warnings}") }
        }
        (None, errors, 0) => format!("{manifest} has {}", plural(errors, "error")),
        (None, errors, _) => format!("{manifest} has {}, {warnings}", plural(errors, "error")),
    }
}

fn plural(n: usize, what: &str) -> String {
    if n == 1 { format!("{n} {what}") } else { format!("{n} {what}s") }
}

/// A diagnostic as miette wants it.
#[derive(Debug)]
struct Picture<'a> {
    diagnostic: &'a Diagnostic,
    source: NamedSource<String>,
}

impl Picture<'_> {
    fn of(diagnostic: &Diagnostic) -> Picture<'_> {
        let file = &diagnostic.file;
        Picture { diagnostic, source: NamedSource::new(&file.path, file.text.clone()) }
    }
}

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Picture<'_> {}

impl miette::Diagnostic for Picture<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.diagnostic.span;
        let length = span.end.saturating_sub(span.start);
        let label = LabeledSpan::new(self.diagnostic.label.clone(), span.start, length);
        Some(Box::new(std::iter::once(label)))
    }
}
