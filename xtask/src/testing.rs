//! Every test of the workspace: those of the documentation, then all others, by cargo-nextest where that is installed.

use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use pintle_testbed::{NONE, Postgres, SHARED};

use crate::run::{cargo, say, succeeds};
use crate::tools;

/// How many tests passed and failed, and how many of those that passed did so at their second try.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    flaky: u64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.flaky += other.flaky;
    }
}

/// Servers, databases and browsers share a small machine with many others of them: a test that fails is tried once more, and named as
/// flaky at the end, so that chance neither stops a change nor is overlooked.
const RETRIES: [&str; 2] = ["--retries", "1"];

/// The random cases of property tests are the same in each run, so that a run tells of the tree and not of its luck.
/// `PROPTEST_RNG_SEED=random` looks for new ones.
const RANDOM_SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "20");

/// Runs the tests, all or those whose names hold one of `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let tools = tools::prepare();
    let mut tally = Tally::default();
    let mut good = true;
    let mut commands = commands(args, tools.postgres.is_some(), tools.nats);
    if let Some(program) = tools.program.as_ref().filter(|_| args.is_empty()) {
        commands.extend(in_image(program, tools.postgres.is_some()));
    }
    for mut command in commands {
        if let Some(programs) = &tools.python {
            command.env("PINTLE_TEST_PYTHON", programs);
        }
        if let Some(compiler) = &tools.typescript {
            command.env("PINTLE_TEST_TYPESCRIPT", compiler);
        }
        if let Some(folder) = &tools.image {
            command.env("PINTLE_TEST_IMAGE", folder);
        }
        if std::env::var_os(RANDOM_SEED.0).is_none() {
            command.env(RANDOM_SEED.0, RANDOM_SEED.1);
        }
        command.env(SHARED, tools.postgres.as_ref().map_or(NONE, Postgres::address));
        good &= count(command, &mut tally)?;
    }
    for missing in &tools.missing {
        say(&format!("SKIPPED  {missing}"));
    }
    say(&format!("{} passed ({} of them at the second try), {} failed", tally.passed, tally.flaky, tally.failed));
    if !good || tally.failed > 0 {
        bail!("not every test passed");
    }
    if tally.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// The runners to start. Without PostgreSQL or NATS those tests are left out that have it in their names.
fn commands(args: &[String], postgres: bool, nats: bool) -> Vec<Command> {
    let nextest = succeeds("cargo", &["nextest", "--version"]);
    let mut others = if nextest {
        let mut nextest = cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]);
        nextest.args(RETRIES);
        nextest
    } else {
        cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
    };
    if std::io::stderr().is_terminal() {
        others.env("CARGO_TERM_COLOR", "always");
    }
    // The filter of cargo's own runner is one text alone.
    others.args(if nextest { args } else { &args[..args.len().min(1)] });
    let (mut left_out, mut skipped) = (Vec::new(), Vec::new());
    if !postgres {
        left_out.extend(["test(/postgres(ql)?([^a-z]|$)/)", "binary(/postgres/)"]);
        skipped.extend(["--skip", "postgres_", "--skip", "postgres::", "--skip", "_postgresql"]);
    }
    if !nats {
        left_out.push("test(/(^|[^a-z])nats([^a-z]|$)/)");
        skipped.extend(["--skip", "nats_", "--skip", "nats::"]);
    }
    if nextest && !left_out.is_empty() {
        others.args(["-E", &format!("not ({})", left_out.join(" or "))]);
    } else if !skipped.is_empty() {
        others.arg("--").args(skipped);
    }
    if args.is_empty() { vec![cargo(&["test", "--workspace", "--doc"]), others] } else { vec![others] }
}

/// The apps' own end-to-end tests, once more in the image. Without nextest they are left out: its filters can say which.
fn in_image(program: &Path, postgres: bool) -> Option<Command> {
    const APPS: &str = "(test(/^configs/) or test(/^connect/) or test(/^retriever/))";
    if !succeeds("cargo", &["nextest", "--version"]) {
        say("SKIPPED  cargo-nextest is not there: apps were NOT tested in the image");
        return None;
    }
    let which = if postgres { APPS.to_owned() } else { format!("{APPS} and not test(postgres)") };
    let mut command =
        cargo(&["nextest", "run", "--no-fail-fast", "--package", "pintle", "--test", "e2e", "-E", &which]);
    command.args(RETRIES);
    command.env("PINTLE_TEST_PROGRAM", program);
    Some(command)
}

/// Shows what a runner says, and adds up its summaries. Whether it ended well.
fn count(mut command: Command, tally: &mut Tally) -> Result<bool> {
    // One pipe for both streams would need a shell: nextest sums up on standard error, cargo test on standard output.
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    // Under nextest the words of a test that failed hold a summary of cargo's kind, which must not count again.
    let begins = if command.get_args().any(|arg| arg == "nextest") { "Summary [" } else { "test result:" };
    let mut child = command.spawn().context("cannot start the tests")?;
    let out = child.stdout.take().map(|out| std::thread::spawn(move || follow(out, begins)));
    let err = child.stderr.take().map(|err| std::thread::spawn(move || follow(err, begins)));
    for thread in [out, err].into_iter().flatten() {
        let Ok(found) = thread.join() else { bail!("a reader of the tests' words ended early") };
        tally.add(found);
    }
    Ok(child.wait().context("the tests went away")?.success())
}

fn follow(stream: impl std::io::Read, begins: &str) -> Tally {
    let mut tally = Tally::default();
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(found) = summary(&line, begins) {
            tally.add(found);
        }
        say(&line);
    }
    tally
}

/// Reads a runner's summary: nextest's `Summary [ 1.2s] 4 tests run: 3 passed, 1 failed`, or cargo's
/// `test result: ok. 3 passed; 1 failed; …`.
fn summary(line: &str, begins: &str) -> Option<Tally> {
    let line = plain(line);
    let line = line.trim_start();
    if !line.starts_with(begins) {
        return None;
    }
    let words: Vec<&str> = line.split([' ', ',', ';', '(', ')']).filter(|word| !word.is_empty()).collect();
    let before = |what: &[&str]| {
        words.windows(2).filter(|pair| what.contains(&pair[1])).filter_map(|pair| pair[0].parse::<u64>().ok()).sum()
    };
    Some(Tally { passed: before(&["passed"]), failed: before(&["failed", "timed"]), flaky: before(&["flaky"]) })
}

/// Without colours.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        text.push_str(&rest[..at]);
        rest = rest[at..].find('m').map_or("", |end| &rest[at + end + 1..]);
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::{Tally, summary};

    #[test]
    fn summaries_of_both_runners_are_read() {
        let of = |line, begins| summary(line, begins).map(|t: Tally| (t.passed, t.flaky, t.failed));
        let read = |line: &'static str| of(line, "Summary [").or_else(|| of(line, "test result:"));
        assert_eq!(of("test result: FAILED. 0 passed; 1 failed", "Summary ["), None);
        assert_eq!(read("     Summary [   0.5s] 3 tests run: 3 passed, 0 skipped"), Some((3, 0, 0)));
        assert_eq!(
            read(
                "\u{1b}[31;1m     Summary\u{1b}[0m [   9.1s] 5 tests run: 3 passed (1 flaky, 1 leaky), 1 failed, 1 timed out, 0 skipped"
            ),
            Some((3, 1, 2))
        );
        assert_eq!(
            read("test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out"),
            Some((12, 0, 2))
        );
        assert_eq!(read("test summary ... ok"), None);
    }
}
