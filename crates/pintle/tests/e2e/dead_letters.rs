//! What pipelines took and could not store: which letters are kept, how many, how long, and what becomes of them.

mod again;

use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::common::{App, PATIENCE, Place, Server, finish, pintle};

on_both_stores!(
    what_another_one_sends_or_says_is_kept_beside_it,
    an_id_of_any_length_is_kept,
    a_letter_is_tried_again_by_the_fields_that_there_are_now,
    a_letter_is_stored_once_however_often_it_is_tried_at_once,
    a_replay_that_is_killed_stores_each_letter_once,
    one_letter_can_be_tried_or_removed,
    more_letters_than_there_may_be_are_turned_away,
    letters_that_are_too_old_are_removed,
    what_is_stored_is_told_so_though_its_policy_fell,
    who_waits_for_room_is_not_turned_away,
);

const MANIFEST: &str = "
pintle: 1
public: none
collections:
  persons: { key: { id: integer }, policies: { select: 'true', insert: 'true' } }
  places:
    key: { id: text }
    fields:
      person: { type: ref, to: persons }
      name: text
      at: { type: timestamp, default: now() }
    policies: { select: 'true', insert: \"auth.role() <> 'authenticated' or name is null\" }
  visits:
    fields: { person: { type: ref, to: persons, required: true } }
    policies: { select: 'true', insert: 'true' }
pipelines:
  places: { path: /places, into: places, dead_letters: { records: 3 } }
  visits: { path: /visits, into: visits }
";

/// Who visits needs a gate.
const GATED: &str = "
pintle: 1
public: none
collections:
  gates: { key: { id: integer }, policies: { select: 'true', insert: 'true', delete: 'true' } }
  visits:
    key: { place: text, day: date }
    policies: { select: 'true', insert: exists (select id from gates) }
pipelines:
  visits: { path: /visits, into: visits }
";

fn letters(app: &App, pipeline: &str) -> Vec<Value> {
    let (code, out, err) = finish(pintle(&["dead-letters", "list", app.path(), pipeline, "--json"]).args(app.store()));
    assert_eq!((code, err.as_str()), (0, ""));
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn replay(app: &App, words: &[&str]) -> (i32, String, String) {
    finish(pintle(&[&["replay", app.path()], words].concat()).args(app.store()))
}

async fn count(server: &Server, collection: &str) -> String {
    let path = format!("/rest/v1/{collection}?select=id&limit=1");
    let answer = server.get(&path).header("Prefer", "count=exact").await;
    answer.headers["content-range"].to_str().unwrap().rsplit_once('/').unwrap().1.to_owned()
}

async fn what_another_one_sends_or_says_is_kept_beside_it(place: Place) {
    let app = App::of(&MANIFEST.replace("records: 3", "records: 100")).on(place);
    let server = app.serve();
    let (alice, bob) =
        (app.token_of("a", "authenticated", Some("alice")), app.token_of("b", "authenticated", Some("bob")));
    let record = |person: i32| json!({ "id": "x", "person": person });
    for token in [&alice, &bob, &alice] {
        server.post("/places", record(1)).token(token).await.has(202);
    }
    server.post("/places", record(2)).token(&alice).await.has(202);
    let found = letters(&app, "places");
    let said: Vec<_> = found.iter().map(|letter| (&letter["caller"]["user"], &letter["record"]["person"])).collect();
    // What was sent again came last.
    assert_eq!(said, [(&json!("bob"), &json!(1)), (&json!("alice"), &json!(1)), (&json!("alice"), &json!(2))]);
    assert!(found.iter().all(|letter| letter["code"] == "23503" && letter["attempts"] == 1), "{found:?}");
    // What the door would have filled in tells too where it is given.
    for (at, letters) in [("01", 4), ("02", 5), ("02", 5)] {
        let record = json!({ "id": "x", "person": 1, "at": format!("2026-01-{at}T00:00:00Z") });
        server.post("/places", record).token(&alice).await.has(202);
        assert_eq!(self::letters(&app, "places").len(), letters);
    }
    // For people, without what the records hold.
    let (code, out, err) = finish(pintle(&["dead-letters", "list", app.path(), "--limit", "1"]).args(app.store()));
    assert_eq!((code, err.as_str()), (0, "… 4 more of `places` are not shown: --limit\n"));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "places:"));
    assert!(lines[1].starts_with("ID  ") && lines[1].ends_with("  CODE   WHY"), "{out}");
    assert!(lines[2].starts_with(found[0]["id"].as_str().unwrap()), "{out}");
    assert!(lines[2].contains("Z      1  23503  insert or update on table \"places\" violates"), "{out}");
}

