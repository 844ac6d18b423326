//! The limits of a call, each with its own failure; and what comes after is unharmed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pintle_script::{Engine, Failure, Request, Settings};

use crate::host::{World, call, compile, engine, failure};

/// What takes too long, whatever it does.
const ENDLESS: [&str; 13] = [
    "for (;;) {}",
    "while (true) { try { for (;;) {} } catch {} }",
    "let n = 0; for (;;) { try { for (;;) {} } catch {} n = { n } }",
    "try { for (;;) {} } finally { for (;;) {} }",
    "const again = () => Promise.resolve().then(again); await again()",
    "for (;;) await null",
    "/(a+)+$/.test('a'.repeat(40) + 'b')",
    "'a'.repeat(50).replace(/(a*)*b/, '')",
    "Array(1000).fill(1).sort(() => { for (;;) {} })",
    "[].indexOf.call({ length: 2 ** 52 }, 1)",
    "JSON.stringify({ toJSON() { for (;;) {} } })",
    "for (const _ of (function* () { for (;;) yield 1 })()) {}",
    "return { get a() { for (;;) {} } }",
];

/// The same, with functions whose names are so long that a trace may want more memory than there is, on a machine that gets that far in
/// the time.
const ENDLESS_WITH_LONG_NAMES: [&str; 9] = [
    "const f = () => { for (;;) {} }; Object.defineProperty(f, 'name', { value: 'é'.repeat(1e5) }); for (;;) try { f() } catch {}",
    "const f = (n) => { for (;;) if (n > 0) f(n - 1) }; Object.defineProperty(f, 'name', { value: 'é'.repeat(4e3) }); \
     for (;;) try { f(9) } catch {}",
    "const f = () => { for (;;) {} }; Object.defineProperty(f, 'name', { value: 'n'.repeat(3e6) }); for (;;) try { f() } catch {}",
    "Error.stackTraceLimit = 64; delete Error.stackTraceLimit; const f = (n) => { for (;;) if (n > 0) f(n - 1) }; \
     Object.defineProperty(f, 'name', { value: 'é'.repeat(2e6) }); for (;;) try { f(9) } catch {}",
    // Also where the stack ends.
    "const f = () => { try { f() } catch {} for (;;) {} }; Object.defineProperty(f, 'name', { value: 'é'.repeat(1e5) }); \
     for (;;) try { f() } catch {}",
    // Names take long to read, of which the engine might make traces by the thousand before it looks at the clock.
    "const f = () => { try { f() } catch {} try { f() } catch {} }; Object.defineProperty(f, 'name', { value: 'n'.repeat(2e6) }); f()",
    "const f = () => { Error.stackTraceLimit = 64; try { f() } catch {} Error.stackTraceLimit = 64; try { f() } catch {} }; \
     Object.defineProperty(f, 'name', { value: 'n'.repeat(2e6) }); f()",
    "const f = (n) => { if (n > 0) f(n - 1); else for (;;) new Error('no') }; \
     Object.defineProperty(f, 'name', { value: 'n'.repeat(2e6) }); f(9)",
    "Error.prepareStackTrace = (_, frames) => frames.join(); const f = () => { try { f() } catch {} try { f() } catch {} }; \
     Object.defineProperty(f, 'name', { value: 'n'.repeat(2e6) }); f()",
];

#[test]
fn what_does_not_end_is_ended() {
    for body in ENDLESS {
        is_ended(body, |failure, limit| *failure == Failure::Time { limit });
    }
    for body in ENDLESS_WITH_LONG_NAMES {
        is_ended(body, |failure, limit| {
            *failure == Failure::Time { limit } || matches!(failure, Failure::Memory { .. })
        });
    }
}

/// Whether a call that runs this for 100 ms fails in an expected way, soon, and leaves the engine as it was.
fn is_ended(body: &str, expected: impl Fn(&Failure, Duration) -> bool) {
    let program =
        compile(&format!("export default async ({{ method }}) => {{ if (method === 'GET') return 1; {body} }}"));
    let (engine, world, begun) = (engine(), &mut World::default(), Instant::now());
    let mut run = |method, limit| {
        let request = Request { method, ..Request::default() };
        engine.call(&program, &Arc::new(request), limit, world)
    };
    let limit = Duration::from_millis(100);
    let failure = run("POST", limit).expect_err(body);
    assert!(expected(&failure, limit), "{body}: {failure:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{body} took {:?}", begun.elapsed());
    assert_eq!(&run("GET", Duration::from_secs(60)).expect(body).body[..], b"1", "{body}");
}

