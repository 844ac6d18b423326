//! Containment, steps and elements of json.

use proptest::prelude::*;

use super::*;

#[test]
fn paths_lead_through_objects_and_arrays() {
    let json = r#"{"a": {"b": [1, "x\"y", null, {"c": 1.50}]}, "é": true}"#;
    for (steps, expected) in [
        (r#"["a","b",0]"#, Some("1")),
        (r#"["a","b",1]"#, Some(r#""x\"y""#)),
        (r#"["a","b",-1,"c"]"#, Some("1.50")),
        (r#"["a","b",-5]"#, None),
        (r#"["é"]"#, Some("true")),
        (r#"["a","b","0"]"#, None),
        (r#"["a",0]"#, None),
        (r#"["none"]"#, None),
    ] {
        assert_eq!(get(json, steps), expected, "{steps}");
    }
    assert_eq!(text(r#""x\"y""#).as_deref(), Some("x\"y"));
    assert_eq!(text("null"), None);
    assert_eq!(text("4608").as_deref(), Some("4608"));
}

#[test]
fn an_element_is_found_through_arrays_as_text_or_as_what_the_text_reads_as() {
    let json = r#"[{"id": 4608, "tags": ["a", "b"]}, {"id": "7", "on": true, "n": null, "x": 1.0}]"#;
    for (keys, wanted, expected) in [
        (r#"["id"]"#, "4608", true),
        (r#"["id"]"#, "4608.0", true),
        (r#"["id"]"#, "7", true),
        (r#"["id"]"#, "07", false),
        (r#"["id"]"#, "46080", false),
        (r#"["id"]"#, "-4608", false),
        (r#"["id"]"#, "4.608e3", true),
        (r#"["tags"]"#, "b", true),
        (r#"["tags"]"#, "c", false),
        (r#"["on"]"#, "true", true),
        (r#"["n"]"#, "null", true),
        (r#"["x"]"#, "1", true),
        (r#"["id","x"]"#, "1", false),
        (r#"[]"#, "1", false),
    ] {
        assert_eq!(any_element(json, keys, wanted), expected, "{keys} {wanted}");
    }
}

#[test]
fn containment_is_jsonbs() {
    for (outer, inner, expected) in [
        (r#"{"a": 1, "b": 2}"#, r#"{"a": 1.0}"#, true),
        (r#"{"a": {"b": 2, "c": 3}}"#, r#"{"a": {"c": 3}}"#, true),
        (r#"{"a": 1}"#, r#"{"b": 1}"#, false),
        ("[1, 2, 3]", "[3, 1, 1]", true),
        ("[1, 2, 3]", "[4]", false),
        (r#"["foo", "bar"]"#, r#""bar""#, true),
        (r#""bar""#, r#"["bar"]"#, false),
        (r#"[{"a": 1}]"#, r#"[{"a": 1}]"#, true),
        ("[[1, 2]]", "[1]", false),
        ("[[1, 2]]", "[[1]]", true),
        ("{}", "[]", false),
    ] {
        assert_eq!(contains(outer, inner), expected, "{outer} @> {inner}");
    }
}

#[test]
fn keys_sort_as_jsonb_does() {
    let ordered = [
        "[]",
        "null",
        r#""a""#,
        r#""ab""#,
        r#""b""#,
        "-10",
        "-2",
        "0",
        "0.5",
        "2",
        "10",
        "false",
        "true",
        "[null]",
        "[9]",
        "[[]]",
        "[1, 1]",
        "{}",
        r#"{"a": 1}"#,
        r#"{"a": 2}"#,
        r#"{"b": 1}"#,
        r#"{"a": 1, "b": 1}"#,
    ];
    for pair in ordered.windows(2) {
        assert!(sort_key(pair[0]) < sort_key(pair[1]), "{} < {}", pair[0], pair[1]);
    }
    assert_eq!(sort_key("1.0"), sort_key("1"));
}

#[test]
fn containment_of_many_takes_no_time_of_their_product() {
    let all = |items: Vec<String>| format!("[{}]", items.join(", "));
    // One by one these would be 10^11 comparisons.
    let outer = all((0..300_000).map(|n| n.to_string()).collect());
    let inner = all((0..300_000).rev().map(|n| format!("{n}.0")).collect());
    assert!(contains(&outer, &inner));
    assert!(!contains(&outer, &inner.replace("[", "[0.5, ")));
    let members = |n| format!("{{{}}}", (0..n).map(|n| format!("\"k{n}\": {n}")).collect::<Vec<_>>().join(", "));
    assert!(contains(&members(100_000), &members(99_999)));
    assert!(!contains(&members(99_999), &members(100_000)));
}

proptest! {
    #[test]
    fn containment_of_many_is_that_of_each(
        outer in prop::collection::vec("[0-4]|[1-3]\\.0|\"[ab]\"|\\[[12]\\]|\\{\"a\": [12]\\}|null", 0..12),
        inner in prop::collection::vec("[0-4]|[1-3]\\.0|\"[ab]\"|\\[[12]\\]|\\{\"a\": [12]\\}|null", FEW + 1..12),
    ) {
        let each = inner.iter().all(|wanted| outer.iter().any(|item| contains_inside(item, wanted)));
        let array = |items: &[String]| format!("[{}]", items.join(", "));
        prop_assert_eq!(contains(&array(&outer), &array(&inner)), each);
    }

    #[test]
    fn no_text_makes_it_panic(json in "[\\[\\]{}\",:\\\\ a1é-]{0,24}", other in "[\\[\\]{}\",:\\\\ a1é-]{0,24}") {
        let _ = get(&json, &other);
        let _ = sort_key(&json);
        let _ = contains(&json, &other);
        let _ = any_element(&json, &other, "1");
    }
}
