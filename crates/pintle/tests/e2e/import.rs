//! `pintle import` and `pintle replay`: files of records, and what could not be stored at first.

use serde_json::{Value, json};

use crate::common::{App, Place, finish, pintle};

on_both_stores!(
    csv_ndjson_and_geojson_are_stored_by_the_types_of_their_fields,
    a_byte_order_mark_before_a_file_is_none_of_it,
    what_a_feature_says_twice_is_told_by_its_properties_and_its_place_by_its_geometry,
    what_is_no_record_is_named_by_its_place_and_its_neighbours_go_in,
    what_is_no_text_or_no_json_costs_its_record_alone,
    a_record_that_is_too_long_costs_itself_and_an_open_quote_is_named,
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

fn import(app: &App, file: &str, text: impl AsRef<[u8]>) -> (i32, String, String) {
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
    let (code, out, err) = import(&app, "three.geojson", geojson.to_string());
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
    ] {
        let (code, _, err) = import(&app, file, text);
        assert!(code != 0 && err.contains(wanted), "{code} {err}");
    }
    let (code, _, err) = run(&app, &["import", app.path(), "place", &app.file("one.csv")]);
    assert_eq!(code, 1);
    assert!(err.contains("has no pipeline `place`") && err.contains("did you mean `places`?"), "{err}");
}

async fn a_byte_order_mark_before_a_file_is_none_of_it(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let record = |id: &str| format!("{{\"id\":\"{id}\",\"longitude\":1,\"latitude\":2}}\n");
    let lines = [record("c"), record("d"), record("e")].concat();
    for (file, text, count) in [
        ("one.csv", "\"id\",longitude,latitude\na,1,2\nb,1,2\n".to_owned(), 2),
        ("two.ndjson", lines, 3),
        ("three.geojson", geojson(&record("f"), &record("g")), 2),
    ] {
        let (code, out, err) = import(&app, file, format!("\u{feff}{text}"));
        assert_eq!(err, "", "{file}");
        assert_eq!((code, out), (0, format!("{count} records: {count} stored, 0 refused, 0 dead\n")), "{file}");
    }
    // One that was broken off goes on where it was: the mark is counted with what stands before the first record.
    let (first, more) = ([record("h"), record("i")].concat(), record("j"));
    let csv = "id,longitude,latitude\nk,1,2\nl,1,2\n";
    for (file, begun, rest) in [
        ("four.geojson", geojson(&first, "").replace("]}", ""), geojson(&first, &more)),
        ("five.csv", format!("{csv}m,1,\"2"), format!("{csv}m,1,2\n")),
    ] {
        let (code, _, err) = import(&app, file, format!("\u{feff}{begun}"));
        assert!(code == 1 && err.contains("2 records: 2 stored, 0 refused"), "{code} {err}");
        let (code, out, err) = import(&app, file, format!("\u{feff}{rest}"));
        assert_eq!((code, out.as_str()), (0, "3 records: 3 stored, 0 refused, 0 dead\n"), "{err}");
    }
    let found = rows(&app, "select=id").await;
    let wanted = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"];
    assert_eq!(found, json!(wanted.map(|id| json!({ "id": id }))));
}

async fn what_a_feature_says_twice_is_told_by_its_properties_and_its_place_by_its_geometry(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let geometry = json!({ "type": "Point", "coordinates": [3, 4] });
    let properties = json!({ "longitude": 1, "latitude": 2 });
    let features = json!({ "type": "FeatureCollection", "features": [
        { "type": "Feature", "id": "x", "properties": { "id": "a" }, "geometry": geometry },
        { "type": "Feature", "id": "b", "properties": properties, "geometry": geometry },
        { "type": "Feature", "id": "c", "properties": properties, "geometry": null },
    ]});
    let (code, out, err) = import(&app, "one.geojson", features.to_string());
    assert_eq!((code, out.as_str(), err.as_str()), (0, "3 records: 3 stored, 0 refused, 0 dead\n", ""));
    let wanted = [("a", 3, 4), ("b", 3, 4), ("c", 1, 2)];
    assert_eq!(
        rows(&app, "select=id,longitude,latitude").await,
        json!(
            wanted.map(|(id, longitude, latitude)| json!({ "id": id, "longitude": longitude, "latitude": latitude }))
        )
    );
}

