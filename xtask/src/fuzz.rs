//! `cargo xtask fuzz`: builds the fuzz targets with libFuzzer's coverage on the stable toolchain, and runs each for a time.
//!
//! What is found stays under `target/fuzz`; the seeds in `fuzz/seeds` are where it begins.

use std::process::Command;

use anyhow::Result;

use crate::run::{self, cargo, root, say};

/// The targets, each a file in `fuzz/fuzz_targets`.
const TARGETS: [&str; 5] = ["manifest", "query", "policy", "script", "own"];

/// What `cargo fuzz --sanitizer none` gives the compiler; none of it needs a nightly one.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks";

/// Builds and runs them, `seconds` each. Ends with an error at the first crash, whose input libFuzzer names.
pub(crate) fn run(seconds: u64) -> Result<()> {
    let folder = root().join("target/fuzz");
    let host = host()?;
    say("── build (with coverage)");
    // Naming the host as the target keeps the flags away from build scripts.
    let mut build = cargo(&["build", "--package", "pintle-fuzz", "--bins", "--target", &host, "--target-dir"]);
    build.arg(&folder).env("RUSTFLAGS", COVERAGE).env("CARGO_PROFILE_DEV_OPT_LEVEL", "2");
    run::run(build)?;
    for target in TARGETS {
        say(&format!("── {target}, {seconds} s"));
        let corpus = folder.join("corpus").join(target);
        std::fs::create_dir_all(&corpus)?;
        let mut fuzz = Command::new(folder.join(&host).join("debug").join(target));
        fuzz.current_dir(&folder);
        fuzz.args([&format!("-max_total_time={seconds}"), "-max_len=4096", "-timeout=10", "-print_final_stats=1"]);
        fuzz.arg(&corpus).arg(root().join("fuzz/seeds").join(target));
        run::run(fuzz)?;
    }
    Ok(())
}

fn host() -> Result<String> {
    let told = Command::new("rustc").arg("-vV").output()?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("`rustc -vV` does not tell the host"))
}
