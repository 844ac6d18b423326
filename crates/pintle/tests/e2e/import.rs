//! `pintle import` and `pintle replay`: files of records, and what could not be stored at first.

use serde_json::{Value, json};

use crate::common::{App, Place, finish, pintle};

on_both_stores!(
    csv_ndjson_and_geojson_are_stored_by_the_types_of_their_fields,
    an_import_goes_on_where_it_was,
    what_could_not_be_stored_is_tried_again,
    each_record_that_could_not_be_stored_is_kept_for_itself,
);

const MANIFEST: &str = "
pintle: 1
public: none
collections:
  persons:
    key: { id: integer }
    policies: { select: 'true', insert: 'true' }
  places:
    key: { id: text }
    fields:
      person: { type: ref, to: persons }
      longitude: { type: number, required: true }
      latitude: { type: number, required: true }
      name: text
      open: boolean
      tags: json
      seen: timestamp
      position: { type: point, of: [longitude, latitude] }
    policies: { select: 'true', insert: 'true' }
pipelines:
  places: { path: /places, into: places, batch: { records: 2 } }
";

fn run(app: &App, words: &[&str]) -> (i32, String, String) {
    finish(pintle(words).args(app.store()))
}

fn import(app: &App, file: &str, text: &str) -> (i32, String, String) {
    std::fs::write(app.file(file), text).unwrap();
    run(app, &["import", app.path(), "places", &app.file(file)])
}

async fn rows(app: &App, query: &str) -> Value {
    let server = app.serve();
    server.get(&format!("/rest/v1/places?{query}&order=id")).await.has(200).json()
}

async fn csv_ndjson_and_geojson_are_stored_by_the_types_of_their_fields(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let csv = "id,longitude,latitude,name,open,tags,seen\n\
               a,7.5,50,\"x, \"\"y\"\"\n2\",true,\"[1,{\"\"b\"\":2}]\",2026-01-02T03:04:05Z\n\
               b,7,50.25,7,,,\n\
               c,seven,50,,,,\n";
    let (code, out, err) = import(&app, "one.csv", csv);
    assert_eq!((code, out.as_str()), (1, "3 records: 2 stored, 1 refused, 0 dead\n"), "{err}");
    // The line in the file: a cell of the first record has two.
    assert!(err.starts_with("5: longitude: "), "{err}");
    let ndjson = "{\"id\":\"d\",\"longitude\":1,\"latitude\":2}\n\n{\"id\":\"a\",\"longitude\":0,\"latitude\":0}\n";
    let (code, out, err) = import(&app, "two.ndjson", ndjson);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "2 records: 2 stored, 0 refused, 0 dead\n", ""));
    let geojson = json!({ "type": "FeatureCollection", "features": [
        { "type": "Feature", "id": "e", "geometry": { "type": "Point", "coordinates": [3, 4.5] }, "properties": { "name": "n" } },
        { "type": "Feature", "properties": null, "id": "f", "geometry": { "type": "Point", "coordinates": [5, 6] } },
    ]});
    let (code, out, err) = import(&app, "three.geojson", &geojson.to_string());
    assert_eq!((code, out.as_str(), err.as_str()), (0, "2 records: 2 stored, 0 refused, 0 dead\n", ""));
    let found = rows(&app, "select=id,longitude,latitude,name,open,tags").await;
    let wanted = json!([
        { "id": "a", "longitude": 7.5, "latitude": 50, "name": "x, \"y\"\n2", "open": true, "tags": [1, { "b": 2 }] },
        { "id": "b", "longitude": 7, "latitude": 50.25, "name": "7", "open": null, "tags": null },
        { "id": "d", "longitude": 1, "latitude": 2, "name": null, "open": null, "tags": null },
        { "id": "e", "longitude": 3, "latitude": 4.5, "name": "n", "open": null, "tags": null },
        { "id": "f", "longitude": 5, "latitude": 6, "name": null, "open": null, "tags": null },
    ]);
    assert_eq!(found, wanted);
    for (file, text, wanted) in [
        ("x.txt", "", "what `"),
        ("x.json", "[]", "was not imported to its end: it is no GeoJSON of a FeatureCollection"),
        ("x.csv", "id\n1,2\n", "was not imported to its end: CSV error: record 1 (line: 2"),
    ] {
        let (code, _, err) = import(&app, file, text);
        assert!(code != 0 && err.contains(wanted), "{code} {err}");
    }
    let (code, _, err) = run(&app, &["import", app.path(), "place", &app.file("one.csv")]);
    assert_eq!(code, 1);
    assert!(err.contains("has no pipeline `place`") && err.contains("did you mean `places`?"), "{err}");
}

