//! What a record is: as it is answered, as it is given, and as a patch of it.

use pintle_model::{COUNTED_KEY_MAX, Collection, DefaultValue, Field, KeyOrigin, Type, Value as Datum};
use serde_json::{Map, Value, json};

use super::{embed, example};

/// Which of a collection's schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is answered: every field.
    Answered,
    /// A new record.
    New,
    /// A record that replaces the one at its key: the key may be left out.
    Replacement,
    /// JSON Merge Patch: what is given is merged, null removes.
    Patch,
    /// Fields to set, as `PATCH` under `/rest/v1` takes them: each is given whole.
    Changes,
}

impl Form {
    const ALL: [Form; 5] = [Form::Answered, Form::New, Form::Replacement, Form::Patch, Form::Changes];

    /// The schema's name in the document.
    pub(super) fn name(self, collection: &Collection) -> String {
        let suffix = match self {
            Form::Answered => "",
            Form::New => ".new",
            Form::Replacement => ".replacement",
            Form::Patch => ".patch",
            Form::Changes => ".changes",
        };
        format!("{}{suffix}", collection.name)
    }

    fn about(self) -> &'static str {
        match self {
            Form::Answered => "A record as it is answered.",
            Form::New => "A new record.",
            Form::Replacement => "A whole record; the key may be left out, another one is refused.",
            Form::Patch => "JSON Merge Patch: what is given is merged into the record, null empties a field.",
            Form::Changes => "The fields to set, each with its whole value.",
        }
    }
}

/// The schemas of a collection, and those of its json fields.
pub(super) fn of(collection: &Collection) -> Map<String, Value> {
    let forms = Form::ALL.into_iter().filter(|form| {
        let mounted = collection.mount.is_some();
        mounted || !matches!(form, Form::Replacement | Form::Patch)
    });
    let mut schemas: Map<String, Value> = forms.map(|form| (form.name(collection), record(collection, form))).collect();
    for field in &collection.fields {
        if let Some(schema) = &field.schema {
            let name = embedded_name(collection, field);
            schemas.insert(name.clone(), embed::at(&schema.source, &format!("#/components/schemas/{name}")));
        }
    }
    schemas
}

fn embedded_name(collection: &Collection, field: &Field) -> String {
    format!("{}.{}", collection.name, field.name)
}

