//! `POST /view`, rule by rule.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Game, npc, pc, place_in, tile};
use crate::common::Place;

/// Sends what several players post at once, and holds that each is told that it is done.
async fn all_are_done(game: &Game, posts: impl IntoIterator<Item = Value>) {
    let mut players = JoinSet::new();
    for post in posts {
        players.spawn(super::alice(game.server.post("/view", post)).into_future());
    }
    while let Some(done) = players.join_next().await {
        done.unwrap().has(200);
    }
}

#[tokio::test]
async fn players_who_post_the_same_in_different_orders_are_in_nobody_s_way_on_postgres() {
    let game = Game::on(Place::Postgres);
    let known = |seen: i64, n: i64| (n * 7 + seen * 3) % 5 == 0;
    for round in 0..3 {
        // Each sees the same tiles from elsewhere, and others see what is gone from where they are.
        let view = |player: i64| -> Value {
            let tiles = (0..120).map(|n| {
                let n = (n * [7, 11, 13, 17, 19, 23][usize::try_from(player).unwrap() % 6] + player * 31) % 120;
                let here = match known(player, n) {
                    true => json!({ "pcs": [pc(n + 1, "Bob", None)], "npcs": [npc(n + 1, "Rat")], "resources": [{ "level": 1, "name": "Fer" }] }),
                    false => json!({}),
                };
                tile(n % 12 + round * 12, n / 12, here)
            });
            tiles.collect()
        };
        all_are_done(&game, (0..6).map(view)).await;
    }
    assert_eq!(game.stored("tiles", "x,y").await.as_array().unwrap().len(), 360);
}

in_every_way!(
    the_raw_post_is_kept_and_its_id_answered,
    new_tiles_are_added_and_known_ones_stay,
    what_has_an_id_is_added_and_then_changed,
    a_field_that_is_null_keeps_what_was_known,
    a_portal_has_no_town,
    what_a_tile_does_not_show_any_more_is_removed,
    pcs_that_a_tile_does_not_show_any_more_lose_their_position,
    what_moves_within_one_post_is_where_the_post_says,
    the_same_tile_or_character_twice_in_a_post_is_what_came_last,
    resources_are_told_apart_by_tile_and_name,
    summoned_creatures_have_no_id_and_are_not_kept,
    an_empty_kind_may_be_written_in_any_way,
    a_big_view_is_stored_whole,
    a_post_that_is_not_right_says_where_and_stores_nothing,
    a_post_that_is_too_much_says_so_and_stores_nothing,
);

async fn the_raw_post_is_kept_and_its_id_answered(place: Place) {
    let game = Game::on(place);
    let post = json!([tile(1, 2, json!({ "npcs": [npc(1, "Rat")] }))]);
    game.post("/view", post.clone()).await.is(200, json!({ "Info": "Job done (1)" }));
    game.post("/view", post.clone()).await.is(200, json!({ "Info": "Job done (2)" }));
    let kept = game.get("/rest/v1/jsons?select=id,data,user&order=id").await.has(200).json();
    assert_eq!(kept, json!([{ "id": 1, "data": post, "user": "Alice" }, { "id": 2, "data": post, "user": "Alice" }]));
}

async fn new_tiles_are_added_and_known_ones_stay(place: Place) {
    let game = Game::on(place);
    game.view(json!([tile(1, 2, json!({})), tile(-1, 2, json!({}))])).await;
    let mut changed = tile(1, 2, json!({}));
    changed["type"] = json!("Océan");
    game.view(json!([changed, tile(0, 2, json!({}))])).await;
    let plain = |x: i64| json!({ "x": x, "y": 2, "type": "Plaine" });
    assert_eq!(game.stored("tiles", "x").await, json!([plain(-1), plain(0), plain(1)]));
}

