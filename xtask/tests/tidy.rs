//! What reviewers would otherwise have to say again and again: the rules of this repository, read off its tree.
//!
//! A rule that fails names the file and the line. The lists of exceptions may only shrink.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use serde_json::Value;

#[path = "tidy/rules.rs"]
mod rules;
use rules::RULES;

/// A file is for one job; past this it wants a seam.
const FILE_LINES_MAX: usize = 400;
/// A function fits on a screen.
const FUNCTION_LINES_MAX: usize = 70;
/// Files that are longer, with the length that they may not pass. Shorten one: lower its number or take it out.
const LONG_FILES: [(&str, usize); 0] = [];
/// Functions that are longer, as `path: name`. May only shrink.
const LONG_FUNCTIONS: [&str; 0] = [];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every text file of the tree as (path from the root, text); what is built or fetched is left out.
fn files() -> Vec<(String, String)> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if ["target", ".git", ".pintle", "node_modules"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                walk(&path, root, found);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path.strip_prefix(root).unwrap().to_string_lossy().into_owned(), text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &root(), &mut found);
    found.sort();
    assert!(found.len() > 30, "the tree is not where it was thought to be");
    found
}

fn rust_files() -> impl Iterator<Item = (String, String)> {
    files().into_iter().filter(|(path, _)| path.ends_with(".rs"))
}

