//! `db.sql` in scripts, and answers of scripts that are kept until what they read is written.

use std::time::Instant;

use serde_json::{Value, json};

use super::app;
use crate::common::{HEARD_MAX, PATIENCE, Place, Server};

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
  files:
    key: { id: integer }
    fields: { b: bytes, j: json }
    policies: { select: \"true\" }
  others:
    key: { name: text }
    policies: { select: \"true\", insert: \"true\" }
routes:
  /sum: { get: { cache: 1h, script: routes/sum.js } }
  /sql: { post: { script: routes/sql.js } }
  /bytes: { post: { as: service_role, script: routes/bytes.js } }
  /head: { get: { script: routes/head.js }, post: { script: routes/head.js } }
  /add/{name}: { post: { as: service_role, params: { name: text }, script: routes/add.js } }
";

const FILES: [(&str, &str); 5] = [
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
        "bytes.js",
        "export default async function () {
  const b = Uint8Array.of(1, 171);
  await db.from('files').insert([{ id: 1, b }, { id: 2, b: new Uint8Array(), j: { b } }]).throwOnError();
  await db.sql`insert into files (id, b) values (3, ${b})`.throwOnError();
  await db.from('files').update({ b }).eq('id', 2).throwOnError();
  const found = await db.from('files').select('id').eq('b', b).order('id').throwOnError();
  const same = await db.sql`select id, b, j from files where b = ${b} order by id`.throwOnError();
  return { found: found.data, same: same.data };
}\n",
    ),
    (
        "head.js",
        "export default async function () {
  const head = async (query) => {
    const { data, count, error, status } = await query;
    return { data, count, status: error?.code ?? status };
  };
  const all = await head(db.from('others').select('*', { count: 'exact', head: true }));
  const some = await head(db.from('others').select('*', { count: 'exact', head: true }).gt('name', 'b').limit(1));
  const bare = await head(db.from('others').select('*', { head: true }));
  const one = await head(db.from('others').select('*', { count: 'exact', head: true }).eq('name', 'a').single());
  const none = await head(db.from('others').select('nothing', { head: true }));
  return { all, some, bare, one, none };
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

async fn bytes_are_stored_found_and_bound_as_they_are(place: Place) {
    let app = app(MANIFEST, &FILES, place);
    let server = app.serve();
    let row = |id: u8, j: Value| json!({ "id": id, "b": "\\x01ab", "j": j });
    let same = json!([row(1, Value::Null), row(2, json!({ "b": "\\x01ab" })), row(3, Value::Null)]);
    let found = json!([{ "id": 1 }, { "id": 2 }, { "id": 3 }]);
    server.post("/bytes", json!({})).await.is(200, json!({ "found": found, "same": same }));
}

async fn head_counts_without_rows(place: Place) {
    let app = app(MANIFEST, &FILES, place);
    let server = app.serve();
    for name in ["a", "b", "c", "d"] {
        server.post("/rest/v1/others", json!({ "name": name })).await.has(201);
    }
    let told = json!({
        "all": { "data": null, "count": 4, "status": 200 },
        "some": { "data": null, "count": 2, "status": 200 },
        "bare": { "data": null, "count": null, "status": 200 },
        "one": { "data": null, "count": 1, "status": 200 },
        "none": { "data": null, "count": null, "status": "42703" },
    });
    server.get("/head").await.is(200, told.clone());
    server.post("/head", json!({})).await.is(200, told);
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
        assert!(begun.elapsed() < PATIENCE, "no answer is kept");
        last = next;
    }
}

async fn an_answer_is_kept_until_what_it_read_is_written(place: Place) {
    // On PostgreSQL it may hear late of what others write, and trusts nothing meanwhile.
    let is_alone = matches!(place, Place::Sqlite);
    let app = app(MANIFEST, &FILES, place);
    // Before the server, which would hear of it some time later, and trust nothing then that it keeps.
    let service = app.token("service", "service_role");
    let server = app.serve();
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
    bytes_are_stored_found_and_bound_as_they_are,
    head_counts_without_rows,
);

#[tokio::test]
async fn a_script_s_write_drops_what_another_replica_keeps_within_a_second_on_postgres() {
    let app = app(MANIFEST, &FILES, Place::Postgres);
    let (one, other) = (app.serve(), app.serve());
    assert_eq!(sum(&other).await.0, 0);
    for rows in 1..4 {
        one.post(&format!("/add/{rows}"), json!({})).await.has(200);
        let written = Instant::now();
        loop {
            let asked = written.elapsed();
            if sum(&other).await.0 == rows {
                break;
            }
            assert!(asked < HEARD_MAX, "asked after {asked:?}, still the old answer");
        }
    }
}
