//! Scripts that read little: they are run where their requests are handled, and begun anew when they turn out to need more.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::app;
use crate::common::{Place, Server};

/// Routes of the same script: of each the first call is one of which nobody knows how much it asks.
const ROUTES: usize = 24;
/// Calls of each.
const CALLS: usize = 3;

const HEAD: &str = "
pintle: 1
name: quick
collections:
  accounts:
    key: { name: text }
    fields: { n: { type: integer, required: true } }
    policies: { select: \"true\" }
routes:
  /start: { post: { as: service_role, script: routes/start.js } }
  /move: { post: { as: service_role, sql: \"UPDATE accounts SET n = CASE name WHEN 'a' THEN n - 1 ELSE n + 1 END\" } }
  /busy/{ms}: { get: { params: { ms: integer }, script: routes/busy.js } }
  /first: { get: { script: routes/first.js } }
";

const FILES: [(&str, &str); 4] = [
    (
        "start.js",
        "export default async () => {
  await db.from('accounts').upsert([{ name: 'a', n: 500 }, { name: 'b', n: 500 }]).throwOnError();
}\n",
    ),
    // Each question is one of its own.
    (
        "sum.js",
        "let calls = 0;
export default async function () {
  log.info('a call begins');
  const seen = [++calls];
  for (const name of ['a', 'b']) {
    const { data } = await db.sql('SELECT n FROM accounts WHERE name = :name', { name }).throwOnError();
    seen.push(data[0].n);
  }
  const { data, count } = await db.from('accounts').select('n', { count: 'exact' }).throwOnError();
  return [...seen, data[0].n + data[1].n, count];
}\n",
    ),
    (
        "busy.js",
        "export default async function ({ params }) {
  for (const end = Date.now() + params.ms; Date.now() < end; ) ;
  return (await db.from('accounts').select('name').order('name').throwOnError()).data.length;
}\n",
    ),
    // The first question fails, and it asks another.
    (
        "first.js",
        "export default async function () {
  const { error } = await db.sql('SELECT n * 9223372036854775807 AS x FROM accounts WHERE name = :name', { name: 'a' });
  const { data } = await db.from('accounts').select('name').order('name').throwOnError();
  return [error?.code ?? null, data.length];
}\n",
    ),
];

fn manifest() -> String {
    let routes = (0..ROUTES).map(|n| format!("  /sum{n}: {{ get: {{ script: routes/sum.js }} }}\n"));
    HEAD.to_owned() + &routes.collect::<String>()
}

async fn sums_hold(server: &Server, of: impl Iterator<Item = usize>) {
    for n in of {
        for _ in 0..CALLS {
            let told = server.get(&format!("/sum{n}")).await.has(200).json();
            let number = |at: usize| told[at].as_i64().unwrap();
            assert_eq!((number(0), number(1) + number(2), number(3), number(4)), (1, 1000, 1000, 2), "{told}");
        }
    }
}

async fn every_question_of_a_call_sees_the_same_moment_also_where_nobody_expected_a_second_one(place: Place) {
    let app = app(&manifest(), &FILES, place);
    let mut server = app.serve();
    server.post("/start", json!({})).await.has(204);
    let done = AtomicBool::new(false);
    let moves = async {
        let mut count = 0;
        while !done.load(Ordering::Relaxed) {
            server.ask(reqwest::Method::POST, "/move").await.bare(204);
            count += 1;
        }
        count
    };
    let sums = async {
        tokio::join!(sums_hold(&server, (0..ROUTES).step_by(2)), sums_hold(&server, (1..ROUTES).step_by(2)),);
        done.store(true, Ordering::Relaxed);
    };
    let (moves, ()) = tokio::join!(moves, sums);
    assert!(moves > 0);
    // What an attempt says that is begun anew is said once.
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert_eq!(server.log().matches("a call begins").count(), ROUTES * CALLS);
}

async fn one_that_computes_for_longer_is_answered_all_the_same_and_holds_up_nobody(place: Place) {
    let app = app(&manifest(), &FILES, place);
    let server = app.serve();
    server.post("/start", json!({})).await.has(204);
    for ms in [0, 30, 0, 30, 30] {
        server.get(&format!("/busy/{ms}")).await.is(200, json!(2));
    }
    let busy = async || drop(server.get("/busy/100").await.is(200, json!(2)));
    tokio::join!(busy(), busy(), busy(), busy(), async { drop(server.get("/busy/0").await.is(200, json!(2))) });
}

async fn a_question_that_fails_leaves_the_others_what_they_are(place: Place) {
    let app = app(&manifest(), &FILES, place);
    let server = app.serve();
    server.post("/start", json!({})).await.has(204);
    for _ in 0..4 {
        server.get("/first").await.is(200, json!(["22003", 2]));
    }
}

on_both_stores!(
    every_question_of_a_call_sees_the_same_moment_also_where_nobody_expected_a_second_one,
    one_that_computes_for_longer_is_answered_all_the_same_and_holds_up_nobody,
    a_question_that_fails_leaves_the_others_what_they_are,
);
