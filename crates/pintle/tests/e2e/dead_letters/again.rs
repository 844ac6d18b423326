//! Letters whose records come again, or are tried again.

use serde_json::{Value, json};

use super::{GATED, MANIFEST, letters, replay, visits};
use crate::common::{App, Place, finish, pintle};

on_both_stores!(
    a_record_that_is_sent_again_is_kept_as_long_as_one_that_came_then,
    a_letter_whose_record_is_stored_meanwhile_is_done_though_a_policy_refuses_it,
    a_letter_that_the_store_has_a_defect_with_holds_up_no_other,
    a_letter_reads_alike_on_both_stores,
    what_cannot_be_meant_removes_and_shows_nothing,
    letters_that_are_removed_together_are_all_removed_by_one,
    letters_of_a_server_whose_clock_is_ahead_are_there_too,
);

async fn a_record_that_is_sent_again_is_kept_as_long_as_one_that_came_then(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    let bad = || server.post("/places", json!({ "id": "a", "person": 1 }));
    bad().await.has(202);
    app.by_hand("UPDATE _pintle_dead_letters SET code = 'old'");
    let first = letters(&app, "places");
    bad().await.has(202);
    let again = letters(&app, "places");
    assert_eq!((again.len(), &again[0]["id"]), (1, &first[0]["id"]));
    let came = |letters: &[Value]| letters[0]["received_at"].as_str().unwrap().to_owned();
    assert!(came(&again) > came(&first), "{again:?}");
    assert_eq!(
        (&first[0]["code"], &again[0]["code"], &again[0]["attempts"]),
        (&json!("old"), &json!("23503"), &json!(1))
    );
    // Twice in one request is once.
    let twice = json!([{ "id": "b", "person": 1 }, { "id": "b", "person": 1 }, { "id": "a", "person": 1 }]);
    server.post("/places", twice).await.has(207);
    assert_eq!(letters(&app, "places").len(), 2);
}

async fn a_letter_whose_record_is_stored_meanwhile_is_done_though_a_policy_refuses_it(place: Place) {
    let app = App::of(GATED).on(place);
    let server = app.serve();
    let visit = |place: &str| server.post("/visits", json!({ "place": place, "day": "2026-01-02" }));
    visit("a").await.has(202);
    visit("b").await.has(202);
    server.post("/rest/v1/gates", json!({ "id": 1 })).await.has(201);
    visit("a").await.has(201);
    server.delete("/rest/v1/gates?id=eq.1").await.has(204);
    let (code, out, _) = replay(&app, &["visits"]);
    assert_eq!((code, out.as_str()), (1, "visits: 1 stored, 1 left\n"));
    let left = letters(&app, "visits");
    assert_eq!((left.len(), &left[0]["record"]["place"], &left[0]["code"]), (1, &json!("b"), &json!("42501")));
}

async fn a_letter_that_the_store_has_a_defect_with_holds_up_no_other(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    for id in ["a", "b", "c"] {
        server.post("/places", json!({ "id": id, "person": 1 })).await.has(202);
    }
    server.post("/rest/v1/persons", json!({ "id": 1 })).await.has(201);
    app.by_hand(if place == Place::Sqlite {
        "CREATE TRIGGER broken BEFORE INSERT ON places WHEN new.id = 'b' BEGIN SELECT json(new.id); END"
    } else {
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken' USING ERRCODE = 'XX000'; END $$; \
         CREATE TRIGGER broken BEFORE INSERT ON places FOR EACH ROW WHEN (new.id = 'b') EXECUTE FUNCTION broken()"
    });
    let (code, out, _) = replay(&app, &["places"]);
    assert_eq!((code, out.as_str()), (1, "places: 2 stored, 1 left\n"));
    let left = letters(&app, "places");
    assert_eq!((left.len(), &left[0]["record"]["id"], &left[0]["code"]), (1, &json!("b"), &json!("XX000")));
    app.by_hand(if place == Place::Sqlite { "DROP TRIGGER broken" } else { "DROP TRIGGER broken ON places" });
    assert_eq!(replay(&app, &["places"]), (0, "places: 1 stored, 0 left\n".to_owned(), String::new()));
}

async fn a_letter_reads_alike_on_both_stores(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    let record = json!({ "id": "a", "person": 1, "name": "A", "at": "2026-01-02T03:04:05Z" });
    server.post("/places", record).await.has(202);
    let (_, out, _) = finish(pintle(&["dead-letters", "list", app.path(), "places", "--json"]).args(app.store()));
    let record = r#""record":{"at": "2026-01-02T03:04:05+00:00", "id": "a", "name": "A", "person": 1},"caller":{"role":"anon","user":null,"claims":{}}"#;
    assert!(out.contains(record), "{out}");
}

async fn what_cannot_be_meant_removes_and_shows_nothing(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    server.post("/places", json!({ "id": "a", "person": 1 })).await.has(202);
    let id = letters(&app, "places")[0]["id"].as_str().unwrap().to_owned();
    let run = |words: &[&str]| finish(pintle(&[&["dead-letters"], words].concat()).args(app.store()));
    let (code, out, err) = run(&["remove", app.path(), "places", &id, "unknown"]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("`places` has no dead letter `unknown`"), "{err}");
    assert_eq!(letters(&app, "places").len(), 1);
    let (code, out, err) = run(&["list", app.path(), "--limit", "0"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("invalid value '0' for '--limit <N>'"), "{err}");
    assert_eq!(run(&["remove", app.path(), "places", &id, &id]), (0, "places: 1 removed\n".to_owned(), String::new()));
}

async fn letters_that_are_removed_together_are_all_removed_by_one(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    visits(&server, 200).await;
    let found = letters(&app, "visits");
    let ids: Vec<&str> = found.iter().map(|letter| letter["id"].as_str().unwrap()).collect();
    let removals: Vec<_> = (0..3)
        .map(|at| {
            let mut command = pintle(&["dead-letters", "remove", app.path(), "visits"]);
            // Each begins with another one.
            command.args(&ids[at * 60..]).args(&ids[..at * 60]).args(app.store());
            std::thread::spawn(move || finish(&mut command))
        })
        .collect();
    let mut told: Vec<_> = removals.into_iter().map(|removal| removal.join().unwrap()).collect();
    told.sort();
    assert_eq!(told[0], (0, "visits: 200 removed\n".to_owned(), String::new()));
    let none =
        |(code, out, err): &(i32, String, String)| *code == 1 && out.is_empty() && err.contains("no dead letter");
    assert!(told[1..].iter().all(none), "{told:?}");
    assert_eq!(letters(&app, "visits").len(), 0);
}

async fn letters_of_a_server_whose_clock_is_ahead_are_there_too(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    for id in ["a", "b"] {
        server.post("/places", json!({ "id": id, "person": 1 })).await.has(202);
    }
    app.by_hand("UPDATE _pintle_dead_letters SET received_at = '2126-01-02T03:04:05.000000Z'");
    assert_eq!(letters(&app, "places").len(), 2);
    let (_, out, _) = replay(&app, &["places"]);
    assert_eq!(out, "places: 0 stored, 2 left\n");
    let remove = ["dead-letters", "remove", app.path(), "places", "--all"];
    let (code, out, err) = finish(pintle(&remove).args(app.store()));
    assert_eq!((code, out.as_str(), err.as_str()), (0, "places: 2 removed\n", ""));
}
