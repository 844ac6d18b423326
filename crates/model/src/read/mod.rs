//! From the YAML tree to the model: each part of a manifest is read by a file of its own, and every mistake is noted on
//! the way, so that all of them come at once.

mod answer;
mod app;
mod collection;
mod environment;
mod expect;
mod field;
mod index;
pub(crate) mod keys;
mod literal;
mod mount;
mod name;
mod outline;
mod param;
mod pipeline;
mod policy;
mod position;
mod proximity;
mod route;
mod route_path;
mod schema_file;
mod service;
mod settings;

use std::sync::Arc;

pub(crate) use app::{Origin, read, system_collections};
use keys::Table;
#[cfg(test)]
pub(crate) use literal::to_json;
use outline::Outline;
use schema_file::stays_inside;

use crate::yaml::{self, Key, Kind, Node, Plain};
use crate::{Diagnostic, Severity, SourceFile, Span};

/// Reads a file of the app's folder.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// What all parts share: the file, what it names, and the mistakes so far.
pub(crate) struct Reader<'a> {
    source: Arc<SourceFile>,
    file: ReadFile<'a>,
    origin: Origin,
    /// The collections' names and keys, which refs need before the fields are read.
    outline: Outline,
    /// The collections whose fields have mistakes: nothing more is said of what speaks of them.
    doubtful: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

/// A map whose keys are those of a table.
struct Map<'n> {
    table: &'static Table,
    entries: &'n [(Key, Node)],
}

impl<'n> Map<'n> {
    fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|(_, node)| node)
    }

    fn entry(&self, key: &str) -> Option<(&'n Key, &'n Node)> {
        debug_assert!(self.table.entries.iter().any(|entry| entry.key == key), "`{key}` is not in the table");
        self.entries.iter().find(|(k, _)| k.text == key).map(|(k, node)| (k, node))
    }
}

impl Reader<'_> {
    fn report(&mut self, severity: Severity, span: Span, message: String, help: Option<String>) {
        let file = Arc::clone(&self.source);
        self.diagnostics.push(Diagnostic { severity, message, label: None, help, file, span });
    }

    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.report(Severity::Error, span, message.into(), None);
    }

    fn error_help(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.report(Severity::Error, span, message.into(), Some(help.into()));
    }

    fn warning(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.report(Severity::Warning, span, message.into(), Some(help.into()));
    }

    fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// The entries of a map of names. Nothing at all is an empty one.
    fn names<'n>(&mut self, node: &'n Node, key: &str, of: &str) -> &'n [(Key, Node)] {
        match &node.kind {
            Kind::Map(entries) => entries,
            _ if node.plain() == Some(Plain::Null) => &[],
            _ => {
                self.error(node.span, format!("`{key}` is a map of {of}, not {}", node.what()));
                &[]
            }
        }
    }

    /// A map with fixed keys: unknown ones are errors, and so are missing ones that are required.
    /// `at` is where the map's own key stands.
    fn map<'n>(&mut self, node: &'n Node, at: Span, table: &'static Table) -> Option<Map<'n>> {
        let Kind::Map(entries) = &node.kind else {
            let keys: Vec<String> = table.entries.iter().map(|entry| format!("`{}`", entry.key)).collect();
            let help = format!("its keys are {}", keys.join(", "));
            let span = if node.span.start == node.span.end { at } else { node.span };
            self.error_help(span, format!("{} is a map, not {}", table.of, node.what()), help);
            return None;
        };
        for (key, _) in entries {
            if !table.entries.iter().any(|entry| entry.key == key.text) {
                self.unknown(key, table);
            }
        }
        // A key that was meant is not missing as well.
        let known: Vec<&str> = table.entries.iter().map(|entry| entry.key).collect();
        let meant = |key: &Key| {
            if known.contains(&key.text.as_str()) { None } else { name::suggest(&key.text, &known, keys::ALIASES) }
        };
        for entry in table.entries.iter().filter(|entry| entry.required) {
            if !entries.iter().any(|(key, _)| key.text == entry.key || meant(key) == Some(entry.key)) {
                self.error_help(at, format!("`{}` is missing", entry.key), entry.doc);
            }
        }
        Some(Map { table, entries })
    }

    fn unknown(&mut self, key: &Key, table: &'static Table) {
        let name = key.text.as_str();
        if table.of == keys::APP.of && keys::LATER.contains(&name) {
            self.error_help(
                key.span,
                format!("`{name}` is not built yet"),
                "a later version of Pintle has it; remove it for now",
            );
            return;
        }
        let known: Vec<&str> = table.entries.iter().map(|entry| entry.key).collect();
        let help = match name {
            "head" | "HEAD" | "options" | "OPTIONS" if table.of == keys::ROUTE_PATH.of => {
                "`HEAD` is answered with `get`, `OPTIONS` always".to_owned()
            }
            "<<" => "merge keys are not supported: an alias repeats a whole value".to_owned(),
            _ => name::suggest(name, &known, keys::ALIASES).map_or_else(
                || format!("known are {}", name::list(&known)),
                |meant| format!("did you mean `{meant}`?"),
            ),
        };
        self.error_help(key.span, format!("{} has no `{name}`", table.of), help);
    }
}

/// The mistakes of the YAML itself, as diagnostics.
fn yaml_faults(source: &Arc<SourceFile>, faults: Vec<yaml::Fault>) -> Vec<Diagnostic> {
    let of = |fault: yaml::Fault| Diagnostic {
        severity: Severity::Error,
        message: fault.message,
        label: None,
        help: fault.help,
        file: Arc::clone(source),
        span: fault.span,
    };
    faults.into_iter().map(of).collect()
}
