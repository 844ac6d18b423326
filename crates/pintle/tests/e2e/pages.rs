//! The pages of an app: files of its folder `public`, and nothing else of the machine.

mod coded;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::common::{Answer, App, Server};

const MANIFEST: &str = "pintle: 1\nname: site\ncollections:\n  notes:\n    fields: { text: text }\n    policies: { select: \"true\" }\n    rest: /notes\n";

/// An app with these pages.
fn site(manifest: &str, pages: &[(&str, &str)]) -> App {
    let app = App::of(manifest);
    for (path, text) in pages {
        page(&app, path, text);
    }
    app
}

fn page(app: &App, path: &str, text: &str) {
    let file = app.folder.path().join("public").join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// Sends a request's line as it is, which clients would tidy up: the connection, when the request was sent.
fn sent(server: &Server, line: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.origin.trim_start_matches("http://")).unwrap();
    write!(stream, "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n").unwrap();
    stream
}

fn raw(server: &Server, line: &str) -> String {
    let mut answer = Vec::new();
    sent(server, line, "").read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn files_are_answered_with_their_types_and_a_strict_policy() {
    let app = site(
        MANIFEST,
        &[
            ("index.html", "<h1>Home</h1>"),
            ("app.js", "let a"),
            ("app.mjs", "let b"),
            ("a.css", "a{}"),
            ("a.svg", "<svg/>"),
            ("a.json", "{}"),
            ("a.webmanifest", "{}"),
            ("a.png", "png"),
            ("a.wasm", "wasm"),
            ("a.woff2", "font"),
            ("a.unknown", "?"),
            ("words", "?"),
            ("é x.txt", "é"),
        ],
    );
    let server = app.serve();
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/app.mjs", "text/javascript; charset=utf-8"),
        ("/a.css", "text/css; charset=utf-8"),
        ("/a.svg", "image/svg+xml; charset=utf-8"),
        ("/a.json", "application/json; charset=utf-8"),
        ("/a.webmanifest", "application/manifest+json; charset=utf-8"),
        ("/a.png", "image/png"),
        ("/a.wasm", "application/wasm"),
        ("/a.woff2", "font/woff2"),
        ("/a.unknown", "application/octet-stream"),
        ("/words", "application/octet-stream"),
        ("/%C3%A9%20x.txt", "text/plain; charset=utf-8"),
    ] {
        let answer = server.get(path).await.has(200);
        assert_eq!(answer.header("content-type"), content_type, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!([answer.header("x-frame-options"), answer.header("referrer-policy")], ["DENY", "same-origin"]);
        assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
        assert_eq!(server.ask(Method::HEAD, path).await.bare(200).header("content-type"), content_type, "{path}");
    }
    assert_eq!(server.get("/").await.text, "<h1>Home</h1>");
    assert_eq!(server.ask(Method::HEAD, "/app.js").await.header("content-length"), "5");
}

#[tokio::test]
async fn a_folder_is_its_index_behind_a_slash_and_never_a_list() {
    let app = site(MANIFEST, &[("map/index.html", "map"), ("bare/a.txt", "a"), ("café/index.html", "é")]);
    let server = app.serve();
    assert_eq!(server.get("/map/").await.has(200).text, "map");
    // The client follows the way to the slash.
    assert_eq!(server.get("/map?x=1").await.has(200).text, "map");
    let moved = raw(&server, "GET /map?x=1");
    assert!(moved.starts_with("HTTP/1.1 307") && moved.contains("\r\nlocation: /map/?x=1\r\n"), "{moved}");
    let moved = raw(&server, "GET http://evil.example/map");
    assert!(moved.contains("\r\nlocation: /map/\r\n"), "{moved}");
    assert!(raw(&server, "GET /caf%C3%A9").contains("\r\nlocation: /caf%C3%A9/\r\n"));
    for path in ["/bare", "/bare/", "/map/index.html/", "/bare/a.txt/"] {
        let answer = server.get(path).await.has(404);
        assert_eq!(answer.json()["code"], "PT404", "{answer}");
    }
}

#[tokio::test]
async fn what_a_caller_has_already_is_not_sent_again() {
    let app = site(MANIFEST, &[("a.css", "a{}"), ("large.js", &"let a = 1;\n".repeat(1000))]);
    let server = app.serve();
    let first = server.get("/a.css").await.has(200);
    let (tag, time) = (first.header("etag").to_owned(), first.header("last-modified").to_owned());
    assert!(tag.starts_with('"'), "{tag}");
    let again = server.get("/a.css").header("If-None-Match", &tag).await.bare(304);
    assert_eq!([again.header("etag"), again.header("cache-control")], [tag.as_str(), "no-cache"]);
    server.get("/a.css").header("If-Modified-Since", &time).await.bare(304);
    server.get("/a.css").header("If-Match", "\"other\"").await.has(412).json();

    let packed = server.get("/large.js").header("Accept-Encoding", "br").await.has(200);
    assert_eq!([packed.header("content-encoding"), packed.header("vary")], ["br", "Accept-Encoding"]);
    let weak = packed.header("etag").to_owned();
    assert!(weak.starts_with("W/\""), "a part of the plain file is no part of this: {weak}");
    server.get("/large.js").header("If-None-Match", &weak).header("Accept-Encoding", "br").await.bare(304);

    page(&app, "a.css", "a{color:red}");
    let changed = server.get("/a.css").header("If-None-Match", &tag).await.has(200);
    assert_eq!(changed.text, "a{color:red}");
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn a_part_of_a_file_is_sent_while_it_is_the_same_file() {
    let app = site(MANIFEST, &[("a.txt", "0123456789")]);
    let server = app.serve();
    let tag = server.get("/a.txt").await.header("etag").to_owned();
    let ask = |range: &str, condition: &str| {
        let ask = server.get("/a.txt").header("Range", range);
        if condition.is_empty() { ask } else { ask.header("If-Range", condition) }
    };
    let part = ask("bytes=2-4", "").await.has(206);
    assert_eq!([part.text.as_str(), part.header("content-range")], ["234", "bytes 2-4/10"]);
    assert_eq!(ask("bytes=-3", &tag).await.has(206).text, "789");
    for (range, condition) in [("bytes=2-4", "\"other\""), ("bytes=0-1,4-5", ""), ("items=2-4", "")] {
        assert_eq!(ask(range, condition).await.has(200).text, "0123456789", "{range} {condition}");
    }
    let beyond = ask("bytes=20-", "").await.has(416);
    assert_eq!([beyond.json()["code"].as_str().unwrap(), beyond.header("content-range")], ["PT416", "bytes */10"]);
}

#[tokio::test]
async fn nothing_outside_the_folder_is_answered_whatever_the_path_says() {
    let app = site(
        MANIFEST,
        &[("a.txt", "public"), ("sub/b.txt", "public"), (".hidden", "SECRET"), ("sub/.git/config", "SECRET")],
    );
    let root = app.folder.path();
    std::fs::write(root.join("secret.txt"), "SECRET").unwrap();
    std::fs::create_dir(root.join("public-too")).unwrap();
    std::fs::write(root.join("public-too/secret.txt"), "SECRET").unwrap();
    symlink("../secret.txt", root.join("public/link.txt")).unwrap();
    symlink("/etc", root.join("public/etc")).unwrap();
    symlink("..", root.join("public/up")).unwrap();
    symlink("a.txt", root.join("public/inside.txt")).unwrap();
    symlink("loop", root.join("public/loop")).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("public/pipe")).status().unwrap().success());
    let server = app.serve();
    assert!(raw(&server, "GET /inside.txt").ends_with("public"), "a link that stays inside");
    for path in [
        "/../secret.txt",
        "/../public-too/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/sub/../../secret.txt",
        "/sub/%2E%2E/%2e%2e/secret.txt",
        "/sub/../a.txt",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "/%252e%252e/secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/%uff0e%uff0e/secret.txt",
        "//secret.txt",
        "///etc/passwd",
        "//a.txt",
        "/sub//b.txt",
        "/%2fetc/passwd",
        "/sub%2fb.txt",
        "/a.txt%00.html",
        "/a.txt%00",
        "/%00",
        "/a.txt/.",
        "/./a.txt",
        "/.hidden",
        "/%2ehidden",
        "/sub/.git/config",
        "/.pintle/data.db",
        "/../.pintle/data.db",
        "/pintle.yaml",
        "/../pintle.yaml",
        "/link.txt",
        "/etc/passwd",
        "/etc/",
        "/up/secret.txt",
        "/up/pintle.yaml",
        "/up/public/a.txt/x",
        "/loop",
        "/pipe",
        "/public/a.txt",
        "/a.txt/b",
        "/c:/secret.txt",
        "/~root",
    ] {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            let answer = raw(&server, &format!("{method} {path}"));
            assert!(answer.starts_with("HTTP/1.1 404 "), "{method} {path}: {answer}");
            assert!(!answer.contains("SECRET") && !answer.contains("root:"), "{method} {path}: {answer}");
        }
    }
    let long = raw(&server, &format!("GET /{}", "a".repeat(1000)));
    assert!(long.starts_with("HTTP/1.1 404 "), "{long}");
    server.get("/health/ready").await.has(200);
}

