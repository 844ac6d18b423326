//! ETags of single records: a strong hash of the record's bytes, which are canonical as the store prints them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The ETag of a record: 128 bits of its SHA-256, in quotes.
pub(crate) fn of(record: &[u8]) -> HeaderValue {
    let hash = Sha256::digest(record);
    let mut text = [b'"'; 34];
    for (at, byte) in hash.iter().take(16).enumerate() {
        text[1 + 2 * at] = HEX[usize::from(byte >> 4)];
        text[2 + 2 * at] = HEX[usize::from(byte & 15)];
    }
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// `If-Match` and `If-None-Match`, kept from a request's headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl Conditions {
    /// `None` without any, as most requests are.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Conditions> {
        let joined = |name: HeaderName| {
            let all: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
            (!all.is_empty()).then(|| all.join(","))
        };
        let conditions =
            Conditions { if_match: joined(header::IF_MATCH), if_none_match: joined(header::IF_NONE_MATCH) };
        (conditions.if_match.is_some() || conditions.if_none_match.is_some()).then_some(conditions)
    }

    /// Whether a write may go on: the record as it stands, or none. RFC 9110, 13.1: `If-Match` compares strongly.
    pub(crate) fn allow_write(&self, current: Option<&[u8]>) -> bool {
        let etag = current.map(of);
        let matches = |list: &str, weak: bool| etag.as_ref().is_some_and(|etag| listed(list, etag, weak));
        self.if_match.as_deref().is_none_or(|list| matches(list, false))
            && self.if_none_match.as_deref().is_none_or(|list| !matches(list, true))
    }

    /// Whether a read's caller has this record already; `None` if `If-Match` fails.
    pub(crate) fn known(&self, etag: &HeaderValue) -> Option<bool> {
        if self.if_match.as_deref().is_some_and(|list| !listed(list, etag, false)) {
            return None;
        }
        Some(self.if_none_match.as_deref().is_some_and(|list| listed(list, etag, true)))
    }
}

fn listed(list: &str, etag: &HeaderValue, weak: bool) -> bool {
    list.split(',').map(str::trim).any(|one| {
        let one = if weak { one.strip_prefix("W/").unwrap_or(one) } else { one };
        one == "*" || one.as_bytes() == etag.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(name: HeaderName, value: &str) -> Conditions {
        Conditions::of(&HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])).unwrap()
    }

    #[test]
    fn a_write_goes_on_only_if_the_record_is_the_one_that_was_read() {
        let etag = of(b"{}").to_str().unwrap().to_owned();
        for (list, current, goes_on) in [
            (etag.as_str(), Some(&b"{}"[..]), true),
            (&format!("\"x\", {etag}"), Some(b"{}"), true),
            (&format!("W/{etag}"), Some(b"{}"), false),
            (&etag, Some(b"[]"), false),
            (&etag, None, false),
            ("*", Some(b"[]"), true),
            ("*", None, false),
        ] {
            assert_eq!(conditions(header::IF_MATCH, list).allow_write(current), goes_on, "{list} {current:?}");
        }
        assert!(conditions(header::IF_NONE_MATCH, "*").allow_write(None));
        assert!(!conditions(header::IF_NONE_MATCH, "*").allow_write(Some(b"{}")));
    }

    #[test]
    fn a_read_tells_what_is_known() {
        let etag = of(b"{}");
        let weak = format!("W/{}", etag.to_str().unwrap());
        assert_eq!(conditions(header::IF_NONE_MATCH, &weak).known(&etag), Some(true));
        assert_eq!(conditions(header::IF_NONE_MATCH, "\"x\"").known(&etag), Some(false));
        assert_eq!(conditions(header::IF_MATCH, "\"x\"").known(&etag), None);
    }
}
