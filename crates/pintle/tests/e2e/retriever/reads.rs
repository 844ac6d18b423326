//! What guild mates are told.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::{Game, alice, npc, pc, place_in, tile};
use crate::common::Place;

in_every_way!(
    tiles_within_steps_are_those_of_the_formula,
    parameters_are_checked_and_named,
    the_minimap_shows_what_matters_most_on_each_tile,
    the_minimap_of_a_player_without_a_guild_shows_everybody_as_a_stranger,
    a_characters_infos_and_caracs_are_kept_and_what_is_null_stays,
    the_guild_is_that_of_the_callers_own_pc,
    the_worldmap_is_a_picture_with_a_colour_a_terrain,
    what_stands_where_is_told_with_who_asks;
    // Each says what one process does: who is behind it, and that it hears at once of what it wrote itself.
    all_tiles_or_those_since,
    infos_are_for_the_servers_own_machine,
    what_is_cached_is_dropped_when_a_post_comes,
);

async fn all_tiles_or_those_since(place: Place) {
    let game = Game::on(place);
    game.get("/tiles").await.is(200, json!([]));
    game.view(json!([tile(1, 2, json!({}))])).await;
    game.get("/tiles").await.is(200, json!([{ "x": 1, "y": 2, "type": "Plaine" }]));
    game.get("/tiles?since=2020-01-01T00:00:00Z").await.is(200, json!([{ "x": 1, "y": 2, "type": "Plaine" }]));
    game.get("/tiles?since=9000-01-01T00:00:00Z").await.is(200, json!([]));
    game.get("/tiles?since=yesterday").await.has(400);
}

/// Places by the formula of the task, among those of a square.
fn within(x: i64, y: i64, n: i64) -> Vec<(i64, i64)> {
    let near = |(a, b): &(i64, i64)| {
        let (dx, dy) = (a - x, b - y);
        (dx.abs() + dy.abs() + (dx + dy).abs()) / 2 <= n
    };
    (-12..=12).flat_map(|a| (-12..=12).map(move |b| (a, b))).filter(near).collect()
}

fn places(rows: &Value) -> Vec<(i64, i64)> {
    let at = |row: &Value| (row["x"].as_i64().unwrap(), row["y"].as_i64().unwrap());
    let mut places: Vec<_> = rows.as_array().unwrap().iter().map(at).collect();
    places.sort_unstable();
    places
}

async fn tiles_within_steps_are_those_of_the_formula(place: Place) {
    let game = Game::on(place);
    let square = (-12..=12).flat_map(|x| (-12..=12).map(move |y| tile(x, y, json!({}))));
    game.view(square.collect::<Vec<_>>()).await;
    for (x, y, n) in [(0, 0, 0), (0, 0, 1), (3, -2, 4), (0, 0, 10), (-11, 11, 5), (12, 12, 3), (0, 0, 50), (40, 0, 3)] {
        let near = game.get(&format!("/tiles/{x}/{y}/{n}")).await.has(200).json();
        assert_eq!(places(&near), within(x, y, n), "{n} steps around {x}, {y}");
        let mini = game.get(&format!("/minimap/{x}/{y}/{n}")).await.has(200).json();
        assert_eq!(places(&mini), within(x, y, n), "the minimap, {n} steps around {x}, {y}");
    }
}

async fn parameters_are_checked_and_named(place: Place) {
    let game = Game::on(place);
    for path in ["/tiles", "/minimap"] {
        for (wrong, name) in [("a/0/1", "x"), ("0/1.5/1", "y"), ("0/0/-1", "n"), ("0/0/51", "n"), ("9999999/0/1", "x")]
        {
            let refused = game.get(&format!("{path}/{wrong}")).await.has(400);
            assert!(refused.text.contains(&format!("\"{name}\"")), "{refused}");
        }
        game.get(&format!("{path}/1/2")).await.has(404);
        alice(game.server.delete(&format!("{path}/1/2/3"))).await.has(405);
    }
    game.post("/pc/0", json!({})).await.has(400);
}

