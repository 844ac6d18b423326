//! Random query strings: each means something or is refused, and none panics.

use pintle_model::{Collection, Type, Value};
use proptest::prelude::*;

use super::grammar::{books, meaning};
use super::shown::print;
use crate::Dialect;
use crate::request::Target;
use crate::rest::query::{Query, query};
use crate::testing::model;

/// Pieces that such query strings are made of, so that random ones come far into the grammar.
fn pieces() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "select=",
        "order=",
        "and=",
        "or=",
        "not.or=",
        "limit=",
        "offset=",
        "columns=",
        "on_conflict=",
        "id",
        "title",
        "data",
        "tags",
        "nope",
        "eq",
        "neq",
        "in",
        "is",
        "like",
        "match",
        "cs",
        "fts",
        "not",
        "any",
        "all",
        "null",
        "->",
        "->>",
        "::",
        "int",
        "text",
        ".",
        ",",
        "(",
        ")",
        "{",
        "}",
        "\"",
        "\\",
        "&",
        "=",
        "*",
        "-",
        "+",
        "%",
        "%25",
        "%F0%9F",
        "0",
        "17",
        "-1",
        "é",
        " ",
        "!",
        ":",
        "count()",
        "...",
        "desc",
        "nullsfirst",
        "true",
        "[",
        "]",
        "2026-01-01",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_string_means_something_or_is_refused(text in "\\PC{0,60}") {
        let _ = meaning(&text);
    }

    #[test]
    fn any_pieces_of_the_grammar_mean_something_or_are_refused(text in pieces()) {
        let model = model();
        let collection = books(&model);
        match query(collection, Dialect::Sqlite, &text) {
            Ok(query) => print_all(collection, &query),
            Err(fault) => prop_assert!(!fault.message.is_empty()),
        }
    }

    #[test]
    fn any_text_can_be_quoted(text in "[^\\x00]{0,20}") {
        let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let encoded = percent_encoding::utf8_percent_encode(&quoted, percent_encoding::NON_ALPHANUMERIC);
        let model = model();
        let query = query(books(&model), Dialect::Sqlite, &format!("title=in.({encoded})&or=(title.eq.{encoded})")).expect("it is quoted");
        let text = Value::Text(text);
        prop_assert_eq!(query.values, vec![text.clone(), text]);
    }

    #[test]
    fn any_integer_is_read_as_it_was_written(number: i64) {
        prop_assert_eq!(meaning(&format!("pages=eq.{number}")), Ok(format!("where pages = {number}")));
    }
}

/// Printing touches every slot, so it would panic if one were missing.
fn print_all(collection: &Collection, query: &Query) {
    let _ = print(collection, query);
    assert!(query.values.iter().all(|value| *value != Value::Json(String::new())));
    let ty = |target: &Target| target.ty(collection.fields[target.field].ty);
    assert!(
        query.order.iter().all(|key| key.target.path.is_empty() || matches!(ty(&key.target), Type::Json | Type::Text))
    );
}
