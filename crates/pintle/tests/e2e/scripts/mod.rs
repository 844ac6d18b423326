//! Scripts that answer routes: bounded, one transaction each, under the policies of who calls.

mod answers;
mod data;
mod fetch;
mod mistakes;
mod order;
mod quick;
mod time;

use serde_json::{Value, json};

use crate::common::{App, Place, Server, finish, pintle, run};

const MANIFEST: &str = "
pintle: 1
name: scripted
collections:
  notes:
    key: { id: { type: integer, generated: true } }
    fields:
      owner: { type: text, default: auth.uid(), readonly: true }
      text: { type: text, required: true }
    policies:
      select: owner = auth.uid()
      insert: owner = auth.uid()
  counts:
    key: { name: text }
    fields: { n: { type: integer, required: true } }
    policies:
      select: \"true\"
limits: { rows: 10 }
scripts: { limits: { write_time: 1s } }
routes:
  /harm/{way}:
    post: { as: service_role, params: { way: text }, script: routes/harm.js }
  /counts/{name}:
    get: { params: { name: text }, script: routes/read.js }
  /own:
    post: { auth: required, script: routes/notes.js }
  /all:
    post: { auth: required, as: service_role, script: routes/notes.js }
  /bulk/{rows}:
    post: { as: service_role, params: { rows: integer }, script: routes/bulk.js }
  /denied/{rows}:
    post: { params: { rows: integer }, script: routes/bulk.js }
";

/// Writes first, then does what its parameter says.
const HARM: &str = "
import { down } from './deep.js';
export default async function ({ params }) {
  await db.from('counts').upsert({ name: params.way, n: 1 }).throwOnError();
  log.info('on the way', params.way);
  switch (params.way) {
    case 'loop': for (;;) {}
    case 'allocate': for (const all = [];;) all.push(new Uint8Array(1 << 20));
    case 'recurse': return down(0);
    case 'throw': throw new TypeError('half-way');
    case 'fail': fail(409, 'not now', { why: ['a', 1] }, 'later');
    case 'headers': return response.json({}, { headers: { 'a b': 'c' } });
    case 'answer': return response.json({ told: true }, { status: 422 });
    case 'step': {
      const { error, status } = await db.from('counts').insert({ name: 'step', n: 2 });
      await db.from('counts').insert({ name: 'step-after', n: 3 }).throwOnError();
      return { code: error.code, status };
    }
  }
}
";

const FILES: [(&str, &str); 5] = [
    ("harm.js", HARM),
    ("deep.js", "export function down(n) { return down(n + 1) + 1; }\n"),
    (
        "read.js",
        "export default async function ({ params, method }) {
  if (params.name === 'write') return (await db.from('counts').insert({ name: 'x', n: 1 })).error;
  const { data } = await db.from('counts').select('name,n').eq('name', params.name).maybeSingle();
  return data ?? fail(404, `there is no ${params.name}`);
}\n",
    ),
    (
        "notes.js",
        "export default async function ({ body, caller }) {
  if (body) await db.from('notes').insert(body).throwOnError();
  const { data, count } = await db.from('notes').select('owner,text', { count: 'exact' }).order('id').throwOnError();
  return { caller, count, notes: data };
}\n",
    ),
    (
        "bulk.js",
        "export default async function ({ params }) {
  const rows = Array.from({ length: params.rows }, (_, n) => ({ name: `row-${n}`, n }));
  const { count } = await db.from('counts').upsert(rows, { count: 'exact' }).throwOnError();
  const { data } = await db.from('counts').select('n').throwOnError();
  return { count, read: data.length, sum: data.reduce((sum, row) => sum + row.n, 0) };
}\n",
    ),
];

/// An app with scripts in `routes/`.
fn app(manifest: &str, files: &[(&str, &str)], place: Place) -> App {
    let app = App::of(manifest).on(place);
    std::fs::create_dir(app.file("routes")).unwrap();
    for (name, text) in files {
        std::fs::write(app.file(&format!("routes/{name}")), text).unwrap();
    }
    app
}

/// What `/rest/v1/counts` holds of a name.
async fn counts(server: &Server, name: &str) -> Value {
    server.get(&format!("/rest/v1/counts?name=eq.{name}")).await.has(200).json()
}

async fn what_goes_wrong_is_told_keeps_nothing_and_harms_nobody_else(place: Place) {
    let app = app(MANIFEST, &FILES, place);
    let server = app.serve();
    for (way, status, message) in [
        ("loop", 504, "the script ran longer than 1000 ms"),
        ("allocate", 500, "the script wanted more than 67108864 bytes of memory"),
        ("recurse", 500, "the script wanted more than 262144 bytes of stack"),
        ("throw", 500, "the script failed"),
        ("headers", 500, "the script failed"),
        ("fail", 409, "not now"),
    ] {
        let answer = server.post(&format!("/harm/{way}"), json!({})).await.has(status);
        assert_eq!(answer.json()["message"], message, "{answer}");
        assert_eq!(answer.json()["code"], format!("PT{status}"), "{answer}");
        assert_eq!(counts(&server, way).await, json!([]), "{way}");
        // The next one finds all as it was.
        server.post("/harm/answer", json!({})).await.is(422, json!({ "told": true }));
    }
    let failed = server.post("/harm/fail", json!({})).await.json();
    assert_eq!((&failed["details"], &failed["hint"]), (&json!({ "why": ["a", 1] }), &json!("later")));
    let thrown = server.post("/harm/throw", json!({})).await.json();
    assert_eq!((&thrown["details"], &thrown["hint"]), (&Value::Null, &Value::Null), "callers learn nothing of it");
    server.has_logged("TypeError: half-way at routes/harm.js:10:");
    server.has_logged("its answer is none: `a b` is no header's name in routes/harm.js");
    for reason in ["longer than 1000 ms", "more than 67108864 bytes of memory", "more than 262144 bytes of stack"] {
        server.has_logged(&format!("{reason} in routes/harm.js"));
    }
    // What it said until then.
    server.has_logged("on the way throw");
}

