//! Ids of requests: the caller's own if it is one, else made here.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// The header that carries an id, both ways.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A caller's id is kept up to this length.
const LENGTH_MAX: usize = 128;

/// Makes ids: a word of chance for the process, then a number.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    process: String,
    next: Arc<AtomicU64>,
}

impl Ids {
    pub(crate) fn new() -> Ids {
        Ids { process: format!("{:016x}-", RandomState::new().hash_one("process")), next: Arc::new(AtomicU64::new(1)) }
    }

    /// The id of a request. What could forge a line of a log is no id.
    pub(crate) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(given) = headers.get(X_REQUEST_ID)
            && (1..=LENGTH_MAX).contains(&given.len())
            && given.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte))
        {
            return given.clone();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("{}{number:x}", self.process)).unwrap_or(HeaderValue::from_static("0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(id: &str) -> HeaderValue {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_str(id).unwrap());
        Ids::new().of(&headers)
    }

    #[test]
    fn a_caller_s_id_is_kept_if_it_is_one() {
        assert_eq!(given("a-1_b.c"), "a-1_b.c");
        assert_ne!(given("a b"), "a b");
        assert_ne!(given("a\"}{"), "a\"}{");
        assert_ne!(given(&"a".repeat(129)), "a".repeat(129));
    }

    #[test]
    fn ids_differ() {
        let ids = Ids::new();
        assert_ne!(ids.of(&HeaderMap::new()), ids.of(&HeaderMap::new()));
        assert_ne!(ids.process, Ids::new().process);
    }
}
