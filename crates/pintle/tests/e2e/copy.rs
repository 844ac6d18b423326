//! `pintle copy`: an app's data moves to another store, is proved to have arrived, and goes on where it was broken off.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use pintle_testbed::Postgres;

use crate::common::{App, Place, finish, pintle, run};

const MANIFEST: &str = "
pintle: 1
name: shop
collections:
  people:
    key: { name: text }
    fields: { boss: { type: ref, to: people }, city: { type: ref, to: cities } }
  cities: { fields: { mayor: { type: ref, to: people }, title: text } }
  tiles:
    key: { x: integer, y: integer }
    fields: { n: number, b: boolean, ts: timestamp, d: date, u: uuid, j: json, by: bytes }
  notes:
    fields: { text: { type: text, required: true, maxLength: 4000 } }
    policies: { select: 'true', insert: auth.role() = 'authenticated' }
    rest: /notes
limits: { body: 32MiB }
";

/// Rows of every type, with what is odd in them, and references that go round.
async fn fill(app: &App, notes: usize) {
    let server = app.serve_with(&["--dev"]);
    let write = async |collection: &str, rows: Value| {
        _ = server.post(&format!("/rest/v1/{collection}"), rows).await.has(201);
    };
    write("people", json!([{ "name": "Ada", "boss": null }, { "name": "Édith \u{1f4a9} \"q\"", "boss": "Ada" }])).await;
    write("cities", json!([{ "mayor": "Ada", "title": "Zürich" }, { "mayor": null, "title": "'; drop table x" }]))
        .await;
    server.patch("/rest/v1/people?name=eq.Ada", json!({ "boss": "Ada", "city": 1 })).await.has(204);
    let big =
        json!({ "list": vec!["x".repeat(1000); 900], "deep": [[[[{ "é\n": [null, 1e300, -0.0, "\u{10ffff}"] }]]]] });
    write(
        "tiles",
        json!([
            { "x": i64::MIN, "y": i64::MAX, "n": f64::MAX, "b": true, "ts": "0001-01-01T00:00:00Z", "d": "9999-12-31",
              "u": "00000000-0000-0000-0000-000000000000", "j": big, "by": "\\x00ff" },
            { "x": 0, "y": -1, "n": 5e-324, "b": false, "ts": "9999-12-31T23:59:59.999999Z", "d": "0001-01-01",
              "u": "ffffffff-ffff-ffff-ffff-ffffffffffff", "j": {}, "by": "\\x" },
            { "x": 0, "y": 7, "n": null, "b": null, "ts": null, "d": null, "u": null, "j": null, "by": null },
        ]),
    )
    .await;
    let rows: Vec<Value> = (0..notes).map(|n| json!({ "text": format!("{n} {}", "x".repeat(200)) })).collect();
    for some in rows.chunks(10_000) {
        write("notes", json!(some)).await;
    }
}

/// The table of a proof: collection, rows, checksum.
fn sums(out: &str) -> Vec<Vec<&str>> {
    let table = out.lines().skip_while(|line| !line.starts_with("COLLECTION")).skip(1);
    table.take_while(|line| !line.is_empty()).map(|line| line.split_whitespace().collect()).collect()
}

#[tokio::test]
async fn an_app_moves_there_and_back_and_its_tokens_work() {
    let app = App::of(MANIFEST);
    fill(&app, 10_000).await;
    let token = app.token("writer", "authenticated");
    let database = Postgres::shared().database();
    let there = database.url.as_str();
    let (code, out, err) = run(&["copy", app.path(), "--to", there]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.starts_with("Copied 10,008 rows in "), "{out}");
    assert!(out.ends_with("\nBoth stores hold the same.\n"), "{out}");
    assert!(err.lines().all(|line| line.starts_with("copying ") || line.starts_with("proving ")), "{err}");
    let moved = sums(&out);
    assert_eq!(
        moved.iter().map(|line| (line[0], line[1])).collect::<Vec<_>>(),
        [
            ("people", "2"),
            ("cities", "2"),
            ("tiles", "3"),
            ("notes", "10,000"),
            ("_pintle_tokens", "1"),
            ("_pintle_idempotency", "0"),
            ("_pintle_dead_letters", "0"),
        ]
    );

    let back = format!("sqlite:{}", app.file("back.db"));
    let (code, out, err) = run(&["copy", app.path(), "--from", there, "--to", &back]);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(sums(&out), moved);

    // A copy is an app's store like any other: tokens work, and counted keys go on behind the last.
    let server = app.serve_with(&["--store", there]);
    let made = server.post("/notes", json!({ "text": "new" })).token(&token).await.has(201);
    assert_eq!(made.json(), json!({ "id": 10_001, "text": "new" }));
    let server = app.serve_with(&["--store", &back]);
    let made = server.post("/notes", json!({ "text": "new" })).token(&token).await.has(201);
    assert_eq!(made.json(), json!({ "id": 10_001, "text": "new" }));
    let (code, out, err) = run(&["copy", app.path(), "--from", there, "--to", &back]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("cannot open the target: ") && err.contains("is served already, by process"), "{err}");
    assert!(err.contains("help: stop the server that is there"), "{err}");
}

#[tokio::test]
async fn a_copy_that_is_killed_goes_on_where_it_was() {
    let app = App::of(MANIFEST);
    fill(&app, 20_000).await;
    for place in [Place::Sqlite, Place::Postgres] {
        let database = (place == Place::Postgres).then(|| Postgres::shared().database());
        let file = format!("sqlite:{}", app.file("there.db"));
        killed_and_gone_on_with(&app, database.as_ref().map_or(&file, |database| &database.url));
    }
}

