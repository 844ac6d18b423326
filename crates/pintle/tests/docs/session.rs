//! A page's shell session, in a folder of its own that holds a copy of the shipped apps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{self, Server};
use crate::markdown::Step;

/// Where pages say that a server answers, unless they say `--listen` or the app's services have ports.
const SHOWN: &str = "127.0.0.1:8080";

pub(crate) struct Session {
    folder: TempDir,
    variables: BTreeMap<String, String>,
    /// Those that run, by the address that the page shows.
    servers: BTreeMap<String, Server>,
}

impl Session {
    pub(crate) fn new() -> Session {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(common::shipped("")).unwrap().map(Result::unwrap) {
            copy(&entry.path(), &folder.path().join("apps").join(entry.file_name()));
        }
        // curl without progress, and without a proxy between it and loopback.
        std::fs::write(folder.path().join(".curlrc"), "silent\nshow-error\nnoproxy = \"*\"\n").unwrap();
        Session { folder, variables: BTreeMap::new(), servers: BTreeMap::new() }
    }

    /// Writes a file that the page shows.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs a step; the error says what it printed instead.
    pub(crate) fn run(&mut self, step: &Step) -> Result<(), String> {
        // What a run has no Python with gRPC for is told by whoever started it.
        if step.command.starts_with("python ") && python().is_none() {
            eprintln!("SKIPPED: run `cargo xtask test`, which fetches what Python needs: {}", step.command);
            return Ok(());
        }
        let starts = ["serve", "gateway"].iter().find_map(|name| {
            let (before, words) = step.command.split_once(&format!("pintle {name} "))?;
            (before.is_empty() || before.ends_with("' ")).then_some((before, *name, words))
        });
        let mut got = match starts {
            Some((before, name, words)) => self.start(before, name, words),
            None => self.shell(&step.command),
        };
        for (shown, address) in self.addresses() {
            got = got.replace(&address, &shown);
        }
        if matches(step.expected.trim(), got.trim()) {
            return Ok(());
        }
        Err(format!("$ {}\n--- the page says\n{}\n--- it printed\n{}", step.command, step.expected.trim(), got.trim()))
    }

    /// Where servers are said to be, and where they are.
    fn addresses(&self) -> Vec<(String, String)> {
        let servers = self.servers.iter();
        servers.map(|(shown, server)| (shown.clone(), server.origin.replace("http://", ""))).collect()
    }

    /// A command in which the addresses are those where servers are.
    fn located(&self, command: &str) -> String {
        self.addresses().iter().fold(command.to_owned(), |command, (shown, address)| command.replace(shown, address))
    }

    /// The port that the first service of an app has, if any.
    fn port_of(&self, words: &[&str]) -> Option<u16> {
        let manifest = std::fs::read_to_string(self.folder.path().join(words.first()?).join("pintle.yaml")).ok()?;
        let (_, port) = manifest.split_once(" port: ")?;
        port.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// Serves until the session ends, or until its next server at the same address. A variable may stand before it:
    /// `NAME='VALUE' `.
    fn start(&mut self, before: &str, name: &str, words: &str) -> String {
        let mut words: Vec<&str> = words.split_whitespace().collect();
        let shown = match words.iter().position(|word| *word == "--listen") {
            Some(at) => words.drain(at..at + 2).nth(1).unwrap().to_owned(),
            None => self.port_of(&words).map_or(SHOWN.to_owned(), |port| format!("127.0.0.1:{port}")),
        };
        self.servers.remove(&shown);
        let mut command = common::pintle(&[name]);
        command.args(words.iter().map(|word| self.located(word))).args(["--listen", "127.0.0.1:0"]);
        command.current_dir(self.folder.path());
        if let Some((name, value)) = before.split_once('=') {
            command.env(name, value.trim().trim_matches('\''));
        }
        let server = Server::start(&mut command);
        let banner = server.banner.clone();
        self.servers.insert(shown, server);
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
        let command = self.located(command);
        let binary = Path::new(env!("CARGO_BIN_EXE_pintle")).parent().unwrap();
        let path = std::env::join_paths(
            std::iter::once(binary.to_owned())
                .chain(python())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).current_dir(self.folder.path()).env("PATH", path.unwrap());
        shell.env("CURL_HOME", self.folder.path()).env("no_grpc_proxy", "127.0.0.1").envs(&self.variables);
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

/// The folder of Python's programs, with the packages that the pages use.
fn python() -> Option<PathBuf> {
    std::env::var_os("PINTLE_TEST_PYTHON").map(PathBuf::from)
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
