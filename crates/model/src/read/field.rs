//! A field: its type and what is asked of its values.

use super::collection::Place;
use super::keys::{FIELD, TYPE_ALIASES, TYPES};
use super::name::{list, shorten, suggest};
use super::outline::KeyShape;
use super::{Map, Reader};
use crate::yaml::{Key, Kind, Node};
use crate::{CollectionId, DefaultValue, Field, OnDelete, Ref, Span, Type};

/// A type's name: one of the catalogue, or `ref`.
#[derive(Clone, Copy)]
enum TypeWord {
    Type(Type),
    Ref,
}

/// Which types an option is for.
fn fits(option: &str, ty: Type, reference: bool) -> Result<(), &'static str> {
    let (types, words): (&[Type], _) = match option {
        "to" | "on_delete" | "index" if !reference => return Err("ref"),
        "pattern" => (&[Type::Text], "text"),
        "minimum" | "maximum" => {
            (&[Type::Integer, Type::Number, Type::Timestamp, Type::Date], "integer, number, timestamp and date")
        }
        "minLength" | "maxLength" => (&[Type::Text, Type::Bytes], "text and bytes"),
        "schema" => (&[Type::Json], "json"),
        "of" => (&[Type::Point], "point"),
        "enum" | "unique" if ty == Type::Json => return Err("all types but json"),
        "enum" | "unique" | "default" if ty == Type::Point => return Err("other types"),
        "enum" if !reference => return Ok(()),
        "enum" => (&[], "all types but json and ref"),
        _ => return Ok(()),
    };
    if types.contains(&ty) && !reference { Ok(()) } else { Err(words) }
}

