//! The pipelines, of this repository and those that `pintle new --pipeline` writes: who runs them takes them, and what they call
//! is there.
//!
//! `cargo xtask test` fetches the schemas and names their folder in `PINTLE_TEST_PYTHON`; without it nothing is held against
//! them, and the test says so.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{finish, pintle, run, shipped};
use regex::Regex;
use tempfile::TempDir;

/// Whose pipeline it is, where it stands in an app and in this repository, and its schema.
const KINDS: [(&str, &str, &str, &[&str]); 3] = [
    ("gitlab", ".gitlab-ci.yml", ".gitlab-ci.yml", &["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ("github", ".github/workflows/app.yml", ".github/workflows/ci.yml", &["vendor.github-workflows"]),
    ("cloudbuild", "cloudbuild.yaml", "cloudbuild.yaml", &["vendor.cloudbuild"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A new app with all pipelines.
fn app() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("My notes");
    for (kind, path, ..) in KINDS {
        let (code, out, err) = run(&["new", folder.to_str().unwrap(), "--pipeline", kind]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains(path), "{out}");
    }
    (home, folder)
}

/// All pipelines, with their schemas.
fn pipelines(app: &Path) -> Vec<(PathBuf, &'static [&'static str])> {
    KINDS.iter().flat_map(|(_, path, own, schema)| [(app.join(path), *schema), (root().join(own), *schema)]).collect()
}

#[test]
fn who_runs_them_takes_them() {
    let Some(programs) = std::env::var_os("PINTLE_TEST_PYTHON").map(PathBuf::from) else {
        println!("skipped: run `cargo xtask test`, which fetches the schemas of pipelines");
        return;
    };
    let (_home, app) = app();
    let compose = (root().join("compose.yaml"), ["vendor.compose-spec"].as_slice());
    for (path, schema) in pipelines(&app).into_iter().chain([compose]) {
        let mut check = Command::new(programs.join("check-jsonschema"));
        let (code, out, err) = finish(check.arg("--builtin-schema").args(schema).arg(&path));
        assert_eq!(code, 0, "{}\n{out}{err}", path.display());
    }
}

/// The words behind `pintle` in a pipeline, which calls it by its image or by cargo.
fn commands(text: &str) -> Vec<Vec<String>> {
    let called = r#"(?:"\$(?:PINTLE_)?IMAGE"|"\$\{_IMAGE\}:\$\{COMMIT_SHA\}"|--package pintle --),? ([a-z][^>|\n]*)"#;
    let stepped = r"name: \$\{_PINTLE_IMAGE\}\n\s+args: \[([^\]]+)\]";
    let words = |line: &str| {
        let plain = line.trim_end().trim_end_matches(']').replace(['"', ','], " ");
        plain.split_whitespace().map(str::to_owned).collect()
    };
    let found = [called, stepped].map(|form| Regex::new(form).unwrap());
    found.iter().flat_map(|form| form.captures_iter(text)).map(|found| words(&found[1])).collect()
}

#[test]
fn every_command_that_they_call_is_there() {
    let (_home, app) = app();
    for (path, _) in pipelines(&app) {
        let commands = commands(&std::fs::read_to_string(&path).unwrap());
        for words in &commands {
            // What is before `--help` is read first, so a flag that is none is an error.
            let (code, out, err) = finish(pintle(&[]).args(words).arg("--help"));
            assert!(code == 0 && out.contains(&format!("pintle {}", words[0])), "{}: {words:?}\n{err}", path.display());
        }
        let calls =
            |wanted: &[&str]| commands.iter().any(|words| wanted.iter().all(|word| words.iter().any(|w| w == word)));
        assert!(calls(&["check"]) && calls(&["check", "--secrets"]), "{}: {commands:?}", path.display());
        let deploys = std::fs::read_to_string(&path).unwrap().contains("kubectl apply");
        assert!(!deploys || calls(&["kubernetes", "--overlay", "cloud"]), "{}: {commands:?}", path.display());
    }
    let (code, _, err) = run(&["check", "--no-such-flag", "--help"]);
    assert_eq!(code, 2, "a flag that is none would be seen: {err}");
}

/// What the deploying steps say of Secrets and labels is what the manifests say.
#[test]
fn names_are_those_of_the_manifests() {
    let (_home, app) = app();
    let folder = app.to_str().unwrap();
    let made = |app: &str, namespace: &str| {
        let words =
            ["kubernetes", app, "--overlay", "cloud", "--store", "postgres", "--app-in-image", "--host", "a.example"];
        let (code, out, err) = run(&[&words[..], &["--namespace", namespace]].concat());
        assert_eq!(code, 0, "{err}");
        out
    };
    let configs = shipped("configs");
    let own = made(configs.to_str().unwrap(), "configs-staging");
    let apps = made(folder, "my-notes-staging");
    for (at, (path, _)) in pipelines(&app).into_iter().enumerate() {
        let text = std::fs::read_to_string(&path).unwrap();
        let (name, manifests) = if at % 2 == 0 { ("my-notes", &apps) } else { ("configs", &own) };
        if !text.contains("kubectl apply") {
            continue;
        }
        for (said, meant) in [
            (format!("create secret generic {name}-store"), format!("secretName: {name}-store\n")),
            (format!("app.kubernetes.io/name={name} "), format!("app.kubernetes.io/name: {name}\n")),
            (format!("{name}-"), format!("namespace: {name}-staging\n")),
        ] {
            assert!(text.contains(&said), "{}: {said}", path.display());
            assert!(manifests.contains(&meant), "{}: {meant}\n{manifests}", path.display());
        }
    }
}

#[test]
fn an_app_that_is_there_gets_a_pipeline_and_loses_nothing() {
    let (_home, app) = app();
    let folder = app.to_str().unwrap();
    let names = |folder: &str| run(&["check", "--secrets", folder]);
    assert_eq!(names(folder).0, 0, "{}", names(folder).1);
    let (code, out, _) = run(&["new", folder, "--pipeline", "gitlab"]);
    assert_eq!((code, out.as_str()), (0, "The pipeline is there already.\n"));

    std::fs::write(app.join("Dockerfile"), "FROM mine\n").unwrap();
    std::fs::remove_file(app.join("cloudbuild.yaml")).unwrap();
    let (code, out, err) = run(&["new", folder, "--pipeline", "cloudbuild"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(
        err,
        format!(
            "error: `{folder}/Dockerfile` is there already\n  help: move it away, and take over what is yours: nothing is written over\n"
        )
    );
    assert!(!app.join("cloudbuild.yaml").exists(), "all or nothing");
    assert_eq!(std::fs::read_to_string(app.join("Dockerfile")).unwrap(), "FROM mine\n");
}
