//! Values that look like chance, given to what is named like a secret.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::{Hit, entropy, stands_for_another};

/// A name, what gives it a value (`=`, `:`, `: Type =`, `=>`), and the value: in quotes, or a word.
const GIVEN: &str = r#"(?ix)
    (?P<name> [a-z0-9_.-]* (?: secret | token | passw(?:or)?d | passphrase | pwd | credential
        | (?: api | access | private | auth | signing | encryption | account | master ) [_-]? key ) [a-z0-9_.-]* )
    ["'`]? \]? [\ \t]* (?: :=? | => | = | :[^="'`\n]{1,40}= ) [\ \t]*
    (?: "(?P<double>[^"\n]{12,200})" | '(?P<single>[^'\n]{12,200})' | `(?P<back>[^`\n]{12,200})`
        | (?P<word>[^\s"'`,;(){}\[\]]{12,200}) )"#;

/// What a request is authorised by.
const HEADER: &str = r#"(?i)authorization["'`]?[\s:=,]*["'`]?(?:bearer|basic|token)\s+(?P<word>[a-z0-9._~+/=-]{16,})"#;

/// What a secret's neighbours are called: its digest, its place, its name.
const NEIGHBOURS: &str =
    r"(?i)hash|sha[0-9]|digest|checksum|fingerprint|public|(?:id|name|file|path|url|uri|type|key_ref)$";

#[expect(clippy::expect_used, reason = "tests compile them")]
static RULES: LazyLock<[Regex; 3]> =
    LazyLock::new(|| [GIVEN, HEADER, NEIGHBOURS].map(|rule| Regex::new(rule).expect("the rules are right")));

/// Languages in which a word is a name and only what stands in quotes is a value.
const CODE: [&str; 22] = [
    "rs", "js", "mjs", "cjs", "jsx", "ts", "tsx", "py", "go", "java", "kt", "swift", "cs", "c", "h", "cc", "cpp",
    "php", "rb", "dart", "sql", "html",
];

/// Bits for a character: below, a value is words.
const ENTROPY_MIN: f64 = 3.0;

/// What stands in a text.
pub(super) fn hits(path: &Path, text: &str) -> Vec<Hit> {
    let code = path.extension().is_some_and(|found| CODE.iter().any(|code| found == *code));
    let [given, header, neighbours] = &*RULES;
    let mut hits = Vec::new();
    for found in given.captures_iter(text) {
        let quoted = ["double", "single", "back"].iter().find_map(|quotes| found.name(quotes));
        let word = found.name("word").filter(|_| !code);
        if let Some(value) = quoted.or(word)
            && !neighbours.is_match(&found["name"])
            && is_chance(value.as_str())
        {
            hits.push(Hit { start: value.start(), end: value.end(), what: "a secret's value" });
        }
    }
    for found in header.captures_iter(text) {
        if let Some(value) = found.name("word").filter(|value| is_chance(value.as_str())) {
            hits.push(Hit { start: value.start(), end: value.end(), what: "an authorisation" });
        }
    }
    hits
}

/// Whether a value looks made by chance: letters and digits take turns as they do in no word and no name.
fn is_chance(value: &str) -> bool {
    if stands_for_another(value) || is_uuid(value) || value.contains("://") || value.starts_with(['/', '.']) {
        return false;
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let kinds: Vec<Kind> = value.chars().map(Kind::of).collect();
    // `CamelCase` is a name: a great letter that begins a word is no turn.
    let turn = |pair: &&[Kind]| {
        pair[0] != pair[1] && !pair.contains(&Kind::Other) && !matches!(pair, [Kind::Great, Kind::Small])
    };
    let turns = kinds.windows(2).filter(turn).count();
    let digits = kinds.iter().filter(|kind| **kind == Kind::Digit).count();
    digits >= 2 && turns * 5 >= value.len() && entropy(value) >= ENTROPY_MIN
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Small,
    Great,
    Digit,
    Other,
}

impl Kind {
    fn of(c: char) -> Kind {
        match c {
            'a'..='z' => Kind::Small,
            'A'..='Z' => Kind::Great,
            '0'..='9' => Kind::Digit,
            _ => Kind::Other,
        }
    }
}

/// A UUID names things; whoever makes one a secret gives it another form.
fn is_uuid(value: &str) -> bool {
    let groups: Vec<&str> = value.split('-').collect();
    let hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(hex)
}
