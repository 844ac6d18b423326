//! What scripts answer: bytes that are sent again.

use serde_json::json;

use super::{app, counts};
use crate::common::Place;

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
";

const BYTES: &str = "export default async function ({ params }) {
  const { data } = await db.from('counts').select('n').eq('name', params.name).maybeSingle().throwOnError();
  await db.from('counts').upsert({ name: params.name, n: (data?.n ?? 0) + 1 }).throwOnError();
  const options = { type: 'image/x-odd', headers: { 'x-odd': ['a', 'b'] } };
  if (params.name === 'nul') return response.text('a\\0b', options);
  return response.bytes(new Uint8Array([0, 255, 128, 65]), options);
}\n";

async fn bytes_and_texts_with_nul_are_answered_again_as_they_were(place: Place) {
    let app = app(MANIFEST, &[("bytes.js", BYTES)], place);
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
