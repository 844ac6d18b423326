//! JSON Merge Patch (RFC 7396) inside a json field.

use pintle_model::{Type, Value, ValueError, ValueErrorKind};
use serde_json::Value as Json;

/// What `current` becomes under `patch`, an object: its members are set, and those that are null are removed, all the
/// way down.
///
/// # Errors
/// When the patch is no JSON or nested too deeply.
pub(super) fn patch(current: Option<&str>, patch: &str, depth: u32) -> Result<String, ValueError> {
    // The bound on nesting first: what follows walks the patch by recursion.
    let Value::Json(patch) = Type::Json.read_json(patch, depth)? else { return Ok("null".to_owned()) };
    let patch = parse(&patch)?;
    let current = current.map(parse).transpose()?;
    Ok(merge(current.unwrap_or(Json::Null), patch).to_string())
}

fn parse(text: &str) -> Result<Json, ValueError> {
    super::tree(text).ok_or_else(|| ValueError {
        kind: ValueErrorKind::TooDeep,
        message: "the JSON is nested too deeply to be merged, or has a key that begins with `$serde_json::private::`"
            .to_owned(),
        hint: Some("replace the record, or give the field an array or a scalar".to_owned()),
    })
}

fn merge(target: Json, patch: Json) -> Json {
    let Json::Object(patch) = patch else { return patch };
    let mut members = match target {
        Json::Object(members) => members,
        _ => serde_json::Map::new(),
    };
    for (key, change) in patch {
        if change.is_null() {
            members.remove(&key);
        } else {
            let old = members.remove(&key).unwrap_or(Json::Null);
            members.insert(key, merge(old, change));
        }
    }
    Json::Object(members)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(current: &str, change: &str, expected: &str) {
        let merged = patch(Some(current), change, 32);
        let read = |text: &str| serde_json::from_str::<Json>(text).ok();
        assert_eq!(merged.ok().as_deref().and_then(read), read(expected), "{current} under {change}");
    }

    #[test]
    fn the_examples_of_the_rfc_hold() {
        check(r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#);
        check(r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#);
        check(r#"{"a":"b"}"#, r#"{"a":null}"#, "{}");
        check(r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#);
        check(r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#);
        check(r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#);
        check(r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#);
        check(r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#);
        check(r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#);
        check("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#);
        check("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#);
    }

    #[test]
    fn what_the_parser_would_take_for_another_value_is_refused() {
        let change = r#"{"a":{"$serde_json::private::RawValue":"[1]"}}"#;
        assert_eq!(patch(None, change, 32).map_err(|error| error.kind), Err(ValueErrorKind::TooDeep));
    }

    #[test]
    fn numbers_stay_exact() {
        check(r#"{"a":12345678901234567890.123}"#, r#"{"b":1}"#, r#"{"a":12345678901234567890.123,"b":1}"#);
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![Just(Json::Null), any::<bool>().prop_map(Json::from), (0..5).prop_map(Json::from)];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
                prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// The RFC's own pseudo-code, over references.
    fn reference(target: Option<&Json>, patch: &Json) -> Json {
        let Json::Object(changes) = patch else { return patch.clone() };
        let old = target.and_then(Json::as_object).cloned().unwrap_or_default();
        let mut new = old.clone();
        for (key, change) in changes {
            match change {
                Json::Null => _ = new.remove(key),
                _ => _ = new.insert(key.clone(), reference(old.get(key), change)),
            }
        }
        Json::Object(new)
    }

    proptest! {
        #[test]
        fn any_patch_merges_as_the_rfc_says(current in json(), changes in json()) {
            prop_assume!(changes.is_object());
            let merged = patch(Some(&current.to_string()), &changes.to_string(), 32).map(|text| {
                serde_json::from_str::<Json>(&text).unwrap_or_default()
            });
            prop_assert_eq!(merged, Ok(reference(Some(&current), &changes)));
        }
    }
}
