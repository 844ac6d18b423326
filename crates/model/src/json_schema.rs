//! The JSON Schema of the manifest, made of the reader's own table of keys.

use serde_json::{Map, Value, json};

use crate::read::keys::{APP, Empty, Form, SERVICE_NAME_MAX, Table};

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
            Form::List(items, _) | Form::Map(items) | Form::Routes(items) | Form::Services(items) => form(items, to),
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
        Form::Variable => json!({ "type": "string", "pattern": "^\\$\\{env:[A-Z_][A-Z0-9_]*\\}$" }),
        Form::VariableName => json!({ "type": "string", "pattern": "^[A-Z_][A-Z0-9_]*$" }),
        Form::FetchTarget => {
            json!({ "type": "string", "pattern": "^(https?://[^/A-Z*]+|\\$\\{env:[A-Z_][A-Z0-9_]*\\})$" })
        }
        Form::Nothing => json!({ "type": "null" }),
        Form::Anything => json!({}),
        Form::JsonSchema => json!({ "type": ["object", "boolean", "string"] }),
        Form::List(items, Empty::Allowed) => json!({ "type": ["array", "null"], "items": schema(items) }),
        Form::List(items, Empty::Refused) => json!({ "type": "array", "items": schema(items), "minItems": 1 }),
        Form::Map(values) => json!({
            "type": ["object", "null"],
            "propertyNames": schema(&Form::Name),
            "additionalProperties": schema(values),
        }),
        Form::Routes(values) => json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^/$|^(/([A-Za-z0-9._~-]+|\\{[A-Za-z_][A-Za-z0-9_]{0,62}\\}))+$" },
            "additionalProperties": schema(values),
        }),
        Form::Services(values) => json!({
            "type": "object",
            "propertyNames": {
                "pattern": format!("^[a-z]([-a-z0-9]{{0,{}}}[a-z0-9])?$", SERVICE_NAME_MAX - 2),
                "not": { "const": "gateway" },
            },
            "additionalProperties": schema(values),
            "minProperties": 1,
        }),
        Form::Object(table) => json!({ "$ref": format!("#/$defs/{}", definition(table)) }),
        Form::Any(forms) => json!({ "anyOf": forms.iter().map(schema).collect::<Vec<_>>() }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::read::to_json;
    use crate::{Severity, yaml};

    static VALIDATOR: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::draft202012::new(&manifest()).expect("the schema compiles"));

    /// Every app that is shipped, and the tests' manifest of everything, by its path.
    fn manifests() -> Vec<(String, String)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let apps = std::fs::read_dir(root.join("../../apps")).into_iter().flatten().flatten();
        let apps = apps.map(|app| app.path().join("pintle.yaml"));
        let paths = apps.chain([root.join("tests/manifests/good.yaml")]).filter(|path| path.exists());
        paths.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a manifest"))).collect()
    }

    #[test]
    fn manifests_that_are_good_satisfy_the_schema() {
        for (path, text) in manifests() {
            let tree = yaml::parse(&text).0.expect("YAML");
            let json = to_json(&tree);
            let faults: Vec<String> =
                VALIDATOR.iter_errors(&json).map(|e| format!("{} {e}", e.instance_path())).collect();
            assert_eq!(faults, [""; 0], "{path}");
        }
    }

    #[test]
    fn apps_have_no_mistakes() {
        for (path, text) in manifests() {
            let folder = Path::new(&path).parent().expect("a folder").to_owned();
            let read = |file: &str| std::fs::read_to_string(folder.join(file)).map_err(|error| error.to_string());
            let (_, diagnostics) = crate::load(&path, &text, &read);
            let mistakes: Vec<String> = diagnostics
                .iter()
                .filter(|d| d.severity == Severity::Error && !path.ends_with("good.yaml"))
                .map(ToString::to_string)
                .collect();
            assert_eq!(mistakes, [""; 0]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Whatever a person writes that the reader takes, an editor takes too.
        #[test]
        fn the_schema_is_no_stricter_than_the_reader(place in 0_usize..1000, cut in 0_usize..10, insert in "[a-z0-9]{0,2}|true|none|~|''|\\[\\]|1") {
            let text = include_str!("../tests/manifests/good.yaml");
            let start = place * text.len() / 1000;
            let text = format!("{}{insert}{}", &text[..start], &text[(start + cut).min(text.len())..]);
            let (_, diagnostics) = crate::load("pintle.yaml", &text, &|_| Ok("{}".to_owned()));
            if diagnostics.is_empty() {
                let tree = yaml::parse(&text).0.expect("YAML");
                let faults: Vec<String> =
                    VALIDATOR.iter_errors(&to_json(&tree)).map(|e| format!("{} {e}", e.instance_path())).collect();
                prop_assert_eq!(faults, [""; 0], "{}", text);
            }
        }
    }
}
