//! Manifests and what is said of them. Each file under `manifests/` is a manifest whose last lines, comments that begin
//! with `#!`, are the diagnostics that it must have, in order: `line:column message | help`.

#![expect(clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod routes;
mod services;

use std::path::Path;

use pintle_model::{
    DefaultValue, Diagnostic, Durability, KeyOrigin, Model, OnDelete, Severity, Type, Value, load, schema,
};
use proptest::prelude::*;

const GOOD: &str = include_str!("../manifests/good.yaml");

/// A file that manifests of these tests may name.
fn file(path: &str) -> Result<String, String> {
    match path {
        "schemas/item.json" => Ok(r#"{ "type": "object", "required": ["id"] }"#.to_owned()),
        "schemas/bad.json" => Ok("{\n  \"type\": \"objekt\",\n  \"minItems\": -1\n}".to_owned()),
        "schemas/broken.json" => Ok("{\n  \"type\": \n}".to_owned()),
        "schemas/bad.yaml" => Ok("type: [object]\nitems: { type: strin }\n".to_owned()),
        "routes/near.sql" => Ok("SELECT 1;\n".to_owned()),
        "routes/home.js" | "routes/view.js" | "routes/view.mjs" | "seed/world.js" => {
            Ok("export default () => 1;\n".to_owned())
        }
        _ => Err("there is no such file".to_owned()),
    }
}

fn line(diagnostic: &Diagnostic) -> String {
    let (line, column) = diagnostic.file.position(diagnostic.span.start);
    let file = match diagnostic.file.path.as_str() {
        "pintle.yaml" => String::new(),
        other => format!("{other}:"),
    };
    let severity = if diagnostic.severity == Severity::Warning { "warning: " } else { "" };
    let help = diagnostic.help.as_ref().map(|help| format!(" | {help}")).unwrap_or_default();
    format!("{file}{line}:{column} {severity}{}{help}", diagnostic.message)
}

/// The diagnostics of a manifest, one a line.
fn said(text: &str) -> Vec<String> {
    let (model, diagnostics) = load("pintle.yaml", text, &file);
    for diagnostic in &diagnostics {
        assert!(diagnostic.file.text.get(diagnostic.span.start..diagnostic.span.end).is_some(), "{diagnostic:?}");
    }
    assert!(model.is_some() || diagnostics.iter().any(|d| d.severity == Severity::Error));
    diagnostics.iter().map(line).collect()
}

#[test]
fn every_manifest_has_the_diagnostics_that_it_names() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests");
    let bless = std::env::var_os("PINTLE_BLESS").is_some();
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of manifests") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a manifest");
        let (expected, manifest): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("#!"));
        let expected: Vec<&str> = expected.iter().map(|line| line.trim_start_matches("#!").trim()).collect();
        let manifest = manifest.join("\n").trim_end().to_owned() + "\n";
        let found = said(&manifest);
        if found == expected {
            continue;
        }
        if bless {
            let lines: String = found.iter().map(|line| format!("#! {line}\n")).collect();
            std::fs::write(&path, format!("{manifest}\n{lines}")).expect("a blessed manifest");
        }
        wrong.push(format!(
            "{}\nexpected:\n  {}\nfound:\n  {}",
            path.display(),
            expected.join("\n  "),
            found.join("\n  ")
        ));
    }
    assert!(wrong.is_empty(), "PINTLE_BLESS=1 writes what is found\n\n{}", wrong.join("\n\n"));
}

fn good() -> Model {
    load("apps/shop/pintle.yaml", GOOD, &file).0.expect("a model")
}