async fn what_has_an_id_is_added_and_then_changed(place: Place) {
    let game = Game::on(place);
    let here = json!({
        "places": [place_in(1, "Forge", Some("Town"))], "pcs": [pc(2, "Bob", Some(1))], "npcs": [npc(3, "Rat")],
        "objects": [{ "id": 4, "name": "Cape" }],
    });
    game.view(json!([tile(5, 5, here)])).await;
    let mut changed = pc(2, "Bob", Some(9));
    changed["wounds"] = json!("grave");
    let there = json!({
        "places": [place_in(1, "Great Forge", Some("Town"))], "pcs": [changed], "npcs": [npc(3, "Big rat")],
        "objects": [{ "id": 4, "name": "Torn cape" }],
    });
    game.view(json!([tile(8, 8, there)])).await;
    let place = json!({ "id": 1, "level": 2, "name": "Great Forge", "townId": 7, "townName": "Town", "x": 8, "y": 8 });
    assert_eq!(game.stored("places", "id").await, json!([place]));
    let bob = json!({
        "id": 2, "level": 5, "name": "Bob", "wounds": "grave", "guildId": 9, "guildName": "guild 9", "x": 8, "y": 8,
    });
    assert_eq!(game.stored("pcs", "id").await, json!([bob]));
    let rat = json!({ "id": 3, "level": 3, "name": "Big rat", "wounds": null, "x": 8, "y": 8 });
    assert_eq!(game.stored("npcs", "id").await, json!([rat]));
    assert_eq!(game.stored("objects", "id").await, json!([{ "id": 4, "name": "Torn cape", "x": 8, "y": 8 }]));
}

async fn a_field_that_is_null_keeps_what_was_known(place: Place) {
    let game = Game::on(place);
    let known = json!({
        "places": [place_in(1, "Forge", Some("Town"))], "pcs": [pc(2, "Bob", Some(1))], "npcs": [npc(3, "Rat")],
    });
    game.view(json!([tile(5, 5, known)])).await;
    // Null, or left out: both say nothing.
    let vague = json!({
        "places": [{ "id": 1, "level": 4, "name": null, "townId": null, "townName": null }],
        "pcs": [{ "id": 2, "level": null, "name": null, "wounds": "light", "guildId": null }],
        "npcs": [{ "id": 3, "level": null, "name": null, "wounds": null }, { "id": 9 }],
    });
    game.view(json!([tile(5, 6, vague)])).await;
    let place = json!({ "id": 1, "level": 4, "name": "Forge", "townId": 7, "townName": "Town", "x": 5, "y": 6 });
    assert_eq!(game.stored("places", "id").await, json!([place]));
    let bob = json!({
        "id": 2, "level": 5, "name": "Bob", "wounds": "light", "guildId": 1, "guildName": "guild 1", "x": 5, "y": 6,
    });
    assert_eq!(game.stored("pcs", "id").await, json!([bob]));
    let npcs = json!([
        { "id": 3, "level": 3, "name": "Rat", "wounds": null, "x": 5, "y": 6 },
        { "id": 9, "level": null, "name": null, "wounds": null, "x": 5, "y": 6 },
    ]);
    assert_eq!(game.stored("npcs", "id").await, npcs);
}

async fn a_portal_has_no_town(place: Place) {
    let game = Game::on(place);
    game.view(json!([tile(
        1,
        1,
        json!({ "places": [place_in(1, "Ruine", Some("Town")), place_in(2, "Portail vert", Some("Town"))] })
    )]))
    .await;
    let towns = |rows: Value| -> Vec<Value> {
        rows.as_array().unwrap().iter().map(|row| json!([row["townId"], row["townName"]])).collect()
    };
    assert_eq!(towns(game.stored("places", "id").await), [json!([7, "Town"]), json!([null, null])]);
    // Also one that becomes known as a portal.
    game.view(json!([tile(1, 1, json!({ "places": [place_in(1, "Portail", None)] }))])).await;
    assert_eq!(towns(game.stored("places", "id").await), [json!([null, null]), json!([null, null])]);
}

async fn what_a_tile_does_not_show_any_more_is_removed(place: Place) {
    let game = Game::on(place);
    let full = |at: i64| {
        json!({
            "places": [place_in(10 + at, "Forge", None)], "npcs": [npc(20 + at, "Rat"), npc(30 + at, "Rat")],
            "resources": [{ "level": 1, "name": "Fer" }, { "level": 2, "name": "Bois" }],
            "objects": [{ "id": 40 + at, "name": "Cape" }],
        })
    };
    game.view(json!([tile(1, 1, full(1)), tile(2, 1, full(2)), tile(3, 1, full(3))])).await;
    // The first shows nothing, the second one npc, the third is not in view.
    game.view(json!([tile(1, 1, json!({})), tile(2, 1, json!({ "npcs": [npc(22, "Rat")] }))])).await;
    let ids = async |collection: &str| -> Vec<i64> {
        let rows = game.stored(collection, "id").await;
        rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids("places").await, [13]);
    assert_eq!(ids("npcs").await, [22, 23, 32, 33], "only where it shows none is what is known there removed");
    assert_eq!(ids("objects").await, [43]);
    let resources = game.stored("resources", "x,name").await;
    let left: Vec<_> =
        resources.as_array().unwrap().iter().map(|row| (&row["x"], row["name"].as_str().unwrap())).collect();
    assert_eq!(left, [(&json!(3), "Bois"), (&json!(3), "Fer")]);
}

