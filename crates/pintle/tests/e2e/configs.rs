//! `apps/configs` as plain resources: store, list, fetch, replace, change, remove.

use serde_json::json;

use crate::common::{App, Place};

in_every_way!(
    a_configuration_is_stored_as_it_was_given_and_found_at_its_location,
    values_keep_their_json_types,
    the_list_is_in_the_order_of_names_and_comes_in_pages,
    put_replaces_and_the_key_may_be_left_out,
    patch_changes_the_fields_given,
    delete_removes,
    a_trailing_slash_makes_no_difference,
    reading_is_open_and_writing_needs_a_token,
    two_writers_do_not_overwrite_each_other,
);

async fn a_configuration_is_stored_as_it_was_given_and_found_at_its_location(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let nanette = json!({ "name": "Nanette", "data": [{ "id": 2687, "app_name": "officia", "isActive": false }] });

    let stored = server.post("/configs", nanette.clone()).token(&token).await.is(201, nanette.clone());
    assert_eq!(stored.header("location"), "/configs/Nanette");
    assert!(stored.header("content-type").starts_with("application/json"), "{stored}");

    server.get("/configs/Nanette").await.is(200, nanette.clone());
    server.get("/configs").await.is(200, json!([nanette]));
}

async fn values_keep_their_json_types(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let body = r#"{"name":"T","data":[{"i":4608,"t":"4608","f":0.5,"e":1e3,"big":12345678901234567890.25,"b":true,"n":null,"o":{"a":[]},"u":"é\u0000x"}]}"#;
    // NUL is the one character that PostgreSQL's texts cannot hold.
    server.post("/configs", body).token(&token).await.has(400);
    server.post("/configs", body.replace("\\u0000", "")).token(&token).await.has(201);
    let text = server.get("/configs/T").await.has(200).text;
    for kept in [r#""i":4608"#, r#""t":"4608""#, r#""f":0.5"#, "12345678901234567890.25", r#""b":true"#, r#""n":null"#]
    {
        assert!(text.replace(": ", ":").contains(kept), "{kept} in {text}");
    }
}

async fn the_list_is_in_the_order_of_names_and_comes_in_pages(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    server.get("/configs").await.is(200, json!([]));
    for name in ["b", "C", "a", "_", "2"] {
        server.post("/configs", json!({ "name": name, "data": [] })).token(&token).await.has(201);
    }
    let names = |page: serde_json::Value| -> Vec<String> {
        page.as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
    };
    // By code point, on every store.
    assert_eq!(names(server.get("/configs").await.has(200).json()), ["2", "C", "_", "a", "b"]);
    assert_eq!(names(server.get("/configs?order=name.desc&limit=2").await.has(200).json()), ["b", "a"]);

    let page = server.get("/configs?limit=2&offset=2").await.has(200);
    assert_eq!(names(page.json()), ["_", "a"]);
    assert_eq!(page.header("content-range"), "2-3/*");
    assert_eq!(page.header("link"), "</configs?limit=2&offset=4>; rel=\"next\"");
    let last = server.get("/configs?limit=2&offset=4").await.has(200);
    assert_eq!(names(last.json()), ["b"]);
    assert_eq!(last.header("link"), "", "the last page has no next");
}

async fn put_replaces_and_the_key_may_be_left_out(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    server.post("/configs", json!({ "name": "N", "data": [{ "a": 1 }] })).token(&token).await.has(201);

    let replaced = json!({ "name": "N", "data": [{ "b": 2 }] });
    server.put("/configs/N", json!({ "data": [{ "b": 2 }] })).token(&token).await.is(200, replaced.clone());
    server.put("/configs/N", replaced.clone()).token(&token).await.is(200, replaced.clone());
    server.get("/configs/N").await.is(200, replaced.clone());

    server.put("/configs/N", json!({ "name": "M", "data": [] })).token(&token).await.has(400);
    server.put("/configs/absent", json!({ "data": [] })).token(&token).await.has(404);
    server.get("/configs").await.is(200, json!([replaced]));
}

async fn patch_changes_the_fields_given(place: Place) {
    let app = App::of(NESTED).on(place);
    let server = app.serve();
    let token = app.token("writer", "service_role");
    server
        .post("/boxes", json!({ "name": "b", "a": { "x": 1, "y": { "z": [1, 2] } }, "n": 5 }))
        .token(&token)
        .await
        .has(201);

    // JSON Merge Patch: into objects, recursively; null removes; arrays and scalars are replaced.
    let patched = json!({ "name": "b", "a": { "y": { "z": [3], "new": true } }, "n": 5 });
    let patch = json!({ "a": { "x": null, "y": { "z": [3], "new": true } } });
    server.patch("/boxes/b", patch.clone()).token(&token).await.is(200, patched.clone());
    let as_type = server.patch("/boxes/b", patch).token(&token).header("Content-Type", "application/merge-patch+json");
    as_type.await.is(200, patched.clone());
    server.patch("/boxes/b", json!({})).token(&token).await.is(200, patched);
    let cleared = json!({ "name": "b", "a": { "y": { "z": [3], "new": true } }, "n": null });
    server.patch("/boxes/b", json!({ "n": null })).token(&token).await.is(200, cleared);
    server.patch("/boxes/absent", json!({ "n": 1 })).token(&token).await.has(404);
    server.patch("/boxes/b", json!({ "name": "c" })).token(&token).await.has(400);
}

const NESTED: &str = "
pintle: 1
name: boxes
collections:
  boxes:
    key: { name: text }
    fields:
      a: json
      n: integer
    policies: { select: 'true' }
    rest: /boxes
";

async fn delete_removes(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    server.post("/configs", json!({ "name": "N", "data": [] })).token(&token).await.has(201);
    server.delete("/configs/N").token(&token).await.bare(204);
    server.get("/configs/N").await.has(404);
    server.delete("/configs/N").token(&token).await.has(404);
}

async fn a_trailing_slash_makes_no_difference(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let n = json!({ "name": "N", "data": [] });
    server.post("/configs/", n.clone()).token(&token).await.is(201, n.clone());
    server.get("/configs/").await.is(200, json!([n]));
    server.get("/configs/N/").await.is(200, n.clone());
    server.put("/configs/N/", json!({ "data": [] })).token(&token).await.is(200, n.clone());
    server.patch("/configs/N/", json!({})).token(&token).await.is(200, n);
    server.delete("/configs/N/").token(&token).await.bare(204);
}

async fn reading_is_open_and_writing_needs_a_token(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let n = json!({ "name": "N", "data": [] });
    let denied = server.post("/configs", n.clone()).await.has(401);
    assert_eq!(denied.header("www-authenticate"), "Bearer");
    for role in ["authenticated", "service_role"] {
        let token = app.token(role, role);
        let at = format!("/configs/{role}");
        server.post("/configs", json!({ "name": role, "data": [] })).token(&token).await.has(201);
        // Not 404: whoever may read the record is told what is lacking.
        server.put(&at, json!({ "data": [{}] })).await.has(401);
        server.patch(&at, json!({ "data": [{}] })).await.has(401);
        server.delete(&at).await.has(401);
        server.get(&at).await.is(200, json!({ "name": role, "data": [] }));
        server.delete(&at).header("apikey", &token).await.has(204);
    }
}

async fn two_writers_do_not_overwrite_each_other(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    server.post("/configs", json!({ "name": "N", "data": [] })).token(&token).await.has(201);
    let tag = server.get("/configs/N").await.has(200).header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong tag: {tag}");

    server.get("/configs/N").header("If-None-Match", &tag).await.bare(304);
    let first = server.put("/configs/N", json!({ "data": [{ "by": "first" }] })).token(&token).header("If-Match", &tag);
    let first = first.await.has(200).header("etag").to_owned();
    assert_ne!(first, tag);

    let second = || server.put("/configs/N", json!({ "data": [{ "by": "second" }] })).token(&token);
    second().header("If-Match", &tag).await.has(412);
    server.patch("/configs/N", json!({ "data": [] })).token(&token).header("If-Match", &tag).await.has(412);
    server.delete("/configs/N").token(&token).header("If-Match", &tag).await.has(412);
    server
        .get("/configs/N")
        .header("If-None-Match", &tag)
        .await
        .is(200, json!({ "name": "N", "data": [{ "by": "first" }] }));
    second().header("If-Match", &first).await.has(200);
    second().header("If-Match", "*").await.has(200);
}
