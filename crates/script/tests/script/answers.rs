//! What scripts are asked, and what they answer.

use crate::host::{World, answer, call, compile};

#[test]
fn a_request_has_all_that_was_asked() {
    let got = answer("return request");
    assert_eq!(
        got,
        r#"{"method":"POST","path":"/x/7","params":{"id":7},"search":"a=1&b=x+y&b=%C3%A9","query":{"a":"1","b":["x y","é"]},"#.to_owned()
            + r#""headers":{"accept":"text/html","x-a":"b"},"body":{"n":[1,2]},"#
            + r#""caller":{"role":"authenticated","user":"alice","claims":{"team":3}},"remote":"127.0.0.1","id":"r-1"}"#
    );
}

#[test]
fn what_is_returned_is_the_answer() {
    let cases = [
        ("return { a: 1 }", 200, Some("application/json"), r#"{"a":1}"#),
        ("return 'text'", 200, Some("application/json"), r#""text""#),
        ("return null", 200, Some("application/json"), "null"),
        ("", 204, None, ""),
        ("return response.json([1], { status: 201 })", 201, Some("application/json"), "[1]"),
        ("return response.text('é')", 200, Some("text/plain; charset=utf-8"), "é"),
        ("return response.html('<p>')", 200, Some("text/html; charset=utf-8"), "<p>"),
        ("return response.bytes(new Uint8Array([65, 66]))", 200, Some("application/octet-stream"), "AB"),
        ("return response.text('a,b', { type: 'text/csv' })", 200, Some("text/csv"), "a,b"),
        ("return new TextEncoder().encode('AB')", 200, Some("application/octet-stream"), "AB"),
        ("return response.empty()", 204, None, ""),
        ("return response.redirect('/elsewhere')", 303, None, ""),
        ("return (async () => response.empty({ status: 202 }))()", 202, None, ""),
    ];
    for (body, status, content_type, text) in cases {
        let program = compile(&format!("export default async (request) => {{ {body} }}"));
        let response = call(&program, &mut World::default()).unwrap();
        let got = (response.status, response.content_type.as_deref(), &*response.body);
        assert_eq!(got, (status, content_type, text.as_bytes()), "{body}");
    }
}

#[test]
fn headers_are_answered_also_several_of_a_name() {
    let program = compile(
        "export default () => response.redirect('/y', { status: 302, headers: { 'X-A': 1, 'Set-Cookie': ['a=1', 'b=2'] } })",
    );
    let response = call(&program, &mut World::default()).unwrap();
    let headers: Vec<String> = response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(headers, ["X-A: 1", "Set-Cookie: a=1", "Set-Cookie: b=2", "location: /y"]);
    assert_eq!(response.status, 302);
}

#[test]
fn a_header_without_a_value_is_left_out() {
    let program = compile(
        "export default () => response.json(1, { headers: { 'x-a': undefined, 'x-b': null, 'x-c': [1, undefined, null, ''], 'x-d': 0 } })",
    );
    let response = call(&program, &mut World::default()).unwrap();
    let headers: Vec<String> = response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(headers, ["x-c: 1", "x-c: ", "x-d: 0"]);
}
