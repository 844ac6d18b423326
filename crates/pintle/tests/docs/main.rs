//! The documentation is true: its examples are run through the real binary, and its tables are compared with the code.
//!
//! - A fenced `console` block is a shell session: lines that begin with `$ ` are run, in order and in a folder of their
//!   own, and what they print must be what stands below them. `…` stands for anything. All blocks of a page are one
//!   session; `pintle serve` and `pintle gateway` start servers that the page's later commands ask.
//! - A block whose fence names a file (`js app/routes/x.js`) is that file of the session's folder, from there on.
//! - A fenced `yaml` block is a manifest: `pintle check` must find nothing wrong with it. Pieces are `yaml fragment`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

#[path = "../common/mod.rs"]
mod common;

mod markdown;
mod session;
mod tables;

use std::path::{Path, PathBuf};

use session::Session;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// README, `docs/` and the apps' own pages.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    let folder = |path: PathBuf| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(folder(root().join("docs")).filter(|page| page.extension().is_some_and(|e| e == "md")));
    pages.extend(folder(root().join("apps")).map(|app| app.join("README.md")).filter(|page| page.exists()));
    pages.sort();
    pages
}

fn text(page: &Path) -> String {
    std::fs::read_to_string(page).unwrap()
}

#[test]
fn every_session_prints_what_the_page_says() {
    let mut sessions = 0;
    let mut faults = Vec::new();
    for page in pages() {
        let mut session = Session::new();
        for block in markdown::blocks(&text(&page)) {
            if let Some(file) = block.file() {
                session.write(file, &block.text);
            }
            for step in if block.kind == "console" { block.steps() } else { Vec::new() } {
                sessions += 1;
                if let Err(fault) = session.run(&step) {
                    faults.push(format!("{}:{}: {fault}", page.display(), step.line));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(sessions > 20, "the examples are not where they were thought to be");
}

#[test]
fn every_manifest_is_right() {
    let mut manifests = 0;
    for page in pages() {
        for block in markdown::blocks(&text(&page)).into_iter().filter(|block| block.kind == "yaml") {
            manifests += 1;
            let app = common::App::of(&block.text);
            let (code, out, err) = common::run(&["check", app.path()]);
            assert_eq!(code, 0, "{}:{}:\n{out}{err}", page.display(), block.line);
        }
    }
    assert!(manifests > 1, "the examples are not where they were thought to be");
}