fn killed_and_gone_on_with(app: &App, there: &str) {
    let mut copying =
        pintle(&["copy", app.path(), "--to", there]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(copying.stderr.take().unwrap()).lines().map_while(Result::ok);
    let told: Vec<String> = lines
        .inspect(|line| {
            if line.starts_with("copying notes: ") && !line.starts_with("copying notes: 0 ") {
                copying.kill().unwrap();
            }
        })
        .collect();
    assert!(!copying.wait().unwrap().success(), "it was killed: {told:?}");

    // A part is there, and the next run adds the rest.
    let (code, out, err) = run(&["copy", app.path(), "--to", there, "--check"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("error: the target is not the same as the source: ") && err.contains(" missing; "), "{err}");
    let (code, out, err) = run(&["copy", app.path(), "--to", there]);
    assert_eq!(code, 0, "{out}{err}");
    let words: Vec<&str> = out.lines().next().unwrap().split([' ', ';']).collect();
    let count = |word: &str| word.replace(',', "").parse::<u64>().unwrap();
    assert!(out.contains("there already"), "{out}");
    let there_already = words.windows(2).find(|pair| pair[1] == "there").map(|pair| count(pair[0])).unwrap();
    assert_eq!((words[0], count(words[1]) + there_already), ("Copied", 20_007), "{out}");
    assert!(there_already > 1000 && count(words[1]) > 0, "{out}");
}

#[tokio::test]
async fn what_is_written_meanwhile_is_told_and_made_good() {
    let app = App::of(MANIFEST);
    fill(&app, 10).await;
    let there = format!("sqlite:{}", app.file("there.db"));
    let (code, _, err) = run(&["copy", app.path(), "--to", &there]);
    assert_eq!(code, 0, "{err}");
    let server = app.serve_with(&["--dev"]);
    server.post("/rest/v1/people", json!({ "name": "Aaron" })).await.has(201);
    // Beside the server.
    let (code, out, err) = run(&["copy", app.path(), "--to", &there, "--check"]);
    assert_eq!(code, 1);
    assert!(out.contains("  the target: 1 missing\n"), "{out}");
    let told = "error: the target is not the same as the source: `people` (1 missing; first at the key Aaron)\n  help: was the \
                source written to meanwhile? Stop what writes to it, and run the same command again: it goes on where it was\n";
    assert_eq!(err.split_once("error: ").map(|(_, rest)| format!("error: {rest}")).unwrap(), told);
    let (code, out, err) = run(&["copy", app.path(), "--to", &there]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.starts_with("Copied 1 row in "), "{out}");

    server.patch("/rest/v1/notes?id=eq.3", json!({ "text": "changed" })).await.has(204);
    server.delete("/rest/v1/notes?id=eq.4").await.has(204);
    let (code, out, err) = run(&["copy", app.path(), "--to", &there]);
    assert_eq!(code, 1, "{out}");
    assert!(err.contains("`notes` (1 changed, 1 extra; first at the key 3)") && err.contains("--overwrite"), "{err}");
    let (code, out, err) = run(&["copy", app.path(), "--to", &there, "--overwrite"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("; 1 written over; 1 removed from the target.\n"), "{out}");
}

#[test]
fn what_cannot_be_copied_is_told() {
    let app = App::of(MANIFEST);
    let there = format!("sqlite:{}", app.file("there.db"));
    let refused = |words: &[&str]| {
        let (code, out, err) = run(&[&["copy", app.path()], words].concat());
        assert_eq!(out, "");
        (code, err)
    };
    let (code, err) = refused(&[]);
    assert_eq!(code, 2);
    assert!(err.starts_with("error: --to is missing"), "{err}");
    let (code, err) = refused(&["--to", &there]);
    assert_eq!(code, 1);
    assert!(err.starts_with("error: there is nothing to copy: there is no database `"), "{err}");
    assert!(!std::path::Path::new(&app.file("there.db")).exists(), "nothing is made for nothing");

    app.token("one", "authenticated");
    let (code, err) = refused(&["--to", &format!("sqlite:{}", app.file(".pintle/../.pintle/data.db"))]);
    assert_eq!((code, err.lines().next()), (2, Some("error: the source and the target are the same store")));
    let (code, err) = refused(&["--to", &there, "--check"]);
    assert_eq!(code, 1);
    assert!(err.contains("to compare with"), "{err}");

    // The source is not migrated behind its owner's back.
    app.manifest(&MANIFEST.replace("text: { type: text, required", "title: text, text: { type: text, required"));
    let (code, err) = refused(&["--to", &there]);
    assert_eq!(code, 1);
    assert!(
        err.starts_with("error: the tables of the source are not what the manifest says\n  help: bring them"),
        "{err}"
    );
    assert!(err.contains(&format!("migrate {}", app.path())), "{err}");

    // A URL with a password need not stand on the command line.
    app.manifest(MANIFEST);
    std::fs::write(app.file("url"), format!("{there}\n")).unwrap();
    let mut command = pintle(&["copy", app.path()]);
    let (code, out, err) = finish(command.env("PINTLE_COPY_TO_FILE", app.file("url")));
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.starts_with("Copied 1 row in "), "{out}");
}
