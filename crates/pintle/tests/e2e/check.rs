//! `pintle check` and `pintle schema`: mistakes as pictures, all of them at once.

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::{App, finish, pintle, run, shipped};

/// What `check` says about a manifest, run in its folder.
fn told(manifest: &str) -> String {
    let app = App::of(manifest);
    let (code, out, err) = finish(pintle(&["check"]).current_dir(app.path()));
    format!("{out}{err}exit code {code}")
}

#[test]
fn what_is_right_is_said_in_a_line() {
    let app = shipped("configs");
    let (code, out, err) = run(&["check", app.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, format!("{}/pintle.yaml is right: 1 collection, 1 route\n", app.display()));
    let (_, out, _) = run(&["check", shipped("connect").to_str().unwrap()]);
    assert!(out.ends_with(", 1 pipeline\n") || out.ends_with(", 1 pipeline, pages in `public`\n"), "{out}");
}

#[test]
fn every_mistake_is_shown_where_it_stands_with_what_would_be_right() {
    assert_snapshot!(told(
        "\
pintle: 1
name: shop
colections: {}
collections:
  items:
    key: { id: { type: integer, generated: true } }
    fields:
      name: { type: text, patern: '^x', required: yes }
      price: { type: numbr, minimum: 0 }
      code: { type: text, pattern: '[' }
      size: { type: integer, minimum: 10, maximum: 5, default: many }
      maker: { type: ref, to: makrs }
      name: text
    indexes: [[nam], [price desc, 'code->x']]
    policies:
      select: owner = auth.uid()
      insert: auth.role() = 'authenticated') or (true
      update: price
      remove: 'true'
    rest: items
"
    ));
}

#[test]
fn pipelines_that_no_caller_may_use_are_warned_of() {
    assert_snapshot!(told(
        "\
pintle: 1
name: phones
collections:
  places: { fields: { n: integer } }
  halls: { fields: { n: integer }, policies: { insert: auth.role() = 'service_role' } }
pipelines:
  places: { path: /places, into: places }
  halls:
    path: /halls
    into: halls
  ours: { path: /ours, into: places, insert: auth.role() = 'anon', auth: required }
  unequal: { path: /unequal, into: places, insert: 1 = 2 }
  nothing: { path: /nothing, into: places, insert: 'null' }
  all: { path: /all, into: places, insert: n > 3 }
  programs: { path: /programs, into: places, auth: service_role }
"
    ));
}

#[test]
fn mistakes_in_routes_are_shown_like_all_others() {
    assert_snapshot!(told(
        "\
pintle: 1
name: map
collections:
  places: { fields: { name: text }, rest: /places }
routes:
  /near/{x}/{y}:
    get: { params: { x: integer, yy: integer }, sql: SELECT 1, body: {} }
  /near/{a}/{b}:
    post: { params: { a: integer, b: integer }, script: routes/near.js, cache: 5m }
  /places/search:
    GET: { sql: SELECT 1 }
auth:
  tokens: { 4f8a: nanette }
"
    ));
}

#[test]
fn mistakes_come_file_by_file_and_pages_that_are_not_built_yet_are_only_warned_of() {
    let app = App::of(
        "\
pintle: 1
collections: { notes: { fields: { title: text } } }
routes:
  /a: { get: { sql: a.sql } }
  /b: { get: { sql: SELECT titel FROM notes } }
public: dist
",
    );
    std::fs::write(app.file("a.sql"), "-- All of them.\nSELECT title FROM note\n").unwrap();
    let (code, out, _) = finish(pintle(&["check"]).current_dir(app.path()));
    assert_eq!(code, 1);
    assert_snapshot!(out);

    app.manifest("pintle: 1\npublic: dist\n");
    let (code, out, _) = finish(pintle(&["check"]).current_dir(app.path()));
    assert!(code == 0 && out.contains("there is no folder `dist`") && out.ends_with("1 warning\n"), "{out}");
    std::fs::create_dir(app.file("dist")).unwrap();
    let (code, out, _) = finish(pintle(&["check"]).current_dir(app.path()));
    assert_eq!((code, out.as_str()), (0, "pintle.yaml is right: pages in `dist`\n"));
    std::fs::create_dir(app.file("public")).unwrap();
    app.manifest("pintle: 1\ncollections: { a: {} }\nservices: { a: { collections: [a] } }\n");
    let (code, out, _) = finish(pintle(&["check"]).current_dir(app.path()));
    assert!(code == 1 && out.contains("the pages in `public` belong to no service"), "{out}");
    std::fs::remove_dir(app.file("public")).unwrap();
    app.manifest("pintle: 1\ncollections: { a: {} }\nservices: { a: { collections: [a], pages: true } }\n");
    let (code, out, _) = finish(pintle(&["check"]).current_dir(app.path()));
    assert!(code == 0 && out.contains("there is no folder `public`") && out.contains("pintle.yaml:3:"), "{out}");
    app.manifest("pintle: 1\npublic: none\n");
    let (_, out, _) = finish(pintle(&["check"]).current_dir(app.path()));
    assert_eq!(out, "pintle.yaml is right: there is nothing in it yet\n");
}

#[test]
fn a_manifest_that_is_no_yaml() {
    assert_snapshot!(told("pintle: 1\nname: shop\n  collections: [\n"));
}

#[test]
fn an_empty_manifest() {
    assert_snapshot!(told(""));
}

#[test]
fn policies_are_checked_against_the_model() {
    assert_snapshot!(told(
        "\
pintle: 1
name: shop
collections:
  items:
    key: { id: integer }
    fields: { price: number, owner: text }
    policies:
      select: prise > 3
      insert: price = 'dear'
      update: lower(price) = 'x'
      delete: random() > 0.5 and owner = auth.uid()
"
    ));
}

#[test]
fn serve_says_the_same_and_does_not_start() {
    let manifest = "pintle: 1\nname: shop\ncollections:\n  items:\n    feilds: { name: text }\n";
    let app = App::of(manifest);
    let (code, out, err) = finish(pintle(&["serve", "--listen", "127.0.0.1:0"]).current_dir(app.path()));
    assert_eq!((code, out.as_str()), (1, ""));
    assert_snapshot!(err);
    assert!(!std::path::Path::new(&app.file(".pintle")).exists(), "no store is made for what cannot be served");
}

#[test]
fn an_app_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = finish(pintle(&["check"]).current_dir(dir.path()));
    assert_eq!((code, out.as_str()), (1, ""));
    assert_snapshot!(err);
    std::fs::write(dir.path().join("pintle.yml"), "").unwrap();
    let (_, _, err) = finish(pintle(&["check", "."]).current_dir(dir.path()));
    assert_snapshot!(err);
    let (_, _, err) = finish(pintle(&["check", "nowhere"]).current_dir(dir.path()));
    assert_snapshot!(err);
}

#[test]
fn a_manifest_may_be_named_by_itself() {
    let manifest = shipped("configs").join("pintle.yaml");
    let (code, out, _) = run(&["check", manifest.to_str().unwrap()]);
    assert_eq!((code, out), (0, format!("{} is right: 1 collection, 1 route\n", manifest.display())));
}

#[test]
fn the_schema_is_a_json_schema_that_names_what_a_manifest_has() {
    let (code, out, err) = run(&["schema"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let schema: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for key in ["pintle", "name", "collections", "cors", "limits", "durability"] {
        assert!(schema["properties"].get(key).is_some(), "{key}");
    }
}