async fn the_minimap_shows_what_matters_most_on_each_tile(place: Place) {
    let game = Game::on(place);
    let (alice, mate, other, loner) =
        (pc(1, "Alice", Some(4)), pc(2, "Mia", Some(4)), pc(3, "Otto", Some(5)), pc(4, "Lone", None));
    let forge = place_in(1, "Forge", None);
    let iron = json!({ "level": 2, "name": "Fer" });
    let tiles = [
        (0, json!({ "pcs": [alice, other], "places": [forge], "resources": [iron], "npcs": [npc(1, "Rat")] })),
        (1, json!({ "pcs": [mate, loner], "places": [place_in(2, "Forge", None)], "npcs": [npc(2, "Rat")] })),
        (2, json!({ "pcs": [pc(5, "Mo", Some(4))], "places": [place_in(3, "Forge", None)] })),
        (
            3,
            json!({ "pcs": [pc(6, "Max", Some(4))], "npcs": [npc(3, "Rat")], "objects": [{ "id": 1, "name": "Cape" }] }),
        ),
        (4, json!({ "npcs": [npc(4, "Kradjeck ferreux")], "pcs": [pc(7, "Olga", Some(5))] })),
        (5, json!({ "npcs": [npc(5, "Rat")], "objects": [{ "id": 2, "name": "Cape" }] })),
        (6, json!({})),
    ];
    game.view(tiles.map(|(x, items)| tile(x, 0, items)).to_vec()).await;
    let expected = [
        json!({ "resource": "Fer", "level": 2 }),
        json!({ "pc": "Lone" }),
        json!({ "place": "Forge" }),
        json!({ "gdc": "Max" }),
        json!({ "resource": "Kradjeck ferreux", "level": 3 }),
        json!({}),
        json!({}),
    ];
    let mini = game.get("/minimap/3/0/10").await.has(200).json();
    let shown = |x: usize| mini.as_array().unwrap().iter().find(|row| row["x"] == json!(x)).unwrap().clone();
    for (x, on_tile) in expected.into_iter().enumerate() {
        assert_eq!(shown(x), json!({ "x": x, "y": 0, "type": "Plaine", "on_tile": on_tile }));
    }
}

async fn the_minimap_of_a_player_without_a_guild_shows_everybody_as_a_stranger(place: Place) {
    let game = Game::on(place);
    game.view(json!([
        tile(0, 0, json!({ "pcs": [pc(1, "Lone", None)] })),
        tile(1, 0, json!({ "pcs": [pc(2, "Mia", Some(4))] }))
    ]))
    .await;
    let on = |mini: &Value, x: i64| {
        mini.as_array().unwrap().iter().find(|row| row["x"] == json!(x)).unwrap()["on_tile"].clone()
    };
    let mini = game.get("/minimap/0/0/1").await.has(200).json();
    assert_eq!((on(&mini, 0), on(&mini, 1)), (json!({ "pc": "Lone" }), json!({ "pc": "Mia" })));
    // Also one whose character is known, but in no guild.
    game.view(json!([tile(5, 5, json!({ "pcs": [pc(3, "Alice", None)] }))])).await;
    let mini = game.get("/minimap/0/0/1").await.has(200).json();
    assert_eq!((on(&mini, 0), on(&mini, 1)), (json!({ "pc": "Lone" }), json!({ "pc": "Mia" })));
}

