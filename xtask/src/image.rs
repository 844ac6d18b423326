//! Pintle as a container's image and as archives: one static binary, and what it needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{cargo, root, run, say, succeeds};

/// The certificates of the authorities that Mozilla trusts, as Debian's and Ubuntu's package has them. What somebody added
/// to their own machine is not among them.
const AUTHORITIES: &str = "/usr/share/ca-certificates/mozilla";
/// Where rustls looks for them.
const AUTHORITIES_IN_IMAGE: &str = "root/etc/ssl/certs/ca-certificates.crt";

/// The tag of what is built here.
pub(crate) const TAG: &str = "pintle";

/// What a build is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// For tests: compiles fast.
    Dev,
    /// For use.
    Release,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Release => "release",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Profile::Dev => "debug",
            Profile::Release => "release",
        }
    }
}

/// Lays out what the image holds: `root`, which becomes its root, and `data`, which becomes `/data` with another owner.
pub(crate) fn files(profile: Profile, folder: &Path) -> Result<()> {
    let made = |path: PathBuf| fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()));
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    made(folder.join("data"))?;
    made(folder.join("root/licenses"))?;
    made(folder.join("root/etc/ssl/certs"))?;
    binary(profile, &folder.join("root/pintle"))?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&root().join(licence), &folder.join("root/licenses").join(licence))?;
    }
    let path = folder.join(AUTHORITIES_IN_IMAGE);
    fs::write(&path, authorities()?).with_context(|| format!("cannot write {}", path.display()))
}

/// A program that starts the image's binary in a copy of the image's root, for tests of apps.
pub(crate) fn program(files: &Path) -> Result<PathBuf> {
    let (program, inside) = (files.with_extension("sh"), files.with_extension("root"));
    fs::create_dir_all(&inside).with_context(|| format!("cannot make {}", inside.display()))?;
    copy(&files.join("root/pintle"), &inside.join("pintle"))?;
    let of = |path: &Path| path.display().to_string();
    let text = include_str!("in_image.sh").replace("ROOT", &of(&inside)).replace("REPOSITORY", &of(&root()));
    fs::write(&program, text).with_context(|| format!("cannot write {}", program.display()))?;
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(program)
}

/// Builds the binary so that it needs no file of any system, and puts it there, without symbols.
pub(crate) fn binary(profile: Profile, to: &Path) -> Result<()> {
    // The flag stands here and not in RUSTFLAGS: so all else is shared with other builds.
    let built = ["rustc", "--locked", "--package", "pintle", "--bin", "pintle", "--profile", profile.name()];
    let mut build = cargo(&built);
    build.args(["--", "-C", "target-feature=+crt-static", "-C", "strip=symbols"]);
    // What is moved when the program starts is told in a bit for each word: 1 MB less.
    build.args(["-C", "link-arg=-Wl,-z,pack-relative-relocs"]);
    run(build)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    copy(&target.join(profile.folder()).join("pintle"), to)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// One file of them all, in the order of their names.
fn authorities() -> Result<String> {
    let missing = || format!("{AUTHORITIES} is not there: install the package `ca-certificates`");
    let mut paths = Vec::new();
    for entry in fs::read_dir(AUTHORITIES).with_context(missing)? {
        paths.push(entry?.path());
    }
    paths.sort();
    let mut text = String::new();
    for path in paths {
        text += &fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    if !text.contains("BEGIN CERTIFICATE") {
        bail!(missing());
    }
    Ok(text)
}

/// Builds the image with Docker or buildah, and holds it against its bars: how large it is and how fast it starts.
pub(crate) fn build() -> Result<()> {
    let folder = root().join("target/image");
    say("── files");
    files(Profile::Release, &folder)?;
    say("── image");
    let mut build = builder()?;
    build.args(["--build-arg", "FILES=prebuilt", "--tag", TAG, "--file"]);
    build.arg(root().join("Dockerfile")).arg(&folder);
    run(build)?;
    if succeeds("buildah", &["--version"]) {
        say("── its bars");
        // They print what they measure.
        let mut test = cargo(&["test", "--package", "pintle", "--test", "image", "--", "--nocapture"]);
        test.env("PINTLE_TEST_IMAGE", &folder).env("PINTLE_TEST_IMAGE_BARS", "1");
        run(test)?;
    } else {
        say("SKIPPED  buildah is not there: the image was NOT run, nor held against its bars");
    }
    say(&format!("built the image `{TAG}`: `docker run -p 8080:8080 -v ./apps/configs:/app:ro {TAG}`"));
    Ok(())
}

/// Docker where it works; else buildah, which keeps the image in its own store.
fn builder() -> Result<Command> {
    let mut command = if succeeds("docker", &["info"]) {
        let mut docker = Command::new("docker");
        docker.arg("build");
        docker
    } else if succeeds("buildah", &["--version"]) {
        let mut buildah = Command::new("buildah");
        // Docker's format, since the other one has no health check.
        buildah.args(["build", "--format", "docker"]);
        buildah
    } else {
        bail!("neither Docker nor buildah is there: install the package `buildah`");
    };
    command.env("DOCKER_BUILDKIT", "1");
    Ok(command)
}

/// Makes the archive of a release, and its checksum beside it.
pub(crate) fn release() -> Result<()> {
    let name = format!("pintle-{}-{}-linux", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let dist = root().join("target/dist");
    let folder = dist.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    say("── binary");
    binary(Profile::Release, &folder.join("pintle"))?;
    for file in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&root().join(file), &folder.join(file))?;
    }
    say("── archive");
    let archive = format!("{name}.tar.gz");
    // The same files make the same bytes, so a checksum can be compared with somebody else's.
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mtime=@0",
        "--mode=u=rwX,go=rX",
    ]);
    tar.args(["--use-compress-program=gzip -9n", "--file", &archive, &name]).current_dir(&dist);
    run(tar)?;
    let sums = Command::new("sha256sum").arg(&archive).current_dir(&dist).output().context("cannot start sha256sum")?;
    if !sums.status.success() {
        bail!("sha256sum ended with {}", sums.status);
    }
    let path = dist.join("SHA256SUMS");
    fs::write(&path, &sums.stdout).with_context(|| format!("cannot write {}", path.display()))?;
    say(&format!("made target/dist/{archive} and target/dist/SHA256SUMS"));
    Ok(())
}