#[test]
fn a_model_is_what_its_manifest_says() {
    let model = good();
    assert_eq!((model.name.as_str(), model.version.as_str(), model.durability), ("shop", "1.2", Durability::Relaxed));
    assert_eq!((model.limits.body_bytes, model.limits.rows, model.limits.timeout.as_secs()), (2 << 20, Some(500), 10));
    assert_eq!(model.cors.max_age.map(|age| age.as_secs()), Some(600));
    let names: Vec<&str> = model.collections.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        names,
        ["places", "people", "visits", "log", "_pintle_tokens", "_pintle_idempotency", "_pintle_dead_letters"]
    );

    let (places, _) = model.find("places").expect("places");
    let (_, people) = model.find("people").expect("people");
    assert_eq!((people.key.len, people.key.origin), (1, KeyOrigin::UuidV7));
    let field = |name: &str| people.field(name).expect(name).1;
    let home = field("home").reference.as_ref().expect("a ref");
    assert_eq!((home.collection, home.on_delete, home.indexed), (places, OnDelete::SetNull, false));
    assert_eq!((field("home").ty, field("id").ty, field("id").required), (Type::Text, Type::Uuid, true));
    assert_eq!(field("state").choices, ["new", "yes", "no"].map(|text| Value::Text(text.to_owned())));
    assert_eq!(field("photo").default, Some(DefaultValue::Literal(Value::Bytes(vec![0, 255]))));
    assert_eq!(field("tags").default, Some(DefaultValue::Literal(Value::Json(r#"["a"]"#.to_owned()))));
    assert_eq!(field("owner").default, Some(DefaultValue::Uid));
    assert!(field("item").schema.as_ref().is_some_and(|schema| !schema.validator.is_valid(&serde_json::json!({}))));
    assert_eq!(people.indexes[1].parts[0].path, ["a", "b c"]);
    assert!(people.indexes[0].parts[1].descending && people.indexes[1].unique);
    let mount = people.mount.as_ref().expect("a mount");
    assert_eq!((mount.path.as_str(), mount.limit_default, mount.limit_max), ("/api/people", Some(50), None));
    assert_eq!(mount.methods, ["GET", "POST"]);

    let (_, visits) = model.find("visits").expect("visits");
    assert_eq!((visits.key.len, visits.fields[0].ty, visits.fields[1].ty), (2, Type::Uuid, Type::Text));
    let (_, log) = model.find("log").expect("log");
    assert_eq!((log.fields[0].name.as_str(), log.key.origin), ("id", KeyOrigin::Counted));
    let (_, tokens) = model.find("_pintle_tokens").expect("tokens");
    assert!(tokens.system && tokens.field("hash").is_some_and(|(_, hash)| hash.unique && hash.required));
}

#[test]
fn the_span_of_a_policy_is_its_expression() {
    let model = good();
    let policies = &model.find("people").expect("people").1.policies;
    let update = policies.update.as_ref().expect("update");
    for policy in [&policies.select, &policies.insert, &policies.delete].into_iter().flatten().chain([&update.check]) {
        assert_eq!(&GOOD[policy.span.start..policy.span.end], policy.source);
    }
}

#[test]
fn a_doubtful_collection_has_no_policies_to_check() {
    let text = "pintle: 1\ncollections:\n  a: { fields: { b: strin }, policies: { select: b = 'x' } }\n  c: { policies: { select: true } }\n";
    let (model, diagnostics) = load("pintle.yaml", text, &file);
    let model = model.expect("a model for further checks");
    assert_eq!(diagnostics.len(), 1);
    assert!(model.collections[0].policies.select.is_none() && model.collections[1].policies.select.is_some());
}

#[test]
fn what_is_no_manifest_is_said_in_one_line() {
    let deep = format!("a: {}", "[".repeat(10_000));
    let huge = format!("pintle: 1\n# {}\n", "x".repeat(2 << 20));
    for (text, expected) in [
        ("", "1:1 the manifest is empty | it begins with `pintle: 1`"),
        ("  \n# nothing\n", "1:1 the manifest is empty | it begins with `pintle: 1`"),
        ("---\n...\n", "1:1 the manifest is empty | it begins with `pintle: 1`"),
        (
            "pintle: 1\n\tname: a\n",
            "2:1 this is no YAML: while scanning a plain scalar, found a tab | YAML is indented with spaces: there is a tab in this line",
        ),
        ("pintle: [1\n", "2:1 this is no YAML: while parsing a flow sequence, expected ',' or ']'"),
        ("pintle: 1\n---\npintle: 1\n", "2:1 a manifest is one YAML document; a second one begins here"),
        (&deep, "1:259 this is no YAML: recursion limit exceeded"),
        (&huge, "1:1 the file has 2097165 bytes; at most 1048576 are read"),
    ] {
        assert_eq!(said(text), [expected], "{}", &text[..text.len().min(40)]);
    }
}

/// The same manifest as JSON, which is YAML too.
const GOOD_JSON: &str = r#"{
    "pintle": 1, "name": "shop", "version": 1.2, "description": "A shop.",
    "collections": {
        "places": { "key": { "code": "text" }, "fields": { "name": "text" } },
        "people": {
            "key": { "id": { "type": "uuid", "generated": true } },
            "fields": { "name": { "type": "text", "enum": ["a"], "default": "a" }, "home": { "type": "ref", "to": "places" } },
            "indexes": [["name desc"], { "fields": ["name"], "unique": true }],
            "policies": { "select": true, "update": { "using": "name = 'a'" } },
            "rest": { "path": "/people", "limit": { "max": "none" } }
        },
        "log": { "rest": "/log", "indexes": null }
    },
    "routes": {
        "/": { "get": { "sql": "select 1", "result": "value", "params": null } },
        "/a/{b}": { "post": { "params": { "b": { "type": "text", "in": "path" } }, "script": "routes/view.js", "body": true } }
    },
    "services": { "a": { "collections": "*", "routes": ["/"] }, "b2": { "port": 65535, "collections": null, "routes": "*" } },
    "public": "none", "scripts": { "environment": null, "fetch": [] },
    "cors": { "origins": ["*"] }, "limits": { "body": "1MiB", "rows": "none" }, "durability": "full"
}"#;

#[test]
fn the_json_schema_takes_what_the_reader_takes() {
    let validator = jsonschema::draft202012::new(&schema()).expect("the schema compiles");
    let good: serde_json::Value = serde_json::from_str(GOOD_JSON).expect("JSON");
    assert_eq!(said(GOOD_JSON), [""; 0]);
    let faults: Vec<String> = validator.iter_errors(&good).map(|e| format!("{} {e}", e.instance_path())).collect();
    assert_eq!(faults, [""; 0]);
    for bad in [
        r#"{ "name": "a" }"#,
        r#"{ "pintle": 2 }"#,
        r#"{ "pintle": 1, "nam": "a" }"#,
        r#"{ "pintle": 1, "collections": { "1a": {} } }"#,
        r#"{ "pintle": 1, "collections": { "a": { "fields": { "b": "strin" } } } }"#,
        r#"{ "pintle": 1, "collections": { "a": { "fields": { "b": { "type": "text", "required": "yes" } } } } }"#,
        r#"{ "pintle": 1, "collections": { "a": { "rest": "a" } } }"#,
        r#"{ "pintle": 1, "limits": { "body": 5 } }"#,
        r#"{ "pintle": 1, "routes": { "a": {} } }"#,
        r#"{ "pintle": 1, "services": { "A": { "pages": true } } }"#,
        r#"{ "pintle": 1, "services": { "gateway": { "pages": true } } }"#,
        r#"{ "pintle": 1, "services": { "a": { "port": 0 } } }"#,
        r#"{ "pintle": 1, "services": {} }"#,
        r#"{ "pintle": 1, "routes": { "/a/{x}y": {} } }"#,
        r#"{ "pintle": 1, "routes": { "/a": { "GET": {} } } }"#,
        r#"{ "pintle": 1, "auth": { "tokens": "TOKEN" } }"#,
        r#"{ "pintle": 1, "scripts": { "environment": ["path"] } }"#,
        r#"{ "pintle": 1, "scripts": { "fetch": ["ftp://example.com"] } }"#,
    ] {
        let json: serde_json::Value = serde_json::from_str(bad).expect("JSON");
        assert!(!validator.is_valid(&json), "the schema takes {bad}");
        assert!(!said(bad).is_empty(), "the reader takes {bad}");
    }
}

/// A manifest with this key of `proximity` in a wrong form.
fn near(key: &str) -> String {
    let rest = [("in", "a"), ("at", "p"), ("subject", "id")].iter().filter(|(other, _)| *other != key);
    let rest: String = rest.map(|(key, value)| format!("{key}: {value}, ")).collect();
    format!(
        "pintle: 1\ncollections: {{ a: {{ fields: {{ p: point }} }} }}\n\
         routes: {{ /b: {{ get: {{ params: {{ id: integer }}, proximity: {{ {rest}{key}: [[]] }} }} }} }}"
    )
}

/// Every key of the schema, as the path of definitions and keys that leads to it, is one that the reader looks at: a
/// value of a wrong form there is an error that names it.
#[test]
fn every_key_of_the_schema_is_read() {
    let schema = schema();
    let keys = |of: &serde_json::Value| of["properties"].as_object().expect("properties").clone();
    let field = |ty: &'static str| {
        move |key: &str| {
            format!("pintle: 1\ncollections: {{ a: {{ fields: {{ f: {{ type: {ty}, {key}: [[]] }} }} }} }}")
        }
    };
    let param = |ty: &'static str| {
        move |key: &str| {
            format!("pintle: 1\nroutes: {{ /a: {{ get: {{ params: {{ p: {{ type: {ty}, {key}: [[]] }} }} }} }} }}")
        }
    };
    type Place<'a> = (&'a str, Box<dyn Fn(&str) -> String>);
    let of = |before: &'static str, after: &'static str| -> Box<dyn Fn(&str) -> String> {
        Box::new(move |key| format!("pintle: 1\n{before}{key}: [[]]{after}"))
    };
    let places: Vec<Place<'_>> = vec![
        ("proximity", Box::new(near)),
        ("collection", of("collections: { a: { ", " } }")),
        ("index", of("collections: { a: { indexes: [{ ", " }] } }")),
        ("index_of_space", of("collections: { a: { indexes: [{ ", " }] } }")),
        ("policies", of("collections: { a: { policies: { ", " } } }")),
        ("update_policy", of("collections: { a: { policies: { update: { ", " } } } }")),
        ("rest", of("collections: { a: { rest: { ", " } } }")),
        ("limit", of("collections: { a: { rest: { path: /a, limit: { ", " } } } }")),
        ("path", of("routes: { /a: { ", " } }")),
        ("route", of("routes: { /a: { post: { ", " } } }")),
        ("pipeline", of("collections: { c: {} }\npipelines: { a: { ", " } }")),
        ("batch", of("pipelines: { a: { batch: { ", " } } }")),
        ("dead_letters", of("pipelines: { a: { dead_letters: { ", " } } }")),
        ("limits_of_a_pipeline", of("pipelines: { a: { limits: { ", " } } }")),
        ("service", of("services: { a: { ", " } }")),
        ("sql", of("routes: { /a: { post: { sql: { ", " } } } }")),
        ("scripts", of("scripts: { ", " }")),
        ("limits_of_scripts", of("scripts: { limits: { ", " } }")),
        ("public", of("public: { ", " }")),
        ("auth", of("auth: { ", " }")),
        ("cors", of("cors: { ", " }")),
        ("limits", of("limits: { ", " }")),
    ];
    let named = |text: &str, key: &str| {
        let said = said(text);
        assert!(
            said.iter().any(|line| line.contains(" not a list") || line.contains(" list ") || line.contains("empty")),
            "{key}: {text}\n{said:?}"
        );
        assert!(!said.iter().any(|line| line.contains(&format!("has no `{key}`"))), "{key}: {text}\n{said:?}");
    };
    keys(&schema).keys().filter(|key| *key != "pintle").for_each(|key| named(&format!("pintle: 1\n{key}: [[]]"), key));
    for (definition, table) in schema["$defs"].as_object().expect("definitions") {
        if definition == "field" || definition == "parameter" {
            for key in keys(table).keys().filter(|key| *key != "type") {
                let ty = match key.as_str() {
                    "minimum" | "maximum" | "generated" => "integer",
                    "schema" => "json",
                    "to" | "on_delete" | "index" => "ref",
                    "of" => "point",
                    _ => "text",
                };
                named(&if definition == "field" { field(ty)(key) } else { param(ty)(key) }, key);
            }
            continue;
        }
        let (_, text) = places.iter().find(|(place, _)| place == definition).expect(definition);
        for key in keys(table).keys() {
            named(&text(key), key);
        }
    }
}

