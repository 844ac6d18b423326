//! Examples that satisfy what the model asks: a field for which none is found has none.

use pintle_model::{Collection, DefaultValue, Field, Type};
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};

use super::schema::{self, Form};

/// Texts to try where a pattern or a length decides, the plainest first.
const TEXTS: [&str; 8] =
    ["example", "Example", "EXAMPLE", "user@example.org", "https://example.org", "/path", "2026-01-31", "12:30"];

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
            None if form == Form::Answered && schema::nullable(collection, at, field) => {
                members.insert(field.name.clone(), Value::Null);
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
        Type::Point => Some(json!({ "type": "Point", "coordinates": [11.5761, 48.1374] })),
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
    let plain = TEXTS.into_iter().chain([long.trim_end()]).find(|text| fits(text)).map(str::to_owned);
    plain.or_else(|| {
        let hir = regex_syntax::parse(&field.pattern.as_ref()?.source).ok()?;
        Some(matching(&hir)).filter(|text| fits(text))
    })
}

/// A text of the form that a pattern asks for. A guess: the caller checks it.
fn matching(hir: &Hir) -> String {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => String::new(),
        HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).into_owned(),
        HirKind::Class(Class::Unicode(class)) => {
            let holds = |c: &char| class.iter().any(|range| (range.start()..=range.end()).contains(c));
            let first = class.iter().next().map(|range| range.start());
            ['a', 'A', '1', '0', '-', ' '].into_iter().find(holds).or(first).map(String::from).unwrap_or_default()
        }
        HirKind::Class(Class::Bytes(_)) => String::new(),
        HirKind::Repetition(again) => {
            // Once where it may be left out, unless it must be.
            let times = again.min.max(1).min(again.max.unwrap_or(u32::MAX)).min(256);
            matching(&again.sub).repeat(times as usize)
        }
        HirKind::Capture(group) => matching(&group.sub),
        HirKind::Concat(parts) => parts.iter().map(matching).collect(),
        HirKind::Alternation(parts) => parts.first().map(matching).unwrap_or_default(),
    }
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
            let required = schema.get("required").and_then(Value::as_array);
            for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                // Deep down only what must be there, so that a schema that holds itself comes to an end.
                if depth > 3 && !required.is_some_and(|all| all.iter().any(|one| one == name)) {
                    continue;
                }
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
