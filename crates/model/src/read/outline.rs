//! The collections' names and the types of their keys, read before all else, since a ref takes its type from another
//! collection's key.

use crate::Type;
use crate::yaml::{Key, Kind, Node};

/// Refs that are followed from key to key.
const STEPS_MAX: usize = 32;

/// Every collection of the manifest, in its order.
#[derive(Debug, Default)]
pub(super) struct Outline {
    places: Vec<(String, KeyShape)>,
}

/// What a ref needs to know of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyShape {
    Single(Type),
    /// So many fields.
    Composite(usize),
    /// It is a ref to a key that is a ref … to itself.
    Circular,
    /// It has a mistake, which is reported where it stands.
    Broken,
}

impl Outline {
    pub(super) fn of(entries: &[(Key, Node)]) -> Outline {
        let places =
            entries.iter().map(|(key, node)| (key.text.clone(), shape(entries, node, entries.len().min(STEPS_MAX))));
        Outline { places: places.collect() }
    }

    pub(super) fn find(&self, name: &str) -> Option<(usize, KeyShape)> {
        let at = self.places.iter().position(|(place, _)| place == name)?;
        Some((at, self.places[at].1))
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.places.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.kind {
        Kind::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, value)| value),
        _ => None,
    }
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

/// The shape of a collection's key. `steps` bounds how many refs are followed: a longer way is a circle.
fn shape(all: &[(Key, Node)], collection: &Node, steps: usize) -> KeyShape {
    let Some(key) = get(collection, "key") else { return KeyShape::Single(Type::Integer) };
    let Kind::Map(fields) = &key.kind else { return KeyShape::Broken };
    let [(_, field)] = fields.as_slice() else { return KeyShape::Composite(fields.len()) };
    let word = scalar(field).or_else(|| get(field, "type").and_then(scalar));
    if word == Some("ref") {
        let target = get(field, "to").and_then(scalar);
        let Some((_, target)) = all.iter().find(|(key, _)| Some(key.text.as_str()) == target) else {
            return KeyShape::Broken;
        };
        return if steps == 0 { KeyShape::Circular } else { shape(all, target, steps - 1) };
    }
    match Type::ALL.into_iter().find(|ty| Some(ty.name()) == word) {
        Some(ty) => KeyShape::Single(ty),
        None => KeyShape::Broken,
    }
}
