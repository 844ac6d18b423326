//! A page's shell session, in a folder of its own that holds a copy of the shipped apps.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{self, Server};
use crate::markdown::Step;

/// Where pages say that a server answers.
const SHOWN: &str = "127.0.0.1:8080";

pub(crate) struct Session {
    folder: TempDir,
    variables: BTreeMap<String, String>,
    server: Option<Server>,
}

impl Session {
    pub(crate) fn new() -> Session {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(common::shipped("")).unwrap().map(Result::unwrap) {
            copy(&entry.path(), &folder.path().join("apps").join(entry.file_name()));
        }
        // curl without progress, and without a proxy between it and loopback.
        std::fs::write(folder.path().join(".curlrc"), "silent\nshow-error\nnoproxy = \"*\"\n").unwrap();
        Session { folder, variables: BTreeMap::new(), server: None }
    }

    /// Writes a file that the page shows.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs a step; the error says what it printed instead.
    pub(crate) fn run(&mut self, step: &Step) -> Result<(), String> {
        let got = match step.command.split_once("pintle serve ") {
            Some((before, words)) if before.is_empty() || before.ends_with("' ") => self.serve(before, words),
            _ => self.shell(&step.command),
        };
        let got = match self.address() {
            Some(address) => got.replace(&address, SHOWN),
            None => got,
        };
        if matches(step.expected.trim(), got.trim()) {
            return Ok(());
        }
        Err(format!("$ {}\n--- the page says\n{}\n--- it printed\n{}", step.command, step.expected.trim(), got.trim()))
    }

    fn address(&self) -> Option<String> {
        self.server.as_ref().map(|server| server.origin.replace("http://", ""))
    }

    /// Serves until the session ends, or until its next server. A variable may stand before it: `NAME='VALUE' `.
    fn serve(&mut self, before: &str, words: &str) -> String {
        self.server = None;
        let mut command = common::pintle(&["serve"]);
        command.args(words.split_whitespace()).args(["--listen", "127.0.0.1:0"]).current_dir(self.folder.path());
        if let Some((name, value)) = before.split_once('=') {
            command.env(name, value.trim().trim_matches('\''));
        }
        let server = Server::start(&mut command);
        let banner = server.banner.clone();
        self.server = Some(server);
        banner
    }

    /// Runs a command in a shell: what it printed on either stream. `NAME=$(…)` keeps a variable.
    fn shell(&mut self, command: &str) -> String {
        let (name, command) = match command.split_once("=$(") {
            Some((name, rest)) if name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') => {
                (Some(name), rest.strip_suffix(')').expect("a variable takes what one command prints"))
            }
            _ => (None, command),
        };
        let command = self.address().map_or_else(|| command.to_owned(), |address| command.replace(SHOWN, &address));
        let binary = Path::new(env!("CARGO_BIN_EXE_pintle")).parent().unwrap();
        let path = std::env::join_paths(
            std::iter::once(binary.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).current_dir(self.folder.path()).env("PATH", path.unwrap());
        shell.env("CURL_HOME", self.folder.path()).envs(&self.variables);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PINTLE_")) {
            shell.env_remove(name);
        }
        let (_, out, err) = common::finish(&mut shell);
        match name {
            Some(name) => {
                self.variables.insert(name.to_owned(), out.trim().to_owned());
                err
            }
            // A terminal shows no carriage returns, with which the lines of an HTTP answer's head end.
            None => format!("{out}{err}").replace("\r\n", "\n"),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    if from.file_name().is_some_and(|name| name == ".pintle") {
        return;
    }
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

/// Whether what was printed is what was expected: `…` stands for anything, JSON is compared as JSON.
fn matches(expected: &str, got: &str) -> bool {
    match (serde_json::from_str::<Value>(expected), serde_json::from_str::<Value>(got)) {
        (Ok(expected), Ok(got)) => same(&expected, &got),
        _ => globs(expected, got),
    }
}

fn same(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::String(expected), Value::String(got)) => globs(expected, got),
        (Value::String(any), _) if any == "…" => true,
        (Value::Array(expected), Value::Array(got)) => {
            expected.len() == got.len() && expected.iter().zip(got).all(|(e, g)| same(e, g))
        }
        (Value::Object(expected), Value::Object(got)) => {
            // The order of members is part of what a reader sees.
            expected.len() == got.len() && expected.iter().zip(got).all(|(e, g)| e.0 == g.0 && same(e.1, g.1))
        }
        (expected, got) => expected == got,
    }
}

fn globs(expected: &str, got: &str) -> bool {
    let mut pieces = expected.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = got.strip_prefix(first) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn what_was_printed_is_compared() {
    assert!(matches("a…c", "abc") && matches("…", "") && matches("…b…", "abc") && matches("", ""));
    assert!(!matches("a…c", "abd") && !matches("", "x") && !matches("a", "ab") && !matches("aa…a", "aa"));
    assert!(matches(r#"{"a":1,"b":"…"}"#, r#"{"a": 1, "b": "x"}"#));
    assert!(matches(r#"[{"a":"…"}]"#, r#"[{"a":[1]}]"#));
    assert!(!matches(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#));
    assert!(matches(r#"{"code":"PT404",…}"#, r#"{"code":"PT404","message":"m"}"#));
}
