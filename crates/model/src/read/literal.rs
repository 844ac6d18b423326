//! Values that a manifest holds: defaults, choices, bounds, patterns.

use std::cmp::Ordering;

use super::keys::Empty;
use super::{Map, Reader};
use crate::yaml::{Kind, Node, Plain};
use crate::{DefaultValue, Field, Pattern, Span, Type, Value};

/// Levels of a json default.
const DEPTH: u32 = 64;
/// Bytes that a compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;

/// A YAML value as JSON.
pub(crate) fn to_json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.kind {
        Kind::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Kind::Map(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key.text.clone(), to_json(value))).collect())
        }
        Kind::Scalar { text, .. } => match node.plain() {
            None => Json::String(text.clone()),
            Some(Plain::Null) => Json::Null,
            Some(Plain::Boolean(value)) => Json::Bool(value),
            Some(Plain::Number(number)) => serde_json::from_str::<serde_json::Number>(&number.json)
                .map_or_else(|_| Json::String(text.clone()), Json::Number),
        },
    }
}

impl Reader<'_> {
    /// A literal of a type.
    fn value(&mut self, node: &Node, at: Span, key: &str, ty: Type) -> Option<Value> {
        let read = match (ty, node.plain()) {
            (Type::Json, _) => ty.read_json(&to_json(node).to_string(), DEPTH),
            (Type::Boolean, _) => return self.switch(node, at, key).map(Value::Boolean),
            (Type::Integer | Type::Number, Some(Plain::Number(number))) => ty.read_json(&number.json, DEPTH),
            (Type::Integer | Type::Number, _) => {
                let span = if node.span.start == node.span.end { at } else { node.span };
                self.error(span, format!("`{key}` is a number here, not {}", node.what()));
                return None;
            }
            _ => ty.read_text(self.text(node, at, key)?),
        };
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.report(crate::Severity::Error, node.span, error.message, error.hint);
                None
            }
        }
    }

    pub(super) fn default(&mut self, field: &mut Field, map: &Map<'_>) {
        let Some((key, node)) = map.entry("default").filter(|_| field.ty != Type::Point) else { return };
        if node.plain() == Some(Plain::Null) {
            let help = "leave it out: a field without a default is null";
            self.error_help(
                if node.span.start == node.span.end { key.span } else { node.span },
                "a default of null says nothing",
                help,
            );
            return;
        }
        let text = match &node.kind {
            Kind::Scalar { text, .. } => text.as_str(),
            _ => "",
        };
        let (function, types, words): (_, &[Type], _) = match text {
            "now()" => (DefaultValue::Now, &[Type::Timestamp, Type::Date], "timestamp and date"),
            "uuid()" => (DefaultValue::Uuid, &[Type::Uuid], "uuid"),
            "auth.uid()" => (DefaultValue::Uid, &[Type::Text], "text"),
            _ => {
                if field.ty == Type::Text && looks_like_a_call(text) {
                    let help = "functions are `now()`, `uuid()` and `auth.uid()`";
                    self.warning(node.span, format!("`{text}` is taken as a text"), help);
                }
                field.default = self.value(node, key.span, "default", field.ty).map(DefaultValue::Literal);
                return;
            }
        };
        if !types.contains(&field.ty) {
            self.error(node.span, format!("`{text}` is for {words}, not {}", field.ty.name()));
            return;
        }
        field.default = Some(function);
    }

    /// What is asked of a value. Options of another type's are reported elsewhere.
    pub(super) fn constraints(&mut self, field: &mut Field, map: &Map<'_>) {
        let ordered = matches!(field.ty, Type::Integer | Type::Number | Type::Timestamp | Type::Date);
        if ordered && field.reference.is_none() {
            field.minimum = map.entry("minimum").and_then(|(k, node)| self.value(node, k.span, "minimum", field.ty));
            field.maximum = map.entry("maximum").and_then(|(k, node)| self.value(node, k.span, "maximum", field.ty));
            if let (Some(least), Some(greatest)) = (&field.minimum, &field.maximum)
                && least.compare(greatest) == Some(Ordering::Greater)
            {
                self.bounds(map, "minimum", "maximum", &least.to_text(), &greatest.to_text());
            }
        }
        field.min_length =
            map.entry("minLength").and_then(|(k, node)| self.count(node, k.span, "minLength", 0, u64::MAX));
        field.max_length =
            map.entry("maxLength").and_then(|(k, node)| self.count(node, k.span, "maxLength", 0, u64::MAX));
        if let (Some(least), Some(greatest)) = (field.min_length, field.max_length)
            && least > greatest
        {
            self.bounds(map, "minLength", "maxLength", &least.to_string(), &greatest.to_string());
        }
        field.pattern = map.entry("pattern").and_then(|(key, node)| self.pattern(key.span, node));
        if let Some((key, node)) =
            map.entry("enum").filter(|_| !matches!(field.ty, Type::Json | Type::Point) && field.reference.is_none())
        {
            self.choices(field, key.span, node);
        }
    }

    fn bounds(&mut self, map: &Map<'_>, least: &str, greatest: &str, low: &str, high: &str) {
        let span = map.get(least).map_or(Span::default(), |node| node.span);
        self.error(span, format!("`{least}` is {low}, more than `{greatest}`, which is {high}: no value fits"));
    }

    fn choices(&mut self, field: &mut Field, at: Span, node: &Node) {
        let Some(items) = self.items(node, at, "enum", "values", Empty::Refused) else { return };
        let mut choices: Vec<Value> = Vec::with_capacity(items.len());
        for item in items {
            let Some(value) = self.value(item, at, "enum", field.ty) else { continue };
            if let Some(complaint) = field.complaint(&value) {
                self.error(item.span, format!("this value {complaint}"));
            } else if choices.contains(&value) {
                self.error(item.span, format!("`{}` stands in the list already", value.to_text()));
            } else {
                choices.push(value);
            }
        }
        field.choices = choices;
    }

    fn pattern(&mut self, at: Span, node: &Node) -> Option<Pattern> {
        let source = self.text(node, at, "pattern")?;
        // JSON Schema's patterns are JavaScript's: their `\d` and `\w` are of ASCII.
        let Ok(translated) = jsonschema_regex::to_rust_regex(source) else {
            let reason =
                regex::Regex::new(source).err().map_or_else(|| "it is not JavaScript's".to_owned(), |e| reason(&e));
            let message = format!("this pattern does not compile: {reason}");
            // The library's words for look-around and back-references, which are right elsewhere.
            match reason.contains("not supported") {
                true => self.error_help(node.span, message, "look-around and back-references can take very long"),
                false => self.error(node.span, message),
            }
            return None;
        };
        match regex::RegexBuilder::new(&translated).size_limit(PATTERN_SIZE).build() {
            Ok(regex) => Some(Pattern { source: source.to_owned(), regex }),
            Err(error) => {
                self.error(node.span, format!("this pattern does not compile: {}", reason(&error)));
                None
            }
        }
    }
}

/// The last line of a regular expression's error, which is the reason.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn looks_like_a_call(text: &str) -> bool {
    text.split_once('(').is_some_and(|(name, rest)| {
        rest.ends_with(')') && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b))
    })
}
