//! Mounts over real HTTP: every status that plain resources have.

mod support;

use reqwest::Method;
use support::{Ask as _, serve};

#[tokio::test]
async fn a_record_lives_from_its_post_to_its_delete() {
    let app = serve().await;
    let token = app.writer().await;
    let body = r#"{"name":"Nanette","data":[{"id": 2687, "isActive": false}]}"#;

    let created = app.send(Method::POST, "/configs", &token, body).await;
    assert_eq!(created.is(201).text, body);
    assert_eq!(created.header("location"), "/configs/Nanette");
    assert_eq!(created.header("content-type"), "application/json; charset=utf-8");

    let got = app.get(created.header("location")).await;
    assert_eq!(got.is(200).text, body);
    assert_eq!(got.header("etag"), created.header("etag"));
    assert_eq!(app.get("/configs/Nanette/").await.is(200).text, body, "a slash makes no difference");

    let patched = app.send(Method::PATCH, "/configs/Nanette", &token, r#"{"data":{"a":1}}"#).await;
    assert_eq!(patched.is(200).text, r#"{"name":"Nanette","data":{"a": 1}}"#);
    let patched = app.send(Method::PATCH, "/configs/Nanette", &token, r#"{"data":{"b":2,"a":null}}"#).await;
    assert_eq!(patched.is(200).text, r#"{"name":"Nanette","data":{"b": 2}}"#);
    assert_ne!(patched.header("etag"), created.header("etag"));

    let put = app.send(Method::PUT, "/configs/Nanette", &token, r#"{"data":[]}"#).await;
    assert_eq!(put.is(200).text, r#"{"name":"Nanette","data":[]}"#);

    let deleted = app.ask(Method::DELETE, "/configs/Nanette").bearer_auth(&token).answered().await;
    assert_eq!((deleted.is(204).text.as_str(), deleted.header("content-type")), ("", ""));
    app.get("/configs/Nanette").await.is_error(404, "PT404");
}

#[tokio::test]
async fn a_body_s_every_fault_is_told_with_its_place() {
    let app = serve().await;
    let token = app.writer().await;
    let post = async |body: &str| app.send(Method::POST, "/configs", &token, body).await;

    let answer = post(r#"{"name":"not good!","daat":[]}"#).await;
    let details = answer.is_error(400, "PT400").json()["details"].clone();
    let paths: Vec<&str> = details.as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap()).collect();
    for path in ["name", "data", "daat"] {
        assert!(paths.contains(&path), "{path} in {details}");
    }
    post("{").await.is_error(400, "PT400");
    post("").await.is_error(400, "PT400");
    post("[]").await.is_error(400, "PT400");
    post(r#"{"name":"a","data":[[[[[[[[[[1]]]]]]]]]]}"#).await.is_error(400, "PT400");
}

#[tokio::test]
async fn a_name_that_is_taken_is_409_and_names_the_field() {
    let app = serve().await;
    let token = app.writer().await;
    app.send(Method::POST, "/configs", &token, r#"{"name":"a","data":1}"#).await.is(201);
    let answer = app.send(Method::POST, "/configs", &token, r#"{"name":"a","data":2}"#).await;
    assert_eq!(answer.is_error(409, "PT409").json()["details"][0]["path"], "name");
    assert_eq!(app.get("/configs/a").await.json()["data"], 1);
}

#[tokio::test]
async fn a_key_stands_in_its_url_percent_encoded() {
    let app = serve().await;
    let token = app.writer().await;
    let created = app.send(Method::POST, "/configs", &token, r#"{"name":"a/b é","data":1}"#).await;
    assert_eq!(created.is(201).header("location"), "/configs/a%2Fb%20%C3%A9");
    assert_eq!(app.get("/configs/a%2Fb%20%C3%A9").await.is(200).json()["name"], "a/b é");
    app.get("/configs/%FF").await.is_error(400, "PT400");
    app.get("/configs/nobody?x=1").await.is_error(400, "PT400");
}

#[tokio::test]
async fn a_list_is_paged_in_the_order_of_its_keys() {
    let app = serve().await;
    let token = app.writer().await;
    for name in ["d", "b", "c", "a"] {
        app.send(Method::POST, "/configs", &token, &format!(r#"{{"name":"{name}","data":{{"id":1}}}}"#)).await.is(201);
    }
    let names = |answer: &support::Answered| -> Vec<String> {
        answer.json().as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };

    let first = app.get("/configs?data.id=1").await;
    assert_eq!(names(first.is(200)), ["a", "b", "c"]);
    assert_eq!(first.header("content-range"), "0-2/*");
    assert_eq!(first.header("link"), r#"</configs?data.id=1&offset=3>; rel="next""#);
    let second = app.get("/configs?data.id=1&offset=3").await;
    assert_eq!(
        (names(&second), second.header("content-range"), second.header("link")),
        (vec!["d".into()], "3-3/*", "")
    );

    let none = app.get("/configs/?data.id=2").await;
    assert_eq!((none.is(200).text.as_str(), none.header("content-range")), ("[]", "*/*"));
    assert_eq!(names(&app.get("/configs?limit=1&order=name.desc").await), ["d"]);
    for wrong in ["nmae=a", "limit=0", "limit=x", "limit=-1", "order=nothing", "offset=-1"] {
        app.get(&format!("/configs?{wrong}")).await.is_error(400, "PT400");
    }
}

#[tokio::test]
async fn who_knows_a_record_is_told_that_it_is_the_same() {
    let app = serve().await;
    let token = app.writer().await;
    app.send(Method::POST, "/configs", &token, r#"{"name":"a","data":1}"#).await.is(201);
    let tag = app.get("/configs/a").await.header("etag").to_owned();
    let ask = |known: &str| app.ask(Method::GET, "/configs/a").header("if-none-match", known).answered();

    let same = ask(&tag).await;
    assert_eq!((same.is(304).text.as_str(), same.header("etag")), ("", tag.as_str()));
    ask("\"other\"").await.is(200);

    let head = app.ask(Method::HEAD, "/configs/a").answered().await;
    assert_eq!((head.is(200).text.as_str(), head.header("etag")), ("", tag.as_str()));
    assert_eq!(head.header("content-length"), app.get("/configs/a").await.text.len().to_string());
}

#[tokio::test]
async fn caches_are_told_what_an_answer_depends_on_also_when_it_is_the_same() {
    let app = serve().await;
    let token = app.writer().await;
    for (name, bytes, vary) in [("short", 10, ""), ("long", 2000, "Accept-Encoding")] {
        let body = format!(r#"{{"name":"{name}","data":"{}"}}"#, "x".repeat(bytes));
        app.send(Method::POST, "/configs", &token, &body).await.is(201);
        let path = format!("/configs/{name}");
        let got = app.get(&path).await;
        let same = app.ask(Method::GET, &path).header("if-none-match", got.header("etag")).answered().await;
        let of_encoding = |answer: &support::Answered| {
            let all = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap());
            all.filter(|value| *value == "Accept-Encoding").collect::<String>()
        };
        assert_eq!((got.is(200).status, of_encoding(&got)), (200, vary.to_owned()));
        assert_eq!((same.is(304).status, of_encoding(&same)), (304, vary.to_owned()));
    }
}

#[tokio::test]
async fn what_is_created_is_none_that_a_tag_could_name() {
    let app = serve().await;
    let token = app.writer().await;
    let create = async |name: &str, value: &str| {
        let ask = app.ask(Method::POST, "/configs").bearer_auth(&token).header(name, value);
        ask.json_text(r#"{"name":"a","data":1}"#).answered().await
    };
    create("if-match", "*").await.is_error(412, "PT412");
    app.get("/configs/a").await.is(404);
    create("if-none-match", "*").await.is(201);
    create("if-none-match", "*").await.is_error(409, "PT409");
}

#[tokio::test]
async fn a_write_with_an_old_tag_changes_nothing() {
    let app = serve().await;
    let token = app.writer().await;
    app.send(Method::POST, "/configs", &token, r#"{"name":"a","data":1}"#).await.is(201);
    let old = app.get("/configs/a").await.header("etag").to_owned();
    let write = async |method: Method, tag: &str, body: &str| {
        let ask = app.ask(method, "/configs/a").bearer_auth(&token).header("if-match", tag);
        ask.json_text(body).answered().await
    };

    let put = write(Method::PUT, &old, r#"{"data":2}"#).await;
    let new = put.is(200).header("etag").to_owned();
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        write(method, &old, r#"{"data":3}"#).await.is_error(412, "PT412");
    }
    assert_eq!(app.get("/configs/a").await.json()["data"], 2);
    write(Method::PATCH, &new, r#"{"data":4}"#).await.is(200);
    write(Method::DELETE, "*", "").await.is(204);
    write(Method::DELETE, "*", "").await.is_error(404, "PT404");
}

#[tokio::test]
async fn what_is_not_there_is_neither_replaced_nor_patched_nor_removed() {
    let app = serve().await;
    let token = app.writer().await;
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        app.send(method, "/configs/nobody", &token, r#"{"data":1}"#).await.is_error(404, "PT404");
    }
    app.get("/configs").await.is(200);
}

#[tokio::test]
async fn a_key_does_not_change() {
    let app = serve().await;
    let token = app.writer().await;
    app.send(Method::POST, "/configs", &token, r#"{"name":"a","data":1}"#).await.is(201);
    for method in [Method::PUT, Method::PATCH] {
        app.send(method.clone(), "/configs/a", &token, r#"{"name":"b","data":1}"#).await.is_error(400, "PT400");
        app.send(method, "/configs/a", &token, r#"{"name":"a","data":2}"#).await.is(200);
    }
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let app = serve().await;
    let token = app.writer().await;
    let send = async |method: Method, path: &str, media: &str| {
        let ask = app.ask(method, path).bearer_auth(&token).header("content-type", media);
        ask.body(r#"{"name":"a","data":1}"#).answered().await
    };
    for media in ["application/x-www-form-urlencoded", "text/plain", "application/merge-patch+json", "nonsense"] {
        send(Method::POST, "/configs", media).await.is_error(415, "PT415");
    }
    send(Method::POST, "/configs", "application/json; charset=latin1").await.is_error(415, "PT415");
    send(Method::POST, "/configs", "Application/JSON; charset=utf-8").await.is(201);
    send(Method::PATCH, "/configs/a", "application/merge-patch+json").await.is(200);
    let refused = send(Method::PATCH, "/configs/a", "application/json-patch+json").await;
    assert!(refused.is_error(415, "PT415").header("accept-patch").contains("merge-patch"));
}

#[tokio::test]
async fn only_the_methods_of_the_manifest_are_answered() {
    let app = serve().await;
    let refused = app.ask(Method::DELETE, "/api/notes/1").answered().await;
    assert_eq!(refused.is_error(405, "PT405").header("allow"), "GET, PUT, HEAD, OPTIONS");
    let refused = app.ask(Method::PUT, "/api/notes").answered().await;
    assert_eq!(refused.is_error(405, "PT405").header("allow"), "GET, POST, HEAD, OPTIONS");
    let options = app.ask(Method::OPTIONS, "/configs/a").answered().await;
    assert_eq!(options.is(200).header("allow"), "GET, PUT, PATCH, DELETE, HEAD, OPTIONS");
}

#[tokio::test]
async fn policies_hold_for_plain_resources() {
    let app = serve().await;
    let (ann, bob) = (app.token(support::AUTHENTICATED, Some("ann")).await, app.writer_of("bob").await);
    // Nobody has said who they are; somebody has, and may not.
    let anonymous = app.ask(Method::POST, "/configs").json_text(r#"{"name":"a","data":1}"#).answered().await;
    assert_eq!(anonymous.is_error(401, "PT401").header("www-authenticate"), "Bearer");

    let note = app.send(Method::POST, "/api/notes", &ann, r#"{"text":"mine"}"#).await;
    assert_eq!(note.is(201).json()["owner"], "ann");
    let place = note.header("location").to_owned();
    let read = async |token: &str| app.ask(Method::GET, &place).bearer_auth(token).answered().await;
    assert_eq!(read(&ann).await.is(200).json()["text"], "mine");
    read(&bob).await.is_error(404, "PT404");
    app.send(Method::PUT, &place, &bob, r#"{"text":"his"}"#).await.is_error(404, "PT404");
    assert_eq!(app.ask(Method::GET, "/api/notes").bearer_auth(&bob).answered().await.is(200).text, "[]");
    // What the manifest keeps for the server is not forged.
    app.send(Method::POST, "/api/notes", &bob, r#"{"text":"his","owner":"ann"}"#).await.is_error(400, "PT400");
    // A key that is no number names no record.
    app.ask(Method::GET, "/api/notes/first").bearer_auth(&ann).answered().await.is_error(404, "PT404");
}