#[test]
fn rows_that_are_written_are_within_the_memory_too() {
    for rows in [
        "new Array(1e5).fill('x'.repeat(1e6)), { columns: ['a'] }",
        "new Array(1e5).fill({ a: 'x'.repeat(1e6) }), { columns: ['a'] }",
        "new Array(4e9), { columns: ['a'] }",
        "new Array(4e9)",
    ] {
        let thrown = failure(&format!("await db.from('x').insert({rows})"));
        let Failure::Thrown { message, .. } = thrown else { panic!("{rows}: {thrown:?}") };
        assert_eq!(message, "Error: too much is asked for at once: write fewer rows", "{rows}");
    }
}

#[test]
fn what_has_no_memory_left_is_ended_too() {
    for kept in ["new Array(1000)", "{ n }", "'n'.repeat(40 + n % 2)"] {
        let body = format!(
            "const a = []; let n = 0; const more = () => {{ for (;;) a[n++] = {kept} }}; \
             while (true) {{ try {{ more() }} catch {{}} try {{ for (;;) {{}} }} catch {{}} }}"
        );
        let program = compile(&format!("export default async () => {{ {body} }}"));
        let begun = Instant::now();
        let time = Duration::from_millis(300);
        let failure = engine().call(&program, &Arc::new(Request::default()), time, &mut World::default());
        assert!(matches!(failure, Err(Failure::Time { .. } | Failure::Memory { .. })), "{kept}: {failure:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{kept} took {:?}", begun.elapsed());
    }
}

/// Steps that each work long inside the engine: of those, none but the first after the time may still be done.
const SLOW_STEPS: [&str; 26] = [
    "const a = new Array(5e5).fill(0); for (;;) a.indexOf(1)",
    "const a = new Array(5e5).fill(0); for (;;) a.includes(1)",
    "const a = new Array(5e5).fill(1); for (;;) a.every(Boolean)",
    "const a = new Array(5e5).fill(0); for (;;) a.fill(1)",
    "const a = new Array(5e5).fill(0); for (;;) a.slice()",
    "const a = new Array(5e5).fill(0); for (;;) [...a]",
    "const a = new Array(2e5).fill(''); for (;;) a.join('')",
    "const a = new Array(2e5).fill(0); for (;;) a.sort()",
    "const a = new Array(2e5).fill(0); for (;;) new Set(a)",
    "const a = new Array(2e5).fill(0); for (;;) Object.keys(a)",
    "const a = new Array(2e5).fill(0); for (;;) JSON.stringify(a)",
    "const a = new Array(2e5).fill(0); for (;;) Promise.all(a)",
    "const a = new Uint8Array(8e6); for (;;) a.indexOf(1)",
    "const a = new Uint8Array(8e6); for (;;) a.fill(1)",
    "const a = 'a'.repeat(4e6); for (;;) a.indexOf('b')",
    "const a = 'a'.repeat(4e6); for (;;) a.split('b')",
    "const a = 'a'.repeat(4e6); for (;;) a.replaceAll('b', 'c')",
    "const a = 'a'.repeat(4e6); for (;;) a.toUpperCase()",
    "const a = 'a'.repeat(4e6); for (;;) /b/.test(a)",
    "const a = ' '.repeat(4e6); for (;;) a.trim()",
    "for (;;) 'a'.repeat(4e6)",
    "const a = 'a'.repeat(4e6), m = new Map([[a, 1]]); for (;;) m.get(a)",
    "const a = 'a'.repeat(4e6), s = new Set([a]); for (;;) s.has(a)",
    "const a = ' '.repeat(4e6) + '1'; for (;;) JSON.parse(a)",
    "const a = 1n << 200000n; for (;;) a * a",
    "const a = 1n << 200000n; for (;;) try { a * a } catch {}",
];

