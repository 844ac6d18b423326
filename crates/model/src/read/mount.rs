//! Mounts: where a collection answers as plain resources.

use super::keys::{Empty, LIMIT, METHODS, RESERVED, REST};
use super::name::{list, shorten};
use super::{Map, Reader};
use crate::yaml::{Kind, Node};
use crate::{Collection, Mount, Span};

/// Records that a list holds, unless the manifest says.
const LIMIT_DEFAULT: u64 = 1000;

impl Reader<'_> {
    pub(super) fn mount(&mut self, at: Span, node: &Node, collection: &Collection) -> Option<Mount> {
        let mut mount = Mount {
            path: String::new(),
            methods: METHODS.iter().map(|method| (*method).to_owned()).collect(),
            limit_default: Some(LIMIT_DEFAULT),
            limit_max: Some(LIMIT_DEFAULT),
            span: node.span,
        };
        let path = if let Kind::Map(_) = node.kind {
            let map = self.map(node, at, &REST)?;
            if let Some((key, node)) = map.entry("methods") {
                mount.methods = self.methods(key.span, node);
            }
            self.limit(&mut mount, &map);
            map.entry("path").map(|(key, node)| (key.span, node))
        } else {
            Some((at, node))
        };
        if collection.key.len != 1 {
            let message = format!(
                "the key of `{}` has {} fields: plain resources need a key of one",
                collection.name, collection.key.len
            );
            self.error_help(at, message, "the collection answers at `/rest/v1` in any case");
        }
        let (at, node) = path?;
        let path = self.text(node, at, "rest")?;
        mount.span = node.span;
        path.clone_into(&mut mount.path);
        if path == "/" {
            let help = "give it a path of its own, such as `/api/things`";
            self.error_help(node.span, "a collection cannot answer at `/`", help);
            return None;
        }
        self.fixed_path(path, node.span).then_some(mount)
    }

    /// Checks a path without parameters that is not `/`.
    pub(super) fn fixed_path(&mut self, path: &str, span: Span) -> bool {
        let shown = shorten(path);
        let good = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
        let segments = path.strip_prefix('/').unwrap_or(path);
        if !path.starts_with('/') {
            self.error_help(span, format!("the path `{shown}` does not begin with `/`"), format!("write `/{shown}`"));
        } else if path.ends_with('/') {
            let help = format!("write `{}`: requests may have the slash or not", shorten(path.trim_end_matches('/')));
            self.error_help(span, format!("the path `{shown}` ends with `/`"), help);
        } else if segments
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == ".." || !part.bytes().all(good))
        {
            let help = "parts of a path have letters, digits, `-`, `.`, `_` and `~`, and one `/` between them";
            self.error_help(span, format!("`{shown}` is no path"), help);
        } else if let Some(reserved) =
            RESERVED.iter().find(|reserved| below(path, reserved) || is_parent(path, reserved))
        {
            let help = format!("Pintle itself answers at {}", list(RESERVED));
            self.error_help(span, format!("the path `{shown}` meets `{reserved}`, which is reserved"), help);
        } else {
            return true;
        }
        false
    }

    fn methods(&mut self, at: Span, node: &Node) -> Vec<String> {
        let Some(items) = self.items(node, at, "methods", "methods", Empty::Refused) else { return Vec::new() };
        let mut found: Vec<&str> = Vec::new();
        for item in items {
            let Some(text) = self.text(item, at, "methods") else { continue };
            match METHODS.iter().find(|method| text == **method) {
                Some(method) if found.contains(method) => {
                    self.error(item.span, format!("`{method}` stands in the list already"));
                }
                Some(method) => found.push(method),
                None => {
                    let help = match text.to_ascii_uppercase().as_str() {
                        "HEAD" | "OPTIONS" => "HEAD is answered with GET, OPTIONS always".to_owned(),
                        upper if METHODS.contains(&upper) => format!("write `{upper}`"),
                        _ => format!("methods are {}", list(METHODS)),
                    };
                    self.error_help(item.span, format!("`{}` is no method of a collection", shorten(text)), help);
                }
            }
        }
        METHODS.iter().filter(|method| found.contains(method)).map(|method| (*method).to_owned()).collect()
    }

    fn limit(&mut self, mount: &mut Mount, map: &Map<'_>) {
        let Some((key, node)) = map.entry("limit") else { return };
        if !matches!(node.kind, Kind::Map(_)) {
            let Some(limit) = self.count_or_none(node, key.span, "limit") else { return };
            (mount.limit_default, mount.limit_max) = (limit, limit);
            return;
        }
        let Some(map) = self.map(node, key.span, &LIMIT) else { return };
        let default = map.entry("default").and_then(|(key, node)| self.count_or_none(node, key.span, "default"));
        let max = map.entry("max").and_then(|(key, node)| self.count_or_none(node, key.span, "max"));
        (mount.limit_default, mount.limit_max) = match (default, max) {
            (Some(default), Some(max)) => (default, max),
            (Some(default), None) => (default, default.map(|n| n.max(LIMIT_DEFAULT))),
            (None, Some(max)) => (Some(max.map_or(LIMIT_DEFAULT, |n| n.min(LIMIT_DEFAULT))), max),
            (None, None) => return,
        };
        if let Some(max) = mount.limit_max
            && mount.limit_default.is_none_or(|default| default > max)
        {
            self.error(node.span, format!("`default` is more than `max`, which is {max}"));
        }
    }

    /// Two mounts that would answer at the same path.
    pub(super) fn overlapping_mounts(&mut self, collections: &[Collection]) {
        let mounted: Vec<(&Collection, &Mount)> =
            collections.iter().filter_map(|c| c.mount.as_ref().map(|mount| (c, mount))).collect();
        for (at, (_, mount)) in mounted.iter().enumerate() {
            for (other, earlier) in &mounted[..at] {
                let (a, b) = (mount.path.as_str(), earlier.path.as_str());
                if a == b {
                    self.error(mount.span, format!("`{}` answers at `{a}` already", other.name));
                    break;
                } else if is_parent(a, b) || is_parent(b, a) {
                    let (outer, inner) = if is_parent(a, b) { (a, b) } else { (b, a) };
                    let help = format!("a record of `{outer}` could have the path `{inner}`");
                    let message = format!("the path `{a}` meets `{b}`, where `{}` answers", other.name);
                    self.error_help(mount.span, message, help);
                    break;
                }
            }
        }
    }
}

/// Whether a path is this one or below it.
fn below(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a record of `outer` could have the path `inner`.
fn is_parent(outer: &str, inner: &str) -> bool {
    inner.rsplit_once('/').is_some_and(|(parent, _)| parent == outer)
}
