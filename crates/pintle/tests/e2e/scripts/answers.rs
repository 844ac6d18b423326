//! What scripts answer: bytes that are sent again, what is kept for others, and what is told of a failure.

use std::time::Instant;

use serde_json::json;

use super::{app, counts};
use crate::common::{PATIENCE, Place, Server};

const MANIFEST: &str = "
pintle: 1
name: answering
collections:
  counts:
    key: { name: text }
    fields: { n: { type: integer, required: true } }
    policies: { select: \"true\" }
# The machine that runs tests does much else.
scripts: { limits: { write_time: 5s } }
routes:
  /bytes/{name}: { post: { as: service_role, params: { name: text }, script: routes/bytes.js } }
  /seen: { get: { script: routes/seen.js } }
  /seen/kept: { get: { script: routes/seen.js, cache: 1h } }
  /give/{status}: { get: { params: { status: integer }, script: routes/give.js } }
";

const BYTES: &str = "export default async function ({ params }) {
  const { data } = await db.from('counts').select('n').eq('name', params.name).maybeSingle().throwOnError();
  await db.from('counts').upsert({ name: params.name, n: (data?.n ?? 0) + 1 }).throwOnError();
  const options = { type: 'image/x-odd', headers: { 'x-odd': ['a', 'b'] } };
  if (params.name === 'nul') return response.text('a\\0b', options);
  return response.bytes(new Uint8Array([0, 255, 128, 65]), options);
}\n";

async fn bytes_and_texts_with_nul_are_answered_again_as_they_were(place: Place) {
    let app = app(MANIFEST, &[("bytes.js", BYTES), ("seen.js", SEEN), ("give.js", GIVE)], place);
    let server = app.serve();
    for (name, text, length) in [("bytes", "\0\u{fffd}\u{fffd}A", "4"), ("nul", "a\0b", "3")] {
        for replayed in ["", "true"] {
            let answer =
                server.post(&format!("/bytes/{name}"), json!({})).header("Idempotency-Key", "k").await.has(200);
            assert_eq!((answer.text.as_str(), answer.header("content-length")), (text, length), "{answer}");
            assert_eq!(
                (answer.header("content-type"), answer.header("idempotent-replayed")),
                ("image/x-odd", replayed)
            );
            assert_eq!(answer.headers.get_all("x-odd").iter().collect::<Vec<_>>(), ["a", "b"]);
            assert!(!answer.headers.keys().any(|name| name.as_str().contains("body")), "{:?}", answer.headers);
        }
        assert_eq!(counts(&server, name).await, json!([{ "name": name, "n": 1 }]));
    }
}

on_both_stores!(bytes_and_texts_with_nul_are_answered_again_as_they_were);

const SEEN: &str = "export default async function ({ remote, id, headers, query }) {
  log.info('seen');
  return { remote, id, agent: headers['x-agent'] ?? null, query };
}\n";

#[tokio::test]
async fn a_script_whose_answer_is_kept_sees_nothing_of_the_request_that_others_could_read_in_it() {
    let app = app(MANIFEST, &[("seen.js", SEEN), ("bytes.js", BYTES), ("give.js", GIVE)], Place::Sqlite);
    let server = app.serve();
    let ask = |path| server.get(path).header("X-Request-Id", "mine-7").header("X-Agent", "secret");
    let all = json!({ "remote": "127.0.0.1", "id": "mine-7", "agent": "secret", "query": {} });
    ask("/seen").await.is(200, all);
    ask("/seen/kept").await.is(200, json!({ "remote": "", "id": "", "agent": null, "query": {} }));
    // The log is for who runs the server: there its lines have the id.
    let of_script = |line: &str| line.contains("\"message\":\"seen\"") && line.contains("mine-7");
    logged(&server, |log| log.lines().filter(|line| of_script(line)).count() == 2).await;
}

const GIVE: &str = "export default async function ({ params }) { fail(params.status, `upstream ${params.status}`); }\n";

#[tokio::test]
async fn a_failure_that_a_script_calls_the_server_s_stands_in_the_log() {
    let app = app(MANIFEST, &[("give.js", GIVE), ("seen.js", SEEN), ("bytes.js", BYTES)], Place::Sqlite);
    let server = app.serve();
    server.get("/give/404").await.has(404);
    server.get("/give/502").await.has(502);
    let log = logged(&server, |log| log.contains("upstream 502")).await;
    let line = log.lines().find(|line| line.contains("upstream 502")).unwrap();
    assert!(line.contains("WARN") && line.contains("routes/give.js"), "{line}");
    assert!(!log.contains("upstream 404"), "{log}");
}

/// The log, once it is as it should be: its lines come a moment after the answers.
async fn logged(server: &Server, is_there: impl Fn(&str) -> bool) -> String {
    let began = Instant::now();
    loop {
        let log = server.log();
        if is_there(&log) {
            return log;
        }
        assert!(began.elapsed() < PATIENCE, "{log}");
        tokio::task::yield_now().await;
    }
}
