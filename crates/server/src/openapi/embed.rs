//! JSON Schemas of json fields, moved into the document: references inside them are turned to their new place.

use serde_json::Value;

/// A schema as it stands at `place` (`#/components/schemas/configs.data`) in the document.
pub(super) fn at(schema: &Value, place: &str) -> Value {
    let mut schema = schema.clone();
    turn(&mut schema, place);
    if let Value::Object(members) = &mut schema {
        // The document's own dialect and addresses hold from here on.
        members.shift_remove("$schema");
        members.shift_remove("$id");
    }
    schema
}

fn turn(value: &mut Value, place: &str) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                match member {
                    Value::String(target) if key == "$ref" && target == "#" => *target = place.to_owned(),
                    Value::String(target) if key == "$ref" && target.starts_with("#/") => {
                        *target = format!("{place}{}", &target[1..]);
                    }
                    // What stands here is data, not a schema.
                    _ if matches!(key.as_str(), "const" | "enum" | "default" | "examples" | "example") => {}
                    _ => turn(member, place),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| turn(item, place)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::at;

    #[test]
    fn references_inside_a_schema_follow_it_to_its_new_place() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": { "id": { "type": "integer" } },
            "type": "array",
            "items": { "properties": { "id": { "$ref": "#/$defs/id" }, "more": { "$ref": "#" } } },
            "default": [{ "$ref": "#/left/alone" }],
        });
        let moved = at(&schema, "#/components/schemas/c.data");
        assert_eq!(moved["items"]["properties"]["id"]["$ref"], "#/components/schemas/c.data/$defs/id");
        assert_eq!(moved["items"]["properties"]["more"]["$ref"], "#/components/schemas/c.data");
        assert_eq!(moved["default"][0]["$ref"], "#/left/alone");
        assert_eq!(moved.get("$schema"), None);
    }
}
