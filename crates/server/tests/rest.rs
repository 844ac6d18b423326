//! `/rest/v1` over real HTTP: headers and statuses, as PostgREST has them.

mod support;

use pintle_server::Settings;
use reqwest::Method;
use support::{APP, Answered, Ask as _, Served, serve, serve_with};

/// Configs `a`, `b`, `c` with data 1, 2, 3, and a token that may write.
async fn filled() -> (Served, String) {
    let settings = Settings { access_log: false, allow_rollback: true, ..Settings::default() };
    let app = serve_with(APP, settings).await;
    let token = app.writer().await;
    let rows = r#"[{"name":"a","data":1},{"name":"b","data":2},{"name":"c","data":3}]"#;
    app.send(Method::POST, "/rest/v1/configs", &token, rows).await.is(201);
    (app, token)
}

/// A request with `Prefer` and a token.
async fn prefer(app: &Served, token: &str, method: Method, path: &str, prefer: &str, body: &str) -> Answered {
    app.ask(method, path).bearer_auth(token).header("prefer", prefer).json_text(body).answered().await
}

#[tokio::test]
async fn rows_come_with_their_range() {
    let (app, _) = filled().await;
    let all = app.get("/rest/v1/configs?select=name&order=name").await;
    assert_eq!(all.is(200).text, r#"[{"name":"a"},{"name":"b"},{"name":"c"}]"#);
    assert_eq!(all.header("content-range"), "0-2/*");
    assert_eq!(all.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(all.header("vary"), "Accept, Prefer, Range");

    let counted = |query: &str| {
        app.ask(Method::GET, &format!("/rest/v1/configs?{query}")).header("prefer", "count=exact").answered()
    };
    let part = counted("limit=1&offset=1&order=name").await;
    assert_eq!((part.is(206).header("content-range"), part.header("preference-applied")), ("1-1/3", "count=exact"));
    assert_eq!(counted("").await.is(200).header("content-range"), "0-2/3");
    assert_eq!(counted("name=eq.x").await.is(200).header("content-range"), "*/0");
    let behind = counted("offset=4").await;
    assert_eq!(behind.is_error(416, "PGRST103").header("content-range"), "*/3");
    app.get("/rest/v1/configs?limit=-1").await.is_error(416, "PGRST103");
}

#[tokio::test]
async fn a_head_is_a_get_without_rows() {
    let (app, _) = filled().await;
    let head = app.ask(Method::HEAD, "/rest/v1/configs").header("prefer", "count=exact").answered().await;
    assert_eq!((head.is(200).text.as_str(), head.header("content-range")), ("", "0-2/3"));
    let refused = app.ask(Method::HEAD, "/rest/v1/nothing").answered().await;
    assert_eq!((refused.is(404).text.as_str(), refused.header("proxy-status")), ("", "Pintle; error=PGRST205"));
}

#[tokio::test]
async fn the_header_range_asks_for_a_page() {
    let (app, _) = filled().await;
    let page = app.ask(Method::GET, "/rest/v1/configs?order=name").header("range", "1-1").answered().await;
    assert_eq!((page.is(200).json()[0]["name"].as_str(), page.header("content-range")), (Some("b"), "1-1/*"));
}

#[tokio::test]
async fn one_record_is_an_object_or_an_error() {
    let (app, _) = filled().await;
    let single = |query: &str| {
        let ask = app.ask(Method::GET, &format!("/rest/v1/configs?{query}"));
        ask.header("accept", "application/vnd.pgrst.object+json").answered()
    };
    let one = single("name=eq.a").await;
    assert_eq!(one.is(200).text, r#"{"name":"a","data":1}"#);
    assert_eq!(one.header("content-type"), "application/vnd.pgrst.object+json; charset=utf-8");
    assert_eq!(single("").await.is_error(406, "PGRST116").json()["details"], "The result contains 3 rows");
    assert_eq!(single("name=eq.x").await.is_error(406, "PGRST116").json()["details"], "The result contains 0 rows");
}

#[tokio::test]
async fn a_write_that_wants_one_record_and_meets_others_writes_nothing() {
    let (app, token) = filled().await;
    let ask = app.ask(Method::DELETE, "/rest/v1/configs?data=gt.1").bearer_auth(&token);
    let refused = ask.header("accept", "application/vnd.pgrst.object+json").answered().await;
    assert_eq!(refused.is_error(406, "PGRST116").json()["details"], "The result contains 2 rows");
    assert_eq!(app.get("/rest/v1/configs").await.json().as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_post_answers_nothing_a_place_or_the_rows() {
    let (app, token) = filled().await;
    let post =
        async |words: &str, body: &str| prefer(&app, &token, Method::POST, "/rest/v1/configs", words, body).await;

    let minimal = post("return=minimal", r#"{"name":"d","data":4}"#).await;
    assert_eq!((minimal.is(201).text.as_str(), minimal.header("content-type")), ("", ""));
    assert_eq!((minimal.header("content-range"), minimal.header("location")), ("*/*", ""));
    let headers = post("return=headers-only", r#"{"name":"e é","data":4}"#).await;
    assert_eq!(
        (headers.is(201).text.as_str(), headers.header("location")),
        ("", "/rest/v1/configs?name=eq.e%20%C3%A9")
    );
    assert_eq!(app.get(headers.header("location")).await.json()[0]["name"], "e é");
    let rows = post("return=representation, count=exact", r#"[{"name":"f","data":4},{"name":"g","data":5}]"#).await;
    assert_eq!(rows.is(201).json().as_array().unwrap().len(), 2);
    assert_eq!(rows.header("content-range"), "*/2");
    assert_eq!(rows.header("preference-applied"), "return=representation, count=exact");
    assert_eq!(post("return=representation", "[]").await.is(201).text, "[]");
}

#[tokio::test]
async fn an_upsert_that_adds_nothing_is_200() {
    let (app, token) = filled().await;
    let post =
        async |words: &str, body: &str| prefer(&app, &token, Method::POST, "/rest/v1/configs", words, body).await;
    let words = "resolution=merge-duplicates, return=representation";
    let merged = post(words, r#"[{"name":"a","data":9}]"#).await;
    assert_eq!(merged.is(200).json()[0]["data"], 9);
    assert_eq!(merged.header("preference-applied"), words);
    post(words, r#"[{"name":"a","data":8},{"name":"z","data":1}]"#).await.is(201);
    let ignored = post("resolution=ignore-duplicates, return=representation", r#"[{"name":"a","data":7}]"#).await;
    assert_eq!(ignored.is(201).text, "[]");
}

#[tokio::test]
async fn a_patch_and_a_delete_say_how_many_rows_they_met() {
    let (app, token) = filled().await;
    let path = "/rest/v1/configs?data=gt.1";
    let patched = prefer(&app, &token, Method::PATCH, path, "count=exact", r#"{"data":5}"#).await;
    assert_eq!((patched.is(204).text.as_str(), patched.header("content-range")), ("", "0-1/2"));
    let patched = prefer(&app, &token, Method::PATCH, path, "return=representation", r#"{"data":6}"#).await;
    assert_eq!((patched.is(200).json().as_array().unwrap().len(), patched.header("content-range")), (2, "0-1/*"));
    let nothing = prefer(&app, &token, Method::PATCH, "/rest/v1/configs?name=eq.x", "", r#"{"data":6}"#).await;
    assert_eq!(nothing.is(204).header("content-range"), "*/*");
    let deleted = prefer(&app, &token, Method::DELETE, path, "return=representation", "").await;
    assert_eq!((deleted.is(200).json().as_array().unwrap().len(), deleted.header("content-range")), (2, "*/*"));
}

#[tokio::test]
async fn a_put_stores_one_record_at_its_key() {
    let (app, token) = filled().await;
    let put =
        async |query: &str, body: &str| app.send(Method::PUT, &format!("/rest/v1/configs?{query}"), &token, body).await;
    put("name=eq.n", r#"{"name":"n","data":1}"#).await.is(201);
    put("name=eq.n", r#"{"name":"n","data":2}"#).await.is(204);
    put("name=eq.m", r#"{"name":"n","data":2}"#).await.is_error(400, "PGRST115");
    put("data=eq.2", r#"{"name":"n","data":2}"#).await.is_error(405, "PGRST105");
}

#[tokio::test]
async fn a_write_that_meets_too_many_rows_writes_nothing() {
    let (app, token) = filled().await;
    let words = "handling=strict, max-affected=1";
    let refused = prefer(&app, &token, Method::DELETE, "/rest/v1/configs?data=gt.0", words, "").await;
    assert_eq!(refused.is_error(400, "PGRST124").json()["details"], "The query affects 3 rows");
    let done = prefer(&app, &token, Method::DELETE, "/rest/v1/configs?name=eq.a", words, "").await;
    assert_eq!(done.is(204).header("preference-applied"), words);
    let odd = prefer(&app, &token, Method::GET, "/rest/v1/configs", "handling=strict, odd", "").await;
    odd.is_error(400, "PGRST122");
}

#[tokio::test]
async fn a_write_is_rolled_back_where_tests_may() {
    let (app, token) = filled().await;
    let words = "tx=rollback, return=representation";
    let row = r#"{"name":"t","data":1}"#;
    let rolled = prefer(&app, &token, Method::POST, "/rest/v1/configs", words, row).await;
    assert_eq!(rolled.is(201).json()[0]["name"], "t");
    assert_eq!(app.get("/rest/v1/configs?name=eq.t").await.text, "[]");

    let (strict, token) = {
        let app = serve().await;
        let token = app.writer().await;
        (app, token)
    };
    prefer(&strict, &token, Method::POST, "/rest/v1/configs", words, row).await.is(201);
    assert_eq!(strict.get("/rest/v1/configs?name=eq.t").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn mistakes_have_postgrest_s_codes() {
    let (app, token) = filled().await;
    app.get("/rest/v1/configs?nmae=eq.a").await.is_error(400, "42703");
    app.get("/rest/v1/configs?name=equals.a").await.is_error(400, "PGRST100");
    app.get("/rest/v1/configs?select=*,notes(*)").await.is_error(400, "PGRST127");
    app.get("/rest/v1/rpc/anything").await.is_error(400, "PGRST127");
    app.get("/rest/v1/configs/a").await.is_error(404, "PGRST125");
    app.get("/rest/v1/").await.is_error(404, "PGRST126");
    app.get("/rest/v1/_pintle_tokens").await.is_error(404, "PGRST205");
    let near = app.get("/rest/v1/confgs").await;
    assert_eq!(near.is_error(404, "PGRST205").json()["hint"], "Perhaps you meant the table 'public.configs'");

    let post = async |body: &str| app.send(Method::POST, "/rest/v1/configs", &token, body).await;
    post("{").await.is_error(400, "PGRST102");
    post(r#"[{"name":"x","data":1},{"name":"y"}]"#).await.is_error(400, "PGRST102");
    post(r#"{"name":"x","data":1,"more":1}"#).await.is_error(400, "PGRST204");
    post(r#"{"name":"x","data":null}"#).await.is_error(400, "23502");
    post(r#"{"name":"!","data":1}"#).await.is_error(400, "23514");
    let taken = post(r#"{"name":"a","data":1}"#).await;
    assert_eq!(taken.is_error(409, "23505").json()["details"], "Key (name)=(a) already exists.");
}

#[tokio::test]
async fn forms_that_are_not_there_are_refused_by_name() {
    let (app, token) = filled().await;
    let csv = app.ask(Method::GET, "/rest/v1/configs").header("accept", "text/csv").answered().await;
    csv.is_error(406, "PGRST107");
    let profile = app.ask(Method::GET, "/rest/v1/configs").header("accept-profile", "other").answered().await;
    assert_eq!(profile.is_error(406, "PGRST106").json()["message"], "Invalid schema: other");
    app.ask(Method::GET, "/rest/v1/configs").header("accept-profile", "public").answered().await.is(200);
    let form = app.ask(Method::POST, "/rest/v1/configs").bearer_auth(&token);
    form.header("content-type", "text/csv").body("name\na").answered().await.is_error(400, "PGRST127");
    let text = app.ask(Method::POST, "/rest/v1/configs").bearer_auth(&token);
    text.header("content-type", "text/plain").body("a").answered().await.is_error(415, "PGRST102");
}

#[tokio::test]
async fn options_and_strange_methods() {
    let (app, _) = filled().await;
    let options = app.ask(Method::OPTIONS, "/rest/v1/configs").answered().await;
    assert_eq!(options.is(200).header("allow"), "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE");
    app.ask(Method::OPTIONS, "/rest/v1/nothing").answered().await.is_error(404, "PGRST205");
    app.ask(Method::TRACE, "/rest/v1/configs").answered().await.is_error(405, "PGRST117");
}

#[tokio::test]
async fn a_policy_s_no_is_401_for_nobody_and_403_for_somebody() {
    let (app, token) = filled().await;
    let post = app.ask(Method::POST, "/rest/v1/configs").json_text(r#"{"name":"x","data":1}"#).answered().await;
    assert_eq!(post.is_error(401, "42501").header("www-authenticate"), "Bearer");
    app.ask(Method::DELETE, "/rest/v1/notes").bearer_auth(&token).answered().await.is_error(403, "42501");
}

#[tokio::test]
async fn a_condition_on_a_write_is_never_passed_over() {
    let app = serve().await;
    let token = app.writer().await;
    app.send(Method::POST, "/configs", &token, r#"{"name":"a","data":1}"#).await.is(201);
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for name in ["If-Match", "If-None-Match"] {
            let ask = app.ask(method.clone(), "/rest/v1/configs?name=eq.a").bearer_auth(&token).header(name, "\"x\"");
            let refused = ask.json_text(r#"{"name":"a","data":2}"#).answered().await;
            assert!(refused.is_error(400, "PGRST127").text.contains(name), "{}", refused.text);
        }
    }
    assert_eq!(app.get("/configs/a").await.json()["data"], 1);
}
