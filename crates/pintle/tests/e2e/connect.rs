//! `apps/connect`, in the shapes that its clients know, and with tokens as `private.yaml` has it.

use serde_json::{Value, json};

use crate::common::{App, Place, Server, finish, pintle};

in_every_way!(
    a_location_is_taken_with_numbers_or_texts_and_told_with_texts,
    whom_a_person_has_been_near_is_told_with_each_place,
    mistakes_are_told_with_their_reason,
    locations_come_in_by_the_pipeline_alone_and_nobody_s_number_is_beyond_those_of_javascript,
    the_list_of_persons_is_whole,
    pages_of_another_port_may_call_and_the_documentation_stands_at_the_root,
    the_sample_conference_is_the_same_each_time;
    whoever_has_a_token_reads_their_own_and_what_is_permitted,
);

on_postgres_without_postgis!(
    a_location_is_taken_with_numbers_or_texts_and_told_with_texts,
    whom_a_person_has_been_near_is_told_with_each_place,
    mistakes_are_told_with_their_reason,
    the_sample_conference_is_the_same_each_time,
    whoever_has_a_token_reads_their_own_and_what_is_permitted,
);

fn person(first: &str, last: &str) -> Value {
    json!({ "first_name": first, "last_name": last, "company_name": "Alder Maps" })
}

fn place_of(person: i64, longitude: f64, latitude: f64, time: &str) -> Value {
    json!({ "person_id": person, "longitude": longitude, "latitude": latitude, "creation_time": time })
}

/// Two persons, whom the server counts.
async fn two(server: &Server) {
    server.post("/api/persons", person("Ada", "Abel")).await.has(201);
    server.post("/api/persons", person("Björn", "Brandt")).await.has(201);
}

async fn a_location_is_taken_with_numbers_or_texts_and_told_with_texts(place: Place) {
    let app = App::shipped("connect").on(place);
    let server = app.serve();
    two(&server).await;
    server
        .get("/api/persons/2")
        .await
        .is(200, json!({ "id": 2, "first_name": "Björn", "last_name": "Brandt", "company_name": "Alder Maps" }));
    let numbers = place_of(1, 11.08, -49.4171, "2020-08-15T10:37:06Z");
    let texts =
        json!({ "person_id": 1, "longitude": "11.08", "latitude": "-49.4171", "creation_time": "2020-08-15T10:37:06" });
    for body in [numbers, texts] {
        let stored = server.post("/api/locations", body).await.has(201).json();
        assert_eq!((&stored["longitude"], &stored["latitude"]), (&json!(11.08), &json!(-49.4171)));
        let id = stored["id"].as_str().unwrap().to_owned();
        server.get(&format!("/api/locations/{id}")).await.is(
            200,
            json!({ "id": id, "person_id": 1, "longitude": "11.08", "latitude": "-49.4171", "creation_time": "2020-08-15T10:37:06+00:00" }),
        );
    }
    server.get("/api/locations/00000000-0000-7000-8000-000000000000").await.has(404);
}

async fn whom_a_person_has_been_near_is_told_with_each_place(place: Place) {
    let app = App::shipped("connect").on(place);
    let server = app.serve();
    two(&server).await;
    // Björn is a metre off an hour later; on the next day he is eleven metres off.
    let mut ids = Vec::new();
    for (who, latitude, time) in [
        (1, 49.41, "2020-01-01T10:00:00Z"),
        (2, 49.41001, "2020-01-01T11:00:00Z"),
        (2, 49.4101, "2020-01-02T23:59:59Z"),
        (1, 48.0, "2020-01-03T10:00:00Z"),
        (2, 49.41, "2020-01-03T00:00:00Z"),
    ] {
        let stored = server.post("/api/locations", place_of(who, 11.08, latitude, time)).await.has(201);
        ids.push(stored.json()["id"].clone());
    }
    let bjorn = json!({ "id": 2, "first_name": "Björn", "last_name": "Brandt", "company_name": "Alder Maps" });
    let near = |at: usize, latitude: f64, time: &str| {
        let location =
            json!({ "id": ids[at], "person_id": 2, "longitude": 11.08, "latitude": latitude, "creation_time": time });
        json!({ "location": location, "person": bjorn })
    };
    let asked = |from: &str, to: &str, distance: &str| {
        server.get(&format!("/api/persons/1/connection?start_date={from}&end_date={to}&distance={distance}"))
    };
    let first = near(1, 49.41001, "2020-01-01T11:00:00+00:00");
    asked("2020-01-01", "2020-01-02", "5").await.is(200, json!([first]));
    let second = near(2, 49.4101, "2020-01-02T23:59:59+00:00");
    asked("2020-01-01", "2020-01-02", "12").await.is(200, json!([first, second]));
    asked("2020-01-02", "2020-01-03", "12").await.is(200, json!([]));
    let third = near(4, 49.41, "2020-01-03T00:00:00+00:00");
    asked("2020-01-01", "2020-12-30", "5").await.is(200, json!([first, third]));
}