#[test]
fn everything_in_the_schema_is_described() {
    fn walk(schema: &serde_json::Value, missing: &mut Vec<String>) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            if property["description"].as_str().is_none_or(str::is_empty) {
                missing.push(key.clone());
            }
        }
        for (_, definition) in schema["$defs"].as_object().into_iter().flatten() {
            walk(definition, missing);
        }
    }
    let mut missing = Vec::new();
    walk(&schema(), &mut missing);
    assert_eq!(missing, [""; 0]);
}

/// A change of a text: at this place (of a thousand), cut so many characters and put these in.
type Change = (usize, usize, String);

fn changed(text: &str, changes: &[Change]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (place, cut, insert) in changes {
        let start = place * chars.len() / 1000;
        let end = (start + cut).min(chars.len());
        chars.splice(start..end, insert.chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_change_of_a_manifest_makes_it_panic(
        changes in prop::collection::vec(
            (0_usize..1000, 0_usize..12, "[-:{}\\[\\],&*!|>'\"#%@? \n\t0-9a-zA-Zé😀~./$^()]{0,6}|ref|json|null|true|now\\(\\)|none|1e999"),
            1..6,
        ),
        json: bool,
    ) {
        said(&changed(if json { GOOD_JSON } else { GOOD }, &changes));
    }
}
