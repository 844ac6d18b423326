//! `fetch`: to servers that the manifest lists, after the commit where a script writes, and once.

use std::collections::BTreeSet;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::app;
use crate::common::{App, Place};

/// A server elsewhere, which answers what it is told and tells what it was sent.
struct Elsewhere {
    origin: String,
    sent: UnboundedReceiver<String>,
    /// Whether it answers; until then it lets callers wait.
    answers: watch::Sender<bool>,
}

impl Elsewhere {
    async fn start() -> Elsewhere {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (tell, sent) = unbounded_channel();
        let (answers, waits) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tell, waits) = (tell.clone(), waits.clone());
                tokio::spawn(async move { serve(stream, &|text| tell.send(text).is_ok(), waits).await });
            }
        });
        Elsewhere { origin, sent, answers }
    }

    async fn next(&mut self) -> String {
        tokio::time::timeout(crate::common::PATIENCE, self.sent.recv()).await.unwrap().unwrap()
    }
}

/// Answers one request: a redirect for `/moved`, else what was sent.
async fn serve(mut stream: TcpStream, tell: &(dyn Fn(String) -> bool + Sync), mut waits: watch::Receiver<bool>) {
    let (mut bytes, mut head) = (Vec::new(), None);
    let (head, body) = loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        head = head.or_else(|| text.find("\r\n\r\n"));
        let Some(end) = head else { continue };
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        if text.len() >= end + 4 + length {
            break (text[..end].to_owned(), text[end + 4..].to_owned());
        }
    };
    let line = head.lines().next().unwrap_or_default().to_owned();
    tell(format!("{line} {body}"));
    tokio::select! {
        _ = waits.wait_for(|answers| *answers) => {}
        _ = stream.read_u8() => {
            tell(format!("{line} left"));
            return;
        }
    }
    let status = if line.contains("/moved") { "302 Found\r\nLocation: /" } else { "200 OK" };
    let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// An app whose scripts may reach the server through the variable `ELSEWHERE`.
fn fetching(place: Place) -> App {
    let manifest = "
pintle: 1
name: fetching
collections:
  counts:
    key: { name: text }
    fields: { n: { type: integer, required: true } }
    policies: { select: \"true\" }
scripts:
  environment: [ELSEWHERE]
  fetch: [\"${env:ELSEWHERE}\", \"${env:UNSET}\"]
  limits: { read_time: 60s, write_time: 10s }
routes:
  /ask: { get: { params: { path: { in: query, type: text } }, script: routes/ask.js } }
  /tell/{word}: { post: { as: service_role, params: { word: text }, script: routes/tell.js } }
  /both: { get: { script: routes/both.js } }
  /count: { get: { script: routes/count.js } }
  /much: { post: { as: service_role, script: routes/much.js } }
";
    let ask = "export default async function ({ params }) {
  const answer = await fetch(params.path.includes('://') ? params.path : env.ELSEWHERE + params.path);
  return { status: answer.status, text: await answer.text() };
}\n";
    // Its number is in what it sends: a run that came to nothing would show.
    let tell = "export default async function ({ params }) {
  const row = (await db.from('counts').select('n').eq('name', 'all').maybeSingle().throwOnError()).data;
  const n = (row?.n ?? 0) + 1;
  await db.from('counts').upsert({ name: 'all', n }).throwOnError();
  const answer = await fetch(env.ELSEWHERE + '/hook', { method: 'POST', body: `${params.word} ${n}` });
  if (params.word === 'throw') throw new Error('after all');
  return { n, answer };
}\n";
    let much = "export default async function () {
  await db.from('counts').insert({ name: 'much', n: 1 }).throwOnError();
  const body = new Uint8Array(8 << 20);
  for (let n = 0; n < 60; n++) await fetch(env.ELSEWHERE + '/much', { method: 'POST', body });
}\n";
    let both = "export default async function () {
  const count = async () => (await db.sql`select count(*) as n from counts`.throwOnError()).data[0].n;
  const before = await count();
  const answers = await Promise.all(['/a', '/b'].map((path) => fetch(env.ELSEWHERE + path)));
  return { before, answers: answers.map((answer) => answer.status), after: await count() };
}\n";
    let count =
        "export default async () => (await db.sql`select count(*) as n from counts`.throwOnError()).data[0].n;\n";
    let files = [("ask.js", ask), ("tell.js", tell), ("much.js", much), ("both.js", both), ("count.js", count)];
    app(manifest, &files, place)
}

