//! The JSON Schema of the manifest, made of the reader's own table of keys.

use serde_json::{Map, Value, json};

use crate::read::keys::{APP, Empty, Form, Table};

/// The schema of a whole manifest.
pub(crate) fn manifest() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pintle manifest",
        "description": "pintle.yaml: an app that Pintle serves.",
    });
    let (app, mut tables) = (object(&APP), Map::new());
    collect(&APP, &mut tables);
    if let (Some(schema), Value::Object(app)) = (schema.as_object_mut(), app) {
        schema.extend(app);
        schema.insert("$defs".to_owned(), Value::Object(tables));
    }
    schema
}

/// The name of a table among the definitions: `a_field`.
fn definition(table: &Table) -> String {
    table.of.trim_start_matches("an ").trim_start_matches("a ").replace(' ', "_").replace('`', "")
}

/// Adds every table that this one leads to.
fn collect(table: &Table, to: &mut Map<String, Value>) {
    fn form(of: &Form, to: &mut Map<String, Value>) {
        match of {
            Form::List(items, _) | Form::Map(items) => form(items, to),
            Form::Any(forms) => forms.iter().for_each(|of| form(of, to)),
            Form::Object(table) if !to.contains_key(&definition(table)) => {
                to.insert(definition(table), object(table));
                collect(table, to);
            }
            _ => {}
        }
    }
    table.entries.iter().for_each(|entry| form(&entry.form, to));
}

fn object(table: &Table) -> Value {
    let properties = table.entries.iter().map(|entry| {
        let mut schema = schema(&entry.form);
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), json!(entry.doc));
        }
        (entry.key.to_owned(), schema)
    });
    let properties: Map<String, Value> = properties.collect();
    let required: Vec<&str> = table.entries.iter().filter(|entry| entry.required).map(|entry| entry.key).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn schema(form: &Form) -> Value {
    match form {
        Form::Format => json!({ "const": 1 }),
        Form::Text => json!({ "type": "string" }),
        Form::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Form::Name => json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,62}$" }),
        Form::AppName => json!({ "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,62}$" }),
        Form::Switch => json!({ "type": "boolean" }),
        Form::Count(least, u64::MAX) => json!({ "type": "integer", "minimum": least }),
        Form::Count(least, greatest) => json!({ "type": "integer", "minimum": least, "maximum": greatest }),
        Form::Choice(words) => json!({ "type": "string", "enum": words }),
        Form::Size => json!({ "type": "string", "pattern": "^[0-9]+ *(B|kB|KB|MB|GB|KiB|MiB|GiB)$" }),
        Form::Duration => json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h)$" }),
        Form::Path => json!({ "type": "string", "pattern": "^(/[A-Za-z0-9._~-]+)+$" }),
        Form::Origin => json!({ "type": "string", "pattern": "^(\\*|[a-z][a-z0-9+.-]*://[^/A-Z*]+)$" }),
        Form::Anything => json!({}),
        Form::JsonSchema => json!({ "type": ["object", "boolean", "string"] }),
        Form::List(items, Empty::Allowed) => json!({ "type": ["array", "null"], "items": schema(items) }),
        Form::List(items, Empty::Refused) => json!({ "type": "array", "items": schema(items), "minItems": 1 }),
        Form::Map(values) => json!({
            "type": ["object", "null"],
            "propertyNames": schema(&Form::Name),
            "additionalProperties": schema(values),
        }),
        Form::Object(table) => json!({ "$ref": format!("#/$defs/{}", definition(table)) }),
        Form::Any(forms) => json!({ "anyOf": forms.iter().map(schema).collect::<Vec<_>>() }),
    }
}
