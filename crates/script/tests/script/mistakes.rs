//! What is wrong with a script is told with its place, when it is loaded; and what goes wrong in a call, too.

use pintle_script::{Failure, Mistake, Place};

use crate::host::{World, call, compile, compile_app, failure};

fn mistakes(files: &[(&str, &str)]) -> Vec<String> {
    let shown = |Mistake { path, line, column, message, help }: Mistake| {
        let help = help.map(|help| format!(" [{help}]")).unwrap_or_default();
        format!("{path}:{line}:{column}: {message}{help}")
    };
    compile_app(files).unwrap_err().into_iter().map(shown).collect()
}

/// An app's files, and what is wrong with them.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn a_mistake_has_its_place() {
    let ok = "export default () => 1";
    let cases: [Case; 11] = [
        (
            &[("x.js", "export default function () {\n  const a = ;\n}")],
            &["x.js:2:13: unexpected token in expression: ';'"],
        ),
        (&[("x.js", "const é = 1, 2x = 3")], &["x.js:1:14: invalid number literal"]),
        (
            &[("x.js", "import { a } from './lib/a.js'\nexport default () => a"), ("lib/a.js", "export const a =\n")],
            &["lib/a.js:2:1: unexpected token in expression: ''"],
        ),
        (
            &[("r/x.js", "\nimport { a } from \"../a.js\"\nexport default () => a")],
            &["r/x.js:2:19: a.js cannot be imported: there is no such file"],
        ),
        (
            &[("x.js", &*format!("import a from 'a'\nimport b from '../b.js'\nimport c from './c'\n{ok}").leak())],
            &[
                "x.js:1:15: \"a\" is no path of a file [imports begin with `./` or `../`, as in `import { x } from \"./util.js\"`]",
                "x.js:2:15: \"../b.js\" is outside of the app's folder [scripts import files of their app only]",
                "x.js:3:15: \"./c\" is no JavaScript file [imported files end with `.js` or `.mjs`, and that stands in the import too]",
            ],
        ),
        (
            &[
                ("x.js", "import { nothing } from './a.js'\nexport default () => nothing"),
                ("a.js", "export const a = 1"),
            ],
            &["x.js:1:25: Could not find export 'nothing' in module 'a.js'"],
        ),
        (
            &[("x.js", "const a = env.NOTHING.length\nexport default () => a")],
            &["x.js:1:11: the top level threw TypeError: cannot read property 'length' of undefined"],
        ),
        (
            &[("x.js", "import './a.js'\nexport default () => 1"), ("a.js", "\n  throw new Error('no')")],
            &["a.js:2:13: the top level threw Error: no"],
        ),
        (
            &[("x.js", "await db.from('x').select()\nexport default () => 1")],
            &[
                "x.js:1:1: the top level threw Error: this works while a request is answered, not at the top level of a script",
            ],
        ),
        (&[("x.js", "throw 5")], &["x.js:1:1: the top level threw something that is no Error"]),
        (
            &[("x.js", "import './y.js'\nexport default 1 +"), ("y.js", "")],
            &["x.js:2:19: unexpected token in expression: ''"],
        ),
    ];
    for (files, expected) in cases {
        assert_eq!(mistakes(files), expected, "{files:?}");
    }
}

#[test]
fn a_script_has_a_function_to_call() {
    let expected = "x.js:1:1: the script has no default export that is a function [write `export default async function (request) { … }`]";
    for text in ["export const a = 1", "export default { a: 1 }", ""] {
        assert_eq!(mistakes(&[("x.js", text)]), [expected], "{text}");
    }
}

#[test]
fn files_import_each_other_also_in_circles() {
    let program = compile_app(&[
        (
            "routes/x.js",
            "import { even } from '../lib/even.js'\nimport sum from './sum.mjs'\nexport default () => [even(10), sum(1, 2)]",
        ),
        ("lib/even.js", "import { odd } from './odd.js'\nexport const even = (n) => n === 0 || odd(n - 1)"),
        ("lib/odd.js", "import { even } from './../lib/even.js'\nexport const odd = (n) => n !== 0 && even(n - 1)"),
        ("routes/sum.mjs", "export default (a, b) => a + b"),
    ]);
    let program = program.unwrap();
    assert_eq!(program.files(), ["routes/x.js", "lib/even.js", "lib/odd.js", "routes/sum.mjs"]);
    assert_eq!(&call(&program, &mut World::default()).unwrap().body[..], b"[true,3]");
}

#[test]
fn what_is_thrown_points_at_the_script() {
    let program = compile_app(&[
        (
            "routes/x.js",
            "import { twice } from '../lib/a.js'\n\nexport default async function (request) {\n  return twice(request.nothing)\n}",
        ),
        ("lib/a.js", "export function twice(n) {\n  return ['é'].map(() => n.value * 2)\n}"),
    ]);
    let Err(Failure::Thrown { message, at, stack }) = call(&program.unwrap(), &mut World::default()) else { panic!() };
    assert_eq!(message, "TypeError: cannot read property 'value' of undefined");
    assert_eq!(at, Some(Place { path: "lib/a.js".to_owned(), line: 2, column: 26 }));
    let frames: Vec<&str> = stack.lines().map(str::trim).collect();
    assert_eq!(frames[0], "at <anonymous> (lib/a.js:2:26)");
    assert!(frames.contains(&"at default (routes/x.js:4:16)"), "{stack}");
}

