//! The document of a small model, looked at as its readers would.

use std::sync::Arc;

use pintle_model::{Model, Role};
use pintle_query::{Dialect, Planner};
use serde_json::{Value, json};

use crate::Exposure;

const CONFIGS: &str = r##"
pintle: 1
name: configs
version: 1.0.0
description: Stores configurations.
collections:
  configs:
    key: { name: { type: text, pattern: "^[A-Za-z0-9_]+$" } }
    fields:
      data:
        type: json
        required: true
        schema: { type: array, items: { $ref: "#/$defs/entry" }, $defs: { entry: { type: object } } }
      kind: { type: text, enum: [a, b] }
      made: { type: timestamp, readonly: true, default: now() }
      level: { type: integer, required: true, minimum: 3, default: 4 }
    policies: { select: "true" }
    rest: /configs
"##;

fn loaded(manifest: &str) -> Model {
    let file = |path: &str| match path {
        "schemas/tree.json" => Ok(include_str!("../../../pintle/tests/openapi/tree.json").to_owned()),
        _ => Err("there is no such file".to_owned()),
    };
    let (model, diagnostics) = pintle_model::load("pintle.yaml", manifest, &file);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    model.unwrap()
}

fn planner(model: &Model) -> Planner {
    Planner::new(Arc::new(model.clone()), Dialect::Sqlite).unwrap()
}

fn document(model: &Model) -> Value {
    super::document(&planner(model), &Exposure::whole(model), Role::Anon)
}

fn model() -> Model {
    loaded(CONFIGS)
}

/// A model with every type, constraint and sort of key.
fn every_type() -> Model {
    loaded(include_str!("../../../pintle/tests/openapi/every_type.yaml"))
}

/// Every `$ref` in a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(target) if key == "$ref" => found.push(target.clone()),
                    _ => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for model in [model(), every_type()] {
        let document = document(&model);
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for target in found {
            let place = target.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{target} leads nowhere");
        }
    }
}

#[test]
fn errors_are_shown_with_the_codes_of_their_place() {
    let document = document(&model());
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let operations = operations.as_object().unwrap().values().filter_map(|o| o["responses"].as_object());
        for reference in operations.flat_map(|all| all.values()).filter_map(|answer| answer["$ref"].as_str()) {
            let answer = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
            let code = answer["content"]["application/json"]["example"]["code"].as_str().unwrap();
            assert!(path.starts_with("/rest/v1/") || code.starts_with("PT"), "{path} shows {code}");
            seen += usize::from(!code.starts_with("PT"));
        }
    }
    assert!(seen > 10, "`/rest/v1` shows its own codes");
}

#[test]
fn a_filter_inside_json_begins_as_no_filter() {
    let document = document(&model());
    for path in ["/configs", "/rest/v1/configs"] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let inside = parameters.iter().find(|parameter| parameter["name"] == "inside").unwrap();
        assert_eq!(inside["example"], json!({}), "{path}");
    }
}

#[test]
fn what_pintle_keeps_for_itself_is_not_shown() {
    assert!(!document(&model()).to_string().contains("_pintle"));
}

#[test]
fn a_new_record_leaves_out_what_the_caller_may_not_give_and_need_not() {
    let new = &document(&model())["components"]["schemas"]["configs.new"];
    assert_eq!(new["required"], json!(["name", "data"]));
    assert_eq!(new["properties"].get("made"), None);
    assert_eq!(new["properties"]["kind"]["type"], json!(["string", "null"]));
    assert_eq!(new["properties"]["kind"]["enum"], json!(["a", "b", null]));
    assert_eq!(new["properties"]["level"]["default"], json!(4));
    assert_eq!(new["properties"]["level"]["type"], "integer");
}

#[test]
fn an_answered_record_has_every_field() {
    let record = &document(&model())["components"]["schemas"]["configs"];
    assert_eq!(record["required"], json!(["name", "data", "kind", "made", "level"]));
    assert_eq!(record["properties"]["made"]["readOnly"], true);
    assert_eq!(record["properties"]["data"]["$ref"], "#/components/schemas/configs.data");
}

