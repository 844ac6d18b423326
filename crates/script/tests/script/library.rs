//! What scripts find beside the database.

use std::time::Duration;

use bytes::Bytes;
use pintle_script::{Failure, FetchAnswer, Fetched, Level};

use crate::host::{World, answer, answer_in, compile, engine, failure};

#[test]
fn small_things_give_what_they_give_elsewhere() {
    let cases = [
        ("env.TOKEN", r#""secret""#),
        ("crypto.sha256('abc')", r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#),
        ("crypto.sha256(new Uint8Array(), 'base64')", r#""47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=""#),
        (
            "crypto.hmac('key', 'The quick brown fox jumps over the lazy dog')",
            r#""f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8""#,
        ),
        ("crypto.sha256('é', 'bytes').length", "32"),
        (
            "[crypto.timingSafeEqual('ab', 'ab'), crypto.timingSafeEqual('ab', 'ac'), crypto.timingSafeEqual('ab', 'abc')]",
            "[true,false,false]",
        ),
        ("/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())", "true"),
        ("[crypto.randomBytes(5).length, crypto.getRandomValues(new Uint16Array(3)).length]", "[5,3]"),
        ("[...Array(100)].every(() => { const n = Math.random(); return n >= 0 && n < 1 })", "true"),
        ("new Set([...Array(100)].map(() => crypto.randomUUID())).size", "100"),
        ("[...new TextEncoder().encode('é€')]", "[195,169,226,130,172]"),
        ("new TextDecoder().decode(new Uint8Array([195, 169, 255]))", "\"é\u{fffd}\""),
        ("new TextDecoder().decode(new Uint8Array([1, 65, 66, 2]).subarray(1, 3))", r#""AB""#),
        ("[btoa('abc'), atob('YWJj'), btoa('\u{ff}')]", r#"["YWJj","abc","/w=="]"#),
        ("csv.parse('a,b\\n1,\"x, \"\"y\"\"\"\\n')", r#"[{"a":"1","b":"x, \"y\""}]"#),
        ("csv.parse('1;2', { header: false, delimiter: ';' })", r#"[["1","2"]]"#),
        ("csv.parse('')", "[]"),
        (
            "csv.format([{ a: 1, b: 'x, \"y\"' }, { a: null, c: [true] }])",
            r#""a,b,c\n1,\"x, \"\"y\"\"\",\n,,[true]\n""#,
        ),
        ("csv.format([[1, 2], [3]], { delimiter: ';' })", r#""1;2\n3\n""#),
        ("csv.format([{ a: 1, b: 2 }], { columns: ['b'], header: false })", r#""2\n""#),
        ("new URLSearchParams('a=1&b=x+y&a=%C3%A9').getAll('a')", r#"["1","é"]"#),
        ("new URLSearchParams({ a: \"x y'&\", b: 1 }).toString()", r#""a=x+y%27%26&b=1""#),
        ("Object.fromEntries(new URLSearchParams([['a', 'b']]))", r#"{"a":"b"}"#),
        (
            "new URL('/b/../c?x=1#h', 'https://User:pw@Example.com:8443/a/').href", // pintle:no-secret
            r#""https://example.com:8443/c?x=1#h""#,
        ),
        ("new URL('d', 'http://a/b/c?q').href", r#""http://a/b/d""#),
        ("new URL('HTTPS://Example.com:443').href", r#""https://example.com/""#),
        (
            "(() => { const u = new URL('http://a/?x=1'); u.searchParams.append('y', 'é'); return `${u}` })()",
            r#""http://a/?x=1&y=%C3%A9""#,
        ),
        ("[URL.canParse('nothing'), URL.canParse('http://'), URL.canParse('http://[::1]:80/x')]", "[false,false,true]"),
        (
            "typeof globalThis.std + typeof globalThis.os + typeof globalThis.require",
            r#""undefinedundefinedundefined""#,
        ),
        ("request.query.b.length + Object.keys(request.query).length", "4"),
    ];
    for (expression, expected) in cases {
        assert_eq!(answer(&format!("return {expression}")), expected, "{expression}");
    }
}

#[test]
fn wrong_uses_are_told() {
    let cases = [
        (
            "csv.parse('a,b\\n1')",
            "CSV error: record 1 (line: 2, byte: 4): found record with 1 fields, but the previous record has 2 fields",
        ),
        ("csv.parse('', { delimiter: 'ab' })", "the delimiter of CSV is one letter, such as `,` or `;`, not \"ab\""),
        ("csv.format('x')", "csv.format(rows): rows is an array, of objects or of arrays"),
        ("csv.format([[1], { a: 1 }])", "csv.format takes rows that are all objects, or all arrays"),
        ("crypto.sha256(5)", "this takes a string, an ArrayBuffer or a typed array"),
        ("crypto.sha256('x', 'b')", "an encoding is \"hex\", \"base64\", \"base64url\" or \"bytes\", not b"),
        ("new URL('nothing')", "\"nothing\" is no URL"),
        ("new TextDecoder('latin1')", "TextDecoder reads utf-8, not latin1"),
        ("new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255]))", "these bytes are no UTF-8"),
        ("db.from(1)", "db.from(name): the name of a collection is a string"),
        ("crypto.randomBytes(-1)", "the number of random bytes is from 0 to 1048576, not -1"),
    ];
    for (expression, expected) in cases {
        let Failure::Thrown { message, .. } = failure(expression) else { panic!("{expression}") };
        assert_eq!(message.split_once(": ").unwrap().1, expected, "{expression}");
    }
}

#[test]
fn lines_reach_the_log_in_their_order_also_when_the_call_fails() {
    let program = compile(
        "export default async () => { log.info('a', 1, { b: [2] }); await db.from('x').select(); console.log(null); log.error(new Error('e').message); throw 1 }",
    );
    let world = &mut World::default();
    crate::host::call(&program, world).unwrap_err();
    let expected = [(Level::Info, "a 1 {\"b\":[2]}"), (Level::Info, "null"), (Level::Error, "e")];
    assert_eq!(world.log, expected.map(|(level, text)| (level, text.to_owned())));
}

#[test]
fn fetch_gives_an_answer_or_null_or_an_error() {
    let answer = FetchAnswer {
        status: 201,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Bytes::from(r#"{"a":"é"}"#),
    };
    let mut world = World::default();
    world.fetches.extend([
        Fetched::Answer(answer),
        Fetched::AfterCommit,
        Fetched::Failed("it is not listed".to_owned()),
    ]);
    let body = "const one = await fetch('https://a.example/x', { method: 'post', headers: { 'X-A': 'b' }, body: '{}', timeout: 1500 })
        const read = [one.ok, one.status, one.headers.get('Content-Type'), await one.json(), (await one.bytes()).length]
        const two = await fetch(new URL('https://b.example'), { body: new Uint8Array([1]) })
        try { await fetch('https://c.example') } catch (error) { return [...read, two, error.message] }";
    assert_eq!(answer_in(body, &mut world), r#"[true,201,"application/json",{"a":"é"},10,null,"it is not listed"]"#);
    let first = &world.fetched[0];
    assert_eq!(
        (&*first.method, &*first.url, first.timeout),
        ("POST", "https://a.example/x", Some(Duration::from_millis(1500)))
    );
    assert_eq!(first.headers, [("x-a".to_owned(), "b".to_owned())]);
    assert_eq!(world.fetched[1].body.as_deref(), Some(&[1][..]));
    assert_eq!(world.fetched[1].url, "https://b.example/");
}

#[test]
fn a_picture_is_drawn_of_rows_and_of_queries() {
    let options = "width: 2, height: 1, x: 'x', y: 'y', origin: { x: 1, y: 0 }, fallback: '#ff0000'";
    let rows = r#"[{"x":0,"y":0},{"x":1,"y":0}]"#;
    let body = |rows: &str| {
        format!("const png = await image.png({{ {options}, rows: {rows} }}); return [png.length, crypto.sha256(png)]")
    };
    let drawn = answer(&body(rows));
    for query in ["db.from('p').select('x,y').eq('a', 1)", "db.sql('select x, y from p')"] {
        let world = &mut World::answering(&[(200, rows)]);
        assert_eq!(answer_in(&body(query), world), drawn, "{query}");
    }
    let world = &mut World::answering(&[(403, r#"{"code":"42501","message":"no"}"#)]);
    let refused = format!(
        "try {{ await image.png({{ {options}, rows: db.from('p').select() }}) }} catch (error) {{ return [error.code, error.status] }}"
    );
    assert_eq!(answer_in(&refused, world), r#"["42501",403]"#);
    let Failure::Thrown { message, .. } = failure("await image.png({ rows: [] })") else { panic!() };
    assert!(message.contains("image.png"), "{message}");
}

#[test]
fn a_generator_yields_batches_for_a_seed() {
    let program = compile(
        "export default async function* () {
           for (let n = 0; n < 3; n++) {
             const { data } = await db.from('x').select()
             yield { places: [{ n, had: data.length }] }
           }
         }",
    );
    let mut batches = Vec::new();
    let mut each = |batch: Bytes| {
        batches.push(String::from_utf8(batch.to_vec()).unwrap());
        if batches.len() == 3 { Err("that is enough".to_owned()) } else { Ok(()) }
    };
    let failed =
        engine().produce(&program, "{}".into(), Duration::from_secs(5), &mut World::default(), &mut each).unwrap_err();
    assert_eq!(batches, [0, 1, 2].map(|n| format!(r#"{{"places":[{{"n":{n},"had":0}}]}}"#)));
    let Failure::Thrown { message, .. } = failed else { panic!("{failed:?}") };
    assert_eq!(message, "Error: that is enough");
    let done = engine().produce(&program, "{}".into(), Duration::from_secs(5), &mut World::default(), &mut |_| Ok(()));
    assert_eq!(done, Ok(()));
    let none = compile("export default () => 1");
    let failed = engine()
        .produce(&none, "{}".into(), Duration::from_secs(5), &mut World::default(), &mut |_| Ok(()))
        .unwrap_err();
    let Failure::Thrown { message, .. } = failed else { panic!("{failed:?}") };
    assert_eq!(
        message,
        "TypeError: the default export is no generator: write `export default async function* () { yield … }`"
    );
}