impl Reader<'_> {
    /// Reads a field as far as it goes, and whether it is `generated`.
    pub(super) fn field(&mut self, name: &Key, node: &Node, place: Place) -> (Field, bool) {
        let mut field = Field::new(&name.text, Type::Text, name.span);
        if !matches!(node.kind, Kind::Map(_)) {
            match self.type_word(node, name.span, &name.text) {
                Some(TypeWord::Type(ty)) => field.ty = ty,
                Some(TypeWord::Ref) => {
                    let help = format!("write `{}: {{ type: ref, to: COLLECTION }}`", name.text);
                    self.error_help(node.span, "a ref needs the collection that it points to", help);
                }
                None => {}
            }
            return (field, false);
        }
        let Some(map) = self.map(node, name.span, &FIELD) else { return (field, false) };
        let word = map.entry("type").and_then(|(key, node)| self.type_word(node, key.span, "type"));
        let known = match word {
            Some(TypeWord::Type(ty)) => {
                field.ty = ty;
                true
            }
            Some(TypeWord::Ref) => self.reference(&mut field, &map, place),
            None => false,
        };
        self.texts(&mut field, &map);
        let generated = self.switches(&mut field, &map, place);
        if matches!(word, Some(TypeWord::Ref)) || known {
            self.options_fit(&field, &map, matches!(word, Some(TypeWord::Ref)));
        }
        if known {
            self.constraints(&mut field, &map);
            if let Some((key, node)) = map.entry("schema").filter(|_| field.ty == Type::Json) {
                field.schema = self.schema(node, key.span, "schema");
            }
            self.default(&mut field, &map);
            self.consistent(&field, &map, place, generated);
        }
        (field, generated)
    }

    fn type_word(&mut self, node: &Node, at: Span, key: &str) -> Option<TypeWord> {
        if let Kind::Scalar { text, .. } = &node.kind
            && text == "ref"
        {
            return Some(TypeWord::Ref);
        }
        self.plain_type(node, at, key, TYPES).map(TypeWord::Type)
    }

    /// A type of the catalogue; `types` are those that may be named in messages.
    pub(super) fn plain_type(&mut self, node: &Node, at: Span, key: &str, types: &[&str]) -> Option<Type> {
        let text = match &node.kind {
            Kind::Scalar { text, .. } if !text.is_empty() => text.as_str(),
            _ => {
                let span = if node.span.start == node.span.end { at } else { node.span };
                let help = format!("types are {}", list(types));
                self.error_help(span, format!("`{key}` is a type, not {}", node.what()), help);
                return None;
            }
        };
        if let Some(ty) = Type::ALL.into_iter().find(|ty| ty.name() == text) {
            return Some(ty);
        }
        let message = format!("there is no type `{}`", shorten(text));
        let help = match suggest(text, types, TYPE_ALIASES) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("types are {}", list(types)),
        };
        self.error_help(node.span, message, help);
        None
    }

    /// Reads what a ref points to, and whether its type is known now.
    fn reference(&mut self, field: &mut Field, map: &Map<'_>, place: Place) -> bool {
        let action = map
            .entry("on_delete")
            .and_then(|(key, node)| self.choice(node, key.span, "on_delete", &["restrict", "cascade", "set_null"]));
        let on_delete = match action {
            Some("cascade") => OnDelete::Cascade,
            Some("set_null") => OnDelete::SetNull,
            _ => OnDelete::Restrict,
        };
        let indexed = map.entry("index").and_then(|(key, node)| self.switch(node, key.span, "index")).unwrap_or(true);
        let required = place != Place::Beside
            || map.get("required").is_some_and(|node| matches!(node.plain(), Some(crate::yaml::Plain::Boolean(true))));
        if let Some(node) = map.get("on_delete").filter(|_| on_delete == OnDelete::SetNull && required) {
            self.error_help(
                node.span,
                "a required field cannot become null",
                "take `restrict` or `cascade`, or make it not required",
            );
        }
        let Some((key, node)) = map.entry("to") else {
            self.error_help(field.span, "a ref needs `to`", "`to` names the collection whose key it holds");
            return false;
        };
        let Some(target) = self.text(node, key.span, "to") else { return false };
        let Some((at, shape)) = self.outline.find(target) else {
            let names = self.outline.names();
            let help = suggest(target, &names, &[])
                .map_or_else(|| format!("collections are {}", list(&names)), |name| format!("did you mean `{name}`?"));
            self.error_help(node.span, format!("there is no collection `{}`", shorten(target)), help);
            return false;
        };
        field.reference = Some(Ref { collection: CollectionId(at), on_delete, indexed });
        match shape {
            KeyShape::Single(ty) => {
                field.ty = ty;
                return true;
            }
            KeyShape::Composite(len) => {
                let message = format!("the key of `{target}` has {len} fields: a ref needs a key of one");
                self.error(node.span, message);
            }
            KeyShape::Circular => {
                let help = "a key that is a ref takes its type from the other key: one of them needs a type of its own";
                self.error_help(node.span, "this ref points back to itself", help);
            }
            KeyShape::Broken => {}
        }
        false
    }

    fn texts(&mut self, field: &mut Field, map: &Map<'_>) {
        let mut text = |key: &str| {
            let (at, node) = map.entry(key)?;
            self.text(node, at.span, key).map(str::to_owned)
        };
        field.description = text("description");
        field.renamed_from = text("renamed_from");
        if let (Some(from), Some(node)) = (&field.renamed_from, map.get("renamed_from")) {
            self.name_form(from, node.span);
        }
    }

    /// Reads the options that are true or false; answers `generated`.
    fn switches(&mut self, field: &mut Field, map: &Map<'_>, place: Place) -> bool {
        let mut switch = |key: &str| {
            let (at, node) = map.entry(key)?;
            self.switch(node, at.span, key)
        };
        let required = switch("required");
        field.required = required.unwrap_or(false);
        field.unique = switch("unique").unwrap_or(false);
        field.readonly = switch("readonly").unwrap_or(false);
        let generated = switch("generated").unwrap_or(false);
        if let (Some(false), Some(node)) = (required, map.get("required").filter(|_| place != Place::Beside)) {
            self.error(node.span, "a field of the key is always required");
        }
        if let Some((key, _)) = map.entry("generated").filter(|_| generated && place != Place::SingleKey) {
            let message = match place {
                Place::CompositeKey => "only a key of one field can be generated",
                _ => "only a key can be generated",
            };
            self.error_help(key.span, message, "for other fields there is `default: uuid()` and `default: now()`");
            return false;
        }
        generated
    }

    pub(super) fn options_fit(&mut self, field: &Field, map: &Map<'_>, reference: bool) {
        for (key, _) in map.entries {
            if let Err(types) = fits(&key.text, field.ty, reference) {
                let name = if reference { "ref" } else { field.ty.name() };
                let message = format!("`{}` is for {types}, not {name}", key.text);
                match (key.text.as_str(), field.ty) {
                    ("default", Type::Point) => {
                        self.error_help(key.span, message, "leave it out: no place stands for another")
                    }
                    ("enum" | "unique", Type::Point) => self.error_help(
                        key.span,
                        message,
                        "leave it out: points are not compared, but for how far they are apart",
                    ),
                    _ => self.error(key.span, message),
                }
            }
        }
    }

    /// What must hold between the options.
    fn consistent(&mut self, field: &Field, map: &Map<'_>, place: Place, generated: bool) {
        let nothing_fills_it = field.default.is_none() && !generated && map.get("default").is_none();
        if let Some((key, _)) = map.entry("readonly").filter(|_| field.readonly && nothing_fills_it)
            && (field.required || place != Place::Beside)
        {
            let message = "nothing can fill this field: it is required and readonly, and has no default";
            self.error_help(key.span, message, "give it a default, such as `now()` or `auth.uid()`");
        }
        let value = match &field.default {
            Some(DefaultValue::Literal(value)) => value,
            _ => return,
        };
        if let (Some(complaint), Some(node)) = (field.complaint(value), map.get("default")) {
            self.error(node.span, format!("the default {complaint}"));
        }
    }
}
