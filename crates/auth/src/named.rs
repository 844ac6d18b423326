//! Tokens that the environment lists: a JSON object of each token and its user, `{"TOKEN": "user"}`.

use std::fmt;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use crate::{Hash, hash};

/// The users of a list of tokens, each by its token's hash.
///
/// # Errors
/// What is wrong with the list and where, as the end of a sentence that names it. It never shows a token or a user, since
/// whoever reads a log may not know them.
pub fn named_tokens(list: &str) -> Result<Vec<(Hash, String)>, String> {
    let mut reader = serde_json::Deserializer::from_str(list);
    let entries = reader.deserialize_map(Entries).and_then(|entries| reader.end().map(|()| entries));
    // What the library says may repeat a piece of the text.
    let entries = entries.map_err(|error| match error.classify() {
        Category::Data => format!("is no JSON object of tokens and users, {SHAPE}"),
        _ => format!("is no JSON: it cannot be read at line {}, column {}", error.line(), error.column()),
    })?;
    let mut tokens: Vec<(Hash, String)> = Vec::with_capacity(entries.len());
    for (at, (token, user)) in entries.iter().enumerate() {
        let fault = |what: &str| Err(format!("lists in its entry {}: {what}", at + 1));
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return fault("a token that no header can carry; one is visible ASCII without spaces");
        }
        let Some(user) = user.as_str() else { return fault("a user that is no text") };
        if user.is_empty() || user.contains('\0') {
            return fault("a token without a user");
        }
        let hash = hash(token);
        if let Some(first) = tokens.iter().position(|(other, _)| *other == hash) {
            return fault(&format!("the token of entry {} once more", first + 1));
        }
        tokens.push((hash, user.to_owned()));
    }
    Ok(tokens)
}

const SHAPE: &str = "like {\"TOKEN\": \"user\"}";

/// Reads an object's members as they stand, also those of the same name; nothing of another value.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_stands_for_its_user() {
        let tokens = named_tokens(" {\"t1\": \"ann\", \"t-2+/=\": \"ben\", \"t3\": \"ann\"}\n").unwrap();
        let known = |token: &str| tokens.iter().find(|(h, _)| *h == hash(token)).map(|(_, user)| user.as_str());
        assert_eq!(
            [known("t1"), known("t-2+/="), known("t3"), known("ann")],
            [Some("ann"), Some("ben"), Some("ann"), None]
        );
        assert_eq!(named_tokens("{}").unwrap(), []);
    }

    #[test]
    fn a_bad_list_is_told_without_its_words() {
        let shape = "like {\"TOKEN\": \"user\"}";
        for (list, told) in [
            ("", "is no JSON: it cannot be read at line 1, column 0".to_owned()),
            ("secret1:secret2", "is no JSON: it cannot be read at line 1, column 1".to_owned()),
            ("{\"secret1\": \"secret2\",}", "is no JSON: it cannot be read at line 1, column 23".to_owned()),
            ("{\"secret1\": \"secret2\"} secret3", "is no JSON: it cannot be read at line 1, column 24".to_owned()),
            ("[\"secret1\"]", format!("is no JSON object of tokens and users, {shape}")),
            ("\"secret1\"", format!("is no JSON object of tokens and users, {shape}")),
            ("17", format!("is no JSON object of tokens and users, {shape}")),
            ("null", format!("is no JSON object of tokens and users, {shape}")),
            (
                "{\"secret1\": \"secret2\", \"\": \"secret3\"}",
                "lists in its entry 2: a token that no header can carry; one is visible ASCII without spaces"
                    .to_owned(),
            ),
            (
                "{\"secret 1\": \"secret2\"}",
                "lists in its entry 1: a token that no header can carry; one is visible ASCII without spaces"
                    .to_owned(),
            ),
            ("{\"secret1\": \"\"}", "lists in its entry 1: a token without a user".to_owned()),
            ("{\"secret1\": {\"secret2\": 1}}", "lists in its entry 1: a user that is no text".to_owned()),
            (
                "{\"secret1\": \"secret2\", \"secret1\": \"secret3\"}",
                "lists in its entry 2: the token of entry 1 once more".to_owned(),
            ),
        ] {
            assert_eq!(named_tokens(list).unwrap_err(), told, "{list}");
        }
    }
}