/// Fails with every fault at once.
fn none(faults: Vec<String>, rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

fn metadata() -> Value {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let host = String::from_utf8_lossy(&rustc.stdout);
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo's metadata is JSON")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn files_and_functions_are_short() {
    let start = Regex::new(r"^(\s*)(?:pub(?:\([a-z]+\))? )?(?:const )?(?:async )?fn (\w+)").unwrap();
    let mut faults = Vec::new();
    for (path, text) in rust_files() {
        let lines: Vec<&str> = text.lines().collect();
        let most = LONG_FILES.iter().find(|(long, _)| *long == path).map_or(FILE_LINES_MAX, |(_, most)| *most);
        if lines.len() > most {
            faults.push(format!("{path}: {} lines, at most {most}", lines.len()));
        }
        for (at, line) in lines.iter().enumerate() {
            let Some(found) = start.captures(line) else { continue };
            let close = format!("{}}}", &found[1]);
            // A declaration without a body ends before any brace of its depth.
            let length = lines[at..].iter().position(|l| *l == close || (l.ends_with(';') && l.len() == line.len()));
            let length = length.unwrap_or(0) + 1;
            let name = format!("{path}: {}", &found[2]);
            if length > FUNCTION_LINES_MAX && !LONG_FUNCTIONS.contains(&name.as_str()) {
                faults.push(format!(
                    "{path}:{}: `{}` has {length} lines, at most {FUNCTION_LINES_MAX}",
                    at + 1,
                    &found[2]
                ));
            }
        }
    }
    none(faults, "find the seam");
}

#[test]
fn exceptions_are_still_needed() {
    let mut faults = Vec::new();
    for (path, most) in LONG_FILES {
        let lines = read(path).lines().count();
        if lines <= FILE_LINES_MAX || lines + 40 < most {
            faults.push(format!("{path} has {lines} lines by now: lower its number, or take it out"));
        }
    }
    for name in LONG_FUNCTIONS {
        let (path, function) = name.split_once(": ").unwrap();
        if !read(path).contains(&format!("fn {function}")) {
            faults.push(format!("{name} is gone: take it out"));
        }
    }
    none(faults, "the lists of exceptions may only shrink");
}

#[test]
fn nothing_is_left_for_later_without_a_word() {
    // Put together here, so that this file does not find itself.
    let marks =
        [["to", "do!("], ["unimple", "mented!("], ["db", "g!("], ["FIX", "ME"], ["#[ig", "nore]"]].map(|m| m.concat());
    let mut faults = Vec::new();
    for (path, text) in rust_files() {
        for (at, line) in text.lines().enumerate() {
            for mark in marks.iter().filter(|mark| line.contains(mark.as_str())) {
                faults.push(format!("{path}:{}: {mark}", at + 1));
            }
        }
    }
    none(faults, "finish it, or say in the open what is missing");
}

#[test]
fn nothing_names_the_machine_that_it_was_made_on() {
    let marks = [
        ["/wo", "rk/"],
        ["/tmp", "/wt"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["../sha", "red"],
        ["index.crates", ".io"],
        ["static.crates", ".io"],
        ["pypi", ".org"],
        ["registry.npm", "js.org"],
        ["proxy.golang", ".org"],
    ]
    .map(|m| m.concat());
    let mut faults = Vec::new();
    for (path, text) in files() {
        for (at, line) in text.lines().enumerate() {
            for mark in marks.iter().filter(|mark| line.contains(mark.as_str())) {
                faults.push(format!("{path}:{}: {mark}", at + 1));
            }
        }
    }
    none(faults, "paths and hosts belong to one machine");
    let odd = |line: &&str| line.starts_with("source = ") && !line.contains("github.com/rust-lang/crates.io-index");
    assert_eq!(read("Cargo.lock").lines().find(odd), None, "a dependency from elsewhere");
}

#[test]
fn every_module_says_what_it_is() {
    let faults = rust_files()
        .filter(|(path, text)| path.contains("/src/") && !text.starts_with("//!"))
        .map(|(path, _)| format!("{path}: begins without `//!`"))
        .collect();
    none(faults, "the first line of a file says what it is for");
}

#[test]
fn crates_know_only_what_they_may() {
    let metadata = metadata();
    let mut faults = Vec::new();
    for rule in &RULES {
        let direct = direct_dependencies(&metadata, rule.package);
        for ours in direct.iter().filter(|name| name.starts_with("pintle")) {
            if !rule.knows.contains(&ours.as_str()) {
                faults.push(format!("{} must not know {ours}", rule.package));
            }
        }
        let reached = reached_from(&metadata, rule.package);
        for never in rule.never.iter().filter(|never| reached.contains(&(**never).to_owned())) {
            faults.push(format!("{} reaches {never}", rule.package));
        }
    }
    none(faults, "crates point one way");
    // The server hands SQL on, it does not speak it.
    for engine in ["rusqlite", "sqlparser", "tokio-postgres"] {
        assert!(!direct_dependencies(&metadata, "pintle-server").contains(&engine.to_owned()), "server knows {engine}");
    }
}

/// What a package names under `[dependencies]`.
fn direct_dependencies(metadata: &Value, package: &str) -> Vec<String> {
    let all = metadata["packages"].as_array().unwrap();
    let found = all.iter().find(|p| p["name"] == package).unwrap_or_else(|| panic!("no package {package}"));
    let dependencies = found["dependencies"].as_array().unwrap().iter();
    dependencies.filter(|d| d["kind"].is_null()).map(|d| d["name"].as_str().unwrap().to_owned()).collect()
}

/// Every package that a package brings when it is built for use, by whatever way.
fn reached_from(metadata: &Value, package: &str) -> Vec<String> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name_of = |id: &Value| packages.iter().find(|p| p["id"] == *id).unwrap()["name"].as_str().unwrap().to_owned();
    let start = packages.iter().find(|p| p["name"] == package).unwrap()["id"].clone();
    let (mut seen, mut open) = (vec![start.clone()], vec![start]);
    while let Some(id) = open.pop() {
        let node = nodes.iter().find(|n| n["id"] == id).unwrap();
        for dependency in node["deps"].as_array().unwrap() {
            let normal = dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
            if normal && !seen.contains(&dependency["pkg"]) {
                seen.push(dependency["pkg"].clone());
                open.push(dependency["pkg"].clone());
            }
        }
    }
    seen.iter().skip(1).map(name_of).collect()
}

#[test]
fn licences_are_those_that_deny_toml_allows() {
    let text = read("deny.toml");
    let list = text.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).expect("deny.toml has `allow`");
    let allowed: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    let fits = |licence: &str| {
        let spaced = licence.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "+");
        either(&mut spaced.split_whitespace().map(|word| word.replace('+', " WITH ")), &allowed)
    };
    let faults = metadata()["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| !p["license"].as_str().is_some_and(fits))
        .map(|p| format!("{} {}: {}", p["name"], p["version"], p["license"]))
        .collect();
    none(faults, "every dependency's licence is permissive");
}

