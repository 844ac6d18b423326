//! A folder of manifests, made by the real binary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::common;

/// The files that `pintle kubernetes` wrote, by their paths in the folder.
pub(crate) struct Folder {
    pub(crate) at: TempDir,
    pub(crate) files: BTreeMap<String, String>,
}

impl Folder {
    /// Makes them for an app, with more words on the command line.
    pub(crate) fn of(app: &Path, words: &[&str]) -> Folder {
        let at = tempfile::tempdir().expect("a temporary folder");
        let app = app.to_str().expect("a path in UTF-8");
        let output = at.path().to_str().expect("a path in UTF-8");
        let (code, out, err) = common::run(&[&["kubernetes", app, "--output", output], words].concat());
        assert_eq!(code, 0, "{out}{err}");
        let mut files = BTreeMap::new();
        read(at.path(), at.path(), &mut files);
        Folder { at, files }
    }

    /// The YAML files that Kubernetes itself knows the kinds of.
    pub(crate) fn validated(&self) -> Vec<PathBuf> {
        let known = |path: &&String| path.ends_with(".yaml") && !path.ends_with("servicemonitor.yaml");
        self.files.keys().filter(known).map(|path| self.at.path().join(path)).collect()
    }

    /// Every object, in the files' order.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let yaml = self.files.iter().filter(|(path, _)| path.ends_with(".yaml"));
        yaml.flat_map(|(path, text)| documents(path, text)).collect()
    }

    /// The object of a kind and a name.
    pub(crate) fn object(&self, kind: &str, name: &str) -> Value {
        let found = self.objects().into_iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("there is no {kind} `{name}`"))
    }

    /// The objects of a kind.
    pub(crate) fn kind(&self, kind: &str) -> Vec<Value> {
        self.objects().into_iter().filter(|object| object["kind"] == kind).collect()
    }

    /// All that stands in it.
    pub(crate) fn text(&self) -> String {
        self.files.values().map(String::as_str).collect()
    }
}

/// The documents of a YAML file.
pub(crate) fn documents(path: &str, text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{path} is no YAML: {error}"))
}

fn read(folder: &Path, root: &Path, files: &mut BTreeMap<String, String>) {
    for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            read(&path, root, files);
        } else {
            let name = path.strip_prefix(root).expect("a path below").to_str().expect("a path in UTF-8").to_owned();
            files.insert(name, std::fs::read_to_string(&path).expect("a text"));
        }
    }
}