async fn an_answer_of_any_status_is_kept_and_a_failed_step_leaves_the_others(place: Place) {
    let app = app(MANIFEST, &FILES, place);
    let server = app.serve();
    server.post("/harm/answer", json!({})).await.has(422);
    assert_eq!(counts(&server, "answer").await, json!([{ "name": "answer", "n": 1 }]));
    server.post("/harm/step", json!({})).await.is(200, json!({ "code": "23505", "status": 409 }));
    assert_eq!(counts(&server, "step").await, json!([{ "name": "step", "n": 1 }]));
    assert_eq!(counts(&server, "step-after").await, json!([{ "name": "step-after", "n": 3 }]));
}

async fn a_get_reads_and_has_a_tag(place: Place) {
    let app = app(MANIFEST, &FILES, place);
    let server = app.serve();
    server.post("/harm/answer", json!({})).await.has(422);
    let found = server.get("/counts/answer").await.is(200, json!({ "name": "answer", "n": 1 }));
    assert_eq!(found.header("content-type"), "application/json; charset=utf-8");
    let tag = found.header("etag").to_owned();
    server.get("/counts/answer").header("If-None-Match", &tag).await.bare(304);
    server.ask(reqwest::Method::HEAD, "/counts/answer").await.bare(200);
    assert_eq!(server.get("/counts/none").await.has(404).json()["message"], "there is no none");
    let refused = server.get("/counts/write").await.has(200).json();
    assert_eq!(refused["message"], "a GET only reads, so its script cannot write");
    assert_eq!(counts(&server, "x").await, json!([]));
}

async fn policies_are_the_caller_s_unless_the_route_acts_as_the_service(place: Place) {
    let app = app(MANIFEST, &FILES, place);
    let server = app.serve();
    let (ann, bob) =
        (app.token_of("ann", "authenticated", Some("ann")), app.token_of("bob", "authenticated", Some("bob")));
    server.post("/own", json!({})).await.has(401);
    server.post("/own", json!([{ "text": "a" }])).token(&ann).await.has(200);
    let own = server.post("/own", json!([{ "text": "b" }])).token(&bob).await.has(200).json();
    assert_eq!((&own["count"], &own["notes"]), (&json!(1), &json!([{ "owner": "bob", "text": "b" }])));
    assert_eq!(own["caller"], json!({ "role": "authenticated", "user": "bob", "claims": {} }));
    let all = server.post("/all", json!([{ "text": "c" }])).token(&bob).await.has(200).json();
    let owners: Vec<&Value> = all["notes"].as_array().unwrap().iter().map(|note| &note["owner"]).collect();
    assert_eq!(owners, ["ann", "bob", "bob"]);
    // What nobody but the service may do is refused under the caller's policies, and told as the data API tells it.
    let refused = server.post("/denied/1", json!({})).token(&bob).await.has(403).json();
    assert_eq!(
        (&refused["code"], &refused["message"]),
        (&json!("42501"), &json!("permission denied for table counts"))
    );
    assert_eq!(server.post("/denied/1", json!({})).await.has(401).header("www-authenticate"), "Bearer");
}

async fn many_rows_are_written_at_once_and_read_without_a_page_s_limit(place: Place) {
    let app = app(MANIFEST, &FILES, place);
    let server = app.serve();
    for _ in 0..2 {
        let done = json!({ "count": 1000, "read": 1000, "sum": 499_500 });
        server.post("/bulk/1000", json!({})).await.is(200, done);
    }
    assert_eq!(
        server.get("/rest/v1/counts").await.has(200).json().as_array().unwrap().len(),
        10,
        "the manifest's limit"
    );
}

on_both_stores!(
    what_goes_wrong_is_told_keeps_nothing_and_harms_nobody_else,
    an_answer_of_any_status_is_kept_and_a_failed_step_leaves_the_others,
    a_get_reads_and_has_a_tag,
    policies_are_the_caller_s_unless_the_route_acts_as_the_service,
    many_rows_are_written_at_once_and_read_without_a_page_s_limit,
);

#[tokio::test]
async fn in_dev_mode_who_writes_a_script_sees_what_went_wrong() {
    let app = app(MANIFEST, &FILES, Place::Sqlite);
    let server = app.serve_with(&["--dev"]);
    let told = server.post("/harm/throw", json!({})).await.has(500).json();
    assert!(told["details"].as_str().unwrap().starts_with("TypeError: half-way at routes/harm.js:10:"), "{told}");
}

#[test]
fn a_mistake_is_shown_in_the_file_where_it_stands_also_in_one_that_is_imported() {
    let mut files = FILES;
    files[1].1 = "export function down(n) {\n  return down(n + ) + 1;\n}\n";
    let app = app(MANIFEST, &files, Place::Sqlite);
    let (code, out, _) = finish(pintle(&["check"]).current_dir(app.path()));
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("routes/deep.js:2:"), "{out}");
    assert!(out.ends_with("the app has 1 error\n"), "{out}");
    let (_, out, _) = run(&["check", app.path()]);
    assert!(out.ends_with(&format!("{} has 1 error\n", app.path())), "{out}");
    let (code, _, err) = finish(pintle(&["serve", "--listen", "127.0.0.1:0"]).current_dir(app.path()));
    assert_eq!(code, 1);
    assert!(err.contains("routes/deep.js:2:"), "{err}");
}