async fn mistakes_are_told_with_their_reason(place: Place) {
    let app = App::shipped("connect").on(place);
    let server = app.serve();
    two(&server).await;
    for (question, status, message) in [
        (
            "9/connection?start_date=2020-01-01&end_date=2020-01-02",
            404,
            "there is no such row, or the caller may not see it",
        ),
        ("1/connection?end_date=2020-01-02", 400, "`start_date` is required"),
        ("1/connection?start_date=2020-01-03&end_date=2020-01-02", 400, "`end_date` is before `start_date`"),
        ("1/connection?start_date=2020-01-01&end_date=2020-01-02&distance=-1", 400, "`distance` must be at least 0"),
        (
            "1/connection?start_date=2020-01-01&end_date=2020-01-02&distance=1e6",
            400,
            "`distance` must be at most 100000",
        ),
    ] {
        let told = server.get(&format!("/api/persons/{question}")).await.has(status).json();
        assert_eq!(told["message"], message, "{question}");
    }
    let bad = "1/connection?start_date=2020-02-30&end_date=soon&distance=near";
    let told = server.get(&format!("/api/persons/{bad}")).await.has(400).json();
    assert_eq!(told["details"].as_array().map(Vec::len), Some(3), "{told}");
    server.post("/api/persons", json!({ "first_name": "Ada" })).await.has(400);
    server.post("/api/locations", place_of(1, 181.0, 91.0, "2020-01-01")).await.has(400);
    // Nobody of this number: a dead letter, not lost.
    server.post("/api/locations", place_of(99, 1.0, 1.0, "2020-01-01")).await.has(202);
}

async fn locations_come_in_by_the_pipeline_alone_and_nobody_s_number_is_beyond_those_of_javascript(place: Place) {
    let app = App::shipped("connect").on(place);
    let server = app.serve();
    two(&server).await;
    let at = place_of(1, 11.08, 49.41, "2020-01-01T10:00:00Z");
    let told = server.post("/rest/v1/locations", at.clone()).await.has(401).json();
    let hint = told["hint"].as_str().unwrap();
    assert!(hint.ends_with("; its records come in by the pipeline at /api/locations"), "{hint}");
    server.post("/api/locations", at).await.has(201);
    server.get("/rest/v1/locations?select=person_id").await.is(200, json!([{ "person_id": 1 }]));

    let mut chosen = person("Eve", "Far");
    chosen["id"] = json!(9_007_199_254_740_991_u64);
    server.post("/api/persons", chosen.clone()).await.has(400);
    server.post("/rest/v1/persons", chosen).await.has(400);
    let third = server.post("/api/persons", person("Finn", "Fox")).await.has(201).json();
    assert!(third["id"].as_i64().is_some_and(|id| id < 10), "{third}");
    // Who chooses the greatest leaves room for all that follow.
    let mut chosen = person("Eve", "Far");
    chosen["id"] = json!((1_u64 << 52) - 1);
    server.post("/api/persons", chosen).await.has(201);
    for next in 0..2 {
        let counted = server.post("/api/persons", person("Gil", "Gray")).await.has(201).json();
        assert_eq!(counted["id"], json!((1_u64 << 52) + next));
    }
    server.post("/api/persons", person(" ", "Fox")).await.has(400);

    // A phone whose clock is wrong leads nobody there.
    for time in ["9999-12-31T09:00:00Z", "2099-01-01T00:00:00Z"] {
        server.post("/api/locations", place_of(1, 11.08, 49.41, time)).await.has(201);
    }
    let day = "2020-01-01T10:00:00+00:00";
    server.get("/api/span?until=2020-01-02").await.is(200, json!({ "first": day, "last": day }));
    server.get("/api/span").await.is(200, json!({ "first": day, "last": "9999-12-31T09:00:00+00:00" }));
}