#[tokio::test]
async fn a_folder_that_leads_out_of_the_app_is_not_served() {
    let app = App::of(MANIFEST);
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("a.txt"), "SECRET").unwrap();
    symlink(elsewhere.path(), app.folder.path().join("public")).unwrap();
    app.serve().get("/a.txt").await.has(404);
}

#[tokio::test]
async fn the_api_wins_and_the_documentation_gives_way() {
    let app = App::of(MANIFEST);
    let server = app.serve();
    let is_docs = |answer: Answer| answer.has(200).text.contains("swagger");
    assert!(is_docs(server.get("/").await), "nothing else is there");
    // A page is there as soon as its file is.
    for path in ["index.html", "notes/index.html", "docs/index.html", "health/index.html", "rest/v1/notes/index.html"] {
        page(&app, path, "page");
    }
    assert_eq!(server.get("/").await.has(200).text, "page");
    assert!(is_docs(server.get("/docs").await));
    server.get("/notes").await.is(200, json!([]));
    server.get("/rest/v1/notes").await.is(200, json!([]));
    assert_eq!(server.get("/health").await.json()["app"], "ok");
    // Other methods are told so where a page is, and only there.
    let refused = server.post("/", json!({})).await.has(405);
    assert_eq!(refused.header("allow"), "GET, HEAD, OPTIONS");
    server.ask(Method::OPTIONS, "/index.html").await.bare(200);
    server.post("/nothing", json!({})).await.has(404);
    // Pages are for everybody: nobody's token is looked at.
    server.get("/index.html").token("nonsense").await.has(200);
    server.get("/nothing").token("nonsense").await.has(401);
    assert!(server.get("/metrics").await.text.contains("route=\"pages\""));
}

