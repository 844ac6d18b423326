//! `db.from(…)`: the requests that postgrest-js sends for the same words, and what becomes of the answers.

use std::sync::Arc;
use std::time::Duration;

use pintle_script::{Body, DbAnswer, DbRequest, Failure, Request};

use crate::host::{World, answer_in, call, compile, engine, failure, request};

/// What is asked of the database by `await` and this expression.
fn asked(expression: &str) -> DbRequest {
    let mut world = World::default();
    answer_in(&format!("await {expression}"), &mut world);
    assert_eq!(world.asked.len(), 1, "{expression}");
    world.asked.remove(0)
}

#[test]
fn a_read_becomes_a_query_string() {
    let cases = [
        ("select()", "select=*"),
        ("select('id, name')", "select=id,name"),
        ("select('id, \"my name\", place ( * )')", "select=id,\"my name\",place(*)"),
        ("select().eq('name', 'Océan, nord')", "select=*&name=eq.Océan, nord"),
        (
            "select().eq('a', 1).neq('a', null).gt('b', 2.5).gte('c', true)",
            "select=*&a=eq.1&a=neq.null&b=gt.2.5&c=gte.true",
        ),
        ("select().lt('a', 'x&y=z').lte('b', '+%')", "select=*&a=lt.x&y=z&b=lte.+%"),
        ("select().eq('at', new Date(0))", "select=*&at=eq.1970-01-01T00:00:00.000Z"),
        ("select().eq('data', { a: [1] })", "select=*&data=eq.{\"a\":[1]}"),
        ("select().like('n', '%a_').ilike('n', 'B%')", "select=*&n=like.%a_&n=ilike.B%"),
        ("select().is('a', null).is('b', true)", "select=*&a=is.null&b=is.true"),
        ("select().isDistinct('a', 3)", "select=*&a=isdistinct.3"),
        ("select().in('id', [1, 2, 2, 3])", "select=*&id=in.(1,2,3)"),
        (
            "select().in('n', ['a', 'b,c', 'd)', '(e', 'f\"g', 'h\\\\i', '', ' j'])",
            "select=*&n=in.(a,\"b,c\",\"d)\",\"(e\",\"f\\\"g\",\"h\\\\i\",\"\",\" j\")",
        ),
        ("select().in('id', new Set())", "select=*&id=in.()"),
        ("select().contains('tags', ['a', 'b,c'])", "select=*&tags=cs.{a,\"b,c\"}"),
        ("select().contains('data', { a: 1 })", "select=*&data=cs.{\"a\":1}"),
        ("select().containedBy('data', { a: 1 })", "select=*&data=cd.{\"a\":1}"),
        ("select().match({ a: 1, b: 'x' })", "select=*&a=eq.1&b=eq.x"),
        (
            "select().not('a', 'is', null).not('b', 'in', '(1,2)').not('c', 'in', ['a', 'b,'])",
            "select=*&a=not.is.null&b=not.in.(1,2)&c=not.in.(a,\"b,\")",
        ),
        ("select().or('a.eq.1,b.lt.3')", "select=*&or=(a.eq.1,b.lt.3)"),
        ("select().or('a.eq.1', { referencedTable: 'place' })", "select=*&place.or=(a.eq.1)"),
        ("select().filter('data->>a', 'eq', 'x')", "select=*&data->>a=eq.x"),
        (
            "select().order('a').order('b', { ascending: false, nullsFirst: false })",
            "select=*&order=a.asc,b.desc.nullslast",
        ),
        (
            "select().order('a', { referencedTable: 'place', nullsFirst: true })",
            "select=*&place.order=a.asc.nullsfirst",
        ),
        ("select().limit(5).limit(6)", "select=*&limit=6"),
        ("select().range(10, 19)", "select=*&offset=10&limit=10"),
        ("select().limit(1, { referencedTable: 'place' })", "select=*&place.limit=1"),
    ];
    for (expression, expected) in cases {
        let asked = asked(&format!("db.from('x').{expression}"));
        assert_eq!((asked.method, asked.collection.as_str(), asked.body), ("GET", "x", None), "{expression}");
        assert_eq!(decoded(&asked.query), expected, "{expression}");
        assert!(
            asked.query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'#'),
            "{}",
            asked.query
        );
    }
}

