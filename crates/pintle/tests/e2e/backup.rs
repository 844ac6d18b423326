//! `pintle backup` while the server serves, and `pintle restore` afterwards.

use serde_json::json;

use crate::common::{App, run};

#[tokio::test]
async fn a_copy_taken_while_serving_can_be_put_back() {
    let app = App::shipped("configs");
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let first = json!({ "name": "first", "data": [{ "n": 1 }] });
    server.post("/configs", first.clone()).token(&token).await.has(201);
    let copy = app.file("copy.db");
    let (code, _, err) = run(&["backup", &copy, "--app", app.path()]);
    assert_eq!(code, 0, "{err}");
    server.post("/configs", json!({ "name": "second", "data": [] })).token(&token).await.has(201);

    // Not under a server's feet.
    let (code, out, err) = run(&["restore", &copy, "--app", app.path()]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("serve"), "{err}");
    server.get("/configs").await.is(200, json!([first, { "name": "second", "data": [] }]));
    drop(server);

    let (code, _, err) = run(&["restore", &copy, "--app", app.path()]);
    assert_eq!(code, 0, "{err}");
    let server = app.serve();
    server.get("/configs").await.is(200, json!([first]));
    server.delete("/configs/first").token(&token).await.has(204);
}

#[tokio::test]
async fn a_copy_taken_under_writes_is_whole() {
    let app = App::shipped("configs");
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let copy = app.file("copy.db");
    let path = app.path().to_owned();
    let to = copy.clone();
    let backup = std::thread::spawn(move || run(&["backup", &to, "--app", &path]));
    let mut written = 0;
    while !backup.is_finished() || written == 0 {
        // Two rows in one statement: a copy has both or none.
        let rows =
            json!([{ "name": format!("a{written}"), "data": [] }, { "name": format!("b{written}"), "data": [] }]);
        server.post("/rest/v1/configs", rows).token(&token).await.has(201);
        written += 1;
    }
    let (code, _, err) = backup.join().unwrap();
    assert_eq!(code, 0, "{err}");
    drop(server);

    let served = App::shipped("configs");
    let server = served.serve_with(&["--store", &format!("sqlite:{copy}")]);
    let names = server.get("/rest/v1/configs?select=name").await.has(200).json();
    let names: Vec<_> = names.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
    let a = names.iter().filter(|name| name.starts_with('a')).count();
    assert_eq!(a * 2, names.len(), "{names:?}");
}

#[test]
fn what_is_no_backup_is_not_put_back() {
    let app = App::shipped("configs");
    app.token("kept", "authenticated");
    let bad = app.file("bad.db");
    std::fs::write(&bad, "no database").unwrap();
    let (code, out, err) = run(&["restore", &bad, "--app", app.path()]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("error: ") && err.contains("bad.db"), "{err}");
    let (code, _, err) = run(&["restore", &app.file("absent.db"), "--app", app.path()]);
    assert_eq!(code, 1);
    assert!(err.contains("absent.db"), "{err}");
    let (_, out, _) = run(&["token", "list", "--app", app.path()]);
    assert!(out.contains("kept"), "the data is as it was: {out}");

    let taken = app.file("taken.db");
    std::fs::write(&taken, "somebody's").unwrap();
    let (code, _, err) = run(&["backup", &taken, "--app", app.path()]);
    assert_eq!(code, 1, "a file that is there is not written over");
    assert!(err.contains("taken.db"), "{err}");
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "somebody's");
}
