//! A statement of a script that never ends: the script's time is its too, and others wait no longer than that.

use std::time::{Duration, Instant};

use serde_json::json;

use super::app;
use crate::common::Place;

const MANIFEST: &str = "
pintle: 1
name: endless
collections:
  notes:
    fields: { text: { type: text, required: true } }
    policies: { select: \"true\", insert: \"true\" }
scripts: { limits: { write_time: 250ms } }
routes:
  /endless: { post: { script: routes/endless.js } }
";

const ENDLESS: &str = "export default async function () {
  await db.from('notes').insert({ text: 'endless' }).throwOnError();
  return await db.sql`with recursive r(i) as (select 1 union all select i * 0 from r) select count(*) as n from r`.throwOnError();
}\n";

async fn a_statement_that_never_ends_is_broken_off_and_a_write_beside_it_is_answered_soon(place: Place) {
    /// Far more than a quarter of a second, far less than the 30 s of a request.
    const SOON: Duration = Duration::from_secs(15);
    let app = app(MANIFEST, &[("endless.js", ENDLESS)], place);
    let server = app.serve();
    let (begun, ask) = (Instant::now(), server.post("/endless", json!({})));
    let endless = tokio::spawn(async move { ask.await });
    while !endless.is_finished() {
        let begun = Instant::now();
        server.post("/rest/v1/notes", json!({ "text": "beside" })).await.has(201);
        assert!(begun.elapsed() < SOON, "the write beside took {:?}", begun.elapsed());
    }
    let told = endless.await.unwrap().has(504).json();
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    assert_eq!(told["message"], "the script ran longer than 250 ms");
    server.get("/rest/v1/notes?text=eq.endless").await.is(200, json!([]));
}

async fn who_waits_for_a_turn_is_not_told_that_the_script_ran_long(place: Place) {
    let manifest = "
pintle: 1
name: busy
limits: { timeout: 1s }
routes:
  /busy: { get: { script: routes/busy.js } }
";
    let busy = "export default () => { const begun = Date.now(); while (Date.now() - begun < 700); return 1 }\n";
    let app = app(manifest, &[("busy.js", busy)], place);
    let server = app.serve();
    // More than there are turns.
    let calls = 4 * std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let mut asked: Vec<_> =
        (0..calls).map(|_| server.get("/busy")).map(|ask| tokio::spawn(async { ask.await })).collect();
    for call in asked.drain(..) {
        let told = call.await.unwrap().text;
        assert!(!told.contains("ran longer"), "{told}");
    }
}

on_both_stores!(
    a_statement_that_never_ends_is_broken_off_and_a_write_beside_it_is_answered_soon,
    who_waits_for_a_turn_is_not_told_that_the_script_ran_long,
);
