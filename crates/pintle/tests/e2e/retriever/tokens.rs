//! Who may ask what, from where.

use reqwest::Method;
use serde_json::json;

use super::{Game, alice, tile};
use crate::common::Place;

in_every_way!(
    every_route_but_the_worldmap_wants_a_token,
    a_token_is_taken_as_basic_and_as_bearer_and_says_who_reports,
    players_read_everything_and_write_nothing_through_rest,
    the_games_pages_may_call_and_others_may_not,
);

async fn every_route_but_the_worldmap_wants_a_token(place: Place) {
    let game = Game::on(place);
    let routes = [
        (Method::POST, "/view"),
        (Method::GET, "/tiles"),
        (Method::GET, "/tiles/1/2/3"),
        (Method::GET, "/minimap/1/2/3"),
        (Method::POST, "/pc/1"),
        (Method::GET, "/gdc"),
        (Method::POST, "/gdc"),
        (Method::GET, "/infos"),
        (Method::GET, "/standing"),
    ];
    for (method, path) in routes {
        let denied = game.server.ask(method.clone(), path).body(json!([])).await.has(401);
        assert!(denied.header("www-authenticate").contains("Basic"), "{denied}");
        let wrong = game.server.ask(method, path).header("Authorization", "Basic nobody's").body(json!([]));
        assert_ne!(wrong.await.has(401).header("www-authenticate"), "");
    }
    game.server.get("/worldmap").await.has(200);
}

async fn a_token_is_taken_as_basic_and_as_bearer_and_says_who_reports(place: Place) {
    let game = Game::on(place);
    game.view(json!([tile(1, 1, json!({}))])).await;
    game.server.post("/view", json!([tile(2, 2, json!({}))])).token("of-bob").await.has(200);
    let minted = game.app.token_of("carol", "authenticated", Some("Carol"));
    game.server.post("/view", json!([tile(3, 3, json!({}))])).token(&minted).await.has(200);
    let by = game.get("/rest/v1/tiles?select=x,user&order=x").await.has(200).json();
    assert_eq!(by, json!([{ "x": 1, "user": "Alice" }, { "x": 2, "user": "Bob" }, { "x": 3, "user": "Carol" }]));
}

async fn players_read_everything_and_write_nothing_through_rest(place: Place) {
    let game = Game::on(place);
    game.view(json!([tile(1, 1, json!({ "npcs": [super::npc(1, "Rat")] }))])).await;
    for collection in ["tiles", "places", "pcs", "npcs", "resources", "objects", "pcsInfos", "pcsCaracs"] {
        let path = format!("/rest/v1/{collection}");
        game.get(&path).await.has(200);
        game.server.get(&path).await.is(200, json!([]));
        alice(game.server.delete(&format!("{path}?x=eq.1"))).await.has(403);
    }
    game.post("/rest/v1/npcs", json!({ "id": 2, "name": "Dragon" })).await.has(403);
    // The raw posts are their reporter's.
    assert_eq!(game.get("/rest/v1/jsons?select=id").await.has(200).json(), json!([{ "id": 1 }]));
    game.server.get("/rest/v1/jsons").token("of-bob").await.is(200, json!([]));
}

async fn the_games_pages_may_call_and_others_may_not(place: Place) {
    let game = Game::on(place);
    let ask = |origin: &str| {
        let asked = game.server.ask(Method::OPTIONS, "/view").header("Origin", origin);
        asked
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,content-type")
    };
    let allowed = ask("https://game.example").await;
    assert!(allowed.status < 300, "{allowed}");
    assert_eq!(allowed.header("access-control-allow-origin"), "https://game.example");
    let headers = allowed.header("access-control-allow-headers").to_lowercase();
    assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
    assert_eq!(ask("https://elsewhere.example").await.header("access-control-allow-origin"), "");

    let posted = alice(game.server.post("/view", json!([tile(1, 1, json!({}))])));
    let posted = posted.header("Origin", "https://www.game.example").await.has(200);
    assert_eq!(posted.header("access-control-allow-origin"), "https://www.game.example");
}