async fn pcs_that_a_tile_does_not_show_any_more_lose_their_position(place: Place) {
    let game = Game::on(place);
    let both = json!({ "pcs": [pc(1, "Bob", None), pc(2, "Carol", None)] });
    game.view(json!([tile(1, 1, both), tile(2, 1, json!({ "pcs": [pc(3, "Dan", None)] }))])).await;
    game.view(json!([tile(1, 1, json!({}))])).await;
    let at = |row: &Value| json!([row["name"], row["x"], row["y"]]);
    let pcs: Vec<_> = game.stored("pcs", "id").await.as_array().unwrap().iter().map(at).collect();
    assert_eq!(pcs, [json!(["Bob", null, null]), json!(["Carol", null, null]), json!(["Dan", 2, 1])]);
}

async fn what_moves_within_one_post_is_where_the_post_says(place: Place) {
    let game = Game::on(place);
    let all = json!({ "pcs": [pc(1, "Bob", None)], "npcs": [npc(2, "Rat")], "objects": [{ "id": 3, "name": "Cape" }] });
    game.view(json!([tile(1, 1, all.clone()), tile(2, 1, json!({}))])).await;
    // In both orders: the empty tile first, and last.
    game.view(json!([tile(1, 1, json!({})), tile(2, 1, all.clone())])).await;
    for collection in ["pcs", "npcs", "objects"] {
        let rows = game.stored(collection, "id").await;
        assert_eq!((&rows[0]["x"], rows.as_array().unwrap().len()), (&json!(2), 1), "{collection}: {rows}");
    }
    game.view(json!([tile(3, 1, all), tile(2, 1, json!({}))])).await;
    for collection in ["pcs", "npcs", "objects"] {
        let rows = game.stored(collection, "id").await;
        assert_eq!((&rows[0]["x"], rows.as_array().unwrap().len()), (&json!(3), 1), "{collection}: {rows}");
    }
}

async fn the_same_tile_or_character_twice_in_a_post_is_what_came_last(place: Place) {
    let game = Game::on(place);
    let first = json!({ "pcs": [pc(1, "Bob", None)], "npcs": [npc(2, "Rat")] });
    let second = json!({ "pcs": [pc(1, "Bobby", None)], "resources": [{ "level": 1, "name": "Fer" }, { "level": 2, "name": "Fer" }] });
    game.view(json!([tile(1, 1, first), tile(1, 1, json!({})), tile(2, 2, second)])).await;
    let tiles = game.stored("tiles", "x").await;
    assert_eq!(tiles.as_array().unwrap().len(), 2);
    let pcs = game.stored("pcs", "id").await;
    assert_eq!((&pcs[0]["name"], &pcs[0]["x"]), (&json!("Bobby"), &json!(2)));
    assert_eq!(game.stored("npcs", "id").await, json!([]), "the last word on the tile was that nothing is there");
    let resources = game.stored("resources", "id").await;
    assert_eq!((&resources[0]["level"], resources.as_array().unwrap().len()), (&json!(2), 1));
}

async fn resources_are_told_apart_by_tile_and_name(place: Place) {
    let game = Game::on(place);
    let iron = |level: Value| json!({ "resources": [{ "level": level, "name": "Fer" }] });
    game.view(json!([tile(1, 1, iron(json!(3))), tile(2, 1, iron(json!(4)))])).await;
    let known = game.stored("resources", "x").await;
    game.view(json!([tile(1, 1, iron(json!(null))), tile(2, 1, iron(json!(2)))])).await;
    let now = game.stored("resources", "x").await;
    assert_eq!(now[0], known[0], "what is known, and nothing new about it");
    assert_eq!((&now[1]["id"], &now[1]["level"]), (&known[1]["id"], &json!(2)));
    game.view(json!([tile(1, 1, json!({ "resources": [{ "name": "Bois" }] }))])).await;
    assert_eq!(game.stored("resources", "x").await.as_array().unwrap().len(), 3);
}

