//! The tables of `docs/manifest.md` against the manifest's JSON Schema, as `pintle schema` prints it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::common;

/// Every key that a manifest may have, by its name alone.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(properties) = members.get("properties").and_then(Value::as_object) {
                found.extend(properties.keys().cloned());
            }
            members.values().for_each(|member| keys(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn the_page_names_every_key_of_the_manifest_and_no_other() {
    let (code, schema, err) = common::run(&["schema"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let mut known = BTreeSet::new();
    keys(&serde_json::from_str(&schema).unwrap(), &mut known);

    let page = std::fs::read_to_string(crate::root().join("docs/manifest.md")).unwrap();
    let mut tables = page.lines().filter_map(|line| line.strip_prefix("| `")).filter(|line| line.contains('|'));
    let mut told: BTreeSet<String> = BTreeSet::new();
    let types = ["text", "integer", "number", "boolean", "timestamp", "date", "uuid", "json", "bytes", "point", "ref"];
    tables.by_ref().for_each(|line| {
        let names = line.split('|').next().unwrap().split('`').filter(|name| !name.contains([',', ' ']));
        told.extend(names.filter(|name| !name.is_empty() && !types.contains(name)).map(str::to_owned));
    });
    let missing: Vec<_> = known.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/manifest.md does not name {missing:?}");
    let unknown: Vec<_> = told.difference(&known).collect();
    assert!(unknown.is_empty(), "docs/manifest.md names {unknown:?}, which no manifest has");
}