async fn the_list_of_persons_is_whole(place: Place) {
    let app = App::shipped("connect").on(place);
    let server = app.serve();
    let many: Vec<Value> = (0..1500).map(|n| person("Ada", &format!("Abel {n}"))).collect();
    server.post("/rest/v1/persons", json!(many)).await.has(201);
    let all = server.get("/api/persons").await.has(200).json();
    assert_eq!(all.as_array().map(Vec::len), Some(1500));
}

async fn pages_of_another_port_may_call_and_the_documentation_stands_at_the_root(place: Place) {
    let app = App::shipped("connect").on(place);
    let server = app.serve();
    let answer = server.get("/api/persons").header("Origin", "http://localhost:30000").await.has(200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(server.get("/").await.has(200).header("content-type").starts_with("text/html"));
    let document = server.get("/openapi.json").await.has(200).json();
    let answers = &document["paths"]["/api/persons/{id}/connection"]["get"]["responses"];
    assert!(answers["404"].is_object(), "{answers}");
    let item = &answers["200"]["content"]["application/json"]["schema"]["items"]["properties"];
    assert_eq!(item["location"]["properties"]["longitude"]["type"], json!(["number", "null"]), "{item}");
    assert_eq!(item["person"]["type"], json!(["object", "null"]), "{item}");
    for path in ["/api/persons", "/api/persons/{id}", "/api/locations/{id}"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
}

async fn the_sample_conference_is_the_same_each_time(place: Place) {
    let app = App::shipped("connect").on(place);
    let seeded = || {
        finish(
            pintle(&["seed", app.path(), "--again", "--set", "people=12", "--set", "locations=600"]).args(app.store()),
        )
    };
    let (code, out, err) = seeded();
    assert_eq!(code, 0, "{out}{err}");
    let server = app.serve();
    let question = "/api/persons/3/connection?start_date=2020-01-01&end_date=2020-01-31&distance=20";
    let met = server.get(question).await.has(200).json();
    assert!(met.as_array().is_some_and(|met| met.len() > 5), "{met}");
    let (code, out, err) = seeded();
    assert_eq!(code, 0, "{out}{err}");
    server.get(question).await.is(200, met);
    let span = server.get("/api/span").await.has(200).json();
    assert!(span["first"].as_str().unwrap().starts_with("2020-01-01T09:"), "{span}");
    let replay = server.get("/api/replay?from=2020-01-01&to=2020-01-02").await.has(200).json();
    assert_eq!(replay.as_array().map(Vec::len), Some(300));
}

async fn whoever_has_a_token_reads_their_own_and_what_is_permitted(place: Place) {
    let app = App::shipped("connect").on(place);
    std::fs::rename(app.file("private.yaml"), app.file("pintle.yaml")).unwrap();
    let server = app.serve();
    let [ada, bjorn, chiara] = ["ada", "bjorn", "chiara"].map(|name| app.token_of(name, "authenticated", Some(name)));
    server.get("/api/persons").await.is(200, json!([]));
    server.post("/api/locations", place_of(1, 11.08, 49.41, "2020-01-01T10:00:00Z")).await.has(401);
    for (token, first) in [(&ada, "Ada"), (&bjorn, "Björn"), (&chiara, "Chiara")] {
        server.post("/api/persons", person(first, "X")).token(token).await.has(201);
    }
    for (token, id) in [(&ada, 1), (&bjorn, 2), (&chiara, 3)] {
        let at = place_of(id, 11.08, 49.41, "2020-01-01T10:00:00Z");
        let stored = server.post("/api/locations", at).token(token).await.has(201).json();
        let location = format!("/api/locations/{}", stored["id"].as_str().unwrap());
        server.get(&location).token(&ada).await.has(if id == 1 { 200 } else { 404 });
    }
    // Nobody tells where somebody else was.
    let forged = place_of(2, 11.08, 49.41, "2020-01-01T10:00:00Z");
    server.post("/api/locations", forged).token(&ada).await.has(202);

    let met = async |whose: i64, token: &str| {
        let path = format!("/api/persons/{whose}/connection?start_date=2020-01-01&end_date=2020-01-01&distance=5");
        let told = server.get(&path).token(token).await.has(200).json();
        let who = told.as_array().unwrap().iter().map(|met| met["person"]["id"].as_i64().unwrap()).collect::<Vec<_>>();
        server.get("/api/span").token(token).await.has(200);
        who
    };
    assert_eq!(met(1, &ada).await, [0; 0]);
    others_are_hidden(&server, &ada).await;
    let permit = json!({ "person_id": 2, "reader": "ada" });
    server.post("/rest/v1/permits", permit.clone()).token(&ada).await.has(403);
    server.post("/rest/v1/permits", permit).token(&bjorn).await.has(201);
    assert_eq!(met(1, &ada).await, [2], "Björn permits Ada, and Chiara does not");
    assert_eq!(met(2, &ada).await, [1], "Björn's meetings, as far as Ada may read both");
    assert_eq!(met(1, &bjorn).await, [0; 0], "Ada permits nobody");
    let permits = |token: &str| server.get("/rest/v1/permits?select=person_id").token(token);
    permits(&ada).await.is(200, json!([{ "person_id": 2 }]));
    permits(&bjorn).await.is(200, json!([{ "person_id": 2 }]));
    permits(&chiara).await.is(200, json!([]));
    server.delete("/rest/v1/permits?person_id=eq.2").token(&chiara).await.has(204);
    permits(&ada).await.is(200, json!([{ "person_id": 2 }]));
    let told = server.get("/rest/v1/locations?select=person_id&order=person_id").token(&ada).await;
    told.is(200, json!([{ "person_id": 1 }, { "person_id": 2 }]));
    server.delete("/rest/v1/permits?person_id=eq.2").token(&bjorn).await.has(204);
    assert_eq!(met(1, &ada).await, [0; 0]);
}

/// Wherever locations are told: Ada reads her own alone, and who has no token none.
async fn others_are_hidden(server: &Server, ada: &str) {
    let told = server.get("/rest/v1/locations?select=id,person_id").token(ada).await.has(200).json();
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(told[0]["person_id"], 1);
    let own = told[0]["id"].as_str().unwrap();
    server.get(&format!("/api/locations/{own}")).token(ada).await.has(200);
    let at = |id: i64| place_of(id, 11.08, 49.41, "2020-01-01T11:00:00Z");
    server.post("/rest/v1/locations", at(1)).token(ada).await.has(403);
    let replay = "/api/replay?from=2020-01-01&to=2020-01-02";
    let told = server.get(replay).token(ada).await.has(200).json();
    assert!(told.as_array().is_some_and(|told| told.len() == 1 && told[0]["person_id"] == 1), "{told}");
    let days = "start_date=2020-01-01&end_date=2020-01-01";
    for whose in 1..=3 {
        server.get(&format!("/api/persons/{whose}/encounters?{days}")).token(ada).await.is(200, json!([]));
    }
    server.get("/rest/v1/permits").token(ada).await.is(200, json!([]));
    for path in [&format!("/api/locations/{own}"), replay, "/api/span", &format!("/api/persons/1/encounters?{days}")] {
        server.get(path).await.has(401);
    }
    server.get("/rest/v1/locations").await.is(200, json!([]));
}
