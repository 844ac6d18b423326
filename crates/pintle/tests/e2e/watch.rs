//! `pintle serve --watch`: a changed app is taken over without dropping a request, a broken one is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use crate::common::{App, PATIENCE, Place, Server, run};

on_both_stores!(
    a_change_under_load_drops_no_request,
    a_broken_change_is_shown_and_the_app_goes_on_as_before,
    a_change_that_cannot_be_served_leaves_the_tables_as_they_were,
    what_was_kept_of_an_app_is_not_answered_by_the_next_one,
    a_server_whose_tables_were_changed_says_so_and_goes_on_when_it_is_told_to,
    an_app_that_was_refused_is_taken_over_when_its_tables_are_made_on_purpose,
);

const TAKEN: &str = "the app changed and is served as it is now";
const REFUSED: &str = "the app changed, but is served as it was before";

/// An app whose collection has these fields beside `text`.
fn manifest(fields: &[String]) -> String {
    let fields: String = fields.iter().map(|field| format!("      {field}\n")).collect();
    format!(
        "pintle: 1\nname: notes\ncollections:\n  notes:\n    fields:\n      text: {{ type: text, required: true }}\n{fields}    \
         policies: {{ select: \"true\", insert: auth.role() = 'authenticated' }}\n    rest: /notes\n"
    )
}

/// Waits until the log says this so many times.
async fn said(server: &Server, what: &str, times: usize) {
    let begun = Instant::now();
    while server.log().matches(what).count() < times {
        assert!(begun.elapsed() < PATIENCE, "not {times} times: {what}\n{}", server.log());
        tokio::task::yield_now().await;
    }
}

