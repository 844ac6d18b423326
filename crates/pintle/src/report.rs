//! Mistakes in a user's file as pictures: what, file:line:column, the line with a mark below it, what would be right.

use std::fmt;
use std::path::Path;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};
use pintle_model::{Diagnostic, Severity, SourceFile};

use crate::app::{App, Checked};
use crate::ui::{self, Look};

/// The variable that is set where another process of the same app tells its warnings.
pub(crate) const WARNED: &str = "PINTLE_WARNED";

/// Shows on standard error what was found in an app.
pub(crate) fn tell(checked: &Checked) {
    let told = checked.app.is_some() && std::env::var_os(WARNED).is_some();
    if !checked.diagnostics.is_empty() && !told {
        ui::err(&render(&checked.diagnostics, Look::of_err()));
    }
}

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
    let mut said = match &checked.app {
        Some(app) => format!("{} is right: {}", checked.manifest.display(), contents(app)),
        None => format!("{} has {}", wrong(checked), plural(count(Severity::Error), "error")),
    };
    let warned = count(Severity::Warning);
    if warned > 0 {
        said.push_str(", ");
        said.push_str(&plural(warned, "warning"));
    }
    said
}

/// What there is in an app.
fn contents(app: &App) -> String {
    let model = app.model();
    let collections = model.collections.iter().filter(|c| !c.system).count();
    let pages = model.pages.as_ref().filter(|pages| app.folder.join(&pages.folder).is_dir());
    let counted = [(collections, "collection"), (model.routes.len(), "route"), (model.pipelines.len(), "pipeline")];
    let mut parts: Vec<_> = counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| plural(*n, what)).collect();
    parts.extend(pages.map(|pages| format!("pages in `{}`", pages.folder)));
    if parts.is_empty() { "there is nothing in it yet".to_owned() } else { parts.join(", ") }
}

/// What the errors are in: the manifest, or else the app's folder.
fn wrong(checked: &Checked) -> String {
    let manifest = checked.manifest.display().to_string();
    let mut errors = checked.diagnostics.iter().filter(|d| d.severity == Severity::Error);
    match checked.manifest.parent() {
        _ if errors.all(|error| error.file.path == manifest) => manifest,
        Some(folder) if folder != Path::new("") => folder.display().to_string(),
        _ => "the app".to_owned(),
    }
}

pub(crate) fn plural(n: usize, what: &str) -> String {
    if n == 1 { format!("{n} {what}") } else { format!("{n} {what}s") }
}

/// A diagnostic as miette wants it.
#[derive(Debug)]
struct Picture<'a> {
    diagnostic: &'a Diagnostic,
    source: Source<'a>,
}

/// A file whose columns are characters, as editors count them: miette's own are bytes.
#[derive(Debug)]
struct Source<'a>(&'a SourceFile);

impl SourceCode for Source<'_> {
    fn read_span<'s>(
        &'s self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'s> + 's>, MietteError> {
        let Source(SourceFile { path, text }) = self;
        let read = text.read_span(span, before, after)?;
        let (_, column) = self.0.position(read.span().offset());
        let (data, span, lines) = (read.data(), *read.span(), read.line_count());
        Ok(Box::new(MietteSpanContents::new_named(path.clone(), data, span, read.line(), column - 1, lines)))
    }
}

impl Picture<'_> {
    fn of(diagnostic: &Diagnostic) -> Picture<'_> {
        Picture { diagnostic, source: Source(&diagnostic.file) }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pintle_model::Span;

    use super::*;

    #[test]
    fn columns_are_characters() {
        let text = "a: 1\ndescription: é😀, policis: 1\n";
        let start = text.find("policis").unwrap();
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            message: "there is no `policis`".to_owned(),
            label: None,
            help: None,
            file: Arc::new(SourceFile { path: "pintle.yaml".to_owned(), text: text.to_owned() }),
            span: Span { start, end: start + "policis".len() },
        };
        let shown = render(&[diagnostic], Look { colour: false });
        assert!(shown.contains("[pintle.yaml:2:18]"), "{shown}");
    }
}
