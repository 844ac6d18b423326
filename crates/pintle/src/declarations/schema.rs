//! JSON Schemas as TypeScript: what a type can say of them. What it cannot say, it allows.

use serde_json::{Map, Value};

/// Levels, and references that are followed: what is deeper is `any`.
const DEPTH_MAX: u32 = 8;

/// The type of what satisfies a schema.
pub(super) fn of(schema: &Value) -> String {
    ty(schema, schema, DEPTH_MAX)
}

/// A string as a program has it.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn ty(schema: &Value, root: &Value, depth: u32) -> String {
    let any = || "any".to_owned();
    let Some(schema) = schema.as_object().filter(|_| depth > 0) else { return any() };
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let found = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return found.map_or_else(any, |found| ty(found, root, depth - 1));
    }
    if let Some(value) = schema.get("const") {
        return literal(value);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return union(values.iter().map(literal));
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(schemas) = schema.get(word).and_then(Value::as_array) {
            return union(schemas.iter().map(|one| ty(one, root, depth - 1)));
        }
    }
    match schema.get("type") {
        Some(Value::String(word)) => named(word, schema, root, depth),
        Some(Value::Array(words)) => {
            union(words.iter().filter_map(Value::as_str).map(|word| named(word, schema, root, depth)))
        }
        _ if schema.contains_key("properties") => named("object", schema, root, depth),
        _ if schema.contains_key("items") => named("array", schema, root, depth),
        _ => any(),
    }
}

fn named(word: &str, schema: &Map<String, Value>, root: &Value, depth: u32) -> String {
    match word {
        "string" | "boolean" | "null" => word.to_owned(),
        "integer" | "number" => "number".to_owned(),
        "array" => {
            let items = schema.get("items").map_or_else(|| "any".to_owned(), |items| ty(items, root, depth - 1));
            if items.contains(' ') { format!("({items})[]") } else { format!("{items}[]") }
        }
        "object" => object(schema, root, depth),
        _ => "any".to_owned(),
    }
}

fn object(schema: &Map<String, Value>, root: &Value, depth: u32) -> String {
    let rest = schema.get("additionalProperties");
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|p| !p.is_empty()) else {
        let values =
            rest.filter(|rest| rest.is_object()).map_or_else(|| "any".to_owned(), |of| ty(of, root, depth - 1));
        return format!("Record<string, {values}>");
    };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut members: Vec<String> = properties
        .iter()
        .map(|(name, of)| {
            let mark = if required.contains(&name.as_str()) { "" } else { "?" };
            format!("{}{mark}: {}", property(name), ty(of, root, depth - 1))
        })
        .collect();
    if rest != Some(&Value::Bool(false)) {
        members.push("[other: string]: any".to_owned());
    }
    format!("{{ {} }}", members.join("; "))
}

fn property(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { name.to_owned() } else { quoted(name) }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => "any".to_owned(),
        _ => value.to_string(),
    }
}

fn union(types: impl Iterator<Item = String>) -> String {
    let mut known: Vec<String> = Vec::new();
    for one in types {
        if one == "any" {
            return one;
        }
        if !known.contains(&one) {
            known.push(one);
        }
    }
    if known.is_empty() { "any".to_owned() } else { known.join(" | ") }
}

#[cfg(test)]
mod tests {
    use super::of;
    use serde_json::json;

    #[test]
    fn a_type_says_of_a_schema_what_it_can_and_allows_the_rest() {
        for (schema, wanted) in [
            (json!(true), "any"),
            (json!({}), "any"),
            (json!({ "type": "integer", "minimum": 3 }), "number"),
            (json!({ "type": ["string", "null"] }), "string | null"),
            (json!({ "enum": ["a\"b", 1, null] }), r#""a\"b" | 1 | null"#),
            (json!({ "type": "array", "items": { "type": ["string", "number"] } }), "(string | number)[]"),
            (json!({ "type": "array" }), "any[]"),
            (json!({ "type": "object" }), "Record<string, any>"),
            (json!({ "additionalProperties": { "type": "string" }, "type": "object" }), "Record<string, string>"),
            (
                json!({ "properties": { "a-b": { "type": "boolean" }, "c": {} }, "required": ["c"], "additionalProperties": false }),
                r#"{ "a-b"?: boolean; c: any }"#,
            ),
            (json!({ "properties": { "a": { "const": 1 } } }), "{ a?: 1; [other: string]: any }"),
            (json!({ "$defs": { "x": { "type": "string" } }, "anyOf": [{ "$ref": "#/$defs/x" }, {}] }), "any"),
            (json!({ "$defs": { "x": { "type": "string" } }, "$ref": "#/$defs/x" }), "string"),
            (json!({ "$ref": "#" }), "any"),
            (json!({ "type": "strange" }), "any"),
        ] {
            assert_eq!(of(&schema), wanted, "{schema}");
        }
    }
}
