//! Indexes.

use super::Reader;
use super::keys::{Empty, INDEX, SPACE};
use super::name::{list, shorten, suggest};
use crate::yaml::{Kind, Node};
use crate::{Collection, Field, Index, IndexPart, Space, Span, Type};

/// How a part is written.
const FORM: &str = "a part is `field`, `field desc`, `field->inner->>key` or `field->>key desc`";

impl Reader<'_> {
    pub(super) fn indexes(&mut self, at: Span, node: &Node, collection: &mut Collection) {
        let Some(items) = self.items(node, at, "indexes", "indexes", Empty::Allowed) else { return };
        for item in items {
            let again = if speaks_of_space(item) {
                let Some(space) = self.space(item, collection) else {
                    // What asks for it further on has no other mistake.
                    self.doubtful.push(collection.name.clone());
                    continue;
                };
                let again = collection.spaces.contains(&space);
                collection.spaces.push(space);
                again
            } else {
                let Some(index) = self.index(item, collection) else { continue };
                let again = collection.indexes.contains(&index);
                collection.indexes.push(index);
                again
            };
            if again {
                self.error(item.span, "this index is there already");
            }
        }
    }

    fn space(&mut self, node: &Node, collection: &Collection) -> Option<Space> {
        let map = self.map(node, node.span, &SPACE)?;
        let mut text = |key: &str| map.entry(key).map(|(key, node)| (node, self.text(node, key.span, &key.text)));
        let (space, time) = (text("space"), text("time"));
        let (of, name) = space?;
        let name = name?;
        let Some((position, _)) = collection.position(name) else {
            // That it is none has its reason, which has been told.
            if self.doubtful.contains(&format!("{}.{name}", collection.name)) {
                return None;
            }
            let names: Vec<&str> = collection.positions.iter().map(|position| position.name.as_str()).collect();
            let help = match suggest(name, &names, &[]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if names.is_empty() => "a field of type point is one".to_owned(),
                None => format!("points are {}", list(&names)),
            };
            self.error_help(of.span, format!("there is no point `{}`", shorten(name)), help);
            return None;
        };
        let Some((node, name)) = time else { return Some(Space { position, time: None }) };
        let name = name?;
        let (time, field) = self.field_named(node, name, &collection.fields)?;
        if field.ty != Type::Timestamp || !(field.required || collection.is_key(time)) {
            let message = format!("`{name}` is no required field of type timestamp");
            self.error_help(node.span, message, "rows without a time would not be found by such an index");
            return None;
        }
        Some(Space { position, time: Some(time) })
    }

    /// Finds a field that something names.
    pub(super) fn field_named<'f>(
        &mut self,
        node: &Node,
        name: &str,
        fields: &'f [Field],
    ) -> Option<(usize, &'f Field)> {
        let found = fields.iter().position(|field| field.name == name);
        if found.is_none() {
            let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            let help = match suggest(name, &names, &[]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("fields are {}", list(&names)),
            };
            self.error_help(node.span, format!("there is no field `{}`", shorten(name)), help);
        }
        found.map(|at| (at, &fields[at]))
    }

    fn index(&mut self, node: &Node, collection: &Collection) -> Option<Index> {
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
            let part = self.part(item, node.span, collection)?;
            if parts.iter().any(|other| (other.field, &other.path) == (part.field, &part.path)) {
                self.error(item.span, "this part stands in the index already");
                return None;
            }
            parts.push(part);
        }
        Some(Index { parts, unique })
    }

    fn part(&mut self, node: &Node, at: Span, collection: &Collection) -> Option<IndexPart> {
        let fields = &collection.fields;
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
                _ if collection.position(name).is_some() => format!("it is a point: write `{{ space: {name} }}`"),
                Some(meant) => format!("did you mean `{meant}`?"),
                None if super::name::well_formed(name) => format!("fields are {}", list(&names)),
                None => FORM.to_owned(),
            };
            self.error_help(node.span, format!("there is no field `{}`", shorten(name)), help);
            return None;
        };
        if fields[field].ty == Type::Point {
            let help = format!(
                "write `{{ space: {name} }}`, with a `time` if there is one; without it there is one of space alone"
            );
            self.error_help(node.span, format!("`{name}` is a point: no index orders by it"), help);
            return None;
        }
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

/// Whether an index is meant to be one of space.
fn speaks_of_space(node: &Node) -> bool {
    matches!(&node.kind, Kind::Map(entries) if entries.iter().any(|(key, _)| key.text == "space" || key.text == "time"))
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
