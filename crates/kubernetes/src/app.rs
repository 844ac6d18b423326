//! The app's folder in containers: as ConfigMaps, or in the image.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapProjection, KeyToPath, ProjectedVolumeSource, Volume, VolumeMount, VolumeProjection,
};
use sha2::{Digest as _, Sha256};

use crate::plan::Plan;
use crate::write::Writer;
use crate::{AppFile, Error, Manifest, Options};

/// Where containers have the app.
pub(crate) const PLACE: &str = "/app";
/// The volume's name.
const VOLUME: &str = "app";
/// Bytes of all files of an app: more belongs into an image.
const APP_MAX: usize = 1 << 20;
/// Bytes of one ConfigMap: `kubectl apply` notes the object as JSON in an annotation of its own, and annotations have 256 KiB.
const MAP_MAX: usize = 240 << 10;

/// The app's folder.
pub(crate) struct Folder {
    /// Where it comes from; empty where the image has it.
    maps: Vec<Map>,
    /// Its hash: another app, or another image, is another version.
    pub(crate) version: String,
}

/// A ConfigMap: files by their keys.
struct Map {
    name: String,
    files: Vec<(String, AppFile)>,
}

impl Folder {
    pub(crate) fn new(name: &str, files: &[AppFile], options: &Options) -> Result<Folder, Error> {
        let mut sorted: Vec<&AppFile> = files.iter().collect();
        sorted.sort_by(|a, b| a.path.cmp(&b.path));
        let version = hash(sorted.iter().copied(), &options.image);
        if options.app_in_image {
            return Ok(Folder { maps: Vec::new(), version });
        }
        let bytes = sorted.iter().map(|file| size(file)).sum();
        if bytes > APP_MAX {
            return Err(Error::TooLarge { bytes, max: APP_MAX });
        }
        let mut keys = BTreeSet::new();
        let mut filled: Vec<(usize, Vec<(String, AppFile)>)> = Vec::new();
        for file in sorted {
            let bytes = size(file);
            if bytes > MAP_MAX {
                return Err(Error::FileTooLarge { path: file.path.clone(), bytes, max: MAP_MAX });
            }
            let entry = (key(&file.path, &mut keys), file.clone());
            match filled.last_mut().filter(|(taken, _)| taken + bytes <= MAP_MAX) {
                Some((taken, files)) => {
                    *taken += bytes;
                    files.push(entry);
                }
                None => filled.push((bytes, vec![entry])),
            }
        }
        let map = |(_, files): (usize, Vec<(String, AppFile)>)| {
            let hash = hash(files.iter().map(|(_, file)| file), "");
            Map { name: format!("{name}-app-{hash}"), files }
        };
        Ok(Folder { maps: filled.into_iter().map(map).collect(), version })
    }

    /// The volume with the app, where the image does not have it. Directories come from the paths of its items, since a key of a
    /// ConfigMap has no `/`.
    pub(crate) fn volume(&self) -> Option<Volume> {
        let source = |map: &Map| {
            let item =
                |(key, file): &(String, AppFile)| KeyToPath { key: key.clone(), mode: None, path: file.path.clone() };
            let items = Some(map.files.iter().map(item).collect());
            let config_map = Some(ConfigMapProjection { name: map.name.clone(), items, optional: None });
            VolumeProjection { config_map, ..VolumeProjection::default() }
        };
        let sources: Vec<_> = self.maps.iter().map(source).collect();
        let projected = ProjectedVolumeSource { sources: Some(sources), default_mode: None };
        (!self.maps.is_empty()).then(|| Volume {
            name: VOLUME.to_owned(),
            projected: Some(projected),
            ..Volume::default()
        })
    }

    /// Where it is in a container.
    pub(crate) fn mount(&self) -> Option<VolumeMount> {
        (!self.maps.is_empty()).then(|| VolumeMount {
            name: VOLUME.to_owned(),
            mount_path: PLACE.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        })
    }
}

/// The ConfigMaps.
pub(crate) fn manifest(plan: &Plan<'_>) -> Result<Option<Manifest>, Error> {
    if plan.folder.maps.is_empty() {
        return Ok(None);
    }
    let mut file = Writer::new(
        "10-app.yaml",
        "The app's folder: what its servers read of it.\n\
         Its name changes with what it holds. So another version comes with another rollout, `kubectl rollout undo` goes back\n\
         to the app as it was, and ConfigMaps of versions that you need no more are yours to delete.",
    );
    for map in &plan.folder.maps {
        let (mut data, mut binary) = (BTreeMap::new(), BTreeMap::new());
        for (key, file) in &map.files {
            match text(&file.bytes) {
                Some(text) => drop(data.insert(key.clone(), text.to_owned())),
                None => drop(binary.insert(key.clone(), ByteString(file.bytes.clone()))),
            }
        }
        file.add(&ConfigMap {
            metadata: plan.meta(&map.name, None),
            immutable: Some(true),
            data: Some(data).filter(|data| !data.is_empty()),
            binary_data: Some(binary).filter(|binary| !binary.is_empty()),
        })?;
    }
    Ok(Some(file.done()))
}

/// A file that a ConfigMap keeps as it is.
fn text(bytes: &[u8]) -> Option<&str> {
    // YAML would have to escape all of a text with other control characters.
    let fits = |c: char| !c.is_control() || "\n\t\r".contains(c);
    std::str::from_utf8(bytes).ok().filter(|text| text.chars().all(fits))
}

/// Bytes of a file in a ConfigMap, as JSON has it, with its key.
fn size(file: &AppFile) -> usize {
    let escaped = |text: &str| text.chars().map(|c| if "\"\\\n\t\r".contains(c) { 2 } else { c.len_utf8() }).sum();
    let bytes = text(&file.bytes).map_or_else(|| file.bytes.len().div_ceil(3) * 4, escaped);
    bytes + file.path.len() + "\"\":\"\",".len()
}

/// A key that is like the path, and like no other.
fn key(path: &str, taken: &mut BTreeSet<String>) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let plain: String = path.chars().map(|c| if fits(c) { c } else { '_' }).take(240).collect();
    // `..data` and the like are Kubernetes' own.
    let plain = plain.trim_start_matches('.').to_owned();
    let mut key = plain.clone();
    let mut number = 1;
    while key.is_empty() || !taken.insert(key.clone()) {
        number += 1;
        key = format!("{plain}-{number}");
    }
    key
}

fn hash<'f>(files: impl Iterator<Item = &'f AppFile>, more: &str) -> String {
    let mut hash = Sha256::new();
    for file in files {
        for piece in [file.path.as_bytes(), &file.bytes] {
            hash.update((piece.len() as u64).to_be_bytes());
            hash.update(piece);
        }
    }
    hash.update(more.as_bytes());
    hash.finalize().iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_where_paths_do() {
        let mut taken = BTreeSet::new();
        let keys = ["a/b.js", "a_b.js", "é.js", "ü.js", ".x"].map(|path| key(path, &mut taken));
        assert_eq!(keys, ["a_b.js", "a_b.js-2", "_.js", "_.js-2", "x"]);
    }

    #[test]
    fn a_text_is_a_text_and_a_picture_is_none() {
        assert_eq!(text("é\r\n\tx".as_bytes()), Some("é\r\n\tx"));
        assert_eq!((text(&[0xff, 0xd8]), text(b"a\0b")), (None, None));
    }
}