#[tokio::test]
async fn a_script_that_reads_waits_for_the_answer_and_goes_only_where_it_may() {
    let mut elsewhere = Elsewhere::start().await;
    let app = fetching(Place::Sqlite);
    let server = crate::common::Server::start(app.serving(&["--dev"]).env("ELSEWHERE", &elsewhere.origin));
    server.get("/ask?path=/x").await.is(200, json!({ "status": 200, "text": "" }));
    assert_eq!(elsewhere.next().await, "GET /x HTTP/1.1 ");
    // Where a server points to is not where it may go.
    server.get("/ask?path=/moved").await.is(200, json!({ "status": 302, "text": "" }));
    assert_eq!(elsewhere.next().await, "GET /moved HTTP/1.1 ");
    let refused = server.get("/ask?path=http://127.0.0.1:1/").await.has(500).json();
    let told = refused["details"].as_str().unwrap();
    let why = "fetch may not reach http://127.0.0.1:1: the manifest's scripts.fetch does not list it";
    assert!(told.contains(why), "{told}");
}

#[tokio::test]
async fn nothing_may_be_reached_while_the_variable_is_not_set() {
    let app = fetching(Place::Sqlite);
    let server = app.serve_with(&["--dev"]);
    let refused = server.get("/ask?path=http://127.0.0.1:1/").await.has(500).json();
    assert!(refused["details"].as_str().unwrap().contains("does not list it"), "{refused}");
}

async fn what_a_script_that_writes_sends_goes_out_once_after_the_commit(place: Place) {
    let mut elsewhere = Elsewhere::start().await;
    let app = fetching(place);
    let server = crate::common::Server::start(app.serving(&[]).env("ELSEWHERE", &elsewhere.origin));
    server.post("/tell/throw", json!({})).await.has(500);
    server.post("/tell/first", json!({})).await.is(200, json!({ "n": 1, "answer": null }));
    assert_eq!(elsewhere.next().await, "POST /hook HTTP/1.1 first 1", "of the one that threw nothing was sent");
    // These come between each other: PostgreSQL runs some of them again.
    let mut tasks = JoinSet::new();
    for _ in 0..12 {
        let ask = server.post("/tell/more", json!({}));
        tasks.spawn(async move { ask.await });
    }
    let mut kept = BTreeSet::new();
    while let Some(answer) = tasks.join_next().await {
        let answer = answer.unwrap();
        match answer.status {
            200 => assert!(kept.insert(answer.json()["n"].as_u64().unwrap()), "{answer}"),
            status => assert_eq!(status, 503, "{answer}"),
        }
    }
    assert!(!kept.is_empty());
    server.post("/tell/last", json!({})).await.has(200);
    let mut sent = Vec::new();
    loop {
        let text = elsewhere.next().await;
        let (word, n) = text.strip_prefix("POST /hook HTTP/1.1 ").unwrap().split_once(' ').unwrap();
        if word == "last" {
            break;
        }
        sent.push(n.parse::<u64>().unwrap());
    }
    sent.sort_unstable();
    assert_eq!(sent, kept.into_iter().collect::<Vec<u64>>(), "each that was kept, once");
}