#[test]
fn what_works_long_inside_the_engine_ends_soon_after_its_time() {
    for body in SLOW_STEPS {
        let engine = Engine::new(Settings::default());
        let text = format!("export default async () => {{ {body} }}");
        let program = engine.compile("x.js", &text, &|_| Err(String::new())).unwrap();
        let (request, limit, begun) = (Arc::default(), Duration::from_millis(100), Instant::now());
        let failed = engine.call(&program, &request, limit, &mut World::default());
        let took = begun.elapsed();
        eprintln!("{took:?} {body}");
        assert_eq!(failed, Err(Failure::Time { limit }), "{body}");
        assert!(took < Duration::from_secs(4), "{body} took {took:?}");
    }
}

#[test]
fn arrays_of_holes_are_refused_where_the_engine_would_visit_each() {
    let functions = [
        "concat()",
        "copyWithin(0, 5)",
        "flat()",
        "flatMap(() => [])",
        "join('')",
        "reverse()",
        "shift()",
        "slice()",
        "sort()",
        "splice(0, 1)",
        "toLocaleString()",
        "toReversed()",
        "toSorted()",
        "toSpliced(0, 1)",
        "toString()",
        "unshift(1)",
        "with(0, 1)",
    ];
    let calls = functions.map(|function| format!("Array(2 ** 32 - 1).{function}"));
    let others = [
        "[].concat(Array(2 ** 32 - 1))",
        "[Array(2 ** 32 - 1)].flat()",
        "[[[Array(2 ** 32 - 1)]]].flat(Infinity)",
        "[1].flatMap(() => Array(2 ** 32 - 1))",
        "new Set(Array(2 ** 32 - 1))",
        "`${Array(2 ** 32 - 1)}`",
        "String.raw({ raw: { length: 2 ** 32 - 1 } })",
    ];
    for call in calls.iter().map(String::as_str).chain(others) {
        let Failure::Thrown { message, .. } = failure(call) else { panic!("{call}") };
        assert_eq!(
            message, "RangeError: an array of 4294967295 places is too long for this: 16777216 are the most",
            "{call}"
        );
    }
    let body = "const a = [3, 1, 2]; return [a.slice(1), a.toSorted(), a.concat([4], 5), a.splice(0, 1), a, a.join('-'), String.raw`\\n${1}`, [].sort.name, [].concat.length, [1, [2, [3, [4]]]].flat(), [1, [2, [3, [4]]]].flat(2), [1, 2].flatMap((n, at) => [n, [at]]), [...new Set([1, 1])], new (class extends Map {})([[1, 2]]).get(1), new Set().constructor === Set]";
    assert_eq!(
        crate::host::answer(body),
        r#"[[1,2],[1,2,3],[3,1,2,4,5],[3],[1,2],"1-2","\\n1","sort",1,[1,2,[3,[4]]],[1,2,3,[4]],[1,[0],2,[1]],[1],2,true]"#
    );
}

#[test]
fn waiting_for_what_never_comes_is_told() {
    for body in ["await new Promise(() => {})", "await { then() {} }", "return new Promise(() => {})"] {
        let Failure::Thrown { message, .. } = failure(body) else { panic!("{body}") };
        assert_eq!(message, "the script awaits something that never comes: no promise is left to settle", "{body}");
    }
}

const HOGS: [&str; 8] = [
    "const all = []; for (;;) all.push(new Array(1000).fill(all.length))",
    "let text = 'x'; for (;;) text += text + '!'",
    "const all = []; try { for (;;) all.push(new Uint8Array(1 << 20)) } catch {} return 1",
    "new ArrayBuffer(1 << 30)",
    "const all = new Map(); for (let n = 0; ; n++) all.set(n, 'value ' + n)",
    "'x'.repeat(1 << 28)",
    "let f = () => 1; for (;;) { const g = f; f = () => g() }",
    "JSON.parse('[' + '1,'.repeat(3e6) + '1]')",
];

#[test]
fn memory_has_a_limit_also_where_the_script_would_go_on() {
    for body in HOGS {
        let program =
            compile(&format!("export default async ({{ method }}) => {{ if (method === 'GET') return 1; {body} }}"));
        let (engine, world) = (engine(), &mut World::default());
        for _ in 0..2 {
            let request = Request { method: "POST", ..Request::default() };
            let failed = engine.call(&program, &Arc::new(request), Duration::from_secs(30), world);
            assert_eq!(failed, Err(Failure::Memory { limit_bytes: 16 << 20 }), "{body}");
            let request = Request { method: "GET", ..Request::default() };
            let response = engine.call(&program, &Arc::new(request), Duration::from_secs(5), world);
            assert_eq!(&response.expect(body).body[..], b"1", "{body}");
        }
    }
}