/// One form of a collection's record.
fn record(collection: &Collection, form: Form) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (at, field) in collection.fields.iter().enumerate() {
        if form != Form::Answered && field.readonly {
            continue;
        }
        properties.insert(field.name.clone(), property(collection, at, field, form));
        if must_stand(collection, at, field, form) {
            required.push(field.name.clone());
        }
    }
    let mut schema = json!({
        "type": "object",
        "description": collection.description.as_deref().filter(|_| form == Form::Answered).unwrap_or(form.about()),
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    if let Some(example) = example::record(collection, form) {
        schema["example"] = example;
    }
    schema
}

/// Whether a field must stand in a record of this form.
pub(super) fn must_stand(collection: &Collection, at: usize, field: &Field, form: Form) -> bool {
    let made = collection.is_key(at) && collection.key.origin != KeyOrigin::Given;
    let needed = (field.required || collection.is_key(at)) && field.default.is_none() && !made;
    match form {
        Form::Answered => true,
        Form::New => needed,
        Form::Replacement => needed && !collection.is_key(at),
        Form::Patch | Form::Changes => false,
    }
}

/// Whether a field may be null.
pub(super) fn nullable(collection: &Collection, at: usize, field: &Field) -> bool {
    !field.required && !collection.is_key(at)
}

fn property(collection: &Collection, at: usize, field: &Field, form: Form) -> Value {
    let mut schema = match (&field.schema, form) {
        (None, _) => scalar(field),
        (Some(_), Form::Patch) => merged(&embedded_name(collection, field)),
        (Some(_), _) => super::parts::schema_ref(&embedded_name(collection, field)),
    };
    if at == 0 && collection.key.origin == KeyOrigin::Counted && form != Form::Answered {
        let most = field.maximum.as_ref().map(datum).and_then(|most| most.as_i64());
        schema["maximum"] = json!(most.unwrap_or(COUNTED_KEY_MAX).min(COUNTED_KEY_MAX));
    }
    if nullable(collection, at, field) {
        schema = or_null(schema);
    }
    if let Some(description) = &field.description {
        schema["description"] = json!(description);
    }
    if form == Form::Answered && field.readonly {
        schema["readOnly"] = json!(true);
    }
    if form == Form::New
        && let Some(default) = field.default.as_ref()
    {
        match default {
            DefaultValue::Literal(value) => schema["default"] = datum(value),
            DefaultValue::Now => note(&mut schema, "When left out: the time of the request."),
            DefaultValue::Uuid => note(&mut schema, "When left out: a new UUID."),
            DefaultValue::Uid => note(&mut schema, "When left out: the caller's user."),
        }
    }
    schema
}

/// A patch of a json field: an object is merged into what is there, all else takes its place.
fn merged(name: &str) -> Value {
    let object = json!({
        "type": "object",
        "description": "Merged into what is there; the outcome must be as the field's schema says.",
    });
    json!({ "anyOf": [super::parts::schema_ref(name), object] })
}

fn note(schema: &mut Value, text: &str) {
    let own = schema.get("description").and_then(Value::as_str).map(|own| format!("{own} "));
    schema["description"] = json!(format!("{}{text}", own.unwrap_or_default()));
}

/// A schema that allows null besides.
fn or_null(mut schema: Value) -> Value {
    match schema.get("type") {
        Some(Value::String(one)) => {
            schema["type"] = json!([one, "null"]);
            if let Some(choices) = schema.get_mut("enum").and_then(Value::as_array_mut) {
                choices.push(Value::Null);
            }
            schema
        }
        None if schema.get("anyOf").is_some() => {
            if let Some(forms) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
                forms.push(json!({ "type": "null" }));
            }
            schema
        }
        Some(Value::Array(types)) if types.iter().any(|one| one == "null") => schema,
        Some(Value::Array(types)) => {
            let mut types = types.clone();
            types.push(json!("null"));
            schema["type"] = json!(types);
            schema
        }
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

/// The schema of a field's type with its constraints, null apart.
pub(super) fn scalar(field: &Field) -> Value {
    let mut schema = match field.ty {
        Type::Text => json!({ "type": "string" }),
        Type::Integer => json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX }),
        Type::Number => json!({ "type": "number", "format": "double" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Timestamp => json!({ "type": "string", "format": "date-time" }),
        Type::Date => json!({ "type": "string", "format": "date" }),
        Type::Uuid => json!({ "type": "string", "format": "uuid" }),
        Type::Json => json!({ "type": ["object", "array", "string", "number", "boolean"] }),
        Type::Point => point(),
        Type::Bytes => json!({ "type": "string", "pattern": r"^\\x([0-9a-fA-F]{2})*$" }),
    };
    if !field.choices.is_empty() {
        schema["enum"] = field.choices.iter().map(datum).collect();
    }
    if let Some(pattern) = &field.pattern {
        schema["pattern"] = json!(pattern.source);
    }
    bounds(&mut schema, field);
    schema
}

/// A point, as answers have it. Bodies may have longitude and latitude by their names as well.
fn point() -> Value {
    let degrees = |most: f64| json!({ "type": "number", "format": "double", "minimum": -most, "maximum": most });
    json!({
        "type": "object",
        "description": "A place (WGS 84) as GeoJSON has it: the longitude first.",
        "properties": {
            "type": { "const": "Point" },
            "coordinates": {
                "type": "array",
                "prefixItems": [degrees(180.0), degrees(90.0)],
                "items": false,
                "minItems": 2,
            },
        },
        "required": ["type", "coordinates"],
        "additionalProperties": false,
    })
}

/// Least and greatest values and lengths, in JSON Schema's words where it has them and in ours where not.
fn bounds(schema: &mut Value, field: &Field) {
    let numeric = matches!(field.ty, Type::Integer | Type::Number);
    for (key, word, bound) in [("minimum", "Not before", &field.minimum), ("maximum", "Not after", &field.maximum)] {
        match bound {
            Some(bound) if numeric => schema[key] = datum(bound),
            Some(bound) => note(schema, &format!("{word} {}.", plain(&datum(bound)))),
            None => {}
        }
    }
    for (key, word, bound) in [("minLength", "At least", field.min_length), ("maxLength", "At most", field.max_length)]
    {
        match bound {
            // `\x`, then two digits a byte.
            Some(bytes) if field.ty == Type::Bytes => {
                schema[key] = json!(2 + 2 * bytes);
                note(schema, &format!("{word} {bytes} bytes."));
            }
            Some(length) => schema[key] = json!(length),
            None => {}
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value of the model as JSON, as records hold it.
pub(super) fn datum(value: &Datum) -> Value {
    let mut json = Vec::new();
    value.write_json(&mut json);
    serde_json::from_slice(&json).unwrap_or(Value::Null)
}
