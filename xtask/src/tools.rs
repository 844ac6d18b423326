//! What some tests need beside Rust, fetched where that can be done without asking.
//!
//! - a Python environment in `target/tools` with schemathesis, validators of OpenAPI, of Kubernetes and of pipelines, and gRPC, from PyPI;
//! - TypeScript's compiler in `target/tools`, from npm;
//! - `strace`, `wrk` and Chromium, from the system's packages, if we may install them (root, or sudo without a password);
//! - `buildah`, from there too, and with it the files of Pintle's image: a static binary of the dev profile;
//! - NATS, from there too; each test that needs it starts its own;
//! - PostgreSQL, from there too: one throwaway server for the whole run, gone with it. No cluster of the system's is made.
//!
//! What cannot be had is said now and once more after the tests ran: a check that was left out is never silent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use pintle_testbed::{Browser, Nats, Postgres};

use crate::image;
use crate::run::{root, run, say, succeeds};

/// Pinned, so that a new release of theirs never breaks a build of ours.
const PYTHON_PACKAGES: [&str; 5] = [
    "schemathesis==4.32.5",
    "openapi-spec-validator==0.9.0",
    "kubernetes-validate==1.37.0",
    "check-jsonschema==0.39.0",
    "grpcio-tools==1.85.1",
];

const TYPESCRIPT: &str = "typescript@5.9.3";

/// What the tests find.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    /// The folder of the Python environment's programs; tests get it as `PINTLE_TEST_PYTHON`.
    pub(crate) python: Option<PathBuf>,
    /// TypeScript's compiler; tests get it as `PINTLE_TEST_TYPESCRIPT`.
    pub(crate) typescript: Option<PathBuf>,
    /// What the image holds; the test of the image gets it as `PINTLE_TEST_IMAGE`.
    pub(crate) image: Option<PathBuf>,
    /// Starts the image's program in the image's root; tests of apps get it as `PINTLE_TEST_PROGRAM`.
    pub(crate) program: Option<PathBuf>,
    /// The server that all tests share; they get its address as [`pintle_testbed::SHARED`].
    pub(crate) postgres: Option<Postgres>,
    /// Whether NATS is there.
    pub(crate) nats: bool,
    /// What is missing, which checks are left out for it, and what to install.
    pub(crate) missing: Vec<String>,
}

/// Finds or fetches all tools.
pub(crate) fn prepare() -> Tools {
    let mut tools = Tools::default();
    match python() {
        Ok(programs) => tools.python = Some(programs),
        Err(error) => tools.missing.push(format!(
            "schemathesis, gRPC for Python and the validators of OpenAPI, of Kubernetes and of pipelines ({error:#}): the API's document was NOT \
             checked against the server, and NEITHER were manifests against Kubernetes, pipelines against their schemas and the documentation's programs in Python; install python3 with venv and pip, and see that PyPI can \
             be reached"
        )),
    }
    match typescript() {
        Ok(compiler) => tools.typescript = Some(compiler),
        Err(error) => tools.missing.push(format!(
            "TypeScript ({error:#}): the declarations of scripts were NOT compiled; install node with npm, and see that npm's \
             packages can be reached"
        )),
    }
    match postgres() {
        Ok(server) => tools.postgres = Some(server),
        Err(error) => tools.missing.push(format!("PostgreSQL ({error:#}): NOTHING was tested on that store")),
    }
    tools.nats = Nats::program().is_some() || install("nats-server") && Nats::program().is_some();
    if !tools.nats {
        let what = "NATS: the queue NATS JetStream was NOT tested; install `nats-server`, so that it is on the PATH";
        tools.missing.push(what.to_owned());
    }
    match image() {
        Ok((folder, program)) => (tools.image, tools.program) = (Some(folder), Some(program)),
        Err(error) => tools.missing.push(format!(
            "the image's files ({error:#}): Pintle's image was NOT built and run, nor apps in it; install the packages `buildah` and \
             `ca-certificates`, and run the tests as root"
        )),
    }
    for (program, version, check) in
        [("strace", "-V", "that answers follow their sync"), ("wrk", "-v", "throughput by a driver that is not ours")]
    {
        if !has(program, version) && !install(program) {
            tools.missing.push(format!("{program}: {check} was NOT checked; install the package `{program}`"));
        }
    }
    if Browser::program().is_none() && !install("chromium") {
        tools.missing.push(
            "Chromium: pages were NOT opened in a browser; install it, or name its program in PINTLE_TEST_CHROMIUM"
                .to_owned(),
        );
    }
    for missing in &tools.missing {
        say(&format!("MISSING  {missing}"));
    }
    tools
}