#[test]
fn what_is_thrown_is_shown_whatever_it_is() {
    let cases = [
        ("throw new TypeError('x')", "TypeError: x"),
        ("throw 'text'", "the script threw \"text\", which is no Error"),
        ("throw { a: 1 }", "the script threw {\"a\":1}, which is no Error"),
        ("throw undefined", "the script threw undefined, which is no Error"),
        ("throw Symbol('s')", "the script threw Symbol(s), which is no Error"),
        ("throw { toJSON() { throw 1 } }", "the script threw something that cannot be shown"),
        (
            "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { throw 1 } }); throw e",
            "the script threw something that cannot be shown",
        ),
        ("throw new Proxy({}, { get() { throw 2 } })", "the script threw something that cannot be shown"),
        ("return () => 1", "TypeError: JSON has no function: return a value that it has, or nothing"),
        ("return 1n", "TypeError: BigInt are forbidden in JSON.stringify"),
        ("const a = {}; a.a = a; return a", "TypeError: circular reference"),
        (
            "return response.json(1, { status: 99 })",
            "TypeError: the status of an answer is a number from 200 to 599, not 99",
        ),
        (
            "const a = {}; a.a = a; fail(400, 'x', a)",
            "TypeError: fail(status, message, details, hint): JSON has no such details: circular reference",
        ),
        (
            "fail(400, 'x', 1n)",
            "TypeError: fail(status, message, details, hint): JSON has no such details: BigInt are forbidden in JSON.stringify",
        ),
        (
            "fail(400, 'x', () => 1)",
            "TypeError: fail(status, message, details, hint): JSON has no such details: JSON.stringify makes nothing of this function",
        ),
        (
            "fail(400, 'x', Symbol('s'))",
            "TypeError: fail(status, message, details, hint): JSON has no such details: JSON.stringify makes nothing of this symbol",
        ),
        (
            "fail(400, 'x', { toJSON() {} })",
            "TypeError: fail(status, message, details, hint): JSON has no such details: JSON.stringify makes nothing of this object",
        ),
        (
            "fail(200, 'x')",
            "TypeError: fail(status, message, details, hint): the status is a number from 400 to 599, not 200",
        ),
        ("Promise.reject(new Error('lost'))", "a promise was rejected and nobody waited for it: lost"),
        (
            "(async () => { await null; throw new Error('later') })()",
            "a promise was rejected and nobody waited for it: later",
        ),
        (
            "await import('./other.js')",
            "TypeError: routes/other.js was not imported when the app was loaded: import it at the top of a file",
        ),
        ("setTimeout(() => {}, 1)", "ReferenceError: setTimeout is not defined"),
    ];
    for (body, expected) in cases {
        let Failure::Thrown { message, .. } = failure(body) else { panic!("{body}") };
        assert_eq!(message, expected, "{body}");
    }
}

#[test]
fn a_promise_that_is_caught_later_is_no_failure() {
    let body = "const p = Promise.reject(new Error('x')); await null; try { await p } catch (e) { return e.message }";
    assert_eq!(crate::host::answer(body), "\"x\"");
}

#[test]
fn fail_is_an_answer_unless_it_is_caught() {
    let thrown = failure("fail(409, 'There is one.', [{ path: 'id', message: 'taken' }], 'Take another.')");
    let expected = Failure::Failed {
        status: 409,
        code: None,
        message: "There is one.".to_owned(),
        details: Some(r#"[{"path":"id","message":"taken"}]"#.to_owned()),
        hint: Some("Take another.".to_owned()),
    };
    assert_eq!(thrown, expected);
    let Failure::Failed { status: 404, details: None, hint: None, .. } = failure("await null; fail(404, 'x')") else {
        panic!()
    };
    let caught = "try { fail(404, 'x', { a: 1 }) } catch (error) { return [error.status, error.message, error.details, error.name] }";
    assert_eq!(crate::host::answer(caught), r#"[404,"x",{"a":1},"Failure"]"#);
    // Its status was checked, and stays: what was undone is told as no success.
    for (changed, wanted) in [
        ("error.status = 200; throw error", "TypeError: 'status' is read-only"),
        (
            "throw new error.constructor(200, 'x')",
            "TypeError: fail(status, message, details, hint): the status is a number from 400 to 599, not 200",
        ),
    ] {
        let Failure::Thrown { message, .. } =
            failure(&format!("try {{ fail(409, 'x') }} catch (error) {{ {changed} }}"))
        else {
            panic!("{changed}")
        };
        assert_eq!(message, wanted);
    }
}

#[test]
fn an_error_that_only_looks_like_an_answer_is_none() {
    let program =
        compile("export default () => { throw Object.assign(new Error('x'), { status: 404, name: 'Failure' }) }");
    let Err(Failure::Thrown { message, .. }) = call(&program, &mut World::default()) else { panic!() };
    assert_eq!(message, "Failure: x");
}

#[test]
fn columns_are_counted_in_characters() {
    let Failure::Thrown { at, .. } = failure("/* é€😀 */ throw new Error('x')") else { panic!() };
    let Failure::Thrown { at: plain, .. } = failure("/* abc */ throw new Error('x')") else { panic!() };
    assert_eq!(at, plain);
    let [mistake, plain] = ["/* é€😀 */ const 2x", "/* abc */ const 2x"].map(|text| mistakes(&[("x.js", text)]));
    assert_eq!(mistake, plain);
}