async fn a_change_under_load_drops_no_request(place: Place) {
    const CHANGES: usize = 8;
    let app = App::of(&manifest(&[])).on(place);
    let token = Arc::new(app.token_of("ann", "authenticated", Some("ann")));
    let server = Arc::new(app.serve_with(&["--watch", "--no-access-log"]));
    assert!(server.banner.contains("Changes of its files are taken over"), "{}", server.banner);
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..6)
        .map(|at| {
            let (server, token, stop) = (Arc::clone(&server), Arc::clone(&token), Arc::clone(&stop));
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    // A connection that fails ends the test.
                    if at % 2 == 0 {
                        server.get("/notes?limit=3").await.has(200);
                    } else {
                        let key = format!("{at}-{}", asked.load(Ordering::Relaxed));
                        let ask = server.post("/notes", json!({ "text": "a" })).token(&token);
                        ask.header("Idempotency-Key", &key).await.has(201);
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut fields = Vec::new();
    for change in 1..=CHANGES {
        let before = asked.load(Ordering::Relaxed);
        fields.push(format!("f{change}: integer"));
        app.manifest(&manifest(&fields));
        said(&server, TAKEN, change).await;
        let answer =
            server.post("/notes", json!({ "text": "b", format!("f{change}"): change })).token(&token).await.has(201);
        assert_eq!(answer.json()[format!("f{change}")], json!(change));
        while asked.load(Ordering::Relaxed) < before + 20 {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    assert_eq!(server.log().matches(TAKEN).count(), CHANGES, "once a change\n{}", server.log());
    assert!(!server.log().contains("\"level\":\"ERROR\""), "{}", server.log());
    server.get("/health/ready").await.has(200);
    let metrics = server.get("/metrics").await.text;
    let in_flight = metrics.lines().find(|line| line.starts_with("pintle_http_requests_in_flight ")).unwrap();
    assert_eq!(in_flight, "pintle_http_requests_in_flight 1", "none is counted twice or for ever");
}

async fn a_broken_change_is_shown_and_the_app_goes_on_as_before(place: Place) {
    let app = App::of(&manifest(&["level: integer".to_owned()])).on(place);
    let token = app.token("ann", "authenticated");
    let server = app.serve_with(&["--watch"]);
    let add = |record: Value| server.post("/notes", record).token(&token);
    add(json!({ "text": "a", "level": 1 })).await.has(201);

    app.manifest(&manifest(&["level: intger".to_owned()]));
    said(&server, REFUSED, 1).await;
    let log = server.log();
    assert!(log.contains("pintle.yaml:7:14") && log.contains("level: intger") && log.contains("integer"), "{log}");
    assert!(log.contains("pintle.yaml has 1 error"), "{log}");
    add(json!({ "text": "a", "level": 1 })).await.has(201);

    // What would lose data is refused too, and says how to see it.
    app.manifest(&manifest(&[]));
    said(&server, REFUSED, 2).await;
    let log = server.log();
    assert!(log.contains("the store is not what the manifest says") && log.contains("migrate"), "{log}");
    add(json!({ "text": "a", "level": 1 })).await.has(201);

    std::fs::remove_file(app.file("pintle.yaml")).unwrap();
    said(&server, REFUSED, 3).await;
    add(json!({ "text": "a", "level": 1 })).await.has(201);

    app.manifest(&manifest(&["level: { type: integer, maximum: 9 }".to_owned()]));
    said(&server, TAKEN, 1).await;
    let refused = add(json!({ "text": "a", "level": 10 })).await.has(400);
    assert!(refused.text.contains("level"), "{refused}");
    server.get("/health/ready").await.has(200);
}

async fn a_change_that_cannot_be_served_leaves_the_tables_as_they_were(place: Place) {
    let fetching = "scripts: { fetch: [\"${env:HOOK}\"] }\n";
    let (before, after) = (manifest(&[]), manifest(&["level: integer".to_owned()]));
    let app = App::of(&before).on(place);
    let token = app.token("ann", "authenticated");
    let server = Server::start(app.serving(&["--watch"]).env("HOOK", "no URL"));

    app.manifest(&format!("{after}{fetching}"));
    said(&server, REFUSED, 1).await;
    let log = server.log();
    assert!(log.contains("cannot serve it") && log.contains("HOOK") && !log.contains("migrated\""), "{log}");
    server.get("/health/ready").await.has(200);
    server.post("/notes", json!({ "text": "a" })).token(&token).await.has(201);

    app.manifest(&after);
    said(&server, TAKEN, 1).await;
    server.get("/health/ready").await.has(200);
    server.post("/notes", json!({ "text": "a", "level": 1 })).token(&token).await.has(201);
}

/// Brings the tables to the manifest, in another process.
fn migrate(app: &App) {
    let (code, _, err) = run(&[&["migrate", "--allow-loss", app.path()], app.store().as_slice()].concat());
    assert_eq!(code, 0, "{err}");
}

async fn a_server_whose_tables_were_changed_says_so_and_goes_on_when_it_is_told_to(place: Place) {
    let app = App::of(&manifest(&["level: integer".to_owned()])).on(place);
    let token = app.token("ann", "authenticated");
    let server = app.serve();
    let add = |record: Value| server.post("/notes", record).token(&token);
    add(json!({ "text": "a", "level": 1 })).await.has(201);
    server.get("/notes").await.has(200);

    app.manifest(&manifest(&[]));
    migrate(&app);
    let reads = ["/notes", "/notes/1", "/rest/v1/notes", "/rest/v1/notes?select=level", "/notes?level=1"];
    for read in reads {
        let answer = server.get(read).await.has(503);
        assert!(answer.text.contains("its tables are another one's"), "{answer}");
        assert_eq!(answer.header("retry-after"), "1");
    }
    add(json!({ "text": "b", "level": 1 })).await.has(503);
    let answer = server.get("/health/ready").await.has(503);
    assert!(answer.text.contains("another version of the app changed them"), "{answer}");
    // What asks for nothing that has gone is answered.
    server.get("/rest/v1/notes?select=text").await.is(200, json!([{ "text": "a" }]));

    server.signal("HUP");
    said(&server, TAKEN, 1).await;
    server.get("/health/ready").await.has(200);
    add(json!({ "text": "b" })).await.has(201);
}

async fn an_app_that_was_refused_is_taken_over_when_its_tables_are_made_on_purpose(place: Place) {
    let app = App::of(&manifest(&["level: integer".to_owned()])).on(place);
    let token = app.token("ann", "authenticated");
    let server = app.serve_with(&["--watch"]);
    server.post("/notes", json!({ "text": "a", "level": 1 })).token(&token).await.has(201);

    // Of two that are refused, it is the last that is waited for.
    app.manifest(&manifest(&["title: text".to_owned()]));
    said(&server, REFUSED, 1).await;
    app.manifest(&manifest(&[]));
    said(&server, REFUSED, 2).await;
    migrate(&app);
    said(&server, TAKEN, 1).await;
    server.get("/health/ready").await.has(200);
    let added = server.post("/notes", json!({ "text": "b" })).token(&token).await.has(201).json();
    assert_eq!(added.as_object().unwrap().len(), 2, "{added}");
    assert_eq!(server.log().matches(REFUSED).count(), 2, "{}", server.log());
}

#[tokio::test]
async fn a_file_that_the_manifest_names_is_part_of_the_app_and_others_are_not() {
    let app = App::of(&manifest(&["data: { type: json, schema: schemas/data.json }".to_owned()]));
    std::fs::create_dir(app.file("schemas")).unwrap();
    let schema =
        |kind: &str| std::fs::write(app.file("schemas/data.json"), json!({ "type": kind }).to_string()).unwrap();
    schema("object");
    let token = app.token("ann", "authenticated");
    let server = app.serve_with(&["--watch"]);
    let add = |data: Value| server.post("/notes", json!({ "text": "a", "data": data })).token(&token);
    add(json!([])).await.has(400);

    std::fs::write(app.file("README.md"), "about").unwrap();
    std::fs::write(app.file("schemas/other.json"), "{").unwrap();
    std::fs::create_dir(app.file("public")).unwrap();
    std::fs::write(app.file("public/index.html"), "page").unwrap();
    assert_eq!(server.get("/").await.text, "page", "pages are there at once");
    schema("array");
    said(&server, TAKEN, 1).await;
    add(json!([])).await.has(201);

    // As many editors save: a new file takes the old one's place.
    std::fs::write(app.file("schemas/.data.json.new"), json!({ "type": "string" }).to_string()).unwrap();
    std::fs::rename(app.file("schemas/.data.json.new"), app.file("schemas/data.json")).unwrap();
    said(&server, TAKEN, 2).await;
    add(json!("a")).await.has(201);

    // A folder that was not there when the server started.
    app.manifest(&manifest(&["data: { type: json, schema: more/deep/data.json }".to_owned()]));
    said(&server, REFUSED, 1).await;
    std::fs::create_dir_all(app.file("more/deep")).unwrap();
    std::fs::write(app.file("more/deep/data.json"), json!({ "type": "number" }).to_string()).unwrap();
    said(&server, TAKEN, 3).await;
    std::fs::write(app.file("more/deep/data.json"), json!({ "type": "boolean" }).to_string()).unwrap();
    said(&server, TAKEN, 4).await;
    add(json!(true)).await.has(201);
    assert_eq!(server.log().matches(TAKEN).count(), 4, "once a change\n{}", server.log());
}

#[tokio::test]
async fn what_was_the_folder_of_pages_is_watched_once_it_is_none() {
    let data = |pages: &str| {
        format!("{}public: {pages}\n", manifest(&["data: { type: json, schema: public/data.json }".to_owned()]))
    };
    let app = App::of(&data("public"));
    for folder in ["public", "site"] {
        std::fs::create_dir(app.file(folder)).unwrap();
    }
    let schema =
        |kind: &str| std::fs::write(app.file("public/data.json"), json!({ "type": kind }).to_string()).unwrap();
    schema("object");
    let server = app.serve_with(&["--watch"]);
    app.manifest(&data("site"));
    said(&server, TAKEN, 1).await;
    schema("array");
    said(&server, TAKEN, 2).await;
    schema("string");
    said(&server, TAKEN, 3).await;
}

#[tokio::test]
async fn a_hangup_has_the_app_looked_at_also_without_watching() {
    let app = App::of(&manifest(&["level: integer".to_owned()]));
    let with_tokens = "auth: { tokens: \"${env:AUTH_TOKENS}\" }\n";
    app.manifest(&format!("{}{with_tokens}", manifest(&[])));
    std::fs::write(app.file("tokens"), "{\"key-1\": \"ann\"}").unwrap();
    let server = Server::start(app.serving(&[]).env("AUTH_TOKENS_FILE", app.file("tokens")));
    server.post("/notes", json!({ "text": "a" })).token("key-2").await.has(401);

    // The list of tokens is none of the app's files.
    std::fs::write(app.file("tokens"), "{\"key-2\": \"ben\"}").unwrap();
    server.signal("HUP");
    said(&server, TAKEN, 1).await;
    server.post("/notes", json!({ "text": "a" })).token("key-2").await.has(201);
    server.post("/notes", json!({ "text": "a" })).token("key-1").await.has(401);

    std::fs::write(app.file("tokens"), "key-3").unwrap();
    server.signal("HUP");
    said(&server, REFUSED, 1).await;
    assert!(!server.log().contains("key-3"), "{}", server.log());
    server.post("/notes", json!({ "text": "a" })).token("key-2").await.has(201);
}

async fn what_was_kept_of_an_app_is_not_answered_by_the_next_one(place: Place) {
    // The collections change their places in the manifest, and what is kept is still dropped by writes to the right one.
    let manifest = |before: &str, sql: &str| {
        format!(
            "pintle: 1\nname: notes\ncollections:\n{before}  notes:\n    fields: {{ text: text }}\n    policies: {{ select: \"true\" }}\n    \
             rest: /notes\nroutes:\n  /count:\n    get: {{ sql: {sql}, result: row, cache: 1h }}\n"
        )
    };
    let app = App::of(&manifest("", "routes/count.sql")).on(place);
    std::fs::create_dir(app.file("routes")).unwrap();
    let route = |sql: &str| std::fs::write(app.file("routes/count.sql"), sql).unwrap();
    route("SELECT count(*) AS n FROM notes");
    let token = app.token("root", "service_role");
    let server = app.serve_with(&["--watch"]);
    let add = || server.post("/notes", json!({ "text": "a" })).token(&token);
    server.get("/count").await.is(200, json!({ "n": 0 }));
    add().await.has(201);
    server.get("/count").await.is(200, json!({ "n": 1 }));

    route("SELECT count(*) + 100 AS n FROM notes");
    said(&server, TAKEN, 1).await;
    server.get("/count").await.is(200, json!({ "n": 101 }));
    app.manifest(&manifest("  more:\n    fields: { text: text }\n", "routes/count.sql"));
    said(&server, TAKEN, 2).await;
    for n in 102..105 {
        add().await.has(201);
        server.get("/count").await.is(200, json!({ "n": n }));
        server.get("/count").await.is(200, json!({ "n": n }));
    }
    app.manifest(&manifest("", "routes/gone.sql"));
    said(&server, REFUSED, 1).await;
    server.get("/count").await.is(200, json!({ "n": 104 }));
}
