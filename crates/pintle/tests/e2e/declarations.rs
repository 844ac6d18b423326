//! `pintle types`: what editors know of an app's scripts.

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
/** @param {{ params: Routes["GET /books/{author}"]["params"] }} request */
export default async function (request) {
  const { author, language, limit } = request.params;
  return { next: author + limit, language: language?.toUpperCase() };
}
"#;

fn app() -> App {
    let app = App::of(MANIFEST);
    std::fs::create_dir(app.file("routes")).unwrap();
    std::fs::write(app.file("routes/books.js"), BOOKS).unwrap();
    std::fs::write(app.file("routes/lend.js"), "export default () => 1;\n").unwrap();
    app
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
    assert_eq!(run(&["types", app.path(), "--out", &file]), (0, String::new(), String::new()));
    let (_, out, _) = run(&["types", app.path()]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), out);

    app.manifest("pintle: 1\ncollections: { a: { fields: { b: strin } } }\n");
    let (code, out, err) = run(&["types", app.path()]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("there is no type `strin`") && err.contains("has 1 error"), "{err}");
}