async fn what_is_no_record_is_named_by_its_place_and_its_neighbours_go_in(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let csv = "id,longitude,latitude\r\na,1,2\r\nb,1\r\nc,1,2,3\r\nd,1,north\r\ne,1,2\r\n";
    let (code, out, err) = import(&app, "one.csv", csv);
    assert_eq!((code, out.as_str()), (1, "5 records: 2 stored, 3 refused, 0 dead\n"), "{err}");
    let told: Vec<&str> = err.lines().take(3).collect();
    assert_eq!(told[0], "3: it has 2 cells, and the file's first line names 3");
    assert_eq!(told[1], "4: it has 4 cells, and the file's first line names 3");
    assert!(told[2].starts_with("5: latitude: "), "{err}");

    let (code, out, err) = import(&app, "two.ndjson", "\n{\"id\":\n[1]\n");
    assert_eq!((code, out.as_str()), (1, "2 records: 0 stored, 2 refused, 0 dead\n"), "{err}");
    assert!(err.contains("2: the record is no JSON: EOF while parsing a value at column 6"), "{err}");
    assert!(err.contains("3: the record must be an object: invalid type: integer `1`"), "{err}");

    let feature = |id: &str, geometry: Value| json!({ "type": "Feature", "id": id, "geometry": geometry });
    let geojson = json!({ "type": "FeatureCollection", "features": [
        feature("f", json!({ "type": "Point", "coordinates": [1, 2, 3] })),
        feature("g", json!({ "type": "LineString", "coordinates": [[1, 2], [3, 4]] })),
        feature("h", json!({ "type": "Point", "coordinates": [1, 91] })),
        feature("i", Value::Null),
        7,
        feature("j", json!({ "type": "Point", "coordinates": [1, 2] })),
        ["Feature", "x", { "type": "Point", "coordinates": [1, 2] }, {}],
        { "type": "Point", "id": "y", "coordinates": [1, 2] },
        { "type": "Feature", "id": "z", "properties": [1], "geometry": { "type": "Point", "coordinates": [1, 2] } },
    ]});
    let (code, out, err) = import(&app, "three.geojson", geojson.to_string());
    assert_eq!((code, out.as_str()), (1, "9 records: 1 stored, 8 refused, 0 dead\n"), "{err}");
    for wanted in [
        "it has a third coordinate, and heights are not kept",
        "its `type` is not \"Point\"",
        "latitude \"91\" is out of range",
        "4: longitude: `longitude` is required; latitude: `latitude` is required",
        "5: it is no feature of GeoJSON",
        "7: it is no feature of GeoJSON",
        "8: it is no feature of GeoJSON",
        "9: its `properties` are no object",
    ] {
        assert!(err.contains(wanted), "{wanted}: {err}");
    }
    assert_eq!(rows(&app, "select=id").await, json!([{ "id": "a" }, { "id": "e" }, { "id": "j" }]));
    for (text, wanted) in [
        ("id,longitude,longitude,latitude\nz,1,2,3\n", "its first line names `longitude` twice"),
        ("", "it has no first line, of names"),
    ] {
        let (code, out, err) = import(&app, "five.csv", text);
        assert!(code == 1 && out.is_empty() && err.contains(wanted), "{code} {out} {err}");
    }
}

