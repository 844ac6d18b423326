//! `GET /search` of `apps/configs`, and `compat.yaml`: the shapes of the service that was there before.

use serde_json::{Value, json};

use crate::common::{App, Place, Server, pintle};

in_every_way!(
    elements_are_found_by_a_key_inside,
    anything_else_in_the_query_string_is_refused;
    an_old_client_finds_its_own_shapes,
    an_old_client_is_told_of_its_mistakes_in_its_own_shape,
    an_old_client_searches_without_a_token,
    what_is_refused_before_a_script_is_asked_keeps_its_own_shape,
);

fn nanette() -> Value {
    json!({ "name": "Nanette", "data": [
        { "id": 2687, "app_name": "officia", "isActive": false },
        { "id": 4608, "app_name": "consectetur", "isActive": true, "limits": { "cpu": 2, "tags": ["blue", "eu"], "zones": [{ "n": 1 }] } },
    ]})
}

fn other() -> Value {
    json!({ "name": "Other", "data": [{ "id": "4608", "app_name": "officia", "isActive": true, "none": null }, { "a b": "é&=" }] })
}

/// Serves the second manifest.
fn old(app: &App) -> Server {
    let manifest = app.file("compat.yaml");
    Server::start(pintle(&["serve", &manifest, "--listen", "127.0.0.1:0"]).args(app.store()))
}

async fn found(server: &Server, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("/search?{query}")).await.has(200).json();
    let results = answer["results"].as_array().unwrap().clone();
    assert_eq!(answer, json!({ "total": results.len(), "results": results }));
    results
}

async fn elements_are_found_by_a_key_inside(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    for config in [other(), nanette()] {
        server.post("/configs", config).token(&token).await.has(201);
    }
    let (first, second) = (nanette()["data"][0].clone(), nanette()["data"][1].clone());
    let (third, fourth) = (other()["data"][0].clone(), other()["data"][1].clone());
    let of = |name: &str, data: &Value| json!({ "name": name, "data": data });
    let cases = [
        ("data.app_name=officia", vec![of("Nanette", &first), of("Other", &third)]),
        ("data.app_name.=officia", vec![of("Nanette", &first), of("Other", &third)]),
        ("name=Other&data.app_name=officia", vec![of("Other", &third)]),
        ("data.app_name.=officia&name=Nanette", vec![of("Nanette", &first)]),
        ("data.id=4608", vec![of("Nanette", &second), of("Other", &third)]),
        ("data.id=4608.0", vec![of("Nanette", &second)]),
        ("data.isActive=true", vec![of("Nanette", &second), of("Other", &third)]),
        ("data.none=null", vec![of("Other", &third)]),
        ("data.limits.cpu=2", vec![of("Nanette", &second)]),
        ("data.limits.tags=blue", vec![of("Nanette", &second)]),
        ("data.limits.zones.n=1", vec![of("Nanette", &second)]),
        ("data.a%20b=%C3%A9%26%3D", vec![of("Other", &fourth)]),
        ("data.app_name=", vec![]),
        ("data.__proto__=null", vec![]),
        ("data.limits=2", vec![]),
        ("name=Nobody&data.id=4608", vec![]),
    ];
    for (query, expected) in cases {
        assert_eq!(found(&server, query).await, expected, "{query}");
    }
}

async fn anything_else_in_the_query_string_is_refused(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    for query in [
        "",
        "name=Nanette",
        "data=4608",
        "id=4608",
        "data.id=1&limit=5",
        "data.id=1&data.app_name=x",
        "data.id=1&data.id=2",
        "data.id=1&data.id.=1",
        "name=a&name=b&data.id=1",
        "data.=1",
        "data..id=1",
        "data.id..=1",
        "Data.id=1",
    ] {
        let refused = server.get(&format!("/search?{query}")).await.has(400);
        assert!(refused.text.contains("data.KEY=VALUE") || refused.text.contains("once"), "{query}: {refused}");
    }
}

async fn an_old_client_finds_its_own_shapes(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = old(&app);
    server.get("/configs").await.is(200, json!({ "configs": [] }));
    server.post("/configs", other()).await.is(201, other());
    server.post("/configs", nanette()).await.is(201, nanette());
    server.get("/configs").await.is(200, json!({ "configs": [nanette(), other()] }));
    server.get("/configs/Nanette").await.is(200, nanette());

    let changed = json!({ "data": [{ "id": 1 }] });
    server.put("/configs/Nanette", changed.clone()).await.is(200, json!({ "match_count": 1, "modified_count": 1 }));
    server.put("/configs/Nanette", changed.clone()).await.is(200, json!({ "match_count": 1, "modified_count": 0 }));
    let named = json!({ "name": "Nanette", "data": [{ "id": 2 }] });
    server.patch("/configs/Nanette", named.clone()).await.is(200, json!({ "match_count": 1, "modified_count": 1 }));
    server.get("/configs/Nanette").await.is(200, named);
    server.delete("/configs/Nanette").await.is(200, json!({ "deleted_count": 1 }));
    server.get("/configs").await.is(200, json!({ "configs": [other()] }));
}

async fn an_old_client_is_told_of_its_mistakes_in_its_own_shape(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = old(&app);
    server.post("/configs", nanette()).await.has(201);
    let fresh = || json!({ "data": [] });
    let refused = [
        (server.get("/configs/Nobody").await, 404),
        (server.put("/configs/Nobody", fresh()).await, 404),
        (server.delete("/configs/Nobody").await, 404),
        (server.post("/configs", nanette()).await, 409),
        (server.post("/configs", json!({ "name": "a b", "data": [] })).await, 400),
        (server.post("/configs", json!({ "name": "A" })).await, 400),
        (server.post("/configs", json!({ "name": "A", "data": {} })).await, 400),
        (server.post("/configs", json!({ "name": "A", "data": [1] })).await, 400),
        (server.post("/configs", json!({ "name": "A", "data": [], "more": 1 })).await, 400),
        (server.post("/configs", json!([nanette()])).await, 400),
        (server.put("/configs/Nanette", json!({})).await, 400),
        (server.put("/configs/Nanette", json!({ "data": "x" })).await, 400),
        (server.put("/configs/Nanette", json!({ "name": "Other", "data": [] })).await, 400),
        (server.get("/search?id=1").await, 400),
    ];
    for (answer, status) in refused {
        let answer = answer.has(status);
        let body = answer.json();
        assert!(body["Issue"].is_string() && body.as_object().unwrap().len() == 1, "{answer}");
    }
    server.get("/configs").await.is(200, json!({ "configs": [nanette()] }));
}

async fn an_old_client_searches_without_a_token(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = old(&app);
    server.post("/configs", nanette()).await.has(201);
    let expected = json!({ "name": "Nanette", "data": nanette()["data"][1] });
    assert_eq!(found(&server, "data.id.=4608").await, [expected]);
}

async fn what_is_refused_before_a_script_is_asked_keeps_its_own_shape(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = old(&app);
    let refused = [
        (server.post("/configs", "{\"a").await, 400),
        (server.get("/configs/a/b").await, 404),
        (server.patch("/configs", json!({})).await, 405),
        (server.get("/configs").token("nobody's").await, 401),
        (server.post("/configs", "x".repeat(2 << 20)).await, 413),
    ];
    for (answer, status) in refused {
        let answer = answer.has(status);
        assert_eq!(answer.json()["code"], json!(format!("PT{status}")), "{answer}");
    }
    // Another type is a body too, which the script refuses.
    let text = server.post("/configs", "hello").header("Content-Type", "text/plain").await.has(400);
    assert!(text.json()["Issue"].is_string(), "{text}");
}
