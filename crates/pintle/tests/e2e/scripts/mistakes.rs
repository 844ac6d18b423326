//! What is wrong in a script's own text is told to whoever runs the app; what is wrong in what the caller sent, to the caller.

use serde_json::json;

use super::app;
use crate::common::Place;

const MANIFEST: &str = "
pintle: 1
name: mistaken
collections:
  books:
    key: { id: integer }
    fields: { title: { type: text, required: true }, pages: integer }
    policies: { select: \"true\", insert: \"true\" }
routes:
  /{way}: { post: { params: { way: text }, script: routes/ways.js } }
  /read: { get: { script: routes/read.js } }
";

const WAYS: &str = "const title = 'titel';
export default async function ({ params, body }) {
  switch (params.way) {
    case 'sql-column': return await db.sql`select titel from books where pages > ${body.pages}`.throwOnError();
    case 'sql-word': return await db.sql('selct title from books').throwOnError();
    case 'sql-literal': return await db.sql`select title from books where id = 'one'`.throwOnError();
    case 'sql-none': return await db.sql('select title from books where id = :id').throwOnError();
    case 'table': return await db.from('boks').select().throwOnError();
    case 'column': {
      await db.from('books').select('title');
      return await db
        .from('books').select('id').eq(title, 'x').throwOnError();
    }
    case 'thrown': {
      const { error } = await db.from('books').select(title);
      if (error) throw error;
    }
    case 'operator': return await db.from('books').select().filter('pages', 'zz', 1).throwOnError();
    case 'operator-not': return await db.from('books').select().not('pages', 'zz', 1).throwOnError();
    case 'operator-or': return await db.from('books').select().or('pages.zz.1').throwOnError();
    case 'told': return (await db.from('books').select(title)).error;
    case 'sql-value': return await db.sql`select title from books where pages > ${body.pages}`.throwOnError();
    case 'sql-sum': return await db.sql`select ${body.pages} + 1 as n`.throwOnError();
    case 'value': return await db.from('books').select().gt('pages', body.pages).throwOnError();
    case 'row': return await db.from('books').insert(body).throwOnError();
  }
}
";

const READ: &str = "export default async function () {
  await db.from('books').insert({ id: 1, title: 'a' }).throwOnError();
}
";

async fn what_the_script_has_wrong_is_for_the_log_and_what_the_caller_sent_for_the_caller(place: Place) {
    let app = app(MANIFEST, &[("ways.js", WAYS), ("read.js", READ)], place);
    let server = app.serve_with(&["--dev"]);
    for (way, told) in [
        (
            "sql-column",
            "there is no column `titel` here; line 1, column 8 of the statement: titel; did you mean `title`? at routes/ways.js:4:",
        ),
        (
            "sql-word",
            "this is no SQL: there is no word `selct` in it; line 1, column 1 of the statement: selct; did you mean `SELECT`? at routes/ways.js:5:",
        ),
        (
            "sql-literal",
            "invalid input syntax for type bigint: \"one\"; line 1, column 36 of the statement: 'one' at routes/ways.js:6:",
        ),
        ("sql-none", "there is no parameter `id`"),
        (
            "table",
            "Could not find the table 'public.boks' in the schema cache; Perhaps you meant the table 'public.books' at routes/ways.js:8:",
        ),
        (
            "column",
            "column books.titel does not exist; Perhaps you meant to reference the column \"books.title\". at routes/ways.js:12:",
        ),
        (
            "thrown",
            "column books.titel does not exist; Perhaps you meant to reference the column \"books.title\". at routes/ways.js:15:",
        ),
        ("operator", "\"failed to parse filter (zz.1)\""),
        ("operator-not", "\"failed to parse filter (not.zz.1)\""),
        ("operator-or", "\"failed to parse logic tree ((pages.zz.1))\""),
    ] {
        let answer = server.post(&format!("/{way}"), json!({ "pages": 1 })).await.has(500).json();
        assert_eq!((&answer["message"], &answer["code"]), (&json!("the script failed"), &json!("PT500")), "{way}");
        let details = answer["details"].as_str().unwrap_or_default();
        assert!(details.starts_with(&format!("DatabaseError: {told}")), "{way}: {answer}");
    }
    let answer = server.get("/read").await.has(500).json();
    let told = "DatabaseError: a GET only reads, so its script cannot write; let POST, PUT, PATCH or DELETE call the script that writes at routes/read.js:2:";
    assert!(answer["details"].as_str().unwrap_or_default().starts_with(told), "{answer}");
    // A script that looks at the error has it as ever.
    assert_eq!(server.post("/told", json!({})).await.has(200).json()["code"], "42703");
    for (way, code, told) in [
        ("sql-value", "22P02", ":p1: invalid input syntax for type bigint: \"many\""),
        ("sql-sum", "22P02", ":p1: invalid input syntax for type bigint: \"many\""),
        ("value", "22P02", "invalid input syntax for type bigint: \"many\""),
        ("row", "22P02", "invalid input syntax for type bigint: \"many\" (and 3 more faults: see details)"),
    ] {
        let answer = server.post(&format!("/{way}"), json!({ "pages": "many", "name": 1 })).await.has(400).json();
        assert_eq!((&answer["message"], &answer["code"]), (&json!(told), &json!(code)), "{way}");
    }
}

on_both_stores!(what_the_script_has_wrong_is_for_the_log_and_what_the_caller_sent_for_the_caller);