async fn many_that_wait_for_others_let_reads_and_writes_pass(place: Place) {
    // More than there are connections that read, or to a server.
    const WAITING: usize = 40;
    let mut elsewhere = Elsewhere::start().await;
    let app = fetching(place);
    let server = crate::common::Server::start(app.serving(&[]).env("ELSEWHERE", &elsewhere.origin));
    elsewhere.answers.send(false).unwrap();
    let mut waiting = JoinSet::new();
    for _ in 0..WAITING {
        let ask = server.get("/both");
        waiting.spawn(async move { ask.await });
    }
    for _ in 0..WAITING {
        assert_eq!(elsewhere.next().await, "GET /a HTTP/1.1 ");
    }
    server.get("/count").await.is(200, json!(0));
    server.get("/rest/v1/counts?order=name").await.is(200, json!([]));
    server.post("/tell/word", json!({})).await.has(200);
    server.get("/count").await.is(200, json!(1));
    elsewhere.answers.send(true).unwrap();
    while let Some(answer) = waiting.join_next().await {
        answer.unwrap().is(200, json!({ "before": 0, "answers": [200, 200], "after": 1 }));
    }
}

on_both_stores!(
    what_a_script_that_writes_sends_goes_out_once_after_the_commit,
    many_that_wait_for_others_let_reads_and_writes_pass,
);

#[tokio::test]
async fn more_calls_than_may_wait_are_told_to_come_later_and_those_whose_callers_left_do_not_count() {
    const MORE_THAN_MAY: usize = 80;
    let mut elsewhere = Elsewhere::start().await;
    let app = fetching(Place::Sqlite);
    let server = crate::common::Server::start(app.serving(&[]).env("ELSEWHERE", &elsewhere.origin));
    elsewhere.answers.send(false).unwrap();
    let mut waiting = JoinSet::new();
    for _ in 0..MORE_THAN_MAY {
        let ask = server.get("/ask?path=/x");
        waiting.spawn(async move { ask.await });
    }
    let crowded = waiting.join_next().await.unwrap().unwrap().has(503);
    assert_eq!(crowded.header("retry-after"), "1");
    assert_eq!(crowded.json()["message"], "64 calls of scripts wait for answers from elsewhere, and no more may");
    // Whoever leaves ends the script, and what it had asked elsewhere.
    waiting.shutdown().await;
    while elsewhere.next().await != "GET /x HTTP/1.1 left" {}
    elsewhere.answers.send(true).unwrap();
    loop {
        let answer = server.get("/ask?path=/x").await;
        if answer.status == 200 {
            break;
        }
        // The server has not noticed yet that they left.
        answer.has(503);
    }
}

#[tokio::test]
async fn what_one_call_sends_is_bounded_in_bytes() {
    let mut elsewhere = Elsewhere::start().await;
    let app = fetching(Place::Sqlite);
    let server = crate::common::Server::start(app.serving(&["--dev"]).env("ELSEWHERE", &elsewhere.origin));
    let refused = server.post("/much", json!({})).await.has(500).json();
    let told = refused["details"].as_str().unwrap();
    let why = "the requests that one call sends may have 67108864 bytes together, and with this one they have";
    assert!(told.contains(why), "{told}");
    server.get("/rest/v1/counts").await.is(200, json!([]));
    server.post("/tell/after", json!({})).await.has(200);
    assert_eq!(elsewhere.next().await, "POST /hook HTTP/1.1 after 1", "of the call that was refused nothing was sent");
}

#[tokio::test]
async fn a_server_that_stops_sends_what_waits() {
    let mut elsewhere = Elsewhere::start().await;
    let app = fetching(Place::Sqlite);
    let mut server = crate::common::Server::start(app.serving(&[]).env("ELSEWHERE", &elsewhere.origin));
    elsewhere.answers.send(false).unwrap();
    for _ in 0..3 {
        server.post("/tell/word", json!({})).await.has(200);
    }
    assert_eq!(elsewhere.next().await, "POST /hook HTTP/1.1 word 1");
    server.signal("TERM");
    elsewhere.answers.send(true).unwrap();
    assert_eq!(elsewhere.next().await, "POST /hook HTTP/1.1 word 2");
    assert_eq!(elsewhere.next().await, "POST /hook HTTP/1.1 word 3");
    assert_eq!(server.wait(), Some(0));
}