#[test]
fn garbage_does_not_count() {
    let text = "export default () => { let n = 0; for (; n < 200000; n++) { const a = { n }; a.a = a } return n }";
    assert_eq!(&call(&compile(text), &mut World::default()).unwrap().body[..], b"200000");
}

#[test]
fn the_stack_has_a_limit() {
    let cases = [
        "const deeper = () => deeper() + 1; return deeper()",
        "return JSON.parse('['.repeat(100000))",
        "let a = []; for (let n = 0; n < 100000; n++) a = [a]; return a",
        "return eval('('.repeat(100000))",
        "class A { get b() { return this.b } } return new A().b",
        "const p = new Proxy({}, { get: (t, k, r) => r[k] }); return p.x",
    ];
    for body in cases {
        assert_eq!(failure(body), Failure::Stack { limit_bytes: 256 << 10 }, "{body}");
    }
    let caught = "let depth = 0; const deeper = () => { depth++; deeper() }; try { deeper() } catch {} return depth";
    eprintln!("{} calls deep", crate::host::answer(caught));
}

#[test]
fn an_answer_has_a_limit() {
    for body in ["return 'x'.repeat(1 << 20)", "return response.bytes(new Uint8Array((1 << 20) + 1))"] {
        assert_eq!(failure(body), Failure::Output { limit_bytes: 1 << 20 }, "{body}");
    }
}

#[test]
fn what_is_asked_for_at_once_has_a_limit() {
    let Failure::Thrown { message, .. } =
        failure("const a = 'x'.repeat(1 << 20); for (let n = 0; n < 20; n++) db.from('x').insert({ a }).then()")
    else {
        panic!("no error")
    };
    assert_eq!(
        message,
        "a promise was rejected and nobody waited for it: too much is asked for at once: await what was asked for before"
    );
}

#[test]
fn what_is_refused_once_leaves_room_for_others() {
    let body = "const body = new Uint8Array(1 << 20)
        const all = await Promise.allSettled(Array.from({ length: 60 }, () => fetch('http://x', { method: 'POST', body })))
        const refused = all.filter(({ status }) => status === 'rejected').length
        return [refused > 40 && refused < 60, (await db.from('x').select()).data]";
    assert_eq!(crate::host::answer(body), "[true,[]]");
}

#[test]
fn the_log_of_a_call_has_a_limit() {
    let (program, world) = (
        compile("export default () => { for (let n = 0; n < 5000; n++) log.info('a line of some letters', n) }"),
        &mut World::default(),
    );
    call(&program, world).unwrap();
    let bytes: usize = world.log.iter().map(|(_, line)| line.len()).sum();
    assert!(bytes < 70_000, "{bytes} bytes");
    let last = &world.log.last().unwrap().1;
    assert!(last.starts_with("the script logs more than 65536 bytes"), "{last}");
}

#[test]
fn the_host_ends_a_call() {
    let program =
        compile("export default async () => { try { await db.from('x').select() } catch {} finally { return 1 } }");
    let mut world = World { end: true, ..World::default() };
    assert_eq!(call(&program, &mut world), Err(Failure::Ended));
    assert_eq!(&call(&program, &mut World::default()).unwrap().body[..], b"1");
}

#[test]
fn a_top_level_has_limits_too() {
    let engine = Engine::new(Settings { memory_bytes: 8 << 20, ..Settings::default() });
    let cases = [
        ("for (;;) {}\nexport default () => 1", "the top level runs longer than 2 s"),
        (
            "const all = []; for (;;) all.push(new Array(100))\nexport default () => 1",
            "the top level wants more than 8388608 bytes of memory",
        ),
        ("await new Promise(() => {})\nexport default () => 1", "the top level awaits something that never comes"),
    ];
    for (text, message) in cases {
        let mistakes = engine.compile("x.js", text, &|_| Err(String::new())).unwrap_err();
        assert_eq!(mistakes[0].message, message);
    }
}