#[test]
fn every_record_has_an_example_that_is_valid() {
    for model in [model(), every_type()] {
        let document = document(&model);
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            // The schemas of json fields, of errors and of what became of records stand among those of records.
            let form = name.split_once('.').map_or("answered", |(_, form)| form);
            if ["Error", "Taken"].contains(&name.as_str())
                || !["answered", "new", "replacement", "patch", "changes"].contains(&form)
            {
                continue;
            }
            let example = schema.get("example").unwrap_or_else(|| panic!("{name} has no example"));
            let mut schema = schema.clone();
            schema["components"] = document["components"].clone();
            let validator = jsonschema::validator_for(&schema).unwrap();
            assert!(validator.is_valid(example), "{name}: {example}");
        }
    }
}

#[test]
fn a_pattern_has_an_example_that_matches_it() {
    let example = |pattern: &str| {
        let manifest =
            format!("pintle: 1\ncollections:\n  c:\n    key: {{ k: {{ type: text, pattern: '{pattern}' }} }}\n");
        super::example::value(&loaded(&manifest).collections[0].fields[0])
    };
    assert_eq!(example("^[A-Z]{2}[0-9]{2}$"), Some(json!("AA11")));
    assert_eq!(example("^(de|fr)-[^a-y]?x+$"), Some(json!("de-Ax")));
    assert_eq!(example("^[a-z]+$"), Some(json!("example")));
}

#[test]
fn what_is_asked_of_places_has_room_for_the_whole_earth_and_tells_of_distance() {
    let manifest = "
pintle: 1
collections:
  halls:
    fields: { at: point }
    policies: { select: 'true' }
    rest: /halls
";
    let document = document(&loaded(manifest));
    let parameter = |path: &str, name: &str| {
        let all = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap().clone()
    };
    for (path, name, given) in [
        ("/rest/v1/halls", "at", "dwithin.(139.7,35.6,500)"),
        ("/rest/v1/halls", "at", "bbox.(170,-20,-170,20)"),
        ("/rest/v1/halls", "at", r#"within.{"type":"Polygon","coordinates":[[[179,9],[180,9],[180,11],[179,9]]]}"#),
        (
            "/rest/v1/halls",
            "at",
            r#"not.within.{"type":"MultiPolygon","coordinates":[[[[179,9],[180,9],[180,11],[179,9]]]]}"#,
        ),
        ("/rest/v1/halls", "order", "at.distance(-122.4,37.7).desc,id"),
        ("/halls", "order", "at.distance(-122.4,37.7)"),
    ] {
        let schema = parameter(path, name)["schema"].clone();
        assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&json!(given)), "{path} {given}: {schema}");
    }
    for (path, name) in [("/rest/v1/halls", "select"), ("/rest/v1/halls", "order"), ("/halls", "order")] {
        let about = parameter(path, name)["description"].clone();
        assert!(about.as_str().unwrap().contains("at.distance(longitude,latitude)"), "{path} {name}: {about}");
    }
}

#[test]
fn an_operation_says_whom_it_is_for() {
    let policies = "select: 'true', insert: \"auth.role() = 'authenticated'\", update: \"level > 3\"";
    let model = loaded(&CONFIGS.replace("select: \"true\"", policies));
    let paths = &document(&model)["paths"];
    let of = |path: &str, method: &str| {
        let operation = &paths[path][method];
        (operation["security"][0] == json!({}), operation["description"].as_str().unwrap().to_owned())
    };
    assert_eq!(of("/configs", "get"), (true, "Open to everybody.".to_owned()));
    assert_eq!(of("/configs", "post"), (false, "Needs a token.".to_owned()));
    assert_eq!(of("/rest/v1/configs", "patch"), (true, "For callers and records that the policy admits.".to_owned()));
    assert_eq!(of("/configs/{name}", "delete"), (false, "Needs a token of the role `service_role`.".to_owned()));
    // With `--dev` everybody is the app's own program.
    let open = super::document(&planner(&model), &Exposure::whole(&model), Role::ServiceRole);
    assert_eq!(open["paths"]["/configs/{name}"]["delete"]["security"][0], json!({}));
}

#[test]
fn a_mount_shows_the_methods_that_it_answers() {
    let mut model = model();
    model.collections[0].mount.as_mut().unwrap().methods = vec!["GET".to_owned()];
    let paths = &document(&model)["paths"];
    assert_eq!(paths["/configs"].get("post"), None);
    assert_eq!(paths["/configs/{name}"].get("delete"), None);
    assert!(paths["/configs/{name}"].get("get").is_some());
}