async fn summoned_creatures_have_no_id_and_are_not_kept(place: Place) {
    let game = Game::on(place);
    game.view(json!([tile(1, 1, json!({ "npcs": [npc(1, "Rat")] }))])).await;
    let summoned = json!([{ "id": null, "level": 1, "name": "Feu fol", "wounds": null }]);
    game.view(json!([tile(1, 1, json!({ "npcs": summoned, "pcs": summoned }))])).await;
    assert_eq!(game.stored("pcs", "id").await, json!([]));
    let npcs = game.stored("npcs", "id").await;
    assert_eq!(npcs.as_array().unwrap().len(), 1, "something is there, so nothing is known to be gone");
}

async fn an_empty_kind_may_be_written_in_any_way(place: Place) {
    let game = Game::on(place);
    for empty in [json!([]), json!(null), json!("")] {
        game.view(json!([tile(1, 1, json!({ "npcs": [npc(1, "Rat")] }))])).await;
        game.view(json!([tile(1, 1, json!({ "npcs": empty }))])).await;
        assert_eq!(game.stored("npcs", "id").await, json!([]), "{empty}");
    }
    game.view(json!([tile(1, 1, json!({ "npcs": [npc(1, "Rat")] }))])).await;
    game.view(json!([{ "x": 1, "y": 1, "type": "Plaine", "items": {} }])).await;
    assert_eq!(game.stored("npcs", "id").await, json!([]));
}

async fn a_big_view_is_stored_whole(place: Place) {
    let game = Game::on(place);
    let tiles: Vec<Value> = (0..441)
        .map(|n| {
            tile(
                n % 21,
                n / 21,
                json!({ "npcs": [npc(n + 1, "Rat"), npc(n + 1001, "Loup")], "pcs": [pc(n + 1, "Bob", None)] }),
            )
        })
        .collect();
    game.view(tiles.clone()).await;
    game.view(tiles).await;
    for (collection, count) in [("tiles", "441"), ("npcs", "882"), ("pcs", "441")] {
        let counted =
            super::alice(game.server.get(&format!("/rest/v1/{collection}?limit=1"))).header("Prefer", "count=exact");
        let range = counted.await.has(206).header("content-range").to_owned();
        assert!(range.ends_with(count), "{collection}: {range}");
    }
}

async fn a_post_that_is_not_right_says_where_and_stores_nothing(place: Place) {
    let game = Game::on(place);
    let good = tile(1, 1, json!({}));
    let faults = [
        (json!([]), ""),
        (json!({}), ""),
        (json!([good, { "x": 1 }]), "1"),
        (json!([good, tile(2, 2, json!({ "npcs": [npc(1, "Rat"), { "id": "x" }] }))]), "npcs"),
        (json!([tile(2, 2, json!({ "places": "Forge" }))]), "places"),
        (json!([{ "x": 1.5, "y": 1, "type": "Plaine", "items": {} }]), "x"),
        (json!([tile(2_000_000, 2, json!({}))]), "x"),
        (json!([tile(2, 2, json!({ "resources": [{ "level": 1 }] }))]), "resources"),
    ];
    for (body, at) in faults {
        let refused = game.post("/view", body.clone()).await.has(400);
        let details = refused.json()["details"].to_string();
        assert!(details.contains(at), "{body}: {refused}");
    }
    super::alice(game.server.post("/view", "[{")).await.has(400);
    assert_eq!(game.get("/tiles").await.has(200).json(), json!([]));
    assert_eq!(game.get("/rest/v1/jsons").await.has(200).json(), json!([]));
}

async fn a_post_that_is_too_much_says_so_and_stores_nothing(place: Place) {
    let game = Game::on(place);
    let npcs: Vec<Value> = (1..=9001).map(|id| json!({ "id": id })).collect();
    let refused = game.post("/view", json!([tile(1, 1, json!({ "npcs": npcs }))])).await.has(413);
    assert!(refused.text.contains("9001 npcs, at most 9000"), "{refused}");
    let long = "x".repeat(2 << 20);
    game.post("/view", json!([tile(1, 1, json!({ "npcs": [{ "id": 1, "more": long }] }))])).await.has(413);
    let tiles: Vec<Value> = (0..5001).map(|x| tile(x, 1, json!({}))).collect();
    game.post("/view", json!(tiles)).await.has(400);
    assert_eq!(game.get("/rest/v1/jsons").await.has(200).json(), json!([]));
}
