//! `apps/configs` in PostgREST's grammar, as its client libraries ask.

use serde_json::json;

use crate::common::{App, Place, Server};

on_both_stores!(
    select_filter_order_and_page,
    one_object_where_one_is_asked_for,
    writes_answer_nothing_or_what_they_wrote,
    a_change_to_what_is_there_already_counts_as_one,
    upserts_merge_or_ignore,
    what_would_change_too_much_changes_nothing,
    rollback_is_for_tests_alone,
);

async fn filled(place: Place) -> (App, Server, String) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let rows = json!([
        { "name": "a", "data": [{ "id": 1, "kind": "x" }] },
        { "name": "b", "data": [{ "id": 2, "kind": "y" }] },
        { "name": "c", "data": [] },
    ]);
    server.post("/rest/v1/configs", rows).token(&token).await.bare(201);
    (app, server, token)
}

async fn select_filter_order_and_page(place: Place) {
    let (_app, server, _) = filled(place).await;
    let get = |query: &str| server.get(&format!("/rest/v1/configs?{query}"));
    get("select=name&name=eq.a").await.is(200, json!([{ "name": "a" }]));
    get("select=n:name&name=in.(a,c)&order=name.desc").await.is(200, json!([{ "n": "c" }, { "n": "a" }]));
    get("select=name,id:data->0->id&or=(name.eq.a,name.like.b*)")
        .await
        .is(200, json!([{ "name": "a", "id": 1 }, { "name": "b", "id": 2 }]));
    get("select=name&data->0->>kind=eq.y").await.is(200, json!([{ "name": "b" }]));
    get("select=name&name=not.eq.a&limit=1&offset=1&order=name").await.is(200, json!([{ "name": "c" }]));
    get("select=name&name=ilike.A").await.is(200, json!([{ "name": "a" }]));

    let counted = get("select=name&limit=2").header("Prefer", "count=exact").await.has(206);
    assert_eq!(counted.header("content-range"), "0-1/3");
    let all = get("select=name").await.has(200);
    assert_eq!(all.header("content-range"), "0-2/*");
}

async fn one_object_where_one_is_asked_for(place: Place) {
    let (_app, server, _) = filled(place).await;
    let single = "application/vnd.pgrst.object+json";
    server.get("/rest/v1/configs?name=eq.c").header("Accept", single).await.is(200, json!({ "name": "c", "data": [] }));
    let none = server.get("/rest/v1/configs?name=eq.z").header("Accept", single).await.has(406).json();
    assert_eq!((&none["code"], &none["details"]), (&json!("PGRST116"), &json!("The result contains 0 rows")));
}

async fn writes_answer_nothing_or_what_they_wrote(place: Place) {
    let (_app, server, token) = filled(place).await;
    let one = json!({ "name": "d", "data": [] });
    let made = server
        .post("/rest/v1/configs?select=name", one.clone())
        .token(&token)
        .header("Prefer", "return=representation");
    let made = made.await.is(201, json!([{ "name": "d" }]));
    assert_eq!(made.header("preference-applied"), "return=representation");

    let located = server.post("/rest/v1/configs", json!({ "name": "e", "data": [] })).token(&token);
    let located = located.header("Prefer", "return=headers-only").await.bare(201);
    assert_eq!(located.header("location"), "/rest/v1/configs?name=eq.e");

    server.patch("/rest/v1/configs?name=in.(d,e)", json!({ "data": [{ "id": 9 }] })).token(&token).await.bare(204);
    let gone = server
        .delete("/rest/v1/configs?name=gte.d&select=name")
        .token(&token)
        .header("Prefer", "return=representation");
    gone.await.is(200, json!([{ "name": "d" }, { "name": "e" }]));
}

async fn a_change_to_what_is_there_already_counts_as_one(place: Place) {
    let (_app, server, token) = filled(place).await;
    let own = server.patch("/rest/v1/configs?name=eq.c", json!({ "name": "c" })).token(&token);
    assert_eq!(own.await.bare(204).header("content-range"), "0-0/*");
    let own = server.patch("/rest/v1/configs?name=eq.c", json!({ "name": "c" })).token(&token);
    own.header("Prefer", "return=representation").await.is(200, json!([{ "name": "c", "data": [] }]));
    let nothing = server.patch("/rest/v1/configs?name=eq.c", json!({})).token(&token);
    assert_eq!(nothing.await.bare(204).header("content-range"), "*/*");
}

async fn upserts_merge_or_ignore(place: Place) {
    let (_app, server, token) = filled(place).await;
    let rows = json!([{ "name": "a", "data": [{ "new": 1 }] }, { "name": "z", "data": [] }]);
    let upsert = |resolution: &str| {
        let prefer = format!("resolution={resolution},return=representation");
        server.post("/rest/v1/configs?select=name", rows.clone()).token(&token).header("Prefer", &prefer)
    };
    upsert("ignore-duplicates").await.is(201, json!([{ "name": "z" }]));
    server.get("/configs/a").await.is(200, json!({ "name": "a", "data": [{ "id": 1, "kind": "x" }] }));
    upsert("merge-duplicates").await.is(200, json!([{ "name": "a" }, { "name": "z" }]));
    server.get("/configs/a").await.is(200, json!({ "name": "a", "data": [{ "new": 1 }] }));
}

async fn what_would_change_too_much_changes_nothing(place: Place) {
    let (_app, server, token) = filled(place).await;
    let bounded =
        server.delete("/rest/v1/configs?name=neq.z").token(&token).header("Prefer", "handling=strict,max-affected=2");
    assert_eq!(bounded.await.has(400).json()["code"], "PGRST124");
    // An array with one row that is refused writes none of them.
    let rows = json!([{ "name": "y", "data": [] }, { "name": "a", "data": [] }]);
    server.post("/rest/v1/configs", rows).token(&token).await.has(409);
    server
        .get("/rest/v1/configs?select=name")
        .await
        .is(200, json!([{ "name": "a" }, { "name": "b" }, { "name": "c" }]));
}

async fn rollback_is_for_tests_alone(place: Place) {
    let (app, server, token) = filled(place).await;
    let body = json!({ "name": "d", "data": [] });
    let ask = |server: &Server| {
        server
            .post("/rest/v1/configs", body.clone())
            .token(&token)
            .header("Prefer", "tx=rollback, return=representation")
    };
    let kept = ask(&server).await.has(201);
    assert_eq!(kept.header("preference-applied"), "return=representation");
    server.get("/configs/d").await.has(200);
    drop(server);

    let server = app.serve_with(&["--tx-rollback"]);
    server.delete("/configs/d").token(&token).await.has(204);
    let undone = ask(&server).await.is(201, json!([{ "name": "d", "data": [] }]));
    assert!(undone.header("preference-applied").contains("tx=rollback"), "{undone}");
    server.get("/configs/d").await.has(404);
}