#[test]
fn every_operation_has_an_id_of_its_own() {
    let document = document(&model());
    let mut ids = std::collections::BTreeSet::new();
    for path in document["paths"].as_object().unwrap().values() {
        for operation in path.as_object().unwrap().values().filter(|operation| operation.is_object()) {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{operation}");
        }
    }
    assert!(ids.len() > 12);
}

/// Asks the routes of the documentation, as a client with this `Accept-Encoding` and `If-None-Match` would.
async fn ask(path: &str, coding: &str, known: &str) -> axum::response::Response {
    use tower::ServiceExt;

    let request = axum::http::Request::get(path).header("accept-encoding", coding).header("if-none-match", known);
    let routes: axum::Router = super::routes(&planner(&model()), &Exposure::whole(&model()), Role::Anon, true);
    routes.oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap()
}

async fn text(answer: axum::response::Response) -> String {
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_page_loads_only_what_the_binary_brings() {
    for path in ["/docs", "/"] {
        let answer = ask(path, "identity", "").await;
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        let page = text(answer).await;
        assert!(page.contains("<title>configs · API</title>"));
        for (_, rest) in page.match_indices("=\"docs/").map(|(at, found)| page.split_at(at + found.len())) {
            let file = rest.split('"').next().unwrap();
            assert_eq!(ask(&format!("/docs/{file}"), "identity", "").await.status(), 200, "{file}");
        }
        assert!(!page.contains("://"), "the page names another host");
    }
}

#[tokio::test]
async fn swagger_ui_is_sent_compressed_to_whoever_takes_that() {
    let compressed = ask("/docs/swagger-ui-bundle.js", "br, gzip", "").await;
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    let tag = compressed.headers()["etag"].to_str().unwrap().to_owned();
    let plain = ask("/docs/swagger-ui-bundle.js", "gzip;q=0", "").await;
    assert_eq!(plain.headers().get("content-encoding"), None);
    assert!(text(plain).await.contains("SwaggerUIBundle"));
    assert_eq!(ask("/docs/swagger-ui-bundle.js", "gzip", &tag).await.status(), 304);
    assert_eq!(ask("/docs/swagger-initializer.js", "gzip", "").await.status(), 404);
}

#[tokio::test]
async fn the_document_is_json_and_known_by_its_tag() {
    let answer = ask("/openapi.json", "identity", "").await;
    assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8");
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&text(answer).await).unwrap()["info"]["title"], "configs");
    assert_eq!(ask("/openapi.json", "identity", &format!("W/{tag}")).await.status(), 304);
}

#[test]
fn a_route_shows_what_it_takes_and_what_its_columns_are() {
    let model = every_type();
    let document = document(&model);
    let get = &document["paths"]["/own/pairs/{x}"]["get"];
    assert_eq!(
        (get["operationId"].as_str(), get["summary"].as_str()),
        (Some("route_get_own_pairs_x"), Some("The pairs of a column"))
    );
    let places: Vec<_> =
        get["parameters"].as_array().unwrap().iter().map(|p| (p["in"].clone(), p["name"].clone())).collect();
    let wanted = [("path", "x"), ("query", "note"), ("header", "x-kind"), ("header", "If-None-Match")];
    assert_eq!(places, wanted.map(|(place, name)| (json!(place), json!(name))));
    assert_eq!(get["parameters"][0]["schema"]["minimum"], -9);
    assert_eq!(get["parameters"][2]["schema"]["default"], "a");
    let row = &get["responses"]["200"]["content"]["application/json"]["schema"]["items"];
    assert_eq!(row["required"], json!(["x", "y", "note", "east", "moment", "half"]));
    assert_eq!(row["properties"]["east"]["type"], json!(["boolean", "null"]));
    assert_eq!(row["properties"]["moment"]["format"], "date-time");
    let pair = &document["paths"]["/own/pair/{x}/{y}"];
    assert_eq!(pair["put"]["requestBody"]["required"], true);
    assert_eq!(pair["get"]["responses"]["404"]["$ref"], "#/components/responses/NotFound");
    assert!(pair["post"]["responses"].get("204").is_some() && pair["post"]["responses"].get("200").is_none());
    let open = |operation: &Value| operation["security"][0] == json!({});
    assert!(open(&pair["get"]) && !open(&pair["post"]) && !open(&document["paths"]["/own/count"]["get"]));
}
