//! Examples that satisfy what the model asks: a field for which none is found has none.

use pintle_model::{Collection, DefaultValue, Field, Type};
use serde_json::{Map, Value, json};

use super::schema::{self, Form};

/// Texts to try where a pattern or a length decides, the plainest first.
const TEXTS: [&str; 20] = [
    "example",
    "Example",
    "EXAMPLE",
    "Nanette",
    "a",
    "A",
    "ab",
    "en",
    "EUR",
    "user@example.org",
    "https://example.org",
    "/path",
    "#336699",
    "2026-01-31",
    "12:30",
    "A1",
    "1",
    "1234",
    "10115",
    "+4930123456",
];

/// A record of this form, unless a field that must stand in it has no example.
pub(super) fn record(collection: &Collection, form: Form) -> Option<Value> {
    let mut members = Map::new();
    for (at, field) in collection.fields.iter().enumerate() {
        let left_out = match form {
            Form::Answered => false,
            Form::New => field.readonly || collection.is_key(at) && !schema::must_stand(collection, at, field, form),
            Form::Replacement | Form::Patch | Form::Changes => field.readonly || collection.is_key(at),
        };
        if left_out {
            continue;
        }
        match value(field) {
            Some(value) => {
                members.insert(field.name.clone(), value);
            }
            None if schema::must_stand(collection, at, field, form) => return None,
            None => {}
        }
    }
    Some(Value::Object(members))
}

/// A value of a field, if one is found.
pub(super) fn value(field: &Field) -> Option<Value> {
    if let Some(choice) = field.choices.first() {
        return Some(schema::datum(choice));
    }
    if let Some(DefaultValue::Literal(value)) = &field.default {
        return Some(schema::datum(value));
    }
    match field.ty {
        Type::Text => text(field).map(Value::from),
        Type::Integer | Type::Number => Some(number(field)),
        Type::Boolean => Some(json!(true)),
        Type::Timestamp => Some(bound(field).unwrap_or_else(|| json!("2026-01-31T12:30:00+00:00"))),
        Type::Date => Some(bound(field).unwrap_or_else(|| json!("2026-01-31"))),
        Type::Uuid => Some(json!("01980000-0000-7000-8000-000000000001")),
        Type::Json => match &field.schema {
            Some(schema) => {
                let found = shaped(&schema.source, &schema.source, 0);
                found.filter(|value| schema.validator.is_valid(value))
            }
            None => Some(json!({ "example": true })),
        },
        Type::Bytes => {
            let length = field.min_length.unwrap_or(2).min(64).min(field.max_length.unwrap_or(2).max(1));
            Some(json!(format!("\\x{}", "00".repeat(usize::try_from(length).ok()?))))
        }
    }
}

fn bound(field: &Field) -> Option<Value> {
    field.minimum.as_ref().or(field.maximum.as_ref()).map(schema::datum)
}

fn number(field: &Field) -> Value {
    bound(field).unwrap_or_else(|| json!(1))
}

fn text(field: &Field) -> Option<String> {
    let fits = |text: &str| {
        let length = text.chars().count() as u64;
        field.pattern.as_ref().is_none_or(|pattern| pattern.regex.is_match(text))
            && field.min_length.is_none_or(|least| length >= least)
            && field.max_length.is_none_or(|most| length <= most)
    };
    let long = "example ".repeat(usize::try_from(field.min_length.unwrap_or(0).min(512)).ok()? / 8 + 1);
    TEXTS.into_iter().chain([long.trim_end()]).find(|text| fits(text)).map(str::to_owned)
}

/// A value of the form that a JSON Schema asks for. A guess: the caller checks it.
fn shaped(schema: &Value, root: &Value, depth: u8) -> Option<Value> {
    if depth > 8 {
        return None;
    }
    if let Some(given) = schema.get("examples").and_then(|all| all.get(0)).or_else(|| schema.get("default")) {
        return Some(given.clone());
    }
    if let Some(given) = schema.get("const").or_else(|| schema.get("enum").and_then(|all| all.get(0))) {
        return Some(given.clone());
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return shaped(root.pointer(target.strip_prefix('#')?)?, root, depth + 1);
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        Some(kind) => kind.as_str(),
        None if schema.get("properties").is_some() => Some("object"),
        None => None,
    };
    match kind? {
        "object" => {
            let mut members = Map::new();
            for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if let Some(value) = shaped(member, root, depth + 1) {
                    members.insert(name.clone(), value);
                }
            }
            Some(Value::Object(members))
        }
        "array" => Some(match schema.get("items").and_then(|items| shaped(items, root, depth + 1)) {
            Some(item) => json!([item]),
            None => json!([]),
        }),
        "string" => Some(json!("example")),
        "integer" | "number" => Some(schema.get("minimum").cloned().unwrap_or_else(|| json!(1))),
        "boolean" => Some(json!(true)),
        _ => Some(Value::Null),
    }
}
