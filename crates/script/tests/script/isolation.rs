//! Nothing that a call leaves behind is visible to another.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pintle_script::Request;

use crate::host::{World, call, compile, compile_app, engine};

/// What a script does in a first call, and how a second one, of the same program, looks for it. The second must give what a call gives
/// that comes first.
const TRACES: [(&str, &str); 24] = [
    ("globalThis.x = 1", "globalThis.x"),
    ("globalThis.Array = 1; globalThis.undefined2 = 2", "typeof Array"),
    ("Array.prototype.first = () => 1", "[].first"),
    ("Array.prototype.map = () => 1; Object.prototype.y = 5", "[[1].map((x) => x), ({}).y]"),
    ("count += 1", "count"),
    ("cache.set('a', 1); list.push(1)", "[cache.size, list.length]"),
    ("counter()", "counter()"),
    ("generator.next()", "generator.next().value"),
    ("Symbol.for('a').description", "Object.getOwnPropertySymbols(globalThis).length"),
    (
        "Promise.resolve().then(() => { globalThis.later = 1 }); pending.then(() => { globalThis.z = 1 })",
        "[globalThis.later, globalThis.z]",
    ),
    ("settle()", "settled"),
    ("Object.freeze(list); Object.freeze(globalThis)", "[Object.isFrozen(list), Object.isFrozen(globalThis)]"),
    ("delete globalThis.db; delete globalThis.crypto; fail = null", "[typeof db, typeof crypto.sha256, typeof fail]"),
    (
        "db.from = 1; crypto.sha256 = 2; response.json = 3",
        "[typeof db.from, typeof crypto.sha256, typeof response.json]",
    ),
    ("env.TOKEN = 'other'", "env.TOKEN"),
    ("/a/g.test('a'); pattern.test('aa')", "pattern.lastIndex"),
    ("Date.now = () => 1; JSON.parse = () => 2", "[Date.now() > 1, JSON.parse('[3]')]"),
    ("Object.prototype.__defineGetter__('status', () => 500)", "({}).status"),
    ("Promise.prototype.then = undefined", "typeof Promise.prototype.then"),
    ("(function () {}).constructor.prototype.call = 1", "typeof Function.prototype.call"),
    ("weak.set(key, 1)", "weak.has(key)"),
    ("bytes[0] = 9", "bytes[0]"),
    (
        "Error.stackTraceLimit = 0; Error.prepareStackTrace = () => 1",
        "[Error.stackTraceLimit, Error.prepareStackTrace]",
    ),
    ("db.from('x').select().then(() => { globalThis.asked = 1 })", "globalThis.asked"),
];

const TOP: &str = "
    let count = 0, settled = false, settle
    const cache = new Map(), list = [], weak = new WeakMap(), key = {}, pattern = /a/g, bytes = new Uint8Array(4)
    const counter = (() => { let n = 0; return () => ++n })()
    const generator = (function* () { yield 1; yield 2 })()
    const pending = new Promise((resolve) => { settle = resolve })
    pending.then(() => { settled = true })
    export default async ({ method }) => method === 'POST' ? first() : look()
";

#[test]
fn a_call_sees_nothing_of_the_one_before() {
    for (leave, look) in TRACES {
        // What is thrown while it leaves something is one more way to leave it.
        let text = format!("{TOP}\nasync function first() {{ {leave} }}\nasync function look() {{ return [{look}] }}");
        let (program, engine, world) = (compile(&text), engine(), &mut World::default());
        let mut run = |method| {
            let request = Request { method, ..Request::default() };
            engine.call(&program, &Arc::new(request), Duration::from_secs(5), world)
        };
        let fresh = run("GET").unwrap_or_else(|failure| panic!("{look}: {failure:?}"));
        let _ = run("POST");
        assert_eq!(run("GET").unwrap(), fresh, "after: {leave}");
    }
}

#[test]
fn what_is_looked_for_is_there_within_a_call() {
    let text = format!(
        "{TOP}\nasync function first() {{ count += 1; list.push(1); return [count, list.length, counter(), generator.next().value, bytes[0]] }}"
    );
    let program = compile(&text);
    for _ in 0..3 {
        let response = call(&program, &mut World::default()).unwrap();
        assert_eq!(&response.body[..], b"[1,1,1,1,0]");
    }
}

#[test]
fn chance_and_the_clock_go_on() {
    let program = compile("export default () => [Math.random(), crypto.randomUUID(), Date.now()]");
    let world = &mut World::default();
    let [one, other] = [(); 2].map(|()| String::from_utf8(call(&program, world).unwrap().body.to_vec()).unwrap());
    assert_ne!(one.split(',').next(), other.split(',').next(), "Math.random() begins anew");
    assert_ne!(one, other);
    let year = compile("export default () => new Date().getFullYear() > 2025");
    assert_eq!(&call(&year, world).unwrap().body[..], b"true");
}

#[test]
fn a_module_that_is_imported_begins_anew_too() {
    let program = compile_app(&[
        ("routes/x.js", "import { next } from '../lib/count.js'\nexport default () => next()"),
        ("lib/count.js", "let n = 0\nexport const next = () => ++n"),
    ]);
    let program = program.unwrap();
    for _ in 0..3 {
        assert_eq!(&call(&program, &mut World::default()).unwrap().body[..], b"1");
    }
}

#[test]
fn calls_at_once_do_not_see_each_other() {
    let program = compile(
        "let seen = []
         export default async ({ path }) => {
           seen.push(path)
           globalThis.mine = path
           for (let n = 0; n < 20; n++) { await db.from(path).select().eq('n', n); if (globalThis.mine !== path) throw new Error('seen') }
           return seen
         }",
    );
    let engine = engine();
    thread::scope(|scope| {
        for at in 0..8 {
            let (program, engine) = (&program, &engine);
            scope.spawn(move || {
                for turn in 0..20 {
                    let path = format!("/{at}/{turn}");
                    let request = Arc::new(Request { path: path.clone(), ..Request::default() });
                    let response = engine.call(program, &request, Duration::from_secs(20), &mut World::default());
                    assert_eq!(response.unwrap().body, format!("[\"{path}\"]"));
                }
            });
        }
    });
}

#[test]
fn a_large_top_level_is_kept_too() {
    let program = compile(
        "const table = Array.from({ length: 20000 }, (_, n) => ({ n, text: 'row ' + n })), buffer = new Uint8Array(300000)
         const text = 'x'.repeat(100000)
         export default () => {
           const sum = table.reduce((sum, { n }) => sum + n, 0), first = [table.length, sum, buffer[299999], text.length]
           table.length = 0; buffer.fill(7)
           return first
         }",
    );
    for _ in 0..3 {
        assert_eq!(&call(&program, &mut World::default()).unwrap().body[..], b"[20000,199990000,0,100000]");
    }
}
