//! `pintle check --secrets`: what would be committed holds no secret value.

use std::path::Path;

use insta::assert_snapshot;

use crate::common::{App, copy, finish, pintle, run, shipped};

/// Secrets of a form, put together here so that this file holds none.
fn leaky() -> App {
    let app = App::shipped("configs");
    let write = |name: &str, text: String| std::fs::write(app.file(name), text).unwrap();
    let token = ["gh", "p_", "q7Xc2LmV9bTz4KdR8sWf1NjY6hGp3AeU5oBi"].concat();
    let url = ["postgres://app:", "correct-horse", "@db.internal/app"].concat();
    write("deploy.sh", format!("set -e\nexport GITHUB_TOKEN={token}\n"));
    write(".env", format!("PINTLE_STORE={url}\nSESSION_SECRET={}\n", ["Zq81mX", "v0Tn47bKw2"].concat()));
    write("fixed.txt", format!("{token} # of a test, pintle:no-secret\n"));
    write(".gitignore", "/mine\n".to_owned());
    write("mine", format!("{token}\n"));
    write("image.bin", format!("\0{token}\n"));
    app
}

#[test]
fn secrets_are_told_with_their_place_and_never_whole() {
    let app = leaky();
    let (code, out, err) = run(&["check", "--secrets", app.path()]);
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    assert!(!out.contains("q7Xc") && !out.contains("horse") && !out.contains("v0Tn"), "{out}");
    assert_snapshot!(out.replace(app.path(), "APP"));

    // What git leaves out is left out; what is there is not.
    std::fs::write(app.file(".gitignore"), "/mine\n.env\n/deploy.sh\n").unwrap();
    let (code, out, _) = run(&["check", &app.file("pintle.yaml"), "--secrets"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("no secret in "), "{out}");
}

#[test]
fn what_git_has_is_looked_at_whatever_gitignore_says() {
    let app = leaky();
    std::fs::write(app.file(".gitignore"), "/mine\n.env\n/deploy.sh\n").unwrap();
    let git = |words: &[&str]| {
        let mut git = std::process::Command::new("git");
        let (code, out, err) = finish(git.env_remove("GIT_DIR").args(["-C", app.path()]).args(words));
        assert_eq!(code, 0, "{out}{err}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    assert_eq!(run(&["check", "--secrets", app.path()]).0, 0, "what is ignored and not committed is left out");

    git(&["add", "--force", ".env"]);
    for folder in [app.path().to_owned(), app.file("pintle.yaml")] {
        let (code, out, err) = run(&["check", "--secrets", &folder]);
        assert_eq!((code, err.as_str()), (1, ""), "{out}");
        assert!(out.contains("/.env:1:29: ") && !out.contains("deploy.sh") && !out.contains("/mine"), "{out}");
    }

    // Without git a note says what could not be looked at, and a flag looks at it.
    let without = |words: &[&str]| finish(pintle(words).env("PATH", "/no/such/folder"));
    let (code, _, err) = without(&["check", "--secrets", app.path()]);
    assert!(code == 0 && err.starts_with("note: git did not tell"), "{err}");
    let (code, out, err) = without(&["check", "--secrets", "--ignored", app.path()]);
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    assert!(["/.env:", "/deploy.sh:", "/mine:"].iter().all(|name| out.contains(name)), "{out}");
}

#[test]
fn a_folder_that_is_none_is_told() {
    let told = run(&["check", "/no/such/folder"]);
    assert_eq!((told.0, told.2.contains("there is no `/no/such/folder`")), (1, true), "{}", told.2);
    assert_eq!(run(&["check", "--secrets", "/no/such/folder"]), told);
}

#[test]
fn this_repository_and_every_new_app_hold_none() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let new = tempfile::tempdir().unwrap();
    let made = new.path().join("notes");
    assert_eq!(run(&["new", made.to_str().unwrap()]).0, 0);
    for folder in [&here, &made] {
        let (code, out, err) = run(&["check", "--secrets", folder.to_str().unwrap()]);
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
    }
    // Where no `.gitignore` stands above an app, the check is the same.
    for app in ["configs", "retriever"] {
        let alone = tempfile::tempdir().unwrap();
        copy(&shipped(app), alone.path());
        let (code, out, _) = run(&["check", "--secrets", alone.path().to_str().unwrap()]);
        assert_eq!(code, 0, "{out}");
    }
}
