//! What is surely taken, and what is not.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Schema;
use super::plain::{DIALECT, Plain};

fn schema(source: &Value) -> Schema {
    Schema::new(source.clone(), jsonschema::validator_for(source).unwrap())
}

/// A list of tiles, as an app may describe it.
fn tiles() -> Value {
    json!({
        "$schema": DIALECT, "title": "Tiles", "type": "array", "minItems": 1, "maxItems": 3,
        "items": {
            "type": "object", "required": ["x", "kind"], "additionalProperties": false,
            "properties": {
                "x": { "$ref": "#/$defs/place", "description": "Where." },
                "kind": { "type": ["string", "null"], "minLength": 1, "maxLength": 2 },
                "on": { "type": ["array", "boolean"], "items": { "type": "number" } },
                "more": {},
            },
        },
        "$defs": { "place": { "type": "integer", "minimum": -10, "maximum": 10 } },
    })
}

#[test]
fn what_is_plainly_right_is_taken() {
    let tiles = schema(&tiles());
    for text in [
        r#"[{"x":1,"kind":"a"}]"#,
        r#" [ { "kind" : null , "x" : -10 } , {"x":10,"kind":"éé"} ] "#,
        r#"[{"x":0,"kind":"\n","on":[1,2.5,-0.0,123456789012345],"more":{"a":[{},[],"",true,false,null]}}]"#,
        r#"[{"x":1,"x":2,"kind":"\"\\","on":true}]"#,
    ] {
        assert!(tiles.surely_takes(text, 5), "{text}");
    }
}

#[test]
fn what_is_wrong_or_not_sure_is_not_taken() {
    let tiles = schema(&tiles());
    for text in [
        "",
        "[]",
        "null",
        "[1]",
        "[{}]",
        r#"[{"x":1}]"#,
        r#"[{"x":11,"kind":"a"}]"#,
        r#"[{"x":-11,"kind":"a"}]"#,
        r#"[{"x":1,"kind":""}]"#,
        r#"[{"x":1,"kind":"abc"}]"#,
        r#"[{"x":1,"kind":"a","other":1}]"#,
        r#"[{"x":1,"kind":"a","on":["a"]}]"#,
        r#"[{"x":1,"kind":"a"},]"#,
        r#"[{"x":1,"kind":"a",}]"#,
        r#"[{"x":01,"kind":"a"}]"#,
        r#"[{"x":-,"kind":"a"}]"#,
        r#"[{"x":1,"kind":"a"}] 1"#,
        r#"[{"x":1,"kind":"a"}"#,
        r#"[{"x":1,"kind":"a","on":[1.]}]"#,
        r#"[{"x":1,"kind":"a","on":[.5]}]"#,
        r#"[{"x":1 "kind":"a"}]"#,
        r#"[{"x":1,"kind":"a","more":tru}]"#,
        r#"[{"x":1,"kind":"a","more":"\x"}]"#,
        "[{\"x\":1,\"kind\":\"\n\"}]",
        r#"[{"x":1,"x":"a","kind":"a"}]"#,
        // Right, but only the validator and the other readers of JSON know.
        r#"[{"x":1.0,"kind":"a"}]"#,
        r#"[{"x":1e0,"kind":"a"}]"#,
        r#"[{"x":1,"kind":"\u0061"}]"#,
        r#"[{"x":1,"kind":"a","on":[1234567890123456]}]"#,
        r#"[{"x":1,"kind":"a","on":[1.5e3]}]"#,
        r#"[{"\u0078":1,"kind":"a"}]"#,
        r#"[{"x":1,"kind":"a","more":{"$serde_json::private::Number":"1"}}]"#,
        r#"[{"x":1,"kind":"a","more":[[[]]]}]"#,
    ] {
        assert!(!tiles.surely_takes(text, 4), "{text}");
    }
    assert!(tiles.surely_takes(r#"[{"x":1,"kind":"a","more":[[[]]]}]"#, 5));
}

#[test]
fn a_schema_that_says_more_takes_nothing_surely() {
    for source in [
        json!({ "pattern": "a" }),
        json!({ "properties": { "a": { "enum": [1] } } }),
        json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/a" } } }),
        json!({ "$ref": "#/$defs/a", "type": "null", "$defs": { "a": {} } }),
        json!({ "$ref": "#/$defs/a/items", "$defs": { "a": { "items": {} } } }),
        json!({ "$schema": "http://json-schema.org/draft-07/schema#", "type": "null" }),
        json!({ "items": { "$id": "http://other.example", "type": "null" } }),
        json!({ "minimum": 0.5 }),
        json!({ "required": ["a"] }),
        json!(false),
    ] {
        assert!(Plain::of(&source).is_none(), "{source}");
    }
    assert!(Plain::of(&json!(true)).is_some());
}

/// JSON of few names and small values, so that much of it satisfies a schema.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-12_i64..12).prop_map(Value::from),
        (-3.0..3.0_f64).prop_map(Value::from),
        "[aé\\n\"\\\\]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let tile = (-12_i64..12, "[ab]{0,3}", prop::option::of(inner.clone()), prop::option::of(inner.clone()));
        let tile = tile.prop_map(|(x, kind, on, more)| {
            let mut tile = json!({ "x": x, "kind": kind });
            for (name, value) in [("on", on), ("more", more)] {
                if let (Some(value), Some(tile)) = (value, tile.as_object_mut()) {
                    tile.insert(name.to_owned(), value);
                }
            }
            tile
        });
        prop_oneof![
            prop::collection::vec(tile.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("(x|kind|on|more|[ab])", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            tile,
        ]
    })
}

static SCHEMAS: LazyLock<[Schema; 2]> =
    LazyLock::new(|| [schema(&tiles()), schema(&json!({ "items": { "maximum": 3, "minLength": 2 } }))]);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_surely_taken_satisfies_the_schema(json in any_json(), cut in any::<prop::sample::Index>(), with in "[\\PC]?") {
        let text = json.to_string();
        let at = cut.index(text.len());
        let mut other = text.clone().into_bytes();
        other.splice(at..=at, with.into_bytes());
        for text in [Some(text), String::from_utf8(other).ok()].into_iter().flatten() {
            for schema in SCHEMAS.iter() {
                if schema.surely_takes(&text, 20) {
                    let json: Value = serde_json::from_str(&text).unwrap();
                    prop_assert!(schema.validator.is_valid(&json), "{text}");
                }
            }
        }
    }
}
