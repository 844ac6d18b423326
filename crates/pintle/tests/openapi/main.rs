//! The OpenAPI document is true: it passes a validator, and the server answers as it says whatever a fuzzer of APIs sends.
//!
//! `cargo xtask test` fetches the two programs and names their folder in `PINTLE_TEST_PYTHON`; without it these tests say
//! so and check nothing.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::print_stdout, reason = "who runs the tests is told what was left out")]

#[path = "../common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{App, Server};

/// The same requests at every run.
const SEED: &str = "20261121";
/// Requests of the fuzzing phase for each operation, of valid and of broken data.
const EXAMPLES: &str = "12";
/// What is held against each answer. Left out is what the document cannot promise: that every text that fits a
/// parameter's schema is accepted (`order=name,name` parses, a filter's value may still be none of its type), and that every
/// value that does not is refused (a JSON string with an integer in it is taken for an integer, as in PostgreSQL).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance,use_after_free,\
                      ensure_resource_availability,ignored_auth";

/// The folder of the Python programs.
fn programs() -> Option<PathBuf> {
    let folder = std::env::var_os("PINTLE_TEST_PYTHON").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: run `cargo xtask test`, which fetches schemathesis and the OpenAPI validator");
    }
    folder
}

fn every_type() -> App {
    let app = App::of(include_str!("every_type.yaml"));
    let schemas = app.folder.path().join("schemas");
    std::fs::create_dir(&schemas).unwrap();
    std::fs::write(schemas.join("tree.json"), include_str!("tree.json")).unwrap();
    app
}

/// Runs a program to its end, beside the client, which must see what its connections do meanwhile.
async fn check(mut command: Command) {
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    let output = ran.unwrap().expect("the program starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

async fn document(server: &Server, folder: &Path) -> PathBuf {
    let file = folder.join("openapi.json");
    std::fs::write(&file, server.get("/openapi.json").await.has(200).text).unwrap();
    file
}

async fn is_valid(app: App) {
    let Some(programs) = programs() else { return };
    let server = app.serve();
    let document = document(&server, app.folder.path()).await;
    let mut validator = Command::new(programs.join("openapi-spec-validator"));
    validator.arg(document);
    check(validator).await;
}

/// Sends what the document allows, and what it does not, as a caller with this token.
async fn is_true(app: App, token: Option<&str>) {
    let Some(programs) = programs() else { return };
    let server = app.serve();
    let document = document(&server, app.folder.path()).await;
    let mut fuzzer = Command::new(programs.join("schemathesis"));
    fuzzer.arg("run").arg(document).args(["--url", &server.origin, "--checks", CHECKS, "--seed", SEED]);
    fuzzer.args(["--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing,stateful"]);
    fuzzer.args(["--suppress-health-check", "all", "--continue-on-failure", "--no-color", "--warnings", "off"]);
    if let Some(token) = token {
        fuzzer.args(["--header", &format!("Authorization:Bearer {token}")]);
    }
    // It keeps what it learns in its working folder.
    fuzzer.current_dir(app.folder.path()).env("NO_PROXY", "127.0.0.1");
    check(fuzzer).await;
    server.get("/health/ready").await.has(200);
}

#[tokio::test]
async fn the_document_of_configs_passes_a_validator() {
    is_valid(App::shipped("configs")).await;
}

#[tokio::test]
async fn the_document_of_every_type_passes_a_validator() {
    is_valid(every_type()).await;
}

#[tokio::test]
async fn configs_answers_as_its_document_says_to_whoever_has_a_token() {
    let app = App::shipped("configs");
    let token = app.token("fuzzer", "authenticated");
    is_true(app, Some(&token)).await;
}

#[tokio::test]
async fn configs_answers_as_its_document_says_to_anybody() {
    is_true(App::shipped("configs"), None).await;
}

#[tokio::test]
async fn every_type_answers_as_its_document_says() {
    let app = every_type();
    let token = app.token_of("fuzzer", "service_role", Some("fuzzer"));
    is_true(app, Some(&token)).await;
}
