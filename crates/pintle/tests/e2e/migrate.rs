//! The manifest changes and the store follows: by itself where nothing is lost, told where something would be.

use insta::assert_snapshot;
use serde_json::json;

use crate::common::{App, Place, pintle, run};

on_both_stores!(
    what_loses_nothing_is_applied_at_start_and_told,
    a_dry_run_shows_the_plan_and_its_sql_and_changes_nothing,
    what_would_lose_data_is_refused_until_it_is_allowed,
    what_is_renamed_keeps_its_rows,
    required_on_rows_without_a_value_is_refused_with_their_number,
    two_that_start_at_once_are_safe,
);

const FIRST: &str = "\
pintle: 1
name: shop
collections:
  items:
    key: { id: { type: integer, generated: true } }
    fields:
      title: { type: text, required: true }
      price: number
    policies: { select: 'true' }
    rest: /items
";

const MORE: &str = "\
pintle: 1
name: shop
collections:
  items:
    key: { id: { type: integer, generated: true } }
    fields:
      title: { type: text, required: true }
      price: number
      stock: { type: integer, required: true, default: 0 }
    indexes: [[price]]
    policies: { select: 'true' }
    rest: /items
  makers:
    key: { name: text }
    policies: { select: 'true' }
    rest: /makers
";

const LESS: &str = "\
pintle: 1
name: shop
collections:
  items:
    key: { id: { type: integer, generated: true } }
    fields:
      title: { type: text, required: true }
    policies: { select: 'true' }
    rest: /items
";

const RENAMED: &str = "\
pintle: 1
name: shop
collections:
  goods:
    renamed_from: items
    key: { id: { type: integer, generated: true } }
    fields:
      label: { type: text, required: true, renamed_from: title }
      price: number
    policies: { select: 'true' }
    rest: /goods
";

const REQUIRED: &str = "\
pintle: 1
name: shop
collections:
  items:
    key: { id: { type: integer, generated: true } }
    fields:
      title: { type: text, required: true }
      price: { type: number, required: true }
    policies: { select: 'true' }
    rest: /items
";

/// A shop with one item, not served.
async fn shop(place: Place) -> App {
    let app = App::of(FIRST).on(place);
    let server = app.serve();
    let token = app.token("t", "service_role");
    server.post("/items", json!({ "title": "Pin", "price": 2.5 })).token(&token).await.has(201);
    server.post("/items", json!({ "title": "Nut" })).token(&token).await.has(201);
    app
}

/// A text without what differs between runs and stores.
fn plain(app: &App, text: &str) -> String {
    let place = format!("{}{}", app.path(), app.shown_store());
    text.replace(&place, "APP").replace(app.path(), "APP").replace(env!("CARGO_BIN_EXE_pintle"), "pintle")
}

/// What a command says.
fn told(app: &App, words: &[&str]) -> String {
    let (code, out, err) = run(&[words, &[app.path()], &app.store()].concat());
    plain(app, &format!("{out}{err}exit code {code}"))
}

async fn what_loses_nothing_is_applied_at_start_and_told(place: Place) {
    let app = shop(place).await;
    app.manifest(MORE);
    let server = app.serve();
    server.get("/items/1").await.is(200, json!({ "id": 1, "title": "Pin", "price": 2.5, "stock": 0 }));
    server.get("/makers").await.is(200, json!([]));
    let log = server.log();
    for change in ["makers", "stock"] {
        assert!(log.lines().any(|line| line.contains("migrated") && line.contains(change)), "{change} in\n{log}");
    }
}

async fn a_dry_run_shows_the_plan_and_its_sql_and_changes_nothing(place: Place) {
    let app = shop(place).await;
    app.manifest(MORE);
    let first = told(&app, &["migrate", "--dry-run"]);
    assert_snapshot!(format!("dry_run_on_{}", place.name()), first);
    assert_eq!(told(&app, &["migrate", "--dry-run"]), first);
    assert_snapshot!("applied", told(&app, &["migrate"]));
    assert_snapshot!("nothing_to_do", told(&app, &["migrate"]));
}

async fn what_would_lose_data_is_refused_until_it_is_allowed(place: Place) {
    let app = shop(place).await;
    app.manifest(LESS);
    assert_snapshot!(
        "loss_refused_at_start",
        told(&app, &["serve", "--listen", "127.0.0.1:0", "--log-format", "json"])
    );
    assert_snapshot!("loss_refused", told(&app, &["migrate"]));
    // Nothing happened so far.
    app.manifest(FIRST);
    app.serve().get("/items/1").await.is(200, json!({ "id": 1, "title": "Pin", "price": 2.5 }));

    app.manifest(LESS);
    assert_snapshot!("loss_allowed", told(&app, &["migrate", "--allow-loss"]));
    app.serve().get("/items").await.is(200, json!([{ "id": 1, "title": "Pin" }, { "id": 2, "title": "Nut" }]));
}

async fn what_is_renamed_keeps_its_rows(place: Place) {
    let app = shop(place).await;
    app.manifest(RENAMED);
    let server = app.serve();
    let goods = json!([{ "id": 1, "label": "Pin", "price": 2.5 }, { "id": 2, "label": "Nut", "price": null }]);
    server.get("/goods").await.is(200, goods);
}

async fn required_on_rows_without_a_value_is_refused_with_their_number(place: Place) {
    let app = shop(place).await;
    app.manifest(REQUIRED);
    let refused = told(&app, &["migrate", "--allow-loss"]);
    assert_snapshot!("required_refused", refused);
}

async fn two_that_start_at_once_are_safe(place: Place) {
    let app = shop(place).await;
    app.manifest(MORE);
    let children: Vec<_> = (0..4)
        .map(|_| {
            pintle(&["migrate", app.path()])
                .args(app.store())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    app.serve().get("/items/1").await.is(200, json!({ "id": 1, "title": "Pin", "price": 2.5, "stock": 0 }));
}
