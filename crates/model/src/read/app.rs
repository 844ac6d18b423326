//! The manifest as a whole.

use std::sync::Arc;

use super::keys::APP;
use super::name::{NameOf, shorten};
use super::outline::Outline;
use super::{Map, ReadFile, Reader, yaml_faults};
use crate::yaml::{self, Node, Plain};
use crate::{
    Collection, Cors, Credentials, Diagnostic, Durability, Limits, Model, Pages, Scripts, Severity, SourceFile, Span,
};

/// The format that this version reads.
const FORMAT: &str = "1";

/// Whose manifest it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A user's.
    App,
    /// Pintle's own, which may use reserved names.
    System,
}

/// Reads a manifest's text, as [`crate::load`].
pub(crate) fn read(path: &str, text: &str, file: ReadFile<'_>, origin: Origin) -> (Option<Model>, Vec<Diagnostic>) {
    let source = Arc::new(SourceFile { path: path.to_owned(), text: text.to_owned() });
    let (root, faults) = yaml::parse(text);
    let mut reader = Reader {
        source: Arc::clone(&source),
        file,
        origin,
        outline: Outline::default(),
        doubtful: Vec::new(),
        diagnostics: yaml_faults(&source, faults),
    };
    let model = match root {
        Some(root) if root.plain() != Some(Plain::Null) => reader.app(&root),
        _ => {
            if reader.diagnostics.is_empty() {
                reader.error_help(Span::default(), "the manifest is empty", "it begins with `pintle: 1`");
            }
            None
        }
    };
    let mut diagnostics = reader.diagnostics;
    diagnostics.sort_by(|a, b| {
        let beside = |d: &Diagnostic| !Arc::ptr_eq(&d.file, &source);
        let file = beside(a).cmp(&beside(b)).then_with(|| a.file.path.cmp(&b.file.path));
        file.then(a.span.start.cmp(&b.span.start))
    });
    (model, diagnostics)
}

impl Reader<'_> {
    pub(super) fn is_system(&self) -> bool {
        self.origin == Origin::System
    }

    fn app(&mut self, root: &Node) -> Option<Model> {
        let start = Span { start: root.span.start, end: root.span.start };
        let map = self.map(root, start, &APP)?;
        self.format(&map);
        let mut model = Model {
            name: self.app_name(&map).unwrap_or_else(|| "app".to_owned()),
            description: map
                .entry("description")
                .and_then(|(key, node)| self.text(node, key.span, "description"))
                .map(str::to_owned),
            version: map
                .entry("version")
                .and_then(|(key, node)| self.scalar(node, key.span, "version"))
                .unwrap_or("1")
                .to_owned(),
            collections: Vec::new(),
            routes: Vec::new(),
            pipelines: Vec::new(),
            services: Vec::new(),
            services_named: false,
            scripts: map.entry("scripts").map_or_else(Scripts::default, |(key, node)| self.scripts(key.span, node)),
            pages: match map.entry("public") {
                Some((key, node)) => self.public(key.span, node),
                None => Some(Pages::usual()),
            },
            seed: map.entry("seed").and_then(|(key, node)| self.script(key.span, node, "seed")),
            credentials: map
                .entry("auth")
                .map_or_else(Credentials::default, |(key, node)| self.credentials(key.span, node)),
            cors: map.entry("cors").map_or_else(Cors::default, |(key, node)| self.cors(key.span, node)),
            limits: map.entry("limits").map_or_else(Limits::default, |(key, node)| self.limits(key.span, node)),
            durability: map.entry("durability").map_or(Durability::Full, |(key, node)| self.durability(key.span, node)),
            source: Arc::clone(&self.source),
        };
        if let Some(node) = map.get("collections") {
            model.collections = self.collections(node);
        }
        if let Some(node) = map.get("routes") {
            model.routes = self.routes(node, &model.collections);
        }
        if let Some(node) = map.get("pipelines") {
            model.pipelines = self.pipelines(node, &model);
        }
        self.services(&map, &mut model);
        Some(model)
    }

    fn format(&mut self, map: &Map<'_>) {
        let Some((key, node)) = map.entry("pintle") else { return };
        let format = match node.plain() {
            Some(Plain::Number(number)) => number.json,
            _ => node.what().to_owned(),
        };
        if format != FORMAT {
            let span = if node.span.start == node.span.end { key.span } else { node.span };
            let message = format!("this version of Pintle reads `pintle: {FORMAT}`, and here is {}", shorten(&format));
            let help = match node.plain() {
                Some(Plain::Number(_)) => "a newer manifest needs a newer Pintle".to_owned(),
                _ => format!("it is a number without quotes: `pintle: {FORMAT}`"),
            };
            self.error_help(span, message, help);
        }
    }

    fn app_name(&mut self, map: &Map<'_>) -> Option<String> {
        let (key, node) = map.entry("name")?;
        let name = self.text(node, key.span, "name")?;
        let good = name.len() <= 63
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !good {
            let help = "it has letters, digits, `-` and `_`, begins with a letter, and at most 63 characters";
            self.error_help(node.span, format!("`{}` is no name of an app", shorten(name)), help);
        }
        Some(name.to_owned())
    }

    fn collections(&mut self, node: &Node) -> Vec<Collection> {
        let entries = self.names(node, "collections", "names and collections");
        self.outline = Outline::of(entries);
        let mut collections: Vec<Collection> = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            self.new_name(key, NameOf::Collection);
            let same = |other: &&Collection| other.name.eq_ignore_ascii_case(&key.text);
            if let Some(earlier) = collections.iter().find(same) {
                self.clash(&key.text, key.span, &earlier.name, "collection");
            }
            let (collection, sound) = self.collection(key, node);
            if !sound {
                self.doubtful.push(key.text.clone());
            }
            collections.push(collection);
        }
        self.renamed_collections(&collections);
        self.overlapping_mounts(&collections);
        for collection in &mut collections {
            let own = self.doubtful.contains(&collection.name);
            if own || collection.policies.sources().any(|source| self.is_doubtful(source)) {
                collection.policies = crate::Policies::default();
            }
        }
        collections
    }

    /// Whether SQL may speak of a collection whose fields have mistakes.
    pub(super) fn is_doubtful(&self, sql: &str) -> bool {
        self.doubtful.iter().any(|name| sql.contains(name))
    }

    fn renamed_collections(&mut self, collections: &[Collection]) {
        for (at, collection) in collections.iter().enumerate() {
            let Some(from) = &collection.renamed_from else { continue };
            let others = || collections.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other);
            if collection.name == *from || others().any(|other| other.name.eq_ignore_ascii_case(from)) {
                let help = "`renamed_from` is the name that the collection had before, which no collection has now";
                self.error_help(collection.span, format!("there is still a collection `{from}`"), help);
            } else if others().any(|other| other.renamed_from.as_ref() == Some(from)) {
                self.error(collection.span, format!("two collections cannot both have been `{from}`"));
            }
        }
    }
}

/// Pintle's own collections, read by the same code.
pub(crate) fn system_collections() -> Vec<Collection> {
    const TEXT: &str = include_str!("../system.yaml");
    let (model, diagnostics) = read("system.yaml", TEXT, &|_| Err(String::new()), Origin::System);
    debug_assert!(diagnostics.iter().all(|d| d.severity != Severity::Error), "{diagnostics:?}");
    let mut collections = model.map(|model| model.collections).unwrap_or_default();
    for collection in &mut collections {
        collection.system = true;
        collection.span = Span::default();
        for field in &mut collection.fields {
            field.span = Span::default();
        }
    }
    collections
}
