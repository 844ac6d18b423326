//! Tests of the format itself.

use libtest_mimic::Trial;

use crate::expect::{fill, squeezed};
use crate::parse::{Body, Predicate, Query, parse};

/// Each as a test of its own.
pub(crate) fn trials() -> Vec<Trial> {
    let all: [(&str, fn()); 5] = [
        ("format: a whole file is read", a_whole_file_is_read),
        ("format: two answers with their reason", two_answers_with_their_reason),
        ("format: bodies of every kind", bodies_of_every_kind),
        ("format: mistakes have their line", mistakes_have_their_line),
        ("format: names are filled in and white space is no difference", names_and_white_space),
    ];
    all.into_iter()
        .map(|(name, test)| {
            Trial::test(name, move || {
                test();
                Ok(())
            })
        })
        .collect()
}

fn a_whole_file_is_read() {
    let file = parse(
        r#"# Why.
# token alice: authenticated, user alice
# token gone: service_role, revoked
# serve: --tx-rollback
# environment WORDS: {"a": 1}

POST /things
Prefer: return=representation
Authorization: Bearer {{alice}}
{
  "id": 1
}

HTTP 201
Location: /things/1
ETag: {{any}}
Link:
[Captures]
tag: header "ETag"
[Asserts]
jsonpath "$.id" == 1
jsonpath "$.list" count == 2
[{"id": 1}]
GET /things
HTTP 200
[]
"#,
    )
    .unwrap();
    assert_eq!(file.serve, ["--tx-rollback"]);
    assert_eq!(file.environment, [("WORDS".to_owned(), "{\"a\": 1}".to_owned())]);
    let [alice, gone] = file.tokens.as_slice() else { panic!("two tokens: {:?}", file.tokens) };
    assert_eq!(
        (alice.name.as_str(), alice.role.as_str(), alice.user.as_deref()),
        ("alice", "authenticated", Some("alice"))
    );
    assert!(gone.revoked && gone.user.is_none() && !alice.revoked);
    let [first, second] = file.cases.as_slice() else { panic!("two cases: {:?}", file.cases) };
    assert_eq!((first.line, first.method.as_str(), first.path.as_str()), (7, "POST", "/things"));
    assert_eq!(first.headers[1], ("Authorization".to_owned(), "Bearer {{alice}}".to_owned()));
    assert_eq!(first.body.as_deref(), Some(b"{\n  \"id\": 1\n}".as_slice()));
    assert_eq!((first.expected.line, first.expected.status), (14, 201));
    assert_eq!(first.expected.headers[2], ("Link".to_owned(), String::new()));
    assert_eq!(first.expected.captures, [("tag".to_owned(), Query::Header("ETag".to_owned()))]);
    assert_eq!(first.expected.asserts[1].predicate, Predicate::Count(2));
    assert_eq!(first.expected.body, Body::Json(r#"[{"id": 1}]"#.to_owned()));
    assert_eq!((second.line, &second.expected.body), (24, &Body::Json("[]".to_owned())));
}

fn two_answers_with_their_reason() {
    let file = parse("GET /a\nHTTP 200\n\n# differs on postgres: for a reason\nHTTP 400\n{}\n").unwrap();
    let [other] = file.cases[0].differs.as_slice() else { panic!("one difference: {:?}", file.cases[0]) };
    assert_eq!((other.place, other.reason.as_str()), ("postgres", "for a reason"));
    assert_eq!((file.cases[0].expected.status, other.expected.status), (200, 400));
}

fn bodies_of_every_kind() {
    let file = parse(
        "PUT /a\n` {`\nHTTP 200\n`[1, 2]`\n\nPUT /a\nhex,00 fF;\nHTTP 200\n\nPUT /a\n```\na: b\n\n# c\n```\nHTTP 200\n",
    );
    let cases = file.unwrap().cases;
    let bodies: Vec<_> = cases.iter().map(|case| case.body.clone().unwrap()).collect();
    assert_eq!(bodies, [b" {".to_vec(), vec![0, 255], b"a: b\n\n# c".to_vec()]);
    assert_eq!(cases[0].expected.body, Body::Exact("[1, 2]".to_owned()));
    assert_eq!(cases[1].expected.body, Body::None);
}

fn mistakes_have_their_line() {
    for (text, line, part) in [
        ("", 1, "no case"),
        ("# only a comment\n", 2, "no case"),
        ("FETCH /a\nHTTP 200\n", 1, "METHOD"),
        ("GET a\nHTTP 200\n", 1, "METHOD"),
        ("GET /a\n\nGET /b\nHTTP 200\n", 3, "HTTP STATUS"),
        ("GET /a\nHTTP ok\n", 2, "HTTP STATUS"),
        ("GET /a\n", 2, "the file ends"),
        ("GET /a\nHTTP 200\n# token a: anon\n", 3, "before the first case"),
        ("# token a\nGET /a\nHTTP 200\n", 1, "a token is"),
        ("# token a: anon, usr b\nGET /a\nHTTP 200\n", 1, "`usr b`"),
        ("GET /a\nHTTP 200\n[Asserts]\njsonpath $.a == 1\n", 4, "an assert is"),
        ("GET /a\nHTTP 200\n[Captures]\nx: cookie \"a\"\n", 4, "a capture is"),
        ("GET /a\nHTTP 200\n```\n[]\n", 3, "has no end"),
        ("GET /a\nHTTP 200\n`[]\n", 3, "backtick"),
        ("PUT /a\nhex,0g;\nHTTP 200\n", 2, "hexadecimal"),
        ("GET /a\nHTTP 200\n# differs on mars: x\nHTTP 400\n", 3, "postgres"),
        ("# differs on postgres: x\nGET /a\nHTTP 200\n", 1, "between the two answers"),
    ] {
        let mistake = parse(text).map(drop).unwrap_err();
        assert_eq!(mistake.line, line, "{text}\n{}", mistake.what);
        assert!(mistake.what.contains(part), "{text}\n{}", mistake.what);
    }
}

fn names_and_white_space() {
    let variables = [("a".to_owned(), "1".to_owned())].into();
    assert_eq!(fill("x{{a}}y{{a}}", &variables).unwrap(), "x1y1");
    assert!(fill("{{b}}", &variables).unwrap_err().contains("`b`"));
    assert!(fill("{{a", &variables).is_err());
    assert_eq!(squeezed("{ \"a b\" : [ 1,\n 2 ], \"\\\" \": 3 }"), r#"{"a b":[1,2],"\" ":3}"#);
}