async fn an_id_of_any_length_is_kept(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    // Such as no store can make shorter.
    let mut number = 1_u64;
    let mut digit = || {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from_digit((number >> 33) as u32 % 36, 36).unwrap()
    };
    let long: String = (0..20_000).map(|_| digit()).collect();
    let array = json!([{ "id": "a" }, { "id": long, "person": 9 }, { "id": "b" }]);
    for _ in 0..2 {
        let answer = server.post("/places", array.clone()).await.has(207).json();
        let became: Vec<&Value> = answer.as_array().unwrap().iter().map(|one| &one["status"]).collect();
        assert_eq!(became, ["stored", "dead", "stored"]);
    }
    let found = letters(&app, "places");
    assert_eq!((found.len(), &found[0]["record"]["id"]), (1, &json!(long)));
    assert_eq!(count(&server, "places").await, "2");
}

async fn a_letter_is_tried_again_by_the_fields_that_there_are_now(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    server.post("/places", json!({ "id": "a", "person": 1, "name": "A" })).await.has(202);
    server.post("/rest/v1/persons", json!({ "id": 1 })).await.has(201);
    drop(server);
    let change = |changes: &[(&str, &str)]| {
        let mut text = std::fs::read_to_string(app.file("pintle.yaml")).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{text}");
            text = text.replace(from, to);
        }
        app.manifest(&text);
        let migrate = ["migrate", app.path(), "--allow-loss"];
        let (code, out, err) = finish(pintle(&migrate).args(app.store()));
        assert_eq!(code, 0, "{out}{err}");
    };
    // A field that is no more: what the letter says of it is not thrown away.
    change(&[("      name: text\n", ""), (" or name is null", "")]);
    let (code, out, _) = replay(&app, &["places"]);
    assert_eq!((code, out.as_str()), (1, "places: 0 stored, 1 left\n"));
    let found = letters(&app, "places");
    assert_eq!((&found[0]["code"], &found[0]["attempts"]), (&json!("42703"), &json!(2)));
    assert_eq!(found[0]["message"], "`name` is no field of `places`");
    // One that has another name now, and one that is new.
    let newer = "      label: { type: text, renamed_from: name }\n      kind: { type: text, required: true, default: plain }\n      at:";
    change(&[("      at:", newer)]);
    let (code, out, err) = replay(&app, &["places"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "places: 1 stored, 0 left\n", ""));
    let found = app.serve().get("/rest/v1/places?select=id,person,label,kind").await.has(200).json();
    assert_eq!(found, json!([{ "id": "a", "person": 1, "label": "A", "kind": "plain" }]));
}

/// So many visits of a person whom nobody knows yet.
async fn visits(server: &Server, number: usize) {
    let visits = json!((0..number).map(|_| json!({ "person": 1 })).collect::<Vec<_>>());
    server.post("/visits", visits).await.has(207);
    server.post("/rest/v1/persons", json!({ "id": 1 })).await.has(201);
}

async fn a_letter_is_stored_once_however_often_it_is_tried_at_once(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    visits(&server, 300).await;
    let replays: Vec<_> = (0..3)
        .map(|_| {
            let mut command = pintle(&["replay", app.path(), "visits"]);
            command.args(app.store());
            std::thread::spawn(move || finish(&mut command))
        })
        .collect();
    let mut stored = 0;
    for replay in replays {
        let (code, out, err) = replay.join().unwrap();
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        stored += out.split(' ').nth(1).unwrap().parse::<u64>().unwrap();
    }
    assert_eq!((stored, count(&server, "visits").await.as_str()), (300, "300"));
}

