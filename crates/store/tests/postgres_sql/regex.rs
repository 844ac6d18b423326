//! Rust's regular expressions, as PostgreSQL is told them, match what they match in Rust.

use std::cell::Cell;
use std::collections::BTreeSet;

use pintle_model::Role;
use pintle_query::functions::compile_regex;
use pintle_query::rest::Preferences;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::server::{Server, asker};

const MANIFEST: &str = "
pintle: 1
name: sample
collections: { texts: { key: { t: text } } }
";

fn pattern() -> impl Strategy<Value = String> {
    let atom = proptest::sample::select(vec![
        "a",
        "b",
        "ab",
        "É",
        "ß",
        "k",
        "σ",
        "1",
        "_",
        " ",
        "-",
        ".",
        r"\.",
        r"\n",
        r"\x{1F600}",
        "[ab]",
        "[^a]",
        "[^\\w]",
        "[a-zé]",
        "[[:alpha:]]",
        "[a&&b]",
        r"\w",
        r"\W",
        r"\d",
        r"\s",
        r"\S",
        r"\pL",
        r"\p{Greek}",
        r"(?-u:\w)",
        "^",
        "$",
        r"\A",
        r"\z",
        r"\b",
        r"\B",
        r"(?-u:\b)",
        r"(?-u:\B)",
        r"\b{start}",
        r"\b{end}",
        r"\b{start-half}",
        r"\b{end-half}",
        "(?m:^)",
        "(?m:$)",
        "(?Rm:^)",
        "(?Rm:$)",
        "(?i)",
        "(?-s:.)",
        "(?:)",
        "\r",
        "\n",
    ]);
    let leaf = atom.prop_map(str::to_owned);
    leaf.prop_recursive(3, 12, 4, |inner| {
        let times = proptest::sample::select(vec![
            "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{0}", "{2,3}?", "{260}", "{0,300}",
        ]);
        prop_oneof![
            3 => proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            1 => proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            1 => inner.clone().prop_map(|part| format!("({part})")),
            2 => (inner, times).prop_map(|(part, times)| format!("(?:{part}){times}")),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "a", "b", "A", "B", "é", "É", "ß", "ẞ", "K", "\u{212a}", "σ", "ς", "1", "٣", "_", " ", "-", ".", "\n", "\r",
        "\r\n", "😀", "ſ",
    ]);
    proptest::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

#[test]
fn any_pattern_matches_what_it_matches_in_rust() {
    let server = Server::new(MANIFEST);
    let collection = server.collection("texts");
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let strategy = (pattern(), any::<bool>(), proptest::collection::vec(text(), 30));
    let (compared, found) = (Cell::new(0), Cell::new(0));
    runner
        .run(&strategy, |(pattern, fold, texts)| {
            let Ok(regex) = compile_regex(&pattern, fold) else { return Ok(()) };
            let all: BTreeSet<String> = texts.into_iter().chain(["a".repeat(261)]).collect();
            let quoted: Vec<String> = all.iter().map(|text| format!("('{text}')")).collect();
            server.sql(&format!("TRUNCATE texts; INSERT INTO texts VALUES {}", quoted.join(", ")));
            let operator = if fold { "imatch" } else { "match" };
            let query: String = pattern.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let prefer = Preferences::default();
            let read = server.planner.rest_read(
                collection,
                &format!("t={operator}.{query}&order=t"),
                &prefer,
                &asker(Role::ServiceRole),
            );
            // One that is too large is refused before.
            let Ok(read) = read else { return Ok(()) };
            let rows = server.run(&read.read.plan.rows, &read.read.inputs, &[]);
            let rows =
                rows.map_err(|error| TestCaseError::fail(format!("{pattern}: {error:?} {:?}", read.read.inputs)))?;
            let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let expected: Vec<String> = all.into_iter().filter(|text| regex.is_match(text)).collect();
            compared.set(compared.get() + 1);
            found.set(found.get() + expected.len());
            prop_assert_eq!(rows, expected, "{} {:?}", pattern, read.read.inputs.values);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    let (compared, found) = (compared.get(), found.get());
    assert!(compared > 50 && found > compared, "{compared} patterns, {found} matches");
}