/// The Python environment's programs; made at the first time, and again when the packages above change.
fn python() -> Result<PathBuf> {
    let venv = root().join("target").join("tools").join("python");
    let programs = venv.join("bin");
    let stamp = venv.join("packages.txt");
    let wanted = PYTHON_PACKAGES.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(programs);
    }
    say("── fetching schemathesis, gRPC for Python and the validators of OpenAPI and of Kubernetes into target/tools");
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    let made = make_venv(&venv) || (install("python3-venv") && make_venv(&venv));
    if !made {
        bail!("`python3 -m venv` failed");
    }
    let mut pip = Command::new(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PYTHON_PACKAGES);
    run(pip)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(programs)
}

fn make_venv(at: &Path) -> bool {
    succeeds("python3", &["-m", "venv", "--clear", &at.to_string_lossy()])
}

/// TypeScript's compiler; fetched at the first time, and again when the version above changes.
fn typescript() -> Result<PathBuf> {
    let folder = root().join("target").join("tools").join("typescript");
    let compiler = folder.join("node_modules").join("typescript").join("bin").join("tsc");
    let stamp = folder.join("packages.txt");
    if compiler.is_file() && fs::read_to_string(&stamp).is_ok_and(|have| have == TYPESCRIPT) {
        return Ok(compiler);
    }
    say("── fetching TypeScript into target/tools");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).arg(TYPESCRIPT);
    run(npm)?;
    fs::write(&stamp, TYPESCRIPT).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(compiler)
}

/// What the image holds, with a binary of the dev profile: one of the release profile takes minutes, and `cargo xtask image`
/// holds that one against its bars.
fn image() -> Result<(PathBuf, PathBuf)> {
    if !succeeds("sh", &["-c", r#"[ "$(id -u)" = 0 ]"#]) {
        bail!("only root can run it");
    }
    if !has("buildah", "--version") && !install("buildah") {
        bail!("buildah is not there");
    }
    let folder = root().join("target").join("tools").join("image");
    say("── building what Pintle's image holds");
    image::files(image::Profile::Dev, &folder)?;
    let program = image::program(&folder)?;
    Ok((folder, program))
}

/// A throwaway server; its package is installed where it is not there yet.
fn postgres() -> Result<Postgres> {
    Postgres::start(&[]).or_else(|error| if install_postgres() { Postgres::start(&[]) } else { Err(error) })
}

/// Installs PostgreSQL's programs. Debian's package would also make a cluster and start it at each boot: it is told not to,
/// in a file that is there only meanwhile.
fn install_postgres() -> bool {
    const NO_CLUSTER: &str = "set -e; folder=/etc/postgresql-common/createcluster.d; mkdir -p $folder; \
         echo 'create_main_cluster = false' > $folder/pintle-tests.conf";
    const AS_BEFORE: &str = "folder=/etc/postgresql-common/createcluster.d; rm -f $folder/pintle-tests.conf; \
         rmdir --ignore-fail-on-non-empty $folder";
    has("apt-get", "--version") && as_root(NO_CLUSTER) && {
        let done = install("postgresql postgresql-postgis");
        as_root(AS_BEFORE) && done
    }
}

/// `wrk -v` ends with a failure, so being there is being able to start.
fn has(program: &str, version: &str) -> bool {
    Command::new(program).arg(version).output().is_ok()
}

/// Installs a package of Debian's or Ubuntu's, if nobody needs to be asked.
fn install(package: &str) -> bool {
    if !has("apt-get", "--version") || !as_root("true") {
        return false;
    }
    say(&format!("── installing {package} with apt-get"));
    as_root(&format!(
        "export DEBIAN_FRONTEND=noninteractive; apt-get install -qq -y --no-install-recommends {package} || \
         (apt-get update -qq && apt-get install -qq -y --no-install-recommends {package})"
    ))
}

/// Runs a shell command as root, if we are or may be that without being asked.
fn as_root(command: &str) -> bool {
    let root = succeeds("sh", &["-c", r#"[ "$(id -u)" = 0 ]"#]);
    if root { succeeds("sh", &["-c", command]) } else { succeeds("sudo", &["-n", "sh", "-c", command]) }
}