async fn an_import_goes_on_where_it_was(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let line = |n: usize| format!("{{\"id\":\"{n}\",\"longitude\":{n},\"latitude\":0}}\n");
    // A file that ends amid a record stands for an import that was stopped there.
    let first: String = (0..7).map(line).collect();
    let csv: String = (0..7).map(|n| format!("c{n},{n},0\n")).collect();
    for (file, begun, broken, rest, going_on) in [
        (
            "a.geojson",
            geojson(&first, ""),
            true,
            geojson(&first, &line(7)),
            "Going on behind 6 records that are in already.\n",
        ),
        (
            "b.csv",
            format!("id,longitude,latitude\n{csv}c7,7"),
            true,
            format!("id,longitude,latitude\n{csv}c7,7,0\n"),
            "Going on behind 6 records that are in already.\n",
        ),
    ] {
        let begun = if broken { begun.trim_end_matches("]}").to_owned() } else { begun };
        let (code, _, err) = import(&app, file, &begun);
        assert_eq!(code, 1, "{err}");
        assert!(err.contains("the same command goes on where this one ended"), "{err}");
        let (code, out, err) = import(&app, file, &rest);
        assert_eq!((code, out.as_str(), err.as_str()), (0, "8 records: 8 stored, 0 refused, 0 dead\n", going_on));
        // It is done: the next one begins anew, and what was seen is there once.
        let (code, out, err) = import(&app, file, &rest);
        assert_eq!((code, out.as_str(), err.as_str()), (0, "8 records: 8 stored, 0 refused, 0 dead\n", ""));
    }
    assert_eq!(rows(&app, "select=id").await.as_array().unwrap().len(), 16);
}

/// Lines of records as features, those behind the first ones too.
fn geojson(first: &str, more: &str) -> String {
    let features = first
        .lines()
        .chain(more.lines())
        .map(|line| format!(r#"{{"type":"Feature","properties":{line},"geometry":null}}"#));
    format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.collect::<Vec<_>>().join(","))
}

async fn what_could_not_be_stored_is_tried_again(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let record =
        |id: &str, person: i32| format!("{{\"id\":\"{id}\",\"person\":{person},\"longitude\":1,\"latitude\":2}}\n");
    let lines = [record("a", 1), record("b", 2), record("c", 1), "{\"id\":\"d\"}\n".to_owned()].concat();
    let (code, out, err) = import(&app, "x.ndjson", &lines);
    assert_eq!((code, out.as_str()), (1, "4 records: 0 stored, 1 refused, 3 dead\n"));
    assert!(err.contains("1: insert or update on table \"places\" violates foreign key constraint"), "{err}");
    let replay = |words: &[&str]| run(&app, &[&["replay", app.path()], words].concat());
    let (code, out, err) = replay(&[]);
    assert_eq!((code, out.as_str()), (1, "places: 0 stored, 3 left\n"));
    assert!(err.contains("not all could be stored"), "{err}");
    let server = app.serve();
    server.post("/rest/v1/persons", json!({ "id": 1 })).await.has(201);
    let (code, out, _) = replay(&["places"]);
    assert_eq!((code, out.as_str()), (1, "places: 2 stored, 1 left\n"));
    // One that came again meanwhile is there once.
    server.post("/rest/v1/persons", json!({ "id": 2 })).await.has(201);
    server.post("/places", json!({ "id": "b", "person": 1, "longitude": 9, "latitude": 9 })).await.has(201);
    let (code, out, err) = replay(&["places"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "places: 1 stored, 0 left\n", ""));
    let found = server.get("/rest/v1/places?select=id,person,longitude&order=id").await.has(200).json();
    let wanted = [("a", 1, 1), ("b", 1, 9), ("c", 1, 1)];
    assert_eq!(
        found,
        json!(wanted.map(|(id, person, longitude)| json!({ "id": id, "person": person, "longitude": longitude })))
    );
}

async fn each_record_that_could_not_be_stored_is_kept_for_itself(place: Place) {
    let app = App::of(
        "
pintle: 1
public: none
collections:
  persons: { key: { id: integer }, policies: { select: 'true', insert: 'true' } }
  visits:
    key: { place: text, day: text }
    fields: { person: { type: ref, to: persons }, code: { type: text, unique: true } }
    policies: { select: 'true', insert: 'true' }
pipelines:
  visits: { path: /visits, into: visits }
  codes: { path: /codes, into: visits, id: code }
",
    )
    .on(place);
    let server = app.serve();
    let dead = async |door: &str, place: &str, day: &str| {
        let record = json!({ "place": place, "day": day, "person": 1 });
        server.post(door, record).await.has(202);
    };
    // No two keys of two fields are the same letter's.
    dead("/visits", "a,b", "c").await;
    dead("/visits", "a", "b,c").await;
    // Nor are records whose id is null.
    dead("/codes", "d", "1").await;
    dead("/codes", "e", "1").await;
    server.post("/rest/v1/persons", json!({ "id": 1 })).await.has(201);
    let (code, out, err) = run(&app, &["replay", app.path()]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "visits: 2 stored, 0 left\ncodes: 2 stored, 0 left\n", ""));
    let found = server.get("/rest/v1/visits?select=place,day&order=place,day").await.has(200).json();
    let wanted = [("a", "b,c"), ("a,b", "c"), ("d", "1"), ("e", "1")];
    assert_eq!(found, json!(wanted.map(|(place, day)| json!({ "place": place, "day": day }))));
}
