//! A collection: its key, fields, indexes, policies and mount.

use super::keys::COLLECTION;
use super::name::NameOf;
use super::{Map, Reader};
use crate::yaml::{Key as YamlKey, Kind, Node};
use crate::{Collection, Field, Key, KeyOrigin, Policies, Span, Type};

/// Where a field stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The only field of the key.
    SingleKey,
    /// One of several.
    CompositeKey,
    /// Not in the key.
    Beside,
}

impl Reader<'_> {
    /// Reads a collection as far as it goes, and whether its fields are without mistakes.
    pub(super) fn collection(&mut self, name: &YamlKey, node: &Node) -> (Collection, bool) {
        let mut collection = Collection {
            name: name.text.clone(),
            description: None,
            fields: Vec::new(),
            key: Key { len: 1, origin: KeyOrigin::Counted },
            indexes: Vec::new(),
            positions: Vec::new(),
            spaces: Vec::new(),
            policies: Policies::default(),
            mount: None,
            renamed_from: None,
            system: false,
            span: name.span,
        };
        let Some(map) = self.map(node, name.span, &COLLECTION) else {
            collection.fields.push(counted_id(name.span));
            return (collection, false);
        };
        let before = self.errors();
        self.key(&mut collection, &map);
        self.fields(&mut collection, &map);
        let sound = self.errors() == before;
        let text = |reader: &mut Self, key: &str| {
            let (at, node) = map.entry(key)?;
            reader.text(node, at.span, key).map(str::to_owned)
        };
        collection.description = text(self, "description");
        collection.renamed_from = text(self, "renamed_from");
        if let (Some(from), Some(node)) = (&collection.renamed_from, map.get("renamed_from")) {
            self.name_form(from, node.span);
        }
        if let Some((key, node)) = map.entry("indexes") {
            self.indexes(key.span, node, &mut collection);
        }
        super::position::complete(&mut collection);
        if let Some((key, node)) = map.entry("policies") {
            collection.policies = self.policies(key.span, node);
        }
        if let Some((key, node)) = map.entry("rest") {
            collection.mount = self.mount(key.span, node, &collection);
        }
        (collection, sound)
    }

    fn key(&mut self, collection: &mut Collection, map: &Map<'_>) {
        let Some((at, node)) = map.entry("key") else {
            collection.fields.push(counted_id(collection.span));
            return;
        };
        let entries = match &node.kind {
            Kind::Map(entries) if !entries.is_empty() => entries,
            _ => {
                let span = if node.span.start == node.span.end { at.span } else { node.span };
                let help = "write `key: { name: text }`, or leave it out for `id`, a counted integer";
                self.error_help(span, format!("`key` is a map of fields, not {}", empty_or(node)), help);
                collection.fields.push(counted_id(at.span));
                return;
            }
        };
        let place = if entries.len() == 1 { Place::SingleKey } else { Place::CompositeKey };
        let mut origin = KeyOrigin::Given;
        for (name, node) in entries {
            self.field_name(name, &collection.fields, false);
            let (mut field, generated) = self.field(name, node, place);
            field.required = true;
            self.key_type(&field, node, generated);
            if generated {
                origin = if field.ty == Type::Uuid { KeyOrigin::UuidV7 } else { KeyOrigin::Counted };
            }
            collection.fields.push(field);
        }
        collection.key = Key { len: entries.len(), origin };
    }

    fn key_type(&mut self, field: &Field, node: &Node, generated: bool) {
        let name = field.ty.name();
        if matches!(field.ty, Type::Json | Type::Number | Type::Point) {
            self.error_help(
                node.span,
                format!("a key cannot be of type {name}"),
                "take text, integer, uuid, date or timestamp",
            );
        } else if generated && !matches!(field.ty, Type::Integer | Type::Uuid) {
            let message = format!("`generated` is for integer and uuid, not {name}");
            self.error_help(
                node.span,
                message,
                "integers are counted, UUIDs are made; the caller gives all other keys",
            );
        } else if generated && (field.default.is_some() || field.reference.is_some()) {
            self.error(node.span, "a generated key has no default and is no ref");
        }
    }

    fn fields(&mut self, collection: &mut Collection, map: &Map<'_>) {
        let Some(node) = map.get("fields") else { return };
        let implicit = map.get("key").is_none();
        let mut derived = Vec::new();
        for (name, node) in self.names(node, "fields", "names and types") {
            self.field_name(name, &collection.fields, implicit);
            derived.extend(super::position::Derived::of(node, collection.fields.len()));
            let (field, _) = self.field(name, node, Place::Beside);
            collection.fields.push(field);
        }
        self.positions(collection, derived);
        let fields = &collection.fields;
        for field in fields {
            let Some(from) = &field.renamed_from else { continue };
            let taken = fields.iter().any(|other| other.name.eq_ignore_ascii_case(from) && other.name != field.name);
            if taken || field.name == *from {
                let help = "give the name that the field had before, which no field has now";
                self.error_help(field.span, format!("there is still a field `{from}`"), help);
            }
        }
    }

    fn field_name(&mut self, name: &YamlKey, fields: &[Field], implicit_key: bool) {
        self.new_name(name, NameOf::Field);
        let Some(earlier) = fields.iter().find(|field| field.name.eq_ignore_ascii_case(&name.text)) else { return };
        if implicit_key && earlier.name == "id" {
            let help = "without `key`, the key is `id`, a counted integer; to make another one, write `key: { id: … }`";
            self.error_help(name.span, "`id` is the key already", help);
        } else {
            self.clash(&name.text, name.span, &earlier.name, "field");
        }
    }
}

fn empty_or(node: &Node) -> &'static str {
    match &node.kind {
        Kind::Map(_) => "an empty one",
        _ => node.what(),
    }
}

/// The key of a collection that names none.
fn counted_id(span: Span) -> Field {
    Field { required: true, ..Field::new("id", Type::Integer, span) }
}
