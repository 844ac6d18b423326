//! `pintle new`: the first five minutes.

use serde_json::json;

use crate::common::{Server, pintle, run};

#[tokio::test]
async fn a_new_app_is_right_and_runs_at_once() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("my notes");
    let dir = dir.to_str().unwrap();
    let (code, out, err) = run(&["new", dir]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains(&format!("{} serve '{dir}'", env!("CARGO_BIN_EXE_pintle"))), "{out}");

    let (code, out, err) = run(&["check", dir]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, format!("{dir}/pintle.yaml is right: 1 collection, 2 routes\n"));

    let server = Server::start(&mut pintle(&["serve", dir, "--listen", "127.0.0.1:0"]));
    let (_, token, _) = run(&["token", "create", "me", "--role", "authenticated", "--app", dir]);
    let body = json!({ "title": "Buy milk", "tags": ["home"] });
    let made = server.post("/notes", body).token(token.trim_end()).await.has(201);
    assert_eq!(made.header("location"), "/notes/1");
    let made = made.json();
    assert_eq!((&made["id"], &made["title"], &made["done"]), (&json!(1), &json!("Buy milk"), &json!(false)));
    server.get("/notes?done=false&order=created.desc").await.is(200, json!([made]));
    server
        .get("/rest/v1/notes?select=id,title&title=ilike.*MILK*")
        .await
        .is(200, json!([{ "id": 1, "title": "Buy milk" }]));
    server.post("/notes", json!({ "title": "x", "tags": [1] })).token(token.trim_end()).await.has(400);

    server.get("/progress").await.is(200, json!({ "total": 1, "done": 0 }));
    server.post("/notes", json!({ "title": "Old", "done": true })).token(token.trim_end()).await.has(201);
    server.get("/progress").await.is(200, json!({ "total": 2, "done": 1 }));
    server.post("/tidy", json!(null)).await.has(401);
    server.post("/tidy", json!(null)).token(token.trim_end()).await.is(200, json!({ "deleted": ["Old"] }));
    server.get("/progress").await.is(200, json!({ "total": 1, "done": 0 }));
}

#[test]
fn nothing_is_written_over() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().to_str().unwrap();
    std::fs::write(home.path().join("mine.txt"), "mine").unwrap();
    let (code, out, err) = run(&["new", dir]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, format!("error: `{dir}` is not empty\n  help: name a folder that is empty, or not there yet\n"));
    let file = home.path().join("mine.txt");
    let (code, _, err) = run(&["new", file.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert_eq!(
        err,
        format!("error: `{}` is no folder\n  help: name a folder that is empty, or not there yet\n", file.display())
    );
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
}

#[test]
fn an_empty_folder_will_do() {
    let home = tempfile::tempdir().unwrap();
    let (code, _, err) = run(&["new", home.path().to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""));
    let mut names: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".gitignore", ".pintle", "README.md", "jsconfig.json", "pintle.yaml", "routes"]);
}
