//! `db.sql` in scripts, and answers of scripts that are kept until what they read is written.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::app;
use crate::common::{Place, Server};

const MANIFEST: &str = "
pintle: 1
name: data
collections:
  counts:
    key: { name: text }
    fields:
      n: { type: integer, required: true }
      owner: { type: text, default: auth.uid(), readonly: true }
      seen: timestamp
    policies:
      select: owner is null or owner = auth.uid()
  others:
    key: { name: text }
    policies: { select: \"true\", insert: \"true\" }
routes:
  /sum: { get: { cache: 1h, script: routes/sum.js } }
  /sql: { post: { script: routes/sql.js } }
  /add/{name}: { post: { as: service_role, params: { name: text }, script: routes/add.js } }
";

const FILES: [(&str, &str); 3] = [
    // The mark tells one answer from another that says the same.
    (
        "sum.js",
        "export default async function () {
  const { data } = await db.sql('SELECT count(*) AS rows, coalesce(sum(n), 0) AS sum FROM counts').throwOnError();
  return { ...data[0], mark: crypto.randomUUID() };
}\n",
    ),
    (
        "sql.js",
        "export default async function ({ body }) {
  const { data, error } = await db.sql(body.text, body.params ?? {});
  return error ?? data;
}\n",
    ),
    (
        "add.js",
        "export default async function ({ params }) {
  const { data } = await db.sql(
    'INSERT INTO counts (name, n, seen) VALUES (:name, :n, :seen) RETURNING name, n, seen',
    { name: params.name, n: 7, seen: '2026-01-02T03:04:05Z' },
  ).throwOnError();
  return data;
}\n",
    ),
];

async fn a_statement_has_bound_parameters_and_the_caller_s_policies(place: Place) {
    let app = app(MANIFEST, &FILES, place);
    let server = app.serve();
    let seen = json!([{ "name": "a", "n": 7, "seen": "2026-01-02T03:04:05+00:00" }]);
    server.post("/add/a", json!({})).await.is(200, seen);
    let ann = app.token_of("ann", "authenticated", Some("ann"));
    server.post("/add/b", json!({})).token(&ann).await.has(200);
    let sql = |text: &str, params: Value| server.post("/sql", json!({ "text": text, "params": params }));
    let by_name = "SELECT name, n FROM counts WHERE name = :name OR n > :most";
    let name = "' OR ''='";
    sql(by_name, json!({ "name": name, "most": 7 })).await.is(200, json!([]));
    sql(by_name, json!({ "name": "a", "most": null })).await.is(200, json!([{ "name": "a", "n": 7 }]));
    // Of another one's rows nobody hears.
    let all = "SELECT name FROM counts ORDER BY name";
    sql(all, json!({})).await.is(200, json!([{ "name": "a" }]));
    sql(all, json!({})).token(&ann).await.is(200, json!([{ "name": "a" }, { "name": "b" }]));
    for (text, params, told) in [
        ("SELECT nothing FROM counts", json!({}), "nothing"),
        ("SELECT name FROM secrets", json!({}), "secrets"),
        (by_name, json!({ "name": "a" }), "most"),
        (by_name, json!({ "name": "a", "most": "many" }), "most"),
        ("DELETE FROM counts", json!({}), "counts"),
        ("SELECT 1; SELECT 2", json!({}), ""),
    ] {
        let error = sql(text, params).await.has(200).json();
        let message = error["message"].as_str().unwrap_or_else(|| panic!("{text}: {error}"));
        assert!(message.contains(told) && error["code"].is_string(), "{text}: {error}");
    }
    server.get("/sum").await.has(200);
}

async fn sum(server: &Server) -> (Value, String) {
    let told = server.get("/sum").await.has(200).json();
    (told["rows"].clone(), told["mark"].as_str().unwrap().to_owned())
}

/// An answer that was given twice. On PostgreSQL a server keeps none before it has heard of others' writes.
async fn kept(server: &Server) -> (Value, String) {
    let begun = Instant::now();
    let mut last = sum(server).await;
    loop {
        let next = sum(server).await;
        if next == last {
            return next;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "no answer is kept");
        last = next;
    }
}

async fn an_answer_is_kept_until_what_it_read_is_written(place: Place) {
    // On PostgreSQL it may hear late of what others write, and trusts nothing meanwhile.
    let is_alone = matches!(place, Place::Sqlite);
    let app = app(MANIFEST, &FILES, place);
    let server = app.serve();
    let service = app.token("service", "service_role");
    let none = kept(&server).await;
    assert_eq!(none.0, 0);
    server.post("/rest/v1/others", json!({ "name": "x" })).await.has(201);
    if is_alone {
        assert_eq!(sum(&server).await, none, "it does not hang on that");
    }
    server.post("/add/a", json!({})).await.has(200);
    assert_eq!(sum(&server).await.0, 1, "a script's write is seen at once");
    server.post("/add/a", json!({})).await.has(409);
    // Not its mark: on PostgreSQL a server hears of its own write once more, from the store, and makes the answer again.
    assert_eq!(sum(&server).await.0, 1, "of what was taken back nothing is seen");
    server.post("/rest/v1/counts", json!({ "name": "b", "n": 1 })).token(&service).await.has(201);
    assert_eq!(sum(&server).await.0, 2, "and any other write");
}

on_both_stores!(
    a_statement_has_bound_parameters_and_the_caller_s_policies,
    an_answer_is_kept_until_what_it_read_is_written,
);

#[tokio::test]
async fn a_script_s_write_drops_what_another_replica_keeps_within_a_second_on_postgres() {
    let app = app(MANIFEST, &FILES, Place::Postgres);
    let (one, other) = (app.serve(), app.serve());
    assert_eq!(sum(&other).await.0, 0);
    for rows in 1..4 {
        one.post(&format!("/add/{rows}"), json!({})).await.has(200);
        let written = Instant::now();
        while sum(&other).await.0 != rows {
            assert!(written.elapsed() < Duration::from_secs(1), "still the old answer after a second");
            tokio::task::yield_now().await;
        }
    }
}
