//! `pintle token create | list | revoke`, beside a server that serves.

use std::time::Instant;

use serde_json::json;

use crate::common::{App, HEARD_MAX, Place, Server, finish, pintle, run};

on_both_stores!(
    a_token_is_the_only_thing_on_standard_output,
    tokens_are_listed_without_what_they_prove,
    making_a_token_changes_no_table_under_a_running_server,
    a_revoked_token_stops_within_a_second,
    a_users_token_carries_the_user_into_policies,
);

async fn a_token_is_the_only_thing_on_standard_output(place: Place) {
    let app = App::shipped("configs").on(place);
    let (code, out, err) = app.run(&["token", "create", "ci", "--role", "authenticated"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(out.starts_with("pintle_") && out.trim_end().len() > 40, "{out}");

    // The store was made on the way; the same token works when it is served.
    let server = app.serve();
    server.post("/configs", json!({ "name": "N", "data": [] })).token(out.trim_end()).await.has(201);
}

async fn tokens_are_listed_without_what_they_prove(place: Place) {
    let app = App::shipped("configs").on(place);
    let (code, out, err) = app.run(&["token", "list"]);
    let program = env!("CARGO_BIN_EXE_pintle");
    assert_eq!((code, out.as_str()), (0, ""));
    let place = format!("--app {}{}", app.path(), app.shown_store());
    assert_eq!(err, format!("No tokens. Make one: {program} token create NAME --role ROLE {place}\n"));

    let secret = app.token_of("phone", "authenticated", Some("bob"));
    app.token("backup", "service_role");
    let (code, out, err) = app.run(&["token", "list"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(!out.contains(&secret));
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "ROLE", "USER", "CREATED"]);
    assert_eq!(lines[1][..3], ["backup", "service_role", "-"]);
    assert_eq!(lines[2][..3], ["phone", "authenticated", "bob"]);
    assert_eq!(lines.len(), 3);
}

async fn making_a_token_changes_no_table_under_a_running_server(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let manifest = std::fs::read_to_string(app.file("pintle.yaml")).unwrap();
    let newer = manifest.replace("    fields:\n", "    fields:\n      note: text\n");
    assert_ne!(newer, manifest);
    std::fs::write(app.file("pintle.yaml"), newer).unwrap();

    let token = app.token("ci", "authenticated");
    server.get("/health/ready").await.has(200);
    server.post("/configs", json!({ "name": "N", "data": [] })).token(&token).await.has(201);
}

async fn a_revoked_token_stops_within_a_second(place: Place) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let other = app.token("other", "authenticated");
    server.put("/configs/N", json!({ "data": [] })).token(&token).await.has(404);

    let (code, _, err) = app.run(&["token", "revoke", "writer"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let revoked = Instant::now();
    let refused = loop {
        let asked = revoked.elapsed();
        let answer = server.put("/configs/N", json!({ "data": [] })).token(&token).await;
        if answer.status == 401 {
            break answer;
        }
        assert!(asked < HEARD_MAX, "asked after {asked:?}, still taken: {answer}");
        tokio::task::yield_now().await;
    };
    assert_eq!(refused.json()["message"], "this token is not known");
    server.put("/configs/N", json!({ "data": [] })).token(&other).await.has(404);
}

async fn a_users_token_carries_the_user_into_policies(place: Place) {
    let app = App::of(
        "
pintle: 1
name: diary
collections:
  pages:
    key: { id: integer }
    fields:
      text: { type: text, required: true }
      owner: { type: text, required: true, readonly: true, default: auth.uid() }
    policies:
      select: owner = auth.uid()
      insert: owner = auth.uid()
      delete: owner = auth.uid()
    rest: /pages
",
    )
    .on(place);
    let server = app.serve();
    let [alice, bob] = ["alice", "bob"].map(|user| app.token_of(user, "authenticated", Some(user)));
    let hers = json!({ "id": 1, "text": "hers", "owner": "alice" });
    server.post("/pages", json!({ "id": 1, "text": "hers" })).token(&alice).await.is(201, hers.clone());
    server.get("/pages").token(&alice).await.is(200, json!([hers]));
    server.get("/pages").token(&bob).await.is(200, json!([]));
    server.get("/pages/1").token(&bob).await.has(404);
    server.delete("/pages/1").token(&bob).await.has(404);
    let count = server.get("/rest/v1/pages").token(&bob).header("Prefer", "count=exact").await;
    assert_eq!(count.header("content-range"), "*/0");
    // What the caller may not set is refused, not overruled.
    server.post("/pages", json!({ "id": 2, "text": "forged", "owner": "bob" })).token(&alice).await.has(400);
    server.delete("/pages/1").token(&alice).await.has(204);
}

#[test]
fn mistakes_are_told() {
    let app = App::shipped("configs");
    app.token("taken", "authenticated");
    let told = |words: &[&str]| {
        let (code, out, err) = run(&[words, &["--app", app.path()]].concat());
        assert_eq!((code, out.as_str()), (1, ""), "{words:?}: {err}");
        err
    };
    let (program, path) = (env!("CARGO_BIN_EXE_pintle"), app.path());
    assert_eq!(
        told(&["token", "create", "taken", "--role", "authenticated"]),
        format!(
            "error: there is a token named `taken` already\n  help: revoke it (`{program} token revoke taken --app {path}`), or choose another name\n"
        )
    );
    assert_eq!(
        told(&["token", "revoke", "nobody"]),
        format!("error: there is no token named `nobody`\n  help: `{program} token list --app {path}` shows all\n")
    );

    let (code, _, err) = run(&["token", "create", "x", "--role", "admin", "--app", app.path()]);
    assert_eq!(code, 2);
    assert!(err.contains("'admin'") && err.contains("authenticated, service_role"), "{err}");
}

#[test]
fn the_store_may_stand_in_a_file_as_secrets_do() {
    let app = App::shipped("configs");
    let elsewhere = app.file("elsewhere.db");
    std::fs::write(app.file("store"), format!("sqlite:{elsewhere}\n")).unwrap();
    let words = ["token", "create", "x", "--role", "authenticated", "--app", app.path()];
    let (code, _, err) = finish(pintle(&words).env("PINTLE_STORE_FILE", app.file("store")));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(std::path::Path::new(&elsewhere).exists());

    let (code, _, err) = finish(pintle(&words).env("PINTLE_STORE_FILE", "/nowhere"));
    assert_eq!(code, 1);
    assert_eq!(
        err,
        "error: cannot read `/nowhere`, which PINTLE_STORE_FILE names: No such file or directory (os error 2)\n"
    );
}

const NAMED: &str = "pintle: 1\nname: named\nauth: { tokens: \"${env:AUTH_TOKENS}\" }\ncollections:\n  things:\n    policies: { select: auth.uid() = 'ann' }\n    rest: /things\n";

#[tokio::test]
async fn a_list_of_tokens_may_stand_in_a_file_and_reaches_no_log() {
    let app = App::of(NAMED);
    std::fs::write(app.file("tokens.json"), "{\n  \"hush-hush\": \"ann\"\n}\n").unwrap();
    let mut serving = app.serving(&[]);
    let server = Server::start(serving.env("AUTH_TOKENS_FILE", app.file("tokens.json")).env("PINTLE_LOG", "trace"));
    server.get("/things").token("hush-hush").await.is(200, json!([]));
    server.get("/things?apikey=hush-hush").await.is(200, json!([]));
    assert!(!server.log().contains("hush-hush"));
    drop(server);

    let server = app.serve();
    server.get("/things").token("hush-hush").await.has(401);
    assert!(server.log().contains("AUTH_TOKENS"), "it says that there are none");
}

#[test]
fn a_bad_list_of_tokens_is_told_at_the_start_and_none_of_it_shown() {
    let app = App::of(NAMED);
    std::fs::write(app.file("tokens.json"), "{}").unwrap();
    let file = app.file("tokens.json");
    for (set, told) in [
        (vec![("AUTH_TOKENS", "hush")], "AUTH_TOKENS is no JSON: it cannot be read at line 1, column 1"),
        (vec![("AUTH_TOKENS", "[\"hush\"]")], "AUTH_TOKENS is no JSON object of tokens and users"),
        (vec![("AUTH_TOKENS", "{\"hush\": \"\"}")], "AUTH_TOKENS lists in its entry 1: a token without a user"),
        (
            vec![("AUTH_TOKENS", "{}"), ("AUTH_TOKENS_FILE", file.as_str())],
            "both AUTH_TOKENS and AUTH_TOKENS_FILE are set",
        ),
        (vec![("AUTH_TOKENS_FILE", "/nowhere/tokens")], "cannot read `/nowhere/tokens`, which AUTH_TOKENS_FILE names"),
    ] {
        let (code, out, err) = finish(app.serving(&[]).envs(set.clone()));
        assert_eq!((code, out.as_str()), (1, ""), "{set:?}: {err}");
        assert!(err.contains(told) && err.contains("help") == (set[0].1 != "/nowhere/tokens"), "{set:?}: {err}");
        assert!(!err.contains("hush"), "{err}");
        assert!(!std::path::Path::new(&app.file(".pintle")).exists(), "nothing was opened");
    }
}
