//! `pintle types`: what editors know of an app's scripts.

#![expect(clippy::print_stdout, reason = "who runs the tests is told what was left out")]

use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;

use crate::common::{App, run};

const MANIFEST: &str = r#"
pintle: 1
name: library
collections:
  authors:
    description: Who writes.
    fields: { name: { type: text, required: true } }
  books:
    key: { isbn: text }
    fields:
      title: { type: text, required: true, description: "As on its */ cover." }
      author: { type: ref, to: authors }
      language: { type: text, enum: [en, fr], required: true, default: en }
      stars: { type: integer, enum: [1, 2, 3] }
      price: number
      lent: { type: boolean, required: true }
      details: json
      tags: { type: json, required: true, default: [], schema: { type: array, items: { type: string } } }
      cover: bytes
      added: { type: timestamp, required: true, readonly: true, default: now() }
  shelves:
    key: { id: { type: uuid, generated: true } }
routes:
  /books/{author}:
    get:
      summary: What there is of an author.
      params: { author: integer, language: { type: text, enum: [en, fr] }, limit: { type: integer, default: 10 } }
      script: routes/books.js
  /lend/{isbn}:
    post: { params: { isbn: text }, script: routes/lend.js, body: { type: object, properties: { to: { type: string } }, required: [to] } }
    put: { params: { isbn: text }, script: routes/lend.js }
"#;

const BOOKS: &str = r#"
/** @param {Routes["GET /books/{author}"]} request */
export default async function (request) {
  const { author, language, limit } = request.params;
  const { data } = await db.from("books").select("title,author").eq("author", author).limit(limit).throwOnError();
  const first = await db.from("authors").select().eq("id", author).single();
  if (first.error) return response.json({ reason: first.error.message }, { status: 404 });
  await db.from("books").upsert([{ isbn: "1", title: "A", lent: false, tags: ["a"] }]);
  return { by: first.data.name, titles: data.map((book) => book.title), language: language?.toUpperCase() };
}
"#;

fn app() -> App {
    let app = App::of(MANIFEST);
    std::fs::create_dir(app.file("routes")).unwrap();
    std::fs::write(app.file("routes/books.js"), BOOKS).unwrap();
    std::fs::write(app.file("routes/lend.js"), "export default () => 1;\n").unwrap();
    app
}

/// An app of `pintle new`, with our manifest, scripts and types.
fn for_editors() -> App {
    let app = app();
    let made = tempfile::tempdir().unwrap();
    let new = made.path().join("new");
    assert_eq!(run(&["new", new.to_str().unwrap()]).0, 0);
    std::fs::copy(new.join("jsconfig.json"), app.file("jsconfig.json")).unwrap();
    assert_eq!(run(&["types", app.path(), "--output", &app.file(".pintle/types.d.ts")]).0, 0);
    app
}

/// What TypeScript says of an app's scripts; `None` where it is not there.
fn compiled(folder: &Path) -> Option<String> {
    let Some(compiler) = std::env::var_os("PINTLE_TEST_TYPESCRIPT").map(PathBuf::from) else {
        println!("skipped: run `cargo xtask test`, which fetches TypeScript");
        return None;
    };
    let output = Command::new("node").arg(compiler).args(["--project", "jsconfig.json"]).current_dir(folder).output();
    let output = output.unwrap();
    assert!(output.status.success() || !output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn editors_find_nothing_wrong_with_a_new_app() {
    let home = tempfile::tempdir().unwrap();
    let new = home.path().join("notes");
    assert_eq!(run(&["new", new.to_str().unwrap()]).0, 0);
    if let Some(said) = compiled(&new) {
        assert_eq!(said, "");
    }
}

#[test]
fn editors_know_the_rows_and_the_parameters() {
    let mistakes = [
        ("request.params;", "request.param;", "Property 'param' does not exist"),
        ("const { author,", "const { autor,", "Property 'autor' does not exist"),
        (r#"db.from("authors")"#, r#"db.from("autors")"#, r#"'"autors"' is not assignable"#),
        ("book.title", "book.titel", "Property 'titel' does not exist"),
        (r#".eq("id", author)"#, r#".eq("id", "a")"#, "'string' is not assignable to parameter of type 'number"),
        ("lent: false,", "", "Property 'lent' is missing"),
        ("if (first.error) return", "if (author < 0) return", "'first.error' is possibly 'null'"),
        (r#"tags: ["a"]"#, "tags: [1]", "'number' is not assignable to type 'string'"),
        ("language?.toUpperCase", "language.toUpperCase", "'language' is possibly 'null'"),
        ("response.json", "response.jsn", "Property 'jsn' does not exist"),
    ];
    let app = for_editors();
    for (at, (right, wrong, _)) in mistakes.iter().enumerate() {
        assert!(BOOKS.contains(right), "{right}");
        std::fs::write(app.file(&format!("routes/wrong{at}.js")), BOOKS.replacen(right, wrong, 1)).unwrap();
    }
    let Some(said) = compiled(app.folder.path()) else { return };
    for (at, (_, wrong, told)) in mistakes.iter().enumerate() {
        let file = format!("routes/wrong{at}.js(");
        assert!(said.lines().any(|line| line.starts_with(&file) && line.contains(told)), "{wrong}: {said}");
    }
    assert!(!said.contains("routes/books.js(") && !said.contains("types.d.ts("), "what is right is taken: {said}");
}

#[test]
fn an_apps_collections_and_routes_have_types() {
    let (code, out, err) = run(&["types", app().path()]);
    assert_eq!((code, err.as_str()), (0, ""));
    let own = out.find("/** The app's collections. */").unwrap();
    assert!(out.starts_with("// Made by `pintle types` of the app `library`") && out[..own].contains("interface"));
    assert_snapshot!(&out[own..]);
}

#[test]
fn a_file_is_made_with_its_folder_and_whatever_the_scripts_are_like() {
    let app = app();
    std::fs::write(app.file("routes/lend.js"), "export default {").unwrap();
    let file = app.file(".pintle/types.d.ts");
    assert_eq!(run(&["types", app.path(), "--output", &file]), (0, String::new(), String::new()));
    let (_, out, _) = run(&["types", app.path()]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), out);

    app.manifest("pintle: 1\ncollections: { a: { fields: { b: strin } } }\n");
    let (code, out, err) = run(&["types", app.path()]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("there is no type `strin`") && err.contains("has 1 error"), "{err}");
}