async fn what_is_no_text_or_no_json_costs_its_record_alone(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let (code, out, err) = import(&app, "four.csv", b"id,longitude,latitude\nk,1,1\nl,1,\xfc\nm,1,1\n");
    assert_eq!((code, out.as_str()), (1, "3 records: 2 stored, 1 refused, 0 dead\n"), "{err}");
    assert!(err.starts_with("3: latitude: it is no UTF-8\n"), "{err}");
    let place = r#""geometry":{"type":"Point","coordinates":[1,1]}"#;
    let [n, o, p] = [&b"n"[..], b"\xfc", b"p"].map(|id| [br#"{"id":""#, id, br#"","#, place.as_bytes(), b"}"].concat());
    let features = [br#"{"features":["#, [n, o, p].join(&b", "[..]).as_slice(), b"]}"].concat();
    let (code, out, err) = import(&app, "five.geojson", features);
    assert_eq!((code, out.as_str()), (1, "3 records: 2 stored, 1 refused, 0 dead\n"), "{err}");
    assert!(err.starts_with("2: it is no UTF-8\n"), "{err}");
    // What is written as JSON is not taken for a text where it is none.
    let csv = "id,longitude,latitude,tags\nq,1,1,\"[1,\n2\"\nr,1,1,word\ns,1,1,\"\"\"word\"\"\"\n";
    let (code, out, err) = import(&app, "six.csv", csv);
    assert_eq!((code, out.as_str()), (1, "3 records: 1 stored, 2 refused, 0 dead\n"), "{err}");
    let told: Vec<&str> = err.lines().take(2).collect();
    let hint = "a text stands in quotation marks there";
    assert_eq!(
        told[0],
        format!("2: tags: it is no JSON: EOF while parsing a list at line 2 column 1 of the cell; {hint}")
    );
    assert_eq!(told[1], format!("4: tags: it is no JSON: expected value at line 1 column 1 of the cell; {hint}"));
    let found = rows(&app, "select=id,tags").await;
    let stored = ["k", "m", "n", "p"].map(|id| json!({ "id": id, "tags": null }));
    let wanted = [&stored[..], &[json!({ "id": "s", "tags": "word" })]].concat();
    assert_eq!(found, json!(wanted));
}

async fn a_record_that_is_too_long_costs_itself_and_an_open_quote_is_named(place: Place) {
    let app = App::of(&MANIFEST.replace("public: none", "public: none\nlimits: { body: 2KiB }")).on(place);
    let long = "x".repeat(3000);
    let csv = format!("id,longitude,latitude,name\na,1,1,\nb,1,1,{long}\nc,1,1,\n");
    let (code, out, err) = import(&app, "one.csv", csv);
    assert_eq!((code, out.as_str()), (1, "3 records: 2 stored, 1 refused, 0 dead\n"), "{err}");
    assert!(err.starts_with("3: it is longer than the 2048 bytes that the manifest's `limits.body` allows"), "{err}");
    let record =
        |id: &str, name: &str| format!("{{\"id\":\"{id}\",\"longitude\":1,\"latitude\":1,\"name\":\"{name}\"}}\n");
    let lines = [record("d", ""), record("e", &long), " ".repeat(9000), "\n".to_owned(), record("f", "")].concat();
    let (code, out, err) = import(&app, "two.ndjson", lines);
    assert_eq!((code, out.as_str()), (1, "4 records: 2 stored, 2 refused, 0 dead\n"), "{err}");
    assert!(err.starts_with("2: it is longer") && err.contains("\n3: it is longer"), "{err}");
    let feature = |id: &str, name: &str| {
        json!({ "type": "Feature", "id": id, "properties": { "name": name },
        "geometry": { "type": "Point", "coordinates": [1, 1] } })
    };
    let features = json!({ "features": [feature("g", ""), feature("h", &long), feature("i", "")] });
    let (code, out, err) = import(&app, "three.geojson", features.to_string());
    assert_eq!((code, out.as_str()), (1, "3 records: 2 stored, 1 refused, 0 dead\n"), "{err}");

    // A quote that nobody closes would make one record of all the rest. What stands before it is stored, and once it is closed the import goes on.
    let head = "id,longitude,latitude,name\nj,1,1,\nk,1,1,";
    let rest = "l,1,1,\n".repeat(200_000);
    for round in 0..2 {
        let (code, out, err) = import(&app, "four.csv", format!("{head}\"open\n{rest}"));
        assert!(code == 1 && out.is_empty(), "{code} {out}");
        assert!(err.contains("the record that begins in line 3: it is longer than the 2048 bytes"), "{err}");
        assert!(
            err.contains("Does a quote open there that is not closed?") && err.contains("1 record: 1 stored"),
            "{round}: {err}"
        );
    }
    let (code, out, err) = import(&app, "four.csv", format!("{head}\"closed\"\nm,1,1,\n"));
    assert_eq!((code, out.as_str()), (0, "3 records: 3 stored, 0 refused, 0 dead\n"), "{err}");
    let found = rows(&app, "select=id").await;
    assert_eq!(found.as_array().map(Vec::len), Some(9), "{found}");

    // However little stands behind it.
    let head = "id,longitude,latitude,name\nn,1,1,\n";
    for open in ["o,1,1,\"open\np,1,1,\n", "o,1,1,\"open", "o,1,1,\""] {
        let (code, out, err) = import(&app, "five.csv", format!("{head}{open}"));
        assert!(code == 1 && out.is_empty(), "{code} {out}");
        assert!(err.contains("the record that begins in line 3: a quote opens there that is not closed"), "{err}");
        assert!(err.contains("1 record: 1 stored"), "{err}");
    }
    let (code, out, err) = import(&app, "five.csv", format!("{head}o,1,1,\"closed\n\""));
    assert_eq!((code, out.as_str()), (0, "2 records: 2 stored, 0 refused, 0 dead\n"), "{err}");
    // Two files in one.
    let twice = geojson("{\"id\":\"q\",\"longitude\":1,\"latitude\":2}\n", "").repeat(2);
    let (code, out, err) = import(&app, "two.geojson", twice);
    assert!(code == 1 && out.is_empty(), "{code} {out}");
    assert!(err.contains("it is no GeoJSON of a FeatureCollection: trailing characters at line 1 column"), "{err}");
    assert!(err.contains("1 record: 1 stored"), "{err}");
    let (code, _, err) = import(&app, "six.csv", "id,\"longitude\n1,2\n");
    assert!(code == 1 && err.contains("begins in line 1: a quote opens there"), "{err}");
}

async fn an_import_goes_on_where_it_was(place: Place) {
    let app = App::of(MANIFEST).on(place);
    let line = |n: usize| format!("{{\"id\":\"{n}\",\"longitude\":{n},\"latitude\":0}}\n");
    // A file that is none from some record on stands for an import that was stopped there.
    let first: String = (0..7).map(line).collect();
    let csv: String = (0..7).map(|n| format!("c{n},{n},0\n")).collect();
    let names = "id,longitude,latitude\n";
    // Behind a quote that nobody closes.
    let open = "c,7,0\n".repeat(250_000);
    let features = geojson(&first, "");
    for (file, begun, rest) in [
        ("a.geojson", features.trim_end_matches("]}").as_bytes().to_vec(), geojson(&first, &line(7))),
        ("b.csv", format!("{names}{csv}c7,7,\"0\n{open}").into_bytes(), format!("{names}{csv}c7,7,0\n")),
    ] {
        let (code, _, err) = import(&app, file, &begun);
        assert_eq!(code, 1, "{err}");
        assert!(
            err.contains("7 records: 7 stored, 0 refused, 0 dead; what was stored stays: the same command goes on"),
            "{err}"
        );
        // Where what was imported is another now, its place is none.
        let (code, _, err) = import(&app, file, rest.replacen('3', "33", 1));
        assert_eq!(code, 1, "{err}");
        assert!(
            err.contains("is not what 7 records of it were imported from") && err.contains("--from-start"),
            "{err}"
        );
        let (code, out, err) = import(&app, file, &rest);
        assert_eq!((code, out.as_str()), (0, "8 records: 8 stored, 0 refused, 0 dead\n"), "{err}");
        assert_eq!(err, "Going on behind 7 records that are in already.\n");
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
