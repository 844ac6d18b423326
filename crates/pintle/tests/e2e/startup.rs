//! What `pintle serve` says and refuses when it starts.

use std::net::TcpListener;
use std::process::Command;

use insta::assert_snapshot;

use crate::common::{App, Place, Server, finish, pintle, run};

on_both_stores!(a_start_that_fails_for_a_variable_leaves_the_tables_as_they_were);

/// Without what differs between runs.
fn neutral(text: &str, app: &App, server: Option<&Server>) -> String {
    let mut text = text.replace(app.path(), "APP").replace(env!("CARGO_BIN_EXE_pintle"), "pintle");
    if let Some(server) = server {
        text = text.replace(&server.origin, "http://127.0.0.1:8080");
    }
    text
}

#[tokio::test]
async fn the_start_up_lines_say_where_everything_is_and_how_to_write() {
    let app = App::shipped("configs");
    let server = app.serve();
    assert_snapshot!(neutral(&server.banner, &app, Some(&server)));
}

#[tokio::test]
async fn routes_and_pages_are_named_and_nobody_is_sent_past_the_routes_that_write() {
    let app = App::shipped("retriever");
    let server = app.serve();
    assert_snapshot!(neutral(&server.banner, &app, Some(&server)));
    server.get("/map").await.has(200);
}

#[tokio::test]
async fn the_first_write_works_as_it_stands_in_the_start_up_lines() {
    let app = App::shipped("configs");
    let server = app.serve_with(&["--store", &format!("sqlite:{}", app.file("else where.db"))]);
    let lines = server.banner.lines().skip_while(|line| !line.contains("TOKEN=$(")).collect::<Vec<_>>();
    let commands = lines.split(|line| line.trim().is_empty()).next().unwrap().join("\n");
    let output = Command::new("sh").arg("-euc").arg(&commands).env_remove("PINTLE_STORE").output().unwrap();
    assert!(output.status.success(), "{commands}\n{}", String::from_utf8_lossy(&output.stderr));
    let list = server.get("/configs").await.has(200).json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{}\n{commands}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_port_that_is_taken() {
    let app = App::shipped("configs");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, out, err) = run(&["serve", app.path(), "--listen", &address]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(
        err,
        format!(
            "error: cannot listen on {address}: another program does\n  help: stop that program, or choose another port with --listen\n"
        )
    );
}

#[test]
fn an_address_that_is_none() {
    let app = App::shipped("configs");
    let (code, _, err) = run(&["serve", app.path(), "--listen", "8080"]);
    assert_eq!(code, 2);
    assert_snapshot!(err);
}

#[test]
fn a_store_that_is_none() {
    let app = App::shipped("configs");
    std::fs::write(app.file("text.db"), "this is a text and no database, and it is longer than a page's head would be")
        .unwrap();
    let told = |store: &str| {
        let (code, out, err) =
            run(&["serve", app.path(), "--listen", "127.0.0.1:0", "--store", store, "--log-format", "json"]);
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        neutral(&err, &app, None)
    };
    let files = [app.file("text.db"), format!("{}/no/such/folder\0", app.path()), app.path().to_owned()];
    let mut all = vec![told("mysql://x"), told("sqlite:")];
    all.push(told(&format!("sqlite:{}", files[0])));
    all.push(told(&format!("sqlite:{}", files[2])));
    assert_snapshot!(all.join("\n"));
}

#[tokio::test]
async fn a_second_server_on_the_same_store_is_refused() {
    let app = App::shipped("configs");
    let server = app.serve();
    let (code, out, err) = run(&["serve", app.path(), "--listen", "127.0.0.1:0"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_snapshot!(neutral(&err, &app, None).replace(&server.pid().to_string(), "PID"));
    server.get("/health/ready").await.has(200);
    drop(server);
    app.serve().get("/health/ready").await.has(200);
}

#[test]
fn settings_come_from_the_environment_too() {
    let app = App::shipped("configs");
    let mut command = pintle(&["serve"]);
    command
        .env("PINTLE_APP", app.path())
        .env("PINTLE_LISTEN", "127.0.0.1:0")
        .env("PINTLE_STORE", format!("sqlite:{}", app.file("x.db")));
    let server = Server::start(&mut command);
    assert!(std::path::Path::new(&app.file("x.db")).exists());
    drop(server);

    let (code, _, err) = finish(pintle(&["serve", app.path()]).env("PINTLE_LISTEN", "nowhere"));
    assert_eq!(code, 2, "{err}");
}

#[test]
fn usage_mistakes_end_with_two_and_failures_with_one() {
    assert_eq!(run(&["serve", "--no-such-flag"]).0, 2);
    assert_eq!(run(&["no-such-command"]).0, 2);
    assert_eq!(run(&[]).0, 2);
    assert_eq!(run(&["serve", "/nowhere"]).0, 1);
    assert_eq!(run(&["--version"]), (0, format!("pintle {}\n", env!("CARGO_PKG_VERSION")), String::new()));
}

async fn a_start_that_fails_for_a_variable_leaves_the_tables_as_they_were(place: Place) {
    let manifest =
        |more: &str| format!("pintle: 1\nname: notes\ncollections:\n  notes:\n    fields:\n      text: text\n{more}");
    let app = App::of(&manifest("")).on(place);
    drop(app.serve());

    app.manifest(&manifest("      level: integer\nscripts: { fetch: [\"${env:HOOK}\"] }\n"));
    let (code, _, err) = finish(app.serving(&[]).env("HOOK", "no URL"));
    assert_eq!(code, 1);
    assert!(err.contains("HOOK") && !err.contains("migrated"), "{err}");

    // With a column more, it would be refused: dropping one loses what is in it.
    app.manifest(&manifest(""));
    app.serve().get("/health/ready").await.has(200);
}