async fn a_characters_infos_and_caracs_are_kept_and_what_is_null_stays(place: Place) {
    let game = Game::on(place);
    let bob = json!({
        "id": 7, "name": "Bob", "race": null, "img": "https://game.example/bob.png", "dla": "12:30", "pas": 4, "pos": "1,2",
        "xp": "12", "xpMax": 40,
        "caracs": { "pv": 20, "pvMax": 30, "attM": 1, "defM": -2, "degM": 3, "arm": 4, "mmM": 5 },
    });
    game.post("/pc/7", bob).await.is(200, json!({ "Info": "Job done (7)" }));
    game.post("/gdc", json!([{ "id": 7, "name": "Bob", "race": "Nain", "pc": 9 }]))
        .await
        .is(200, json!({ "Info": "Job done (1)" }));
    game.post("/pc/7", json!({ "race": null, "pas": 2, "caracs": { "pv": 18, "pc": null } })).await.has(200);
    game.post("/pc/7", json!({ "dla": "13:30", "caracs": null })).await.has(200);
    let infos = json!({
        "id": 7, "name": "Bob", "race": "Nain", "img": "https://game.example/bob.png", "dla": "13:30", "pas": 2, "pos": "1,2",
        "xp": 12, "xpMax": 40,
    });
    assert_eq!(game.stored("pcsInfos", "id").await, json!([infos]));
    let caracs = json!({
        "id": 7, "name": "Bob", "pv": 18, "pvMax": 30, "attM": 1, "defM": -2, "degM": 3, "arm": 4, "mmM": 5, "pc": 9,
    });
    assert_eq!(game.stored("pcsCaracs", "id").await, json!([caracs]));

    let other = game.post("/pc/7", json!({ "id": 8, "name": "Carol" })).await.has(400);
    assert!(other.text.contains("another character"), "{other}");
    game.post("/pc/7", json!({ "xp": "many" })).await.has(400);
    game.post("/pc/7", json!([])).await.has(400);
    assert_eq!(game.stored("pcsInfos", "id").await, json!([infos]), "nothing of these is stored");
}

async fn the_guild_is_that_of_the_callers_own_pc(place: Place) {
    let game = Game::on(place);
    game.get("/gdc").await.is(200, json!([]));
    let pcs = [
        pc(1, "Alice", Some(4)),
        pc(2, "Mia", Some(4)),
        pc(3, "Otto", Some(5)),
        pc(4, "Mo", Some(4)),
        pc(5, "Bob", None),
    ];
    game.view(json!([tile(0, 0, json!({ "pcs": pcs }))])).await;
    game.get("/gdc").await.is(200, json!([]));
    let members = json!([
        { "id": 2, "name": "Mia", "race": "Elfe", "pc": 3 }, { "id": 3, "name": "Otto", "race": "Orc", "pc": 8 },
        { "id": 1, "name": "Alice", "race": "Nain", "pc": null }, { "id": 5, "name": "Bob", "race": "Nain", "pc": 1 },
    ]);
    game.post("/gdc", members).await.is(200, json!({ "Info": "Job done (4)" }));
    game.post("/pc/2", json!({ "name": "Mia", "xp": 5, "caracs": { "pv": 9 } })).await.has(200);
    let row = |id: i64, name: &str, race: &str, xp: Value, pv: Value, pc: Value| {
        json!({
            "id": id, "name": name, "race": race, "img": null, "dla": null, "pas": null, "pos": null, "xp": xp, "xpMax": null,
            "pv": pv, "pvMax": null, "attM": null, "defM": null, "degM": null, "arm": null, "mmM": null, "pc": pc,
        })
    };
    let guild = json!([
        row(1, "Alice", "Nain", json!(null), json!(null), json!(null)),
        row(2, "Mia", "Elfe", json!(5), json!(9), json!(3)),
    ]);
    game.get("/gdc").await.is(200, guild);
    game.server.get("/gdc").token("of-bob").await.is(200, json!([]));

    game.post("/gdc", json!([])).await.has(400);
    game.post("/gdc", json!([{ "race": "Nain" }])).await.has(400);
    game.post("/gdc", json!([{ "id": 1, "pc": "many" }])).await.has(400);
}

async fn infos_are_for_the_servers_own_machine(place: Place) {
    let game = Game::with(place, &[("HOSTNAME", "tower")]);
    let infos = game.get("/infos").await.has(200).json();
    assert_eq!((&infos["host"], &infos["user"]), (&json!("tower"), &json!("Alice")));
    assert!(infos["date"].as_str().unwrap().starts_with("20"), "{infos}");
    // A proxy on this machine passes on what others ask.
    let passed_on = alice(game.server.get("/infos")).header("X-Forwarded-For", "203.0.113.9").await.has(403);
    assert!(passed_on.text.contains("own machine"), "{passed_on}");
}

