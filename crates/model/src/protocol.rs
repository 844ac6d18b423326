//! How programs know an app over gRPC: the names and the numbers of its protocol.
//!
//! Protocol Buffers tell fields apart by numbers, and an app's programs keep those that they were built with. So a field's number
//! is made of its name alone: whatever is added, left out or moved, the others keep theirs.

use crate::{Model, Pipeline};

/// The least number of a field. Below it are those that a protocol's own messages use.
const NUMBER_MIN: u32 = 1 << 18;
/// How many numbers there are: up to the greatest that takes four bytes before each value.
const NUMBERS: u32 = (1 << 25) - NUMBER_MIN;

/// The number of a collection's field of this name: 2^18 and the name's FNV-1a (of 32 bits), modulo 2^25 - 2^18.
#[must_use]
pub fn field_number(name: &str) -> u32 {
    let hash = name.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    NUMBER_MIN + hash % NUMBERS
}

impl Model {
    /// The package of the app's protocol: its name, in which `-` is `_`.
    #[must_use]
    pub fn package(&self) -> String {
        self.name.replace('-', "_")
    }
}

impl Pipeline {
    /// How the names of its service (`LocationsPipeline`) and its message (`LocationsRecord`) begin.
    #[must_use]
    pub fn protocol_name(&self) -> String {
        camel(&self.name)
    }
}

/// `new_places` as `NewPlaces`.
pub(crate) fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    let words: String = name.split('_').map(word).collect();
    // No name begins with a digit, and none is empty.
    if words.starts_with(|first: char| first.is_ascii_alphabetic()) { words } else { format!("P{words}") }
}

/// How the field of this name is called in JSON, as compilers of protocols have it: `person_id` is `personId`.
#[must_use]
pub fn json_name(name: &str) -> String {
    let mut after = false;
    let letter = |letter: char| {
        let shown = (letter != '_').then(|| if after { letter.to_ascii_uppercase() } else { letter });
        after = letter == '_';
        shown
    };
    name.chars().filter_map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_the_documentation_says_for_ever() {
        // Programs are built with them: these may never change.
        for (name, number) in [("id", 27_814_624), ("person_id", 22_040_728), ("", 2_399_685)] {
            assert_eq!(field_number(name), number, "{name}");
        }
    }

    #[test]
    fn names_are_those_of_protocols() {
        for (name, wanted) in
            [("locations", "Locations"), ("new_places", "NewPlaces"), ("_1", "P1"), ("__", "P"), ("aB", "AB")]
        {
            assert_eq!(camel(name), wanted);
        }
    }
}