/// Parts decoded each for itself, as a server does; `&` and `=` of a value are seen as they are.
fn decoded(query: &str) -> String {
    let part = |part: &str| {
        let mut bytes = Vec::new();
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap() as u8;
            bytes.push(if byte == b'%' { digit() * 16 + digit() } else { byte });
        }
        String::from_utf8(bytes).unwrap()
    };
    query.split('&').map(part).collect::<Vec<_>>().join("&")
}

#[test]
fn a_write_says_what_it_wants_in_its_preferences() {
    let cases = [
        ("insert({ a: 1 })", "POST", "", "", Some(r#"{"a":1}"#)),
        ("insert([{ a: 1 }, { b: 2, a: 3 }])", "POST", "columns=\"a\",\"b\"", "", Some(r#"[{"a":1},{"b":2,"a":3}]"#)),
        ("insert([])", "POST", "", "", Some("[]")),
        ("insert({ a: 1 }).select()", "POST", "select=*", "return=representation", Some(r#"{"a":1}"#)),
        (
            "insert({ a: 1 }, { count: 'exact', defaultToNull: false }).select('id')",
            "POST",
            "select=id",
            "missing=default,count=exact,return=representation",
            Some(r#"{"a":1}"#),
        ),
        ("upsert({ id: 1 })", "POST", "", "resolution=merge-duplicates", Some(r#"{"id":1}"#)),
        (
            "upsert([{ id: 1 }], { onConflict: 'x,y', ignoreDuplicates: true })",
            "POST",
            "on_conflict=x,y&columns=\"id\"",
            "resolution=ignore-duplicates",
            Some(r#"[{"id":1}]"#),
        ),
        ("update({ a: null }).eq('id', 3)", "PATCH", "id=eq.3", "", Some(r#"{"a":null}"#)),
        (
            "update({ a: 1 }, { count: 'exact' }).eq('id', 3).select('a')",
            "PATCH",
            "id=eq.3&select=a",
            "count=exact,return=representation",
            Some(r#"{"a":1}"#),
        ),
        ("delete().in('id', [1])", "DELETE", "id=in.(1)", "", None),
        (
            "delete({ count: 'exact' }).eq('id', 1).select()",
            "DELETE",
            "id=eq.1&select=*",
            "count=exact,return=representation",
            None,
        ),
        ("select('*', { count: 'exact', head: true })", "HEAD", "select=*", "count=exact", None),
    ];
    for (expression, method, query, prefer, body) in cases {
        let asked = asked(&format!("db.from('x').{expression}"));
        let text = asked.body.as_deref().map(|body| std::str::from_utf8(body).unwrap());
        assert_eq!(
            (asked.method, &*decoded(&asked.query), &*asked.prefer, text),
            (method, query, prefer, body),
            "{expression}"
        );
    }
}

#[test]
fn rows_that_differ_name_all_their_columns_once_in_their_order() {
    let cases = [
        ("[{ b: 1, a: 2 }, { b: 3, a: 4 }]", r#""b","a""#),
        ("[{ a: 1 }, { b: 2 }, { c: 3, a: 4 }, { a: 5 }]", r#""a","b","c""#),
        // What is undefined is a column all the same: it is null.
        ("[{ a: undefined }, { a: undefined }]", r#""a""#),
        ("[{ 'x\\\"y': 1, é: 2, 7: 3 }]", r#""7","x\"y","é""#),
        ("[{ a: 1 }, null, 5, Object.create({ inherited: 1 }, { hidden: { value: 1 } })]", r#""a""#),
        ("[{ a: 1, [Symbol('s')]: 2 }]", r#""a""#),
    ];
    for (rows, columns) in cases {
        let asked = asked(&format!("db.from('x').insert({rows})"));
        assert_eq!(decoded(&asked.query), format!("columns={columns}"), "{rows}");
    }
    assert_eq!(asked("db.from('x').insert([])").query, "");
}

#[test]
fn columns_that_are_named_are_written_as_json_has_them_and_no_others() {
    let cases = [
        ("[{ id: 1, b: 2 }, { b: 3 }]", "['id']", r#"[{"id":1},{}]"#),
        (
            "[{ b: null, a: true, c: 1.5 }, { a: -0, b: 2 ** 40 }]",
            "['a', 'b']",
            r#"[{"a":true,"b":null},{"a":0,"b":1099511627776}]"#,
        ),
        ("[{ a: undefined, b: () => 1, c: Symbol('s'), d: NaN }]", "['a', 'b', 'c', 'd']", r#"[{"d":null}]"#),
        (r"[{ n: 'é\n\u0001\ud800' }]", "['n']", r#"[{"n":"é\n\u0001\ud800"}]"#),
        (
            "[{ a: { b: [1, new Date(0)] }, b: 'x'.repeat(3) + 'y' }]",
            "['a', 'b']",
            r#"[{"a":{"b":[1,"1970-01-01T00:00:00.000Z"]},"b":"xxxy"}]"#,
        ),
        ("[null, 5, [1], () => 1]", "['a']", "[null,5,[1],null]"),
        // What JSON has nothing for is not there.
        ("[{ a: { toJSON() {} }, b: new Proxy(() => 1, {}), c: 1 }]", "['a', 'b', 'c']", r#"[{"c":1}]"#),
        ("[{ a: 1, toJSON() { return { a: 2 } } }, { toJSON() {} }]", "['a']", r#"[{"a":2},null]"#),
        ("[{ a: 1, toJSON: 2 }]", "['a']", r#"[{"a":1}]"#),
        ("[]", "['a']", "[]"),
        // One row is written as it is.
        ("{ a: 1, b: 2 }", "['a']", r#"{"a":1,"b":2}"#),
    ];
    for (rows, columns, json) in cases {
        let asked = asked(&format!("db.from('x').insert({rows}, {{ columns: {columns} }})"));
        assert_eq!(asked.body.as_deref().map(|body| std::str::from_utf8(body).unwrap()), Some(json), "{rows}");
    }
    let thrown = |columns: &str| {
        let script = format!("await db.from('x').insert([{{ a: 1 }}], {{ columns: {columns} }})");
        let Failure::Thrown { message, .. } = failure(&script) else { panic!() };
        message
    };
    let named = "TypeError: columns: [] writes nothing: name at least one column, or leave `columns` out";
    assert_eq!(thrown("[]"), named);
    let names = "TypeError: `columns` is an array of names, such as [\"x\", \"y\"]: leave it out to write all that the rows have";
    for columns in ["null", "'a,b'", "{ a: 1 }", "['a', 1]"] {
        assert_eq!(thrown(columns), names);
    }
    let asked = asked(r#"db.from('x').upsert([{ id: 1 }], { columns: ['id', 'x"y'] })"#);
    assert_eq!(decoded(&asked.query), r#"columns="id","x\"y""#);
}

#[test]
fn a_body_is_written_as_it_came() {
    // Made by `JSON.stringify`, the number would be rounded and the spaces would be gone.
    let came = r#"{ "n": 9007199254740993, "é": [1.10] }"#;
    let cases = [
        ("insert({ data: request.raw })", format!(r#"{{"data":{came}}}"#)),
        ("update({ a: 1, no: undefined, data: request.raw, z: 'é' })", format!(r#"{{"a":1,"data":{came},"z":"é"}}"#)),
        ("insert({ data: request.raw, again: request.raw })", format!(r#"{{"data":{came},"again":{came}}}"#)),
        // Elsewhere it is what its values are.
        ("insert([{ data: request.raw }])", r#"[{"data":{"n":9007199254740992,"é":[1.1]}}]"#.to_owned()),
        ("insert({ data: { deep: request.raw } })", r#"{"data":{"deep":{"n":9007199254740992,"é":[1.1]}}}"#.to_owned()),
        ("insert({ data: request.body })", r#"{"data":{"n":9007199254740992,"é":[1.1]}}"#.to_owned()),
    ];
    for (expression, body) in cases {
        let text = format!("export default async (request) => {{ await db.from('x').{expression} }}");
        let mut world = World::default();
        let request = Request { body: Body::Json(came.into()), ..request() };
        engine().call(&compile(&text), &Arc::new(request), Duration::from_secs(60), &mut world).unwrap();
        assert_eq!(world.asked[0].body.as_deref().map(|body| std::str::from_utf8(body).unwrap()), Some(&*body));
    }
    assert_eq!(answer_in("return request.raw", &mut World::default()), r#"{"n":[1,2]}"#);
    for (body, raw) in [(Body::Text("a".to_owned()), r#"["string","a"]"#), (Body::None, r#"["undefined",null]"#)] {
        let program = compile("export default ({ raw }) => [typeof raw, raw]");
        let request = Request { body, ..request() };
        let time = Duration::from_secs(60);
        let response = engine().call(&program, &Arc::new(request), time, &mut World::default()).unwrap();
        assert_eq!(response.body, raw.as_bytes());
    }
}

#[test]
fn an_answer_has_data_error_count_and_status() {
    let world = &mut World::answering(&[(200, r#"[{"id":1}]"#)]);
    assert_eq!(
        answer_in("return await db.from('x').select()", world),
        r#"{"error":null,"data":[{"id":1}],"count":null,"status":200}"#
    );
    let mut counted = World::default();
    counted.answers.push_back(DbAnswer { status: 206, body: "[]".into(), count: Some(12) });
    assert_eq!(
        answer_in("const { count, status } = await db.from('x').select(); return [count, status]", &mut counted),
        "[12,206]"
    );
    let world = &mut World::answering(&[(201, "")]);
    assert_eq!(
        answer_in("return await db.from('x').insert({})", world),
        r#"{"error":null,"data":null,"count":null,"status":201}"#
    );
    let world =
        &mut World::answering(&[(409, r#"{"code":"23505","message":"there is one","details":"id","hint":null}"#)]);
    assert_eq!(
        answer_in(
            "const { error, data, status } = await db.from('x').insert({}); return [error, error instanceof Error, data, status]",
            world
        ),
        r#"[{"code":"23505","message":"there is one","details":"id","hint":null},true,null,409]"#
    );
}

const NONE: &str = r#"{"code":"PGRST116","message":"Cannot coerce the result to a single JSON object","details":"The result contains 0 rows","hint":null}"#;

#[test]
fn one_row_is_asked_for_as_one() {
    assert!(asked("db.from('x').select().single()").single);
    assert!(!asked("db.from('x').select().maybeSingle()").single);
    assert!(asked("db.from('x').delete().select().maybeSingle()").single);
    let data = "const { data, error } = await db.from('x')";
    let cases = [
        ("select().single()", 200, r#"{"id":1}"#, r#"[{"id":1},null]"#),
        ("select().single()", 406, NONE, r#"[null,"PGRST116"]"#),
        ("select().maybeSingle()", 200, "[]", "[null,null]"),
        ("select().maybeSingle()", 200, r#"[{"id":1}]"#, r#"[{"id":1},null]"#),
        ("select().maybeSingle()", 200, "[{},{}]", r#"[null,"PGRST116"]"#),
        ("delete().select().maybeSingle()", 406, NONE, "[null,null]"),
        ("delete().select().maybeSingle()", 200, r#"{"id":1}"#, r#"[{"id":1},null]"#),
    ];
    for (expression, status, body, expected) in cases {
        let mut world = World::answering(&[(status, body)]);
        let function = format!("{data}.{expression}; return [data, error?.code ?? null]");
        assert_eq!(answer_in(&function, &mut world), expected, "{expression} {status}");
    }
}

#[test]
fn an_error_is_thrown_where_it_is_wished_and_is_the_answer_where_nobody_catches_it() {
    let taken = r#"{"code":"23505","message":"there is one","details":null,"hint":"another id"}"#;
    let caught =
        "try { await db.from('x').insert({}).throwOnError() } catch (error) { return [error.code, error.status] }";
    assert_eq!(answer_in(caught, &mut World::answering(&[(409, taken)])), r#"["23505",409]"#);
    for body in [
        "await db.from('x').insert({}).throwOnError()",
        "const { error } = await db.from('x').insert({}); if (error) throw error",
        "await db.sql('select 1').throwOnError()",
    ] {
        let program = compile(&format!("export default async () => {{ {body} }}"));
        let failed = call(&program, &mut World::answering(&[(409, taken)])).unwrap_err();
        let pintle_script::Failure::Failed { status, code, message, details, hint } = failed else {
            panic!("{body}: {failed:?}")
        };
        assert_eq!(
            (status, code.as_deref(), &*message, details, hint.as_deref()),
            (409, Some("23505"), "there is one", None, Some("another id"))
        );
    }
}

#[test]
fn a_query_is_sent_once_and_only_when_it_is_awaited() {
    let mut world = World::default();
    answer_in(
        "db.from('x').select(); const q = db.from('y').select(); await q; await q; await q.then((r) => r)",
        &mut world,
    );
    assert_eq!(world.asked.iter().map(|asked| asked.collection.as_str()).collect::<Vec<_>>(), ["y"]);
}

#[test]
fn queries_are_asked_in_the_order_in_which_they_were_awaited() {
    let mut world = World::answering(&[(200, "[1]"), (200, "[2]"), (200, "[3]")]);
    let body = "const all = ['a', 'b', 'c'].map(async (name) => (await db.from(name).select()).data[0]); return Promise.all(all)";
    assert_eq!(answer_in(body, &mut world), "[1,2,3]");
    assert_eq!(world.asked.iter().map(|asked| asked.collection.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn what_was_begun_is_finished_before_the_answer() {
    let mut world = World::default();
    answer_in("db.from('x').insert({ a: 1 }).then(() => db.from('y').insert({ b: 1 }))", &mut world);
    assert_eq!(world.asked.iter().map(|asked| asked.collection.as_str()).collect::<Vec<_>>(), ["x", "y"]);
}

#[test]
fn statements_have_named_parameters_also_as_a_template() {
    let mut world = World::answering(&[(200, r#"[{"n":1}]"#)]);
    let body = "const id = 7, name = \"o'x\"
        const { data } = await db.sql`select * from x where id = ${id} and name = ${name} and y is ${undefined}`
        await db.sql('select :a', { a: [1] })
        await db.sql('select 1')
        return data";
    assert_eq!(answer_in(body, &mut world), r#"[{"n":1}]"#);
    let statements: Vec<(&str, &str)> =
        world.statements.iter().map(|(text, params)| (text.as_str(), params.as_str())).collect();
    assert_eq!(
        statements,
        [
            ("select * from x where id = :p1 and name = :p2 and y is :p3", r#"{"p1":7,"p2":"o'x","p3":null}"#),
            ("select :a", r#"{"a":[1]}"#),
            ("select 1", "{}"),
        ]
    );
    let Failure::Thrown { message, .. } = failure("db.sql(5)") else { panic!() };
    assert_eq!(message, "TypeError: db.sql takes a string, or stands before a template: db.sql`select …`");
}