#[tokio::test]
async fn a_page_for_what_is_not_there_is_shown_to_those_who_read_pages() {
    let app = site(MANIFEST, &[("404.html", "<h1>Lost</h1>")]);
    let server = app.serve();
    let lost = server.get("/nowhere").header("Accept", "text/html,*/*;q=0.8").await.has(404);
    assert_eq!([lost.text.as_str(), lost.header("content-type")], ["<h1>Lost</h1>", "text/html; charset=utf-8"]);
    assert_eq!([lost.header("etag"), lost.header("cache-control")], ["", "no-cache"]);
    assert_eq!(server.get("/nowhere").await.has(404).json()["code"], "PT404");
    assert_eq!(server.get("/notes/7").header("Accept", "text/html").await.has(404).json()["code"], "PT404");
}

#[tokio::test]
async fn a_large_file_is_sent_piece_by_piece() {
    const BYTES: u64 = 300 << 20;
    let app = site(MANIFEST, &[("small.txt", "a")]);
    std::fs::File::create(app.folder.path().join("public/large.txt")).unwrap().set_len(BYTES).unwrap();
    let server = app.serve();
    server.get("/small.txt").await.has(200);
    let mut stream = sent(&server, "GET /large.txt", "Accept-Encoding: gzip\r\n");
    let read = std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    assert!(read > BYTES, "{read}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 150 << 10, "{peak} kB at the most");
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_sent_breaks_its_own_answer_alone() {
    const BYTES: u64 = 64 << 20;
    let app = site(MANIFEST, &[("a.txt", "a")]);
    let path = app.folder.path().join("public/large.bin");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(BYTES).unwrap();
    let server = app.serve();
    for (length, whole) in [(1 << 20, false), (2 * BYTES, true)] {
        file.set_len(BYTES).unwrap();
        let mut stream = sent(&server, "GET /large.bin", "");
        let mut first = [0; 4096];
        stream.read_exact(&mut first).unwrap();
        let head = String::from_utf8_lossy(&first).split("\r\n\r\n").next().unwrap().len() as u64 + 4;
        file.set_len(length).unwrap();
        let mut sink = std::io::sink();
        let body = std::io::copy(&mut stream, &mut sink).unwrap_or(0) + 4096 - head;
        assert_eq!(body == BYTES, whole, "{body} of {BYTES} bytes");
    }
    server.get("/a.txt").await.has(200);
}

#[tokio::test]
async fn an_app_may_say_what_its_pages_do_and_where_they_lead() {
    let public =
        "public: { folder: public, fallback: app/index.html, content_security_policy: \"default-src 'none'\" }\n";
    let app = site(&format!("{MANIFEST}{public}"), &[("app/index.html", "app"), ("404.html", "lost")]);
    let server = app.serve();
    let ask = |path: &str, accept: &str| server.get(path).header("Accept", accept);
    let page = ask("/a/view?x=1", "text/html").await.has(200);
    assert_eq!([page.text.as_str(), page.header("content-security-policy")], ["app", "default-src 'none'"]);
    ask("/a/view", "text/html").header("If-None-Match", page.header("etag")).await.bare(304);
    assert_eq!(ask("/a/data.json", "*/*").await.has(404).json()["code"], "PT404");
    assert_eq!(ask("/notes", "text/html").await.has(200).json(), json!([]));
    server.post("/a/view", json!({})).await.has(404);
}

#[test]
fn a_folder_of_pages_that_is_not_there_is_told() {
    let app = App::of(&format!("{MANIFEST}public: dist\n"));
    let (code, out, err) = crate::common::run(&["check", app.path()]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("there is no folder `dist`") && out.contains("right: 1 collection, 1 warning"), "{out}");
    for public in [
        "../up",
        ".git",
        "{ folder: dist, fallback: ../up.html }",
        "{ folder: dist, content_security_policy: \"a\\nb\" }",
    ] {
        app.manifest(&format!("{MANIFEST}public: {public}\n"));
        let (code, out, _) = crate::common::run(&["check", app.path()]);
        assert_eq!(code, 1, "{public}: {out}");
    }
}

#[tokio::test]
async fn pages_may_stand_under_a_path_of_their_own() {
    let manifest = format!("{MANIFEST}public: {{ folder: dist/web, at: /app }}\n");
    let app = App::of(&manifest);
    for (path, text) in [("dist/web/index.html", "home"), ("dist/web/sub/index.html", "sub"), ("public/a.txt", "no")] {
        let file = app.folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let server = app.serve();
    assert!(raw(&server, "GET /app?a=b").contains("\r\nlocation: /app/?a=b\r\n"));
    assert!(raw(&server, "GET /app/sub").contains("\r\nlocation: /app/sub/\r\n"));
    for (path, text) in [("/app/", "home"), ("/app", "home"), ("/app/sub/", "sub"), ("/app/index.html", "home")] {
        assert_eq!(server.get(path).await.has(200).text, text, "{path}");
    }
    for path in ["/application", "/index.html", "/a.txt", "/app/../dist/web/index.html"] {
        assert!(raw(&server, &format!("GET {path}")).starts_with("HTTP/1.1 404"), "{path}");
    }
    assert!(server.get("/").await.has(200).text.contains("swagger"), "nothing else is there");
}
