//! JSON Schemas of fields and bodies, in the manifest or in a file of their own.

use std::sync::Arc;

use super::literal::to_json;
use super::name::shorten;
use super::{Reader, yaml_faults};
use crate::yaml::{self, Kind, Node, Plain};
use crate::{Diagnostic, Schema, Severity, SourceFile, Span};

/// Faults of one schema that are reported.
const FAULTS_MAX: usize = 10;

impl Reader<'_> {
    /// A schema in place (a map, `true` or `false`), or the path of a file with one.
    pub(super) fn schema(&mut self, node: &Node, at: Span, key: &str) -> Option<Schema> {
        match (&node.kind, node.plain()) {
            (Kind::Map(_), _) | (_, Some(Plain::Boolean(_))) => {
                let source = Arc::clone(&self.source);
                self.compile(&source, Some(node), to_json(node))
            }
            _ => {
                let path = self.text(node, at, key)?;
                self.schema_file(node.span, path)
            }
        }
    }

    /// A file that the manifest names, under the path that its user would write.
    pub(super) fn named_file(&mut self, span: Span, path: &str) -> Option<Arc<SourceFile>> {
        if !stays_inside(path) {
            let help =
                "a path is relative to the app's folder, has `/` between its parts, and does not leave the folder";
            self.error_help(span, format!("`{}` is no path of the app's", shorten(path)), help);
            return None;
        }
        let text = match (self.file)(path) {
            Ok(text) => text,
            Err(reason) => {
                self.error(span, format!("cannot read `{path}`: {reason}"));
                return None;
            }
        };
        let beside = self.source.path.rsplit_once('/').map(|(folder, _)| format!("{folder}/{path}"));
        Some(Arc::new(SourceFile { path: beside.unwrap_or_else(|| path.to_owned()), text }))
    }

    fn schema_file(&mut self, span: Span, path: &str) -> Option<Schema> {
        let file = self.named_file(span, path)?;
        // JSON is YAML, save for odd white space: the tree gives faults their places where it can be read.
        let (tree, faults) = yaml::parse(&file.text);
        if path.ends_with(".yaml") || path.ends_with(".yml") {
            if !faults.is_empty() {
                self.diagnostics.extend(yaml_faults(&file, faults));
                return None;
            }
            let tree = tree?;
            return self.compile(&file, Some(&tree), to_json(&tree));
        }
        match serde_json::from_str(&file.text) {
            Ok(json) => self.compile(&file, tree.as_ref(), json),
            Err(error) => {
                let span = file.span_at(error.line(), error.column());
                self.schema_error(&file, span, format!("this is no JSON: {error}"));
                None
            }
        }
    }

    fn schema_error(&mut self, file: &Arc<SourceFile>, span: Span, message: String) {
        let file = Arc::clone(file);
        self.diagnostics.push(Diagnostic { severity: Severity::Error, message, label: None, help: None, file, span });
    }

    fn compile(&mut self, file: &Arc<SourceFile>, tree: Option<&Node>, json: serde_json::Value) -> Option<Schema> {
        let mut faults: Vec<(Span, String)> = Vec::new();
        let place = |pointer: &str| tree.and_then(|tree| find(tree, pointer)).unwrap_or_default();
        match jsonschema::meta::validator_for(&json) {
            Ok(meta) => faults.extend(meta.iter_errors(&json).take(FAULTS_MAX).map(|error| {
                let pointer = error.instance_path().to_string();
                (place(&pointer), format!("no JSON Schema{}: {error}", at(&pointer)))
            })),
            Err(error) => faults.push((place(""), format!("no JSON Schema: {error}"))),
        }
        let mut validator = None;
        if faults.is_empty() {
            let options = jsonschema::options().offline().with_pattern_options(jsonschema::PatternOptions::regex());
            match options.build(&json) {
                Ok(compiled) => validator = Some(compiled),
                Err(error) => {
                    let pointer = error.instance_path().to_string();
                    faults
                        .push((place(&pointer), format!("this JSON Schema does not compile{}: {error}", at(&pointer))));
                }
            }
        }
        for (span, message) in faults {
            self.schema_error(file, span, message);
        }
        Some(Schema::new(json, validator?))
    }
}

fn at(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(" at {pointer}") }
}

/// Where a JSON pointer leads in a tree.
fn find(tree: &Node, pointer: &str) -> Option<Span> {
    let mut node = tree;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        node = match &node.kind {
            Kind::Map(entries) => &entries.iter().find(|(key, _)| key.text == step)?.1,
            Kind::List(items) => items.get(step.parse::<usize>().ok()?)?,
            Kind::Scalar { .. } => return None,
        };
    }
    Some(node.span)
}

/// Whether a path stays in the folder that it starts in.
pub(super) fn stays_inside(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    !path.contains(['\\', '\0', ':']) && path.split('/').all(plain)
}
