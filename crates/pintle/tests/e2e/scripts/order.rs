//! Whatever order scripted writes come in, what they leave is that of some one-after-another order.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::app;
use crate::common::{Place, Server};

const MANIFEST: &str = "
pintle: 1
name: ordered
collections:
  steps:
    key: { number: integer }
    fields: { by: { type: integer, required: true }, value: { type: integer, required: true } }
    policies: { select: \"true\" }
  accounts:
    key: { name: text }
    fields: { value: { type: integer, required: true } }
    policies: { select: \"true\" }
# The writes wait for each other, so each needs more time than a script should take.
scripts: { limits: { write_time: 10s } }
routes:
  /begin: { post: { as: service_role, script: routes/begin.js } }
  /step: { post: { as: service_role, script: routes/step.js } }
";

const FILES: [(&str, &str); 2] = [
    (
        "begin.js",
        "export default async function () {
  await db.from('accounts').insert([{ name: 'a', value: 1 }, { name: 'b', value: 1000 }]).throwOnError();
}\n",
    ),
    // A step hangs on all before it: another order gives other values. It moves money between the accounts, and writes down
    // under the next number what it found.
    (
        "step.js",
        "export default async function ({ body }) {
  const last = await db.from('steps').select('number').order('number', { ascending: false }).limit(1).throwOnError();
  const rows = (await db.from('accounts').select().order('name').throwOnError()).data;
  const value = (rows[0].value * 3 + body.by) % 1009;
  await db.from('accounts').update({ value }).eq('name', 'a').throwOnError();
  const moved = rows[1].value + rows[0].value - value;
  await db.from('accounts').upsert({ name: 'b', value: moved }).throwOnError();
  const number = (last.data[0]?.number ?? 0) + 1;
  await db.from('steps').insert({ number, by: body.by, value }).throwOnError();
  if (body.by % 7 === 0) fail(400, 'sevens are taken back');
  return { number, value };
}\n",
    ),
];

const STEPS: u64 = 200;
/// Requests that are under way at a time.
const AT_ONCE: usize = 40;

/// One write, sent again while others come between: the number that it got, or nothing where it takes itself back.
fn step(server: &Server, by: u64) -> impl Future<Output = Option<u64>> + Send + use<> {
    let ask = |server: &Server| server.post("/step", json!({ "by": by }));
    let tries: Vec<_> = (0..50).map(|_| ask(server)).collect();
    async move {
        for ask in tries {
            let answer = ask.await;
            match answer.status {
                200 => return answer.json()["number"].as_u64(),
                400 => return None,
                // Others came between for as often as the store tries by itself, or for as long as a script may take.
                503 | 504 => {}
                _ => panic!("{answer}"),
            }
        }
        panic!("step {by} was never let through")
    }
}

/// Sends all steps to these servers in turn, and holds what is stored against a run of one after another.
async fn is_serial(servers: &[Server]) {
    servers[0].post("/begin", json!({})).await.bare(204);
    let (mut tasks, mut numbers) = (JoinSet::new(), Vec::new());
    for by in 0..STEPS {
        let server = &servers[usize::try_from(by).unwrap() % servers.len()];
        tasks.spawn(step(server, by));
        while tasks.len() == AT_ONCE {
            numbers.extend(tasks.join_next().await.unwrap().unwrap());
        }
    }
    while let Some(done) = tasks.join_next().await {
        numbers.extend(done.unwrap());
    }
    numbers.sort_unstable();
    let kept = STEPS - STEPS.div_ceil(7);
    assert_eq!(numbers, (1..=kept).collect::<Vec<u64>>(), "each has a number of its own");
    let steps = servers[0].get("/rest/v1/steps?order=number").await.has(200).json();
    let steps = steps.as_array().unwrap();
    assert_eq!(steps.len() as u64, kept);
    let mut value = 1;
    for (at, step) in steps.iter().enumerate() {
        assert_eq!(step["number"], at + 1);
        value = (value * 3 + step["by"].as_u64().unwrap()) % 1009;
        assert_eq!(step["value"], value, "{step}");
    }
    let accounts = servers[0].get("/rest/v1/accounts?order=name").await.has(200).json();
    let values: Vec<i64> = accounts.as_array().unwrap().iter().map(|row| row["value"].as_i64().unwrap()).collect();
    assert_eq!((Value::from(values[0]), values.iter().sum::<i64>()), (Value::from(value), 1001));
}

#[tokio::test]
async fn two_hundred_scripted_writes_are_as_if_one_after_another_on_sqlite() {
    let app = app(MANIFEST, &FILES, Place::Sqlite);
    is_serial(&[app.serve()]).await;
}

#[tokio::test]
async fn two_hundred_scripted_writes_are_as_if_one_after_another_on_two_replicas_of_postgres() {
    let app = app(MANIFEST, &FILES, Place::Postgres);
    is_serial(&[app.serve(), app.serve()]).await;
}
