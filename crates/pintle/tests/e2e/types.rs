//! Every type of a field: what goes in comes out, in one form, under both addresses; what is none of the type is refused.

use serde_json::{Value, json};

use crate::common::{App, Place};

on_both_stores!(
    what_goes_in_comes_out,
    what_is_none_of_the_type_is_refused_before_any_database_sees_it,
    references_lead_somewhere_and_go_with_what_they_refer_to,
);

const THINGS: &str = "
pintle: 1
name: things
collections:
  things:
    key: { id: { type: integer, generated: true } }
    fields:
      t: text
      i: integer
      n: number
      b: boolean
      at: timestamp
      day: date
      u: uuid
      j: json
      raw: bytes
      parent: { type: ref, to: things, on_delete: cascade }
    policies: { select: 'true', insert: 'true', update: 'true', delete: 'true' }
    rest: /things
";

/// Field, what is given, what comes back.
fn values() -> Vec<(&'static str, Value, Value)> {
    vec![
        ("t", json!("ä \u{1f4a9} \"q\" \\ \n"), json!("ä \u{1f4a9} \"q\" \\ \n")),
        ("t", json!(""), json!("")),
        ("i", json!(9_223_372_036_854_775_807_i64), json!(9_223_372_036_854_775_807_i64)),
        ("i", json!("-5"), json!(-5)),
        ("n", json!(1.0), json!(1)),
        ("n", json!(0.1), json!(0.1)),
        ("n", json!(-2.5e-10), json!(-2.5e-10)),
        ("b", json!(true), json!(true)),
        ("b", json!("false"), json!(false)),
        ("at", json!("2020-08-15T12:37:06.12+02:00"), json!("2020-08-15T10:37:06.12+00:00")),
        ("at", json!("2020-08-15 10:37"), json!("2020-08-15T10:37:00+00:00")),
        ("day", json!("2024-02-29"), json!("2024-02-29")),
        ("u", json!("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        ("j", json!({ "z": 1, "a": [true, null, 1.5] }), json!({ "a": [true, null, 1.5], "z": 1 })),
        ("j", json!("text"), json!("text")),
        ("raw", json!("\\x00FF"), json!("\\x00ff")),
        ("t", Value::Null, Value::Null),
    ]
}

async fn what_goes_in_comes_out(place: Place) {
    let app = App::of(THINGS).on(place);
    let server = app.serve();
    for (field, given, kept) in values() {
        let made = server.post("/things", json!({ field: given })).await.has(201);
        assert_eq!(made.json()[field], kept, "{made}");
        let id = made.json()["id"].clone();
        assert_eq!(server.get(&format!("/things/{id}")).await.json()[field], kept, "{field} of {id}");
        let rest = server.get(&format!("/rest/v1/things?id=eq.{id}&select={field}")).await;
        rest.is(200, json!([{ field: kept }]));
    }
}

async fn what_is_none_of_the_type_is_refused_before_any_database_sees_it(place: Place) {
    let app = App::of(THINGS).on(place);
    let server = app.serve();
    for (field, wrong) in [
        ("t", json!(1)),
        ("t", json!("a\u{0}b")),
        ("i", json!(1.5)),
        ("i", json!("abc")),
        ("i", json!(9_223_372_036_854_775_808_u64)),
        ("n", json!("NaN")),
        ("b", json!("perhaps")),
        ("at", json!("yesterday")),
        ("at", json!("2020-13-01T00:00:00Z")),
        ("day", json!("2023-02-29")),
        ("u", json!("no uuid")),
        ("raw", json!("\\x0")),
        ("parent", json!("one")),
    ] {
        server.post("/things", json!({ field: wrong })).await.has(400);
        server.post("/rest/v1/things", json!({ field: wrong })).await.has(400);
    }
    for filter in ["i=eq.abc", "at=gt.yesterday", "b=eq.perhaps", "u=eq.no", "n=lt.x", "day=eq.2023-02-29"] {
        server.get(&format!("/rest/v1/things?{filter}")).await.has(400);
    }
    server.get("/things?i=abc").await.has(400);
    // No key, so no place: not found, and why.
    server.get("/things/abc").await.has(404);
    server.get("/things").await.is(200, json!([]));
}

async fn references_lead_somewhere_and_go_with_what_they_refer_to(place: Place) {
    let app = App::of(THINGS).on(place);
    let server = app.serve();
    server.post("/things", json!({ "id": 1 })).await.has(201);
    server.post("/things", json!({ "id": 2, "parent": 1 })).await.has(201);
    let nowhere = server.post("/rest/v1/things", json!({ "parent": 9 })).await.has(409).json();
    assert_eq!(nowhere["code"], "23503");
    server.delete("/things/1").await.has(204);
    server.get("/things").await.is(200, json!([]));
}