type Words<'a> = std::iter::Peekable<&'a mut dyn Iterator<Item = String>>;

/// Whether a licence expression is allowed: alternatives of which one is, each of parts that all are.
fn either(words: &mut dyn Iterator<Item = String>, allowed: &[&str]) -> bool {
    fn any(words: &mut Words<'_>, allowed: &[&str]) -> bool {
        let mut fits = all(words, allowed);
        while words.next_if(|word| word == "OR").is_some() {
            fits |= all(words, allowed);
        }
        fits
    }
    fn all(words: &mut Words<'_>, allowed: &[&str]) -> bool {
        let mut fits = one(words, allowed);
        while words.next_if(|word| word == "AND").is_some() {
            fits &= one(words, allowed);
        }
        fits
    }
    fn one(words: &mut Words<'_>, allowed: &[&str]) -> bool {
        match words.next().as_deref() {
            Some("(") => {
                let fits = any(words, allowed);
                words.next_if(|word| word == ")").is_some() && fits
            }
            Some(name) => allowed.contains(&name),
            None => false,
        }
    }
    let mut words = words.peekable();
    any(&mut words, allowed) && words.peek().is_none()
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    let fits = |text: &str| either(&mut text.split(' ').map(str::to_owned), &["MIT", "Zlib"]);
    assert!(fits("GPL OR MIT"));
    assert!(fits("( GPL OR MIT ) AND Zlib"));
    assert!(!fits("( MIT OR Zlib ) AND GPL"));
    assert!(!fits("MIT Zlib"));
}

#[test]
fn the_map_names_every_crate_and_only_paths_that_exist() {
    let map = read("docs/architecture.md");
    let mut faults = Vec::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = format!("crates/{}", entry.unwrap().file_name().to_string_lossy());
        if root().join(&path).join("Cargo.toml").exists() && !map.contains(&path) {
            faults.push(format!("{path} is not on the map"));
        }
    }
    let tops = ["crates/", "docs/", "apps/", "bench/", "xtask/", "conformance/", "fuzz/", ".ci/", ".cargo/"];
    for code in map.split('`').skip(1).step_by(2) {
        if tops.iter().any(|top| code.starts_with(top)) && !code.contains('*') && !root().join(code).exists() {
            faults.push(format!("`{code}` does not exist"));
        }
    }
    none(faults, "docs/architecture.md is read by this test so that it stays true");
}

#[test]
fn every_page_of_the_documentation_is_linked_and_every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)#\s]+)(?:#[^)]*)?\)").unwrap();
    let mut linked = Vec::new();
    let mut faults = Vec::new();
    for (path, text) in files().into_iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = Path::new(&path).parent().unwrap();
        for found in link.captures_iter(&text).filter(|found| !found[1].contains("://")) {
            let target = root().join(folder).join(&found[1]);
            if !target.exists() {
                faults.push(format!("{path}: {} does not exist", &found[1]));
            } else if path == "README.md" || path == "docs/README.md" {
                linked.push(target.canonicalize().unwrap());
            }
        }
    }
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let page = entry.unwrap().path();
        if page.extension().is_some_and(|e| e == "md")
            && !linked.contains(&page.canonicalize().unwrap())
            && !page.ends_with("README.md")
        {
            faults.push(format!("{} is linked from nowhere", page.display()));
        }
    }
    none(faults, "readers follow links");
}

#[test]
fn the_changelog_says_what_is_new() {
    let text = read("CHANGELOG.md");
    let new = text.split("## [Unreleased]").nth(1).expect("CHANGELOG.md has a section `## [Unreleased]`");
    assert!(new.split("\n## ").next().unwrap().contains("\n- "), "the section says nothing");
}
