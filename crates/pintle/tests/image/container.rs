//! Pintle's image, built with buildah, and its processes: in a root of their own that they cannot write, as the user of the
//! image, with the image's environment and nothing else.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// The user that the image names.
pub(crate) const USER: u32 = 65532;

/// What a container's runtime does, with a shell's means: its mounts are seen by nobody else, and gone with the process.
const RUN: &str = r#"
set -e
root=$1 app=$2 data=$3 user=$4
shift 4
mount --bind "$root" "$root"
mkdir -p "$root/dev" "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount --bind "$app" "$root/app"
mount --bind "$data" "$root/data"
mount -o remount,bind,ro "$root/app"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" "$root" "$@"
"#;

/// The image, in a store of its own that is gone with the test.
pub(crate) struct Image {
    store: TempDir,
    /// As Docker's API shows it.
    pub(crate) config: Value,
    /// The root of a container of it.
    pub(crate) root: PathBuf,
    /// Bytes of what is pulled before it is compressed.
    pub(crate) bytes: u64,
}

impl Image {
    /// Builds the image of the files that `cargo xtask test` laid out; nothing, in words, where it did not.
    pub(crate) fn build() -> Option<Image> {
        let Some(files) = std::env::var_os("PINTLE_TEST_IMAGE") else {
            println!(
                "skipped: run `cargo xtask test` as root, which installs buildah and lays out what the image holds"
            );
            return None;
        };
        let dockerfile = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Dockerfile");
        let mut image = Image {
            store: tempfile::tempdir().expect("a temporary folder"),
            config: Value::Null,
            root: PathBuf::new(),
            bytes: 0,
        };
        let mut build = image.buildah(&["build", "--quiet", "--format", "docker", "--build-arg", "FILES=prebuilt"]);
        build.args(["--tag", "pintle", "--file"]).arg(dockerfile).arg(files);
        said(build);
        let told: Value =
            serde_json::from_str(&said(image.buildah(&["inspect", "--type", "image", "pintle"]))).unwrap();
        image.config = told["Docker"]["config"].clone();
        let manifest: Value = serde_json::from_str(told["Manifest"].as_str().unwrap()).unwrap();
        image.bytes = manifest["layers"].as_array().unwrap().iter().map(|layer| layer["size"].as_u64().unwrap()).sum();
        let container = said(image.buildah(&["from", "pintle"]));
        image.root = PathBuf::from(said(image.buildah(&["mount", container.trim()])).trim());
        Some(image)
    }

    fn buildah(&self, words: &[&str]) -> Command {
        let mut command = Command::new("buildah");
        command.env("BUILDAH_ISOLATION", "chroot").args(["--storage-driver", "vfs"]);
        command.arg("--root").arg(self.store.path().join("store"));
        command.arg("--runroot").arg(self.store.path().join("run")).args(words);
        command
    }

    /// A container of it with this app, and a volume for its data.
    pub(crate) fn container(&self, app: &Path) -> Container<'_> {
        let data = tempfile::tempdir().expect("a temporary folder");
        chown(data.path(), Some(USER), Some(USER)).expect("the volume is the user's");
        // Folders of tests are for their user alone.
        std::fs::set_permissions(app, PermissionsExt::from_mode(0o755)).expect("the app can be read by others");
        Container { image: self, app: app.to_owned(), data }
    }
}

/// What is mounted beside the image.
pub(crate) struct Container<'a> {
    image: &'a Image,
    app: PathBuf,
    /// The volume at `/data`.
    pub(crate) data: TempDir,
}

impl Container<'_> {
    /// What `docker run` starts, with other words than the image's own where some are given, and more variables. It
    /// listens on loopback alone, at a free port.
    pub(crate) fn command(&self, words: &[&str], variables: &[(&str, &str)]) -> Command {
        let own = |key: &str| self.image.config[key].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", RUN, "sh"]);
        command.arg(&self.image.root).arg(&self.app).arg(self.data.path());
        command.arg(self.image.config["User"].as_str().unwrap()).args(own("Entrypoint"));
        match words {
            [] => command.args(own("Cmd")),
            words => command.args(words),
        };
        command.env_clear().envs(own("Env").map(|variable| variable.split_once('=').unwrap()));
        command.env("PINTLE_LISTEN", "127.0.0.1:0").envs(variables.iter().copied());
        command
    }
}

/// What a command says that must succeed.
fn said(mut command: Command) -> String {
    let output = command.output().expect("buildah starts");
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