/// The width, height and colour of one point of a PNG, read by the tests' own eyes.
fn point(png: &[u8], x: usize, y: usize) -> (u32, u32, [u8; 4]) {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut buffer).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgba, png::BitDepth::Eight));
    let at = y * info.line_size + x * 4;
    (info.width, info.height, buffer[at..at + 4].try_into().unwrap())
}

async fn the_worldmap_is_a_picture_with_a_colour_a_terrain(place: Place) {
    let game = Game::on(place);
    let colours = [
        ("Plaine", [51, 204, 51]),
        ("Océan", [0, 102, 255]),
        ("Espace pavé", [128, 128, 128]),
        ("Terre battue", [153, 102, 51]),
        ("Plaine fleurie", [51, 153, 51]),
    ];
    let tiles = colours.iter().zip(0..).map(|((name, _), x)| json!({ "x": x, "y": 499, "type": name, "items": {} }));
    let outside = [tile(1000, 0, json!({})), tile(-1, 7, json!({}))];
    game.view(tiles.chain(outside).collect::<Vec<_>>()).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("{}/worldmap", game.server.origin)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()[CONTENT_TYPE]), (200, &"image/png".parse().unwrap()));
    let png = answer.bytes().await.unwrap();
    for (x, (name, [red, green, blue])) in colours.into_iter().enumerate() {
        assert_eq!(point(&png, x, 499), (1000, 500, [red, green, blue, 255]), "{name}");
    }
    assert_eq!(point(&png, 5, 499).2, [0, 0, 0, 0], "nobody has seen it");
    assert_eq!(point(&png, 999, 6).2, [0, 0, 0, 0], "what lies outside is not drawn elsewhere");
    assert_eq!(point(&png, 999, 7).2, [0, 0, 0, 0]);
}

async fn what_is_cached_is_dropped_when_a_post_comes(place: Place) {
    let game = Game::on(place);
    game.view(json!([tile(1, 1, json!({}))])).await;
    let paths = ["/tiles", "/tiles/1/1/5", "/standing", "/worldmap"];
    let mut tags = Vec::new();
    for path in paths {
        let tag = game.get(path).await.has(200).header("etag").to_owned();
        alice(game.server.get(path)).header("If-None-Match", &tag).await.bare(304);
        tags.push(tag);
    }
    game.view(json!([tile(2, 2, json!({ "npcs": [npc(1, "Rat")] }))])).await;
    for (path, tag) in paths.into_iter().zip(tags) {
        alice(game.server.get(path)).header("If-None-Match", &tag).await.has(200);
    }
}

async fn what_stands_where_is_told_with_who_asks(place: Place) {
    let game = Game::on(place);
    let here = json!({ "pcs": [pc(1, "Alice", Some(4)), pc(2, "Bob", Some(5))], "npcs": [npc(3, "Rat")], "objects": [{ "id": 1, "name": "Cape" }] });
    game.view(json!([tile(1, 1, here)])).await;
    game.view(json!([tile(1, 1, json!({ "places": [place_in(1, "Forge", Some("Town"))] }))])).await;
    game.view(json!([tile(2, 1, json!({ "pcs": [pc(2, "Bob", Some(5))], "resources": [{ "name": "Fer" }] }))])).await;
    let standing = game.get("/standing").await.has(200).json();
    assert_eq!((&standing["user"], &standing["guildId"]), (&json!("Alice"), &json!(4)));
    let names = |kind: &str| -> Vec<String> {
        standing[kind].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (names("places"), names("pcs"), names("resources")),
        (vec!["Forge".into()], vec!["Bob".into()], vec!["Fer".into()])
    );
    assert_eq!((names("npcs"), names("objects")), (vec![], vec![]));
    let bobs = game.server.get("/standing").token("of-bob").await.has(200).json();
    assert_eq!((&bobs["user"], &bobs["guildId"]), (&json!("Bob"), &json!(5)));
}
