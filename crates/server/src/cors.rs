//! Pages of other origins (CORS), as the manifest admits them. Written here since `OPTIONS` without a preflight is
//! PostgREST's way to ask for `Allow`.

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use crate::answer::{self, Answer};

/// What a page's script may read beside the body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Cache-Status, Content-Range, Content-Encoding, Content-Location, ETag, Idempotent-Replayed, Link, Location, Preference-Applied, \
     Proxy-Status, Retry-After, WWW-Authenticate, X-Request-Id",
);
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Who may call from where.
#[derive(Debug)]
pub(crate) struct Cors {
    any: bool,
    origins: Vec<HeaderValue>,
    credentials: bool,
    max_age: Option<HeaderValue>,
}

impl Cors {
    /// From the manifest; `None` when no page of another origin may call.
    pub(crate) fn of(cors: &pintle_model::Cors) -> Option<Cors> {
        if cors.origins.is_empty() {
            return None;
        }
        Some(Cors {
            any: cors.origins.iter().any(|origin| origin == "*"),
            origins: cors.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect(),
            credentials: cors.credentials,
            max_age: cors.max_age.map(|age| HeaderValue::from(age.as_secs())),
        })
    }

    /// Whether the manifest names this origin itself.
    pub(crate) fn names(&self, origin: &HeaderValue) -> bool {
        self.origins.contains(origin)
    }

    /// The answer to a preflight, if this is one.
    pub(crate) fn preflight(&self, head: &Parts) -> Option<Answer> {
        let is_preflight = head.method == Method::OPTIONS
            && head.headers.contains_key(header::ORIGIN)
            && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        let mut answer = answer::empty(StatusCode::NO_CONTENT);
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        if let Some(asked) = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        if let Some(age) = &self.max_age {
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, age.clone());
        }
        headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        Some(answer)
    }

    /// Adds what lets a page of an admitted origin read the answer.
    pub(crate) fn mark(&self, asked: &HeaderMap, headers: &mut HeaderMap) {
        let echoes = !self.any || self.credentials;
        if echoes {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = asked.get(header::ORIGIN) else { return };
        if !self.any && !self.names(origin) {
            return;
        }
        let allowed = if echoes { origin.clone() } else { HeaderValue::from_static("*") };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(origins: &[&str], origin: &'static str) -> Option<HeaderValue> {
        let cors = pintle_model::Cors {
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            ..Default::default()
        };
        let asked = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))]);
        let mut headers = HeaderMap::new();
        Cors::of(&cors)?.mark(&asked, &mut headers);
        headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    }

    #[test]
    fn only_the_origins_of_the_manifest_are_admitted() {
        assert_eq!(marked(&["https://a.example"], "https://a.example").unwrap(), "https://a.example");
        assert_eq!(marked(&["https://a.example"], "https://b.example"), None);
        assert_eq!(marked(&["*"], "https://b.example").unwrap(), "*");
        assert_eq!(marked(&[], "https://a.example"), None);
    }
}