async fn a_replay_that_is_killed_stores_each_letter_once(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    visits(&server, 1000).await;
    let mut killed = pintle(&["replay", app.path(), "visits"]).args(app.store()).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while count(&server, "visits").await == "0" {
        assert!(Instant::now() < deadline, "nothing is stored");
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!letters(&app, "visits").is_empty(), "it was done before it was killed");
    let (code, out, err) = replay(&app, &["visits"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert_eq!(count(&server, "visits").await, "1000");
    assert_eq!(letters(&app, "visits"), Vec::<Value>::new());
}

async fn one_letter_can_be_tried_or_removed(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    for id in ["a", "b", "c"] {
        server.post("/places", json!({ "id": id, "person": 1 })).await.has(202);
    }
    server.post("/rest/v1/persons", json!({ "id": 1 })).await.has(201);
    let found = letters(&app, "places");
    let id = |at: usize| found[at]["id"].as_str().unwrap();
    let (code, out, err) = replay(&app, &["places", id(1)]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "places: 1 stored, 0 left\n", ""));
    let remove = |words: &[&str]| {
        finish(pintle(&[&["dead-letters", "remove", app.path(), "places"], words].concat()).args(app.store()))
    };
    assert_eq!(remove(&[id(0)]), (0, "places: 1 removed\n".to_owned(), String::new()));
    for (code, _, err) in [remove(&[id(0)]), replay(&app, &["places", id(0)])] {
        assert_eq!(code, 1);
        assert!(err.contains(&format!("`places` has no dead letter `{}`", id(0))), "{err}");
    }
    let left = letters(&app, "places");
    assert_eq!((left.len(), &left[0]["record"]["id"]), (1, &json!("c")));
    assert_eq!(remove(&["--all"]), (0, "places: 1 removed\n".to_owned(), String::new()));
    assert_eq!(letters(&app, "places"), Vec::<Value>::new());
    let stored = server.get("/rest/v1/places?select=id").await.has(200).json();
    assert_eq!(stored, json!([{ "id": "b" }]));
    assert_eq!(remove(&[]).0, 2);
}

async fn more_letters_than_there_may_be_are_turned_away(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    let bad = |n: usize| json!({ "id": format!("bad {n}"), "person": 1 });
    for n in 0..3 {
        server.post("/places", bad(n)).await.has(202);
    }
    let refused = server.post("/places", bad(3)).await.has(429);
    assert_eq!(refused.headers["retry-after"], "60");
    assert_eq!(refused.json()["message"], "there is no room for another dead letter: at most 3 may be kept");
    // Nobody else has to wait.
    server.post("/places", json!({ "id": "good" })).await.has(201);
    let answer = server.post("/places", json!([bad(4), { "id": "good too" }, bad(1)])).await.has(207).json();
    let became: Vec<&Value> = answer.as_array().unwrap().iter().map(|one| &one["status"]).collect();
    // One that is kept already needs no room.
    assert_eq!(became, ["failed", "stored", "dead"]);
    assert_eq!(
        (&answer[0]["error"]["code"], &answer[0]["error"]["message"]),
        (&json!("PT429"), &refused.json()["message"])
    );
    assert_eq!(server.post("/places", bad(2)).await.has(202).json()["status"], "dead");
    let stream = format!("{}\n{}\n{}\n", json!({ "id": "good as well" }), bad(5), json!({ "id": "good behind it" }));
    let answer = server.post("/places", stream).header("Content-Type", "application/x-ndjson").await.has(200).text;
    let lines: Vec<Value> = answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let became: Vec<&Value> = lines.iter().map(|line| &line["status"]).collect();
    assert_eq!(became, ["stored", "failed", "stored"]);
    assert_eq!(count(&server, "places").await, "4");
    let metrics = server.get("/metrics").await.has(200).text;
    assert!(metrics.contains("pintle_pipeline_dead_letters{pipeline=\"places\"} 3"), "{metrics}");
    // There is room again once somebody has made some; a server hears of that within a second.
    let (code, ..) = finish(pintle(&["dead-letters", "remove", app.path(), "places", "--all"]).args(app.store()));
    assert_eq!(code, 0);
    let deadline = Instant::now() + PATIENCE;
    while server.post("/places", bad(3)).await.status != 202 {
        assert!(Instant::now() < deadline, "there is no room");
    }
    assert_eq!(letters(&app, "places").len(), 1);
}

async fn letters_that_are_too_old_are_removed(place: Place) {
    let app = App::of(&MANIFEST.replace("records: 3", "records: 1000, keep: 1s")).on(place);
    let server = app.serve();
    let many = json!((0..900).map(|n| json!({ "id": n.to_string(), "person": 1 })).collect::<Vec<_>>());
    server.post("/places", many).await.has(207);
    server.post("/visits", json!({ "person": 1 })).await.has(202);
    drop(server);
    // A server looks soon after it has begun, and then every now and then; it may miss one look.
    let deadline = Instant::now() + PATIENCE;
    let mut server = Some(app.serve());
    let mut again = Instant::now() + PATIENCE / 6;
    while !letters(&app, "places").is_empty() {
        assert!(Instant::now() < deadline, "they are still there");
        if Instant::now() > again {
            drop(server.take());
            server = Some(app.serve());
            again = Instant::now() + PATIENCE / 6;
        }
    }
    assert_eq!(letters(&app, "visits").len(), 1);
}

async fn what_is_stored_is_told_so_though_its_policy_fell(place: Place) {
    let app = App::of(GATED).on(place);
    let server = app.serve();
    let visit = |place: &str| json!({ "place": place, "day": "2026-01-02" });
    server.post("/rest/v1/gates", json!({ "id": 1 })).await.has(201);
    server.post("/visits", visit("a")).await.has(201);
    server.delete("/rest/v1/gates?id=eq.1").await.has(204);
    // Its answer was lost, so it comes again: it must not be told that it is not stored.
    assert_eq!(server.post("/visits", visit("a")).await.has(200).json()["status"], "stored");
    server.post("/visits", visit("b")).await.has(202);
    let answer = server.post("/visits", json!([visit("c"), visit("a"), visit("d")])).await.has(207).json();
    let became: Vec<&Value> = answer.as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(became, ["dead", "stored", "dead"]);
    let dead: Vec<Value> = letters(&app, "visits").iter().map(|letter| letter["record"]["place"].clone()).collect();
    assert_eq!(dead.len(), 3);
    assert!(!dead.contains(&json!("a")), "{dead:?}");
}

async fn who_waits_for_room_is_not_turned_away(place: Place) {
    let app =
        App::of(&MANIFEST.replace("into: visits }", "into: visits, limits: { queue: 10 }, batch: { records: 100 } }"))
            .on(place);
    let server = app.serve();
    server.post("/rest/v1/persons", json!({ "id": 1 })).await.has(201);
    let lines = "{\"person\":1}\n".repeat(500);
    let stream = || server.post("/visits", lines.as_str()).header("Content-Type", "application/x-ndjson").into_future();
    let streams: JoinSet<_> = (0..4).map(|_| stream()).collect();
    // More than there ever is room for: between the others there is a moment for it.
    let many = json!((0..50).map(|_| json!({ "person": 1 })).collect::<Vec<_>>());
    let deadline = Instant::now() + PATIENCE;
    let mut refused = 0;
    while server.post("/visits", many.clone()).await.status == 429 {
        refused += 1;
        assert!(Instant::now() < deadline, "an array of many waits for ever");
    }
    for answer in streams.join_all().await {
        assert!(answer.has(200).text.lines().all(|line| line.contains("\"stored\"")));
    }
    assert_eq!(count(&server, "visits").await, "2050");
    let metrics = server.get("/metrics").await.has(200).text;
    let turned_away =
        format!("pintle_pipeline_records_total{{pipeline=\"visits\",outcome=\"turned_away\"}} {}", refused * 50);
    assert!(metrics.contains(&turned_away), "{turned_away}: {metrics}");
    assert!(metrics.contains("pintle_pipeline_waiting{pipeline=\"visits\"} 0"), "{metrics}");
}
