//! `Idempotency-Key` over HTTP: what is answered again, to whom, for how long.

#![expect(clippy::unwrap_used, reason = "a test's way to fail")]

mod support;

use pintle_server::Settings;
use reqwest::Method;
use support::{Answered, Ask, Served, serve};

const KEY: &str = "Idempotency-Key";

async fn post(app: &Served, path: &str, token: &str, key: &str, body: &str) -> Answered {
    app.ask(Method::POST, path).bearer_auth(token).header(KEY, key).json_text(body).answered().await
}

/// Without what belongs to a request, not to what was done.
fn headers(answer: &Answered) -> Vec<(String, String)> {
    let own = ["date", "x-request-id", "idempotent-replayed"];
    let mut all: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    all.sort();
    all
}

#[track_caller]
fn is_replay(again: &Answered, first: &Answered) {
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!((again.status, &again.text, headers(again)), (first.status, &first.text, headers(first)));
}

async fn count(app: &Served, token: &str) -> usize {
    let all = app.ask(Method::GET, "/rest/v1/notes").bearer_auth(token).answered().await;
    all.json().as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_writes_nothing() {
    let app = serve().await;
    let ann = app.writer().await;
    let first = post(&app, "/api/notes", &ann, "k1", r#"{"text":"é \"quoted\""}"#).await;
    first.is(201);
    assert!(first.header("location").starts_with("/api/notes/") && first.header("etag").starts_with('"'));
    // Also with quotes around the key, as the draft has it.
    for key in ["k1", "\"k1\""] {
        is_replay(&post(&app, "/api/notes", &ann, key, r#"{"text":"é \"quoted\""}"#).await, &first);
    }
    assert_eq!(count(&app, &ann).await, 1);
}

#[tokio::test]
async fn every_form_of_answer_is_kept() {
    let app = serve().await;
    let ann = app.writer().await;
    let many = r#"[{"text":"a"},{"text":"b"}]"#;
    for (key, prefer, query, body) in [
        ("minimal", "", "", many),
        ("located", "return=headers-only", "", r#"{"text":"c"}"#),
        ("rows", "return=representation, count=exact", "?select=id,text&order=id.desc", many),
        ("upsert", "return=representation, resolution=merge-duplicates", "", r#"{"id":1,"text":"new"}"#),
        ("nothing", "return=representation", "", "[]"),
    ] {
        let ask = async || {
            let ask = app.ask(Method::POST, &format!("/rest/v1/notes{query}")).bearer_auth(&ann);
            ask.header(KEY, key).header("Prefer", prefer).json_text(body).answered().await
        };
        let first = ask().await;
        assert!([200, 201].contains(&first.status), "{key}: {}", first.text);
        let before = count(&app, &ann).await;
        is_replay(&ask().await, &first);
        assert_eq!(count(&app, &ann).await, before, "{key}");
    }
    let single = async |accept: &str| {
        let ask = app.ask(Method::POST, "/rest/v1/notes").bearer_auth(&ann).header(KEY, "single");
        let ask = ask.header("Accept", accept).header("Prefer", "return=representation");
        ask.json_text(r#"{"text":"d"}"#).answered().await
    };
    let first = single("application/vnd.pgrst.object+json").await;
    assert!(first.is(201).text.starts_with('{'));
    is_replay(&single("application/vnd.pgrst.object+json").await, &first);
    single("application/json").await.is_error(422, "PT422");
}

#[tokio::test]
async fn another_request_with_the_key_is_refused() {
    let app = serve().await;
    let ann = app.writer().await;
    post(&app, "/rest/v1/notes", &ann, "k", r#"{"text":"a"}"#).await.is(201);
    post(&app, "/rest/v1/notes", &ann, "k", r#"{"text":"b"}"#).await.is_error(422, "PT422");
    post(&app, "/rest/v1/notes?select=id", &ann, "k", r#"{"text":"a"}"#).await.is_error(422, "PT422");
    let other = app.ask(Method::POST, "/rest/v1/notes").bearer_auth(&ann).header(KEY, "k");
    let other = other.header("Prefer", "return=representation").json_text(r#"{"text":"a"}"#).answered().await;
    other.is_error(422, "PT422");
    assert!(other.json()["hint"].as_str().unwrap().contains("make a new one"));
    // Another path is another matter.
    post(&app, "/api/notes", &ann, "k", r#"{"text":"b"}"#).await.is(201);
    assert_eq!(count(&app, &ann).await, 2);
}

#[tokio::test]
async fn a_key_is_its_caller_s_own_whatever_the_token() {
    let app = serve().await;
    let (ann, bob) = (app.writer_of("ann").await, app.writer_of("bob").await);
    let body = r#"{"text":"a"}"#;
    let hers = post(&app, "/api/notes", &ann, "k", body).await;
    let his = post(&app, "/api/notes", &bob, "k", body).await;
    assert_eq!((hers.is(201).status, his.is(201).header("idempotent-replayed")), (201, ""));
    assert_ne!(hers.text, his.text);
    let renewed = app.writer_of("ann").await;
    is_replay(&post(&app, "/api/notes", &renewed, "k", body).await, &hers);
}

#[tokio::test]
async fn a_write_that_failed_is_not_remembered() {
    let app = serve().await;
    let ann = app.writer().await;
    post(&app, "/rest/v1/notes", &ann, "first", r#"{"id":1,"text":"in the way"}"#).await.is(201);
    // The second record is taken, so neither is stored.
    let both = r#"[{"id":7,"text":"x"},{"id":1,"text":"y"}]"#;
    for _ in 0..2 {
        post(&app, "/rest/v1/notes", &ann, "k", both).await.is_error(409, "23505");
    }
    post(&app, "/rest/v1/notes", &ann, "k", r#"{"text":1}"#).await.is(400);
    post(&app, "/rest/v1/notes", &ann, "k", r#"[{"id":7,"text":"x"},{"id":8,"text":"y"}]"#).await.is(201);
    assert_eq!(count(&app, &ann).await, 3);
    // Nor is one that is not allowed: this role may write no config.
    let config = r#"{"name":"n","data":[]}"#;
    let ask = || app.ask(Method::POST, "/configs").header(KEY, "k").json_text(config);
    ask().answered().await.is_error(401, "PT401");
    ask().bearer_auth(&ann).answered().await.is(201);
}

#[tokio::test]
async fn of_many_at_once_one_writes() {
    let app = serve().await;
    let ann = app.writer().await;
    let (app, ann) = (&app, &ann);
    for round in 0..20 {
        let key = format!("k{round}");
        let asks = (0..16).map(|_| post(app, "/api/notes", ann, &key, r#"{"text":"once"}"#));
        let answers = futures_util::future::join_all(asks).await;
        let made: Vec<_> =
            answers.iter().filter(|a| a.status == 201 && a.header("idempotent-replayed").is_empty()).collect();
        assert_eq!(made.len(), 1);
        for other in answers.iter().filter(|answer| !std::ptr::eq(*answer, made[0])) {
            if other.status == 201 {
                is_replay(other, made[0]);
            } else {
                assert_eq!(other.is_error(409, "PT409").header("retry-after"), "1");
            }
        }
        assert_eq!(count(app, ann).await, round + 1);
    }
}

#[tokio::test]
async fn what_is_no_key_is_refused_and_writes_nothing() {
    let app = serve().await;
    let ann = app.writer().await;
    for key in ["", "\"open", "two words", &"k".repeat(256)] {
        for path in ["/api/notes", "/rest/v1/notes"] {
            let answer = post(&app, path, &ann, key, r#"{"text":"a"}"#).await;
            assert!(answer.is_error(400, "PT400").json()["hint"].as_str().unwrap().contains("1 to 255"));
        }
    }
    assert_eq!(count(&app, &ann).await, 0);
}

#[tokio::test]
async fn other_methods_have_no_use_for_it_and_a_patch_says_so() {
    let app = serve().await;
    let ann = app.writer().await;
    app.send(Method::POST, "/configs", &ann, r#"{"name":"a","data":[]}"#).await.is(201);
    for path in ["/configs/a", "/rest/v1/configs?name=eq.a"] {
        let ask = |method, body: &str| app.ask(method, path).bearer_auth(&ann).header(KEY, "k").json_text(body);
        ask(Method::PATCH, r#"{"data":[1]}"#).answered().await.is_error(400, "PT400");
        for data in ["[1]", "[2]"] {
            let put = ask(Method::PUT, &format!(r#"{{"name":"a","data":{data}}}"#)).answered().await;
            assert!([200, 204].contains(&put.status) && put.header("idempotent-replayed").is_empty(), "{}", put.text);
        }
        ask(Method::GET, "").answered().await.is(200);
    }
    app.ask(Method::DELETE, "/configs/a").bearer_auth(&ann).header(KEY, "k").answered().await.is(204);
}

#[tokio::test]
async fn what_is_rolled_back_is_not_remembered() {
    let settings = Settings { allow_rollback: true, access_log: false, ..Settings::default() };
    let app = support::serve_with(support::APP, settings).await;
    let ann = app.writer().await;
    for _ in 0..2 {
        let ask = app.ask(Method::POST, "/rest/v1/notes").bearer_auth(&ann).header(KEY, "k");
        let tried = ask.header("Prefer", "tx=rollback").json_text(r#"{"text":"a"}"#).answered().await;
        assert_eq!(tried.is(201).header("idempotent-replayed"), "");
    }
    post(&app, "/rest/v1/notes", &ann, "k", r#"{"text":"b"}"#).await.is(201);
    assert_eq!((count(&app, &ann).await, app.answers().await), (1, 1));
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let app = serve().await;
    let ann = app.writer().await;
    let first = post(&app, "/api/notes", &ann, "k", r#"{"text":"a"}"#).await;
    app.age_answers(23 * 3600 + 3500).await;
    is_replay(&post(&app, "/api/notes", &ann, "k", r#"{"text":"a"}"#).await, &first);
    app.age_answers(24 * 3600 + 1).await;
    // Now it is a new request, whatever its body, and is kept in the old one's place.
    let second = post(&app, "/api/notes", &ann, "k", r#"{"text":"b"}"#).await;
    assert_eq!((second.is(201).header("idempotent-replayed"), second.text == first.text), ("", false));
    is_replay(&post(&app, "/api/notes", &ann, "k", r#"{"text":"b"}"#).await, &second);
    assert_eq!(count(&app, &ann).await, 2);
}

#[tokio::test]
async fn old_answers_are_removed_when_a_server_starts() {
    let mut app = serve().await;
    let ann = app.writer().await;
    for number in 0..450 {
        post(&app, "/api/notes", &ann, &format!("old{number}"), r#"{"text":"a"}"#).await.is(201);
    }
    app.age_answers(24 * 3600 + 1).await;
    let last = post(&app, "/api/notes", &ann, "new", r#"{"text":"a"}"#).await;
    assert_eq!(app.answers().await, 451);
    app.stop();
    let app = support::serve_again(app.stopped().await).await;
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while app.answers().await > 1 {
        assert!(tokio::time::Instant::now() < until, "{} answers are left", app.answers().await);
        tokio::task::yield_now().await;
    }
    is_replay(&post(&app, "/api/notes", &ann, "new", r#"{"text":"a"}"#).await, &last);
}
