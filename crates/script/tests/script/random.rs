//! Whatever values and texts scripts have.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use pintle_script::{Body, Engine, Failure, Request, Settings};
use proptest::prelude::*;

use crate::host::{World, compile, engine};

/// The values of a list as PostgREST's grammar reads them: in quotes with backslashes, or up to the next comma.
fn listed(text: &str) -> Vec<String> {
    let (mut values, mut letters) = (Vec::new(), text.chars().peekable());
    loop {
        let mut value = String::new();
        if letters.next_if_eq(&'"').is_some() {
            while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                value.push(if letter == '\\' { letters.next().unwrap() } else { letter });
            }
        } else {
            while let Some(letter) = letters.next_if(|letter| *letter != ',') {
                value.push(letter);
            }
        }
        values.push(value);
        match letters.next() {
            None => return values,
            Some(letter) => assert_eq!(letter, ',', "{text}"),
        }
    }
}

/// A query string's pairs, decoded.
fn pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let (mut bytes, mut rest) = (Vec::new(), text.bytes());
        while let Some(byte) = rest.next() {
            let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap() as u8;
            bytes.push(if byte == b'%' { digit() * 16 + digit() } else { byte });
        }
        String::from_utf8(bytes).unwrap()
    };
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

#[test]
fn every_value_reaches_the_database_as_it_is() {
    let engine = engine();
    let program = compile(
        "export default async ({ body: { name, text, list } }) => { await db.from(name).select().eq(name, text).in('l', list); return { name, text, list } }",
    );
    let letters = || proptest::string::string_regex("[a,()\"\\\\{}:.*%&=+#é€😀 \u{0}\u{7f}\n-]{0,6}").unwrap();
    proptest!(ProptestConfig::with_cases(200), |(name in letters(), text in letters(), list in proptest::collection::vec(letters(), 1..5))| {
        let json = serde_json::json!({ "name": name, "text": text, "list": list }).to_string();
        let request = Request { body: Body::Json(json.clone().into()), ..Request::default() };
        let mut world = World::default();
        let response = engine.call(&program, &Arc::new(request), Duration::from_secs(5), &mut world).unwrap();
        prop_assert_eq!(&response.body[..], json.as_bytes());
        prop_assert_eq!(&world.asked[0].collection, &name);
        let pairs = pairs(&world.asked[0].query);
        prop_assert_eq!(&pairs[1], &(name, format!("eq.{text}")));
        let mut once: Vec<String> = Vec::new();
        list.into_iter().for_each(|value| if !once.contains(&value) { once.push(value) });
        prop_assert_eq!(listed(pairs[2].1.strip_prefix("in.(").unwrap().strip_suffix(')').unwrap()), once);
    });
}

/// Pieces of which scripts are made at random: most are no script, some do much.
const PIECES: [&str; 36] = [
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ";",
    ",",
    "=",
    "=>",
    ".",
    "...",
    "`",
    "'x'",
    "1",
    "null",
    "async ",
    "await ",
    "function f() ",
    "class A ",
    "return ",
    "throw ",
    "new ",
    "for (;;) ",
    "globalThis",
    "db.from('x').select()",
    "fail(400, 'x')",
    "Promise.reject(1)",
    "JSON",
    "/a*/",
    "delete ",
    "yield ",
    "Array(1e5).fill(0)",
    "import('./a.js')",
    "Object.prototype",
    "response.json(1)",
];

#[test]
fn random_scripts_harm_nobody() {
    let engine = Engine::new(Settings { memory_bytes: 8 << 20, ..Settings::default() });
    let good = compile("let n = 0\nexport default () => [n++, typeof db.from, Object.keys(Object.prototype).length]");
    let piece = proptest::sample::select(PIECES.to_vec());
    let ran = Cell::new(0);
    proptest!(ProptestConfig::with_cases(150), |(pieces in proptest::collection::vec(piece, 0..12))| {
        let request = &Arc::new(Request::default());
        let text = format!("export default async () => {{ {} }}", pieces.concat());
        if let Ok(program) = engine.compile("x.js", &text, &|_| Err(String::new())) {
            ran.set(ran.get() + 1);
            let time = Duration::from_millis(50);
            let [first, second] = [(); 2].map(|()| engine.call(&program, request, time, &mut World::default()));
            // A machine that does much else ends a call at any place.
            let late = |outcome: &Result<_, _>| matches!(outcome, Err(Failure::Time { .. }));
            prop_assert!(first.is_ok() == second.is_ok() || late(&first) || late(&second), "{}", text);
        }
        let response = engine.call(&good, request, Duration::from_secs(5), &mut World::default()).unwrap();
        prop_assert_eq!(&response.body[..], br#"[0,"function",0]"#);
    });
    assert!(ran.get() > 5, "{} of them were scripts", ran.get());
}
