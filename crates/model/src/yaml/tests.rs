//! Trees of small texts, and what is refused.

use proptest::prelude::*;

use super::*;

/// Every scalar and key of a text with the piece of the text that its span covers.
fn pieces(text: &str) -> Vec<(String, String)> {
    fn walk(text: &str, node: &Node, to: &mut Vec<(String, String)>) {
        match &node.kind {
            Kind::Scalar { text: value, .. } => {
                to.push((value.clone(), text[node.span.start..node.span.end].to_owned()));
            }
            Kind::List(items) => items.iter().for_each(|item| walk(text, item, to)),
            Kind::Map(entries) => {
                for (key, value) in entries {
                    to.push((key.text.clone(), text[key.span.start..key.span.end].to_owned()));
                    walk(text, value, to);
                }
            }
        }
    }
    let (root, faults) = parse(text);
    assert_eq!(faults, []);
    let mut to = Vec::new();
    walk(text, &root.expect("a value"), &mut to);
    to
}

fn whole(text: &str) -> String {
    let (root, faults) = parse(text);
    assert_eq!(faults, []);
    let span = root.expect("a value").span;
    text[span.start..span.end].to_owned()
}

#[test]
fn spans_are_of_bytes_and_end_where_a_reader_sees_the_end() {
    let text = "é: [ü, \"ö\\n\"]   # ä\nbß:   x  y   # c\n'k': |\n  one\n  two\n\nz: 1\n";
    let expected = [
        ("é", "é"),
        ("ü", "ü"),
        ("ö\n", "\"ö\\n\""),
        ("bß", "bß"),
        ("x  y", "x  y"),
        ("k", "'k'"),
        ("one\ntwo\n", "one\n  two"),
        ("z", "z"),
        ("1", "1"),
    ];
    assert_eq!(pieces(text), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(pieces("\u{feff}a: é\r\nb: c\r\n")[2].1, "b");
}

#[test]
fn lists_and_maps_span_their_entries() {
    assert_eq!(whole("\n  {a: 1, b: [2] } # c\n"), "{a: 1, b: [2] }");
    assert_eq!(whole("\na: 1\nb:\n  - 2\n  - 3   # c\n\n"), "a: 1\nb:\n  - 2\n  - 3");
}

fn first_fault(text: &str) -> String {
    parse(text).1.remove(0).message
}

#[test]
fn bombs_are_refused() {
    assert_eq!(first_fault(&format!("{}{}", "[".repeat(80), "]".repeat(80))), "nested more than 64 levels deep");
    assert_eq!(first_fault(&"[".repeat(1000)), "this is no YAML: recursion limit exceeded");
    assert_eq!(first_fault(&" ".repeat(SIZE_MAX + 1)), "the file has 1048577 bytes; at most 1048576 are read");
    let mut laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (from, to) in ["a", "b", "c", "d", "e", "f", "g"].iter().zip(["b", "c", "d", "e", "f", "g", "h"]) {
        let alias = format!("*{from}, ").repeat(10);
        laughs.push_str(&format!("{to}: &{to} [{alias}]\n"));
    }
    assert_eq!(first_fault(&laughs), "more than 100000 values, those that aliases repeat included");
    assert_eq!(first_fault("a: &a [*a]"), "this alias stands inside the value that it repeats");
}

#[test]
fn aliases_repeat_values_where_they_stand() {
    let text = "a: &x {b: 1}\nc: *x\n";
    let Some(Node { kind: Kind::Map(entries), .. }) = parse(text).0 else { panic!("no map") };
    let span = entries[1].1.span;
    assert_eq!((&text[span.start..span.end], entries[1].1.what()), ("*x", "a map"));
}

#[test]
fn faults_say_what_and_where() {
    let (_, faults) = parse("a: 1\nb: 2\na: 3\n");
    assert_eq!(
        (faults[0].message.as_str(), faults[0].span),
        ("`a` stands here a second time", Span { start: 10, end: 11 })
    );
    assert_eq!(first_fault("a: 1\n---\nb: 2\n"), "a manifest is one YAML document; a second one begins here");
    assert_eq!(first_fault("? [a]\n: b\n"), "a key must be a text, not a list or a map");
    let (_, faults) = parse("a:\n\tb: 1\n");
    assert_eq!(faults[0].help.as_deref(), Some("YAML is indented with spaces: there is a tab in this line"));
}

proptest! {
    #[test]
    fn nothing_panics_and_spans_are_in_the_text(text in "([-:{}\\[\\],&*!|>'\"#%@`? \n\tab0é]|\r\n){0,40}") {
        fn check(text: &str, node: &Node) {
            assert!(text.get(node.span.start..node.span.end).is_some(), "{:?}", node.span);
            match &node.kind {
                Kind::Scalar { .. } => {}
                Kind::List(items) => items.iter().for_each(|item| check(text, item)),
                Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
                    assert!(text.get(key.span.start..key.span.end).is_some(), "{:?}", key.span);
                    check(text, value);
                }),
            }
        }
        let (root, faults) = parse(&text);
        if let Some(root) = root {
            check(&text, &root);
        }
        for fault in faults {
            assert!(text.get(fault.span.start..fault.span.end).is_some(), "{:?}", fault.span);
        }
    }
}
