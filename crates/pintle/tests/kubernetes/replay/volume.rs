//! A pod's volumes, laid out as a node lays them out: files of ConfigMaps and Secrets behind a symbolic link that is exchanged whole, folders
//! that the pod's group may write to.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cluster::Cluster;

/// The folder of a volume of the pod `at`.
pub(crate) fn made(cluster: &Cluster, at: &Path, volume: &Value) -> PathBuf {
    let name = volume["name"].as_str().expect("a volume's name");
    if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
        return shared(cluster, &cluster.claim(claim));
    }
    let folder = at.join("volumes").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    if volume["emptyDir"].is_object() {
        return shared(cluster, &folder);
    }
    let mut files = BTreeMap::new();
    for source in volume["projected"]["sources"].as_array().into_iter().flatten() {
        let map = &source["configMap"];
        let held = cluster.object("ConfigMap", text(&map["name"]));
        for item in map["items"].as_array().expect("items") {
            let key = text(&item["key"]);
            let bytes = held["data"][key].as_str().expect("a key that the ConfigMap has").as_bytes().to_vec();
            files.insert(text(&item["path"]).to_owned(), bytes);
        }
    }
    for item in volume["secret"]["items"].as_array().into_iter().flatten() {
        let secret = text(&volume["secret"]["secretName"]);
        let value = cluster.secret(secret, text(&item["key"])).expect("a Secret that the pod waits for");
        files.insert(text(&item["path"]).to_owned(), value.as_bytes().to_vec());
    }
    assert!(!files.is_empty(), "a volume of a kind that is not replayed: {volume}");
    project(&folder, &files);
    folder
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// `FOLDER/..DATE/a/b`, `FOLDER/..data -> ..DATE`, `FOLDER/a -> ..data/a`.
fn project(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    const DATE: &str = "..2026_11_21_20_00_00.1";
    for (path, bytes) in files {
        let file = folder.join(DATE).join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, bytes).expect("a file");
        let top = path.split('/').next().expect("a path");
        if !folder.join(top).is_symlink() {
            symlink(Path::new("..data").join(top), folder.join(top)).expect("a link");
        }
    }
    symlink(DATE, folder.join("..data")).expect("a link");
}

/// A folder that the pod's group may write to (`fsGroup`).
fn shared(cluster: &Cluster, folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).expect("a folder");
    if let Some(user) = cluster.user() {
        chown(folder, None, Some(user)).expect("a folder's group");
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o2775)).expect("a folder's mode");
    folder.to_owned()
}
