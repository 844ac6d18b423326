//! What was probably meant by a word that nobody knows: one measure for manifests, policies and requests.

/// Words that are longer were not typed by a person.
const LETTERS_MAX: usize = 64;

/// The one of these words that is most like `word`, whatever its case: one letter in three may be wrong, missing, too many, or
/// have changed places with its neighbour, and at least one. The first of those that are equally like it.
#[must_use]
pub fn meant<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    meant_by(word, known.into_iter().map(|known| (known, known)))
}

/// As [`meant`], where each word stands for something.
pub fn meant_by<'k, T>(word: &str, known: impl IntoIterator<Item = (&'k str, T)>) -> Option<T> {
    let letters = word.chars().count();
    if letters > LETTERS_MAX {
        return None;
    }
    let word = word.to_lowercase();
    let distances = known.into_iter().map(|(known, value)| (strsim::osa_distance(&word, &known.to_lowercase()), value));
    let like = distances.filter(|(distance, _)| *distance <= (letters / 3).max(1));
    like.min_by_key(|(distance, _)| *distance).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        let known = ["title", "timestamp", "done", "Größe"];
        for (word, wanted) in [
            ("titel", Some("title")),
            ("timestmp", Some("timestamp")),
            ("DONE", Some("done")),
            ("doen", Some("done")),
            ("größen", Some("Größe")),
            ("dog", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(meant(word, known), wanted, "{word}");
        }
        assert_eq!(meant(&"title".repeat(20), ["title"]), None);
        assert_eq!(meant("bb", ["ab", "ba"]), Some("ab"));
    }
}
