//! ETags of records, and the conditions that speak of them.

use hyper::HeaderMap;
use hyper::header::{self, HeaderValue};
use sha2::{Digest, Sha256};

/// Bytes of the hash that a tag shows: 128 bits do not meet by chance.
const BYTES: usize = 16;

/// The strong tag of a record's JSON, which is the same on every store.
pub(crate) fn of(json: &[u8]) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(json);
    let mut tag = [b'"'; 2 + 2 * BYTES];
    for (at, byte) in digest.iter().take(BYTES).enumerate() {
        tag[1 + 2 * at] = DIGITS[usize::from(byte >> 4)];
        tag[2 + 2 * at] = DIGITS[usize::from(byte & 15)];
    }
    HeaderValue::from_bytes(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// `If-Match` and `If-None-Match` of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    matches: Option<Tags>,
    none_match: Option<Tags>,
}

/// The tags of one header: any, or a list with whether each is weak.
#[derive(Debug, Clone)]
enum Tags {
    Any,
    List(Vec<(bool, String)>),
}

impl Conditions {
    /// Reads them from a request.
    pub(crate) fn of(headers: &HeaderMap) -> Conditions {
        Conditions {
            matches: Tags::of(headers, header::IF_MATCH),
            none_match: Tags::of(headers, header::IF_NONE_MATCH),
        }
    }

    /// Whether there is none, so that the record's tag need not be known.
    pub(crate) fn is_empty(&self) -> bool {
        self.matches.is_none() && self.none_match.is_none()
    }

    /// Whether `If-Match` wants that there is a record already.
    pub(crate) fn want_one(&self) -> bool {
        self.matches.is_some()
    }

    /// Whether a record with this tag is the one that `If-Match` wants, by strong comparison.
    pub(crate) fn wanted(&self, tag: &HeaderValue) -> bool {
        self.matches.as_ref().is_none_or(|tags| tags.have(tag, false))
    }

    /// Whether a record with this tag is one that the caller knows by `If-None-Match`, by weak comparison.
    pub(crate) fn known(&self, tag: &HeaderValue) -> bool {
        self.none_match.as_ref().is_some_and(|tags| tags.have(tag, true))
    }
}

impl Tags {
    fn of(headers: &HeaderMap, name: header::HeaderName) -> Option<Tags> {
        if !headers.contains_key(&name) {
            return None;
        }
        let mut list = Vec::new();
        for part in headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')) {
            let part = part.trim();
            if part == "*" {
                return Some(Tags::Any);
            }
            match part.strip_prefix("W/") {
                Some(tag) => list.push((true, tag.to_owned())),
                None => list.push((false, part.to_owned())),
            }
        }
        Some(Tags::List(list))
    }

    fn have(&self, tag: &HeaderValue, weakly: bool) -> bool {
        match self {
            Tags::Any => true,
            Tags::List(list) => list.iter().any(|(weak, text)| (weakly || !weak) && text.as_bytes() == tag.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(name: header::HeaderName, value: &str) -> Conditions {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        Conditions::of(&headers)
    }

    #[test]
    fn a_tag_changes_with_the_record() {
        assert_eq!(of(b"{}"), "\"44136fa355b3678a1146ad16f7e8649e\"");
        assert_ne!(of(b"{\"a\":1}"), of(b"{\"a\":2}"));
    }

    #[test]
    fn if_match_compares_strongly() {
        let tag = HeaderValue::from_static("\"a\"");
        assert!(conditions(header::IF_MATCH, "\"a\"").wanted(&tag));
        assert!(conditions(header::IF_MATCH, "\"b\" , \"a\"").wanted(&tag));
        assert!(conditions(header::IF_MATCH, "*").wanted(&tag));
        assert!(!conditions(header::IF_MATCH, "W/\"a\"").wanted(&tag));
        assert!(!conditions(header::IF_MATCH, "\"b\"").wanted(&tag));
        assert!(!conditions(header::IF_MATCH, "a").wanted(&tag));
        assert!(Conditions::default().wanted(&tag));
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let tag = HeaderValue::from_static("\"a\"");
        assert!(conditions(header::IF_NONE_MATCH, "W/\"a\"").known(&tag));
        assert!(conditions(header::IF_NONE_MATCH, "*").known(&tag));
        assert!(!conditions(header::IF_NONE_MATCH, "\"b\"").known(&tag));
        assert!(!Conditions::default().known(&tag));
    }
}
