//! Indexes.

use super::Reader;
use super::keys::{Empty, INDEX};
use super::name::{list, shorten, suggest};
use crate::yaml::{Kind, Node};
use crate::{Field, Index, IndexPart, Span, Type};

/// How a part is written.
const FORM: &str = "a part is `field`, `field desc`, `field->inner->>key` or `field->>key desc`";

impl Reader<'_> {
    pub(super) fn indexes(&mut self, at: Span, node: &Node, fields: &[Field]) -> Vec<Index> {
        let Some(items) = self.items(node, at, "indexes", "indexes", Empty::Allowed) else { return Vec::new() };
        let mut indexes: Vec<Index> = Vec::with_capacity(items.len());
        for item in items {
            let Some(index) = self.index(item, fields) else { continue };
            if indexes.contains(&index) {
                self.error(item.span, "this index is there already");
            } else {
                indexes.push(index);
            }
        }
        indexes
    }

    fn index(&mut self, node: &Node, fields: &[Field]) -> Option<Index> {
        let (items, unique) = match &node.kind {
            Kind::List(_) => (self.items(node, node.span, "index", "fields", Empty::Refused)?, false),
            Kind::Map(_) => {
                let map = self.map(node, node.span, &INDEX)?;
                let unique = map.entry("unique").and_then(|(key, node)| self.switch(node, key.span, "unique"));
                let (key, node) = map.entry("fields")?;
                (self.items(node, key.span, "fields", "fields", Empty::Refused)?, unique.unwrap_or(false))
            }
            Kind::Scalar { .. } => {
                let help = "write `[field, other]` or `{ fields: [field], unique: true }`";
                self.error_help(node.span, format!("an index is a list of fields, not {}", node.what()), help);
                return None;
            }
        };
        let mut parts: Vec<IndexPart> = Vec::with_capacity(items.len());
        for item in items {
            let part = self.part(item, node.span, fields)?;
            if parts.iter().any(|other| (other.field, &other.path) == (part.field, &part.path)) {
                self.error(item.span, "this part stands in the index already");
                return None;
            }
            parts.push(part);
        }
        Some(Index { parts, unique })
    }

    fn part(&mut self, node: &Node, at: Span, fields: &[Field]) -> Option<IndexPart> {
        let text = self.text(node, at, "index")?.trim();
        let (place, descending) = match text.rsplit_once(char::is_whitespace) {
            Some((place, "desc")) => (place.trim_end(), true),
            Some((place, "asc")) => (place.trim_end(), false),
            _ => (text, false),
        };
        let (name, path) = match place.find("->") {
            Some(arrow) => (place[..arrow].trim(), &place[arrow..]),
            None => (place, ""),
        };
        let Some(field) = fields.iter().position(|field| field.name == name) else {
            let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            let help = match suggest(name, &names, &[]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if super::name::well_formed(name) => format!("fields are {}", list(&names)),
                None => FORM.to_owned(),
            };
            self.error_help(node.span, format!("there is no field `{}`", shorten(name)), help);
            return None;
        };
        let json = fields[field].ty == Type::Json;
        if json == path.is_empty() {
            let message = if json {
                format!("an index on json needs a path inside: `{name}->>key`")
            } else {
                format!("`{name}` is of type {}: only json has paths", fields[field].ty.name())
            };
            self.error(node.span, message);
            return None;
        }
        let Some(path) = steps(path) else {
            let help = "every step but the last is `->key`, the last is `->>key`; a key may stand in single quotes";
            self.error_help(node.span, format!("`{}` is no path into json", shorten(place)), help);
            return None;
        };
        Some(IndexPart { field, path, descending })
    }
}

/// The keys of `->a->'b c'->>d`.
fn steps(mut rest: &str) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut last = false;
    while !rest.is_empty() {
        if last {
            return None;
        }
        rest = rest.strip_prefix("->")?;
        if let Some(behind) = rest.strip_prefix('>') {
            last = true;
            rest = behind;
        }
        let (key, behind) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'')?,
            None => rest.split_at(rest.find("->").unwrap_or(rest.len())),
        };
        if key.is_empty() || key.contains(['\'', '"', '\0']) {
            return None;
        }
        path.push(key.to_owned());
        rest = behind;
    }
    (last || path.is_empty()).then_some(path)
}
