//! `fetch`: what a script may reach on the network, which is what the manifest's `scripts.fetch` lists.
//!
//! A script that only reads waits for its answer. What a script that writes asks for becomes a [`Letter`], which goes out after the
//! commit: nothing outside hears of what did not happen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use pintle_model::FetchTarget;
use pintle_script::{FetchAnswer, FetchRequest};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Request, Url};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::outbox::Letter;
use crate::failure::reasons;
use crate::{Environment, Error, tls};

/// How long an answer is waited for, unless the script says less.
const TIME_MAX: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Bytes of an answer that are taken.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// How many calls may wait for answers at once: each keeps what its script has in memory.
pub(super) const WAITING_MAX: usize = 64;
/// Headers that belong to the connection or follow from the rest.
const OURS: [&str; 6] = ["connection", "content-length", "host", "te", "transfer-encoding", "upgrade"];

/// Sends what scripts ask for.
#[derive(Debug)]
pub(crate) struct Fetcher {
    /// The origins that may be reached: `https://api.example.com`, `http://127.0.0.1:8081`.
    origins: BTreeSet<String>,
    /// None where nothing may be reached.
    client: Option<Client>,
    places: Arc<Semaphore>,
}

impl Fetcher {
    /// For what a manifest lists. A variable that is not set allows nothing.
    ///
    /// # Errors
    /// When a variable holds no URL, or this system has no way to encrypt.
    pub(crate) fn new(targets: &[FetchTarget], environment: &Environment) -> Result<Fetcher, Error> {
        let mut origins = BTreeSet::new();
        for target in targets {
            let (url, name) = match target {
                FetchTarget::Origin(origin) => (Some(origin.as_str()), "scripts.fetch"),
                FetchTarget::Variable(name) => (environment.get(name), name.as_str()),
            };
            let Some(url) = url else { continue };
            // Not shown: it may hold a secret.
            let url = parsed(url).ok_or_else(|| Error::FetchTarget(name.to_owned()))?;
            origins.insert(url.origin().ascii_serialization());
        }
        let client = if origins.is_empty() { None } else { Some(client()?) };
        Ok(Fetcher { origins, client, places: Arc::new(Semaphore::new(WAITING_MAX)) })
    }

    /// A place for a call that waits, if there is one.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Sends a request and waits for its answer, until `due` at the latest.
    pub(super) async fn fetch(&self, asked: FetchRequest, due: Instant) -> Result<FetchAnswer, String> {
        let letter = self.letter(asked)?;
        let time = letter.time.min(due.saturating_duration_since(Instant::now()));
        let origin = letter.origin.clone();
        tokio::time::timeout(time, letter.answer())
            .await
            .unwrap_or_else(|_| Err(format!("{origin} did not answer within {} ms", time.as_millis())))
    }

    /// A request that is ready to go, or why it may not.
    pub(super) fn letter(&self, asked: FetchRequest) -> Result<Letter, String> {
        let url = parsed(&asked.url)
            .ok_or_else(|| format!("fetch takes a URL of http or https, not {:?}", shortened(&asked.url)))?;
        let origin = url.origin().ascii_serialization();
        let client = self.client.as_ref().filter(|_| self.origins.contains(&origin));
        let Some(client) = client else {
            return Err(format!("fetch may not reach {origin}: the manifest's scripts.fetch does not list it"));
        };
        let method = Method::from_bytes(asked.method.as_bytes())
            .ok()
            .filter(|method| ![Method::CONNECT, Method::TRACE].contains(method))
            .ok_or_else(|| format!("fetch knows no method {:?}", shortened(&asked.method)))?;
        let mut request = Request::new(method, url);
        *request.headers_mut() = headers(&asked.headers)?;
        let headers_bytes: usize = asked.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = asked.url.len() + headers_bytes + asked.body.as_ref().map_or(0, Bytes::len);
        *request.body_mut() = asked.body.map(Into::into);
        let time = asked.timeout.unwrap_or(TIME_MAX).min(TIME_MAX);
        Ok(Letter { client: client.clone(), request, bytes, origin, time })
    }
}

impl Letter {
    /// Sends it: the whole answer. No reason shows more of the URL than its origin, as the rest may be a secret.
    pub(super) async fn answer(self) -> Result<FetchAnswer, String> {
        let origin = self.origin;
        let failed = |error: reqwest::Error| format!("{origin} was not reached: {}", reasons(&error.without_url()));
        let mut response = self.client.execute(self.request).await.map_err(failed)?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let headers = headers.collect();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(format!("the answer of {origin} is longer than {ANSWER_BYTES_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(FetchAnswer { status, headers, body: Bytes::from(body) })
    }
}

/// A URL of http or https.
fn parsed(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
}

/// A client that goes nowhere by itself: it follows no redirects, and asks no proxy.
fn client() -> Result<Client, Error> {
    let tls = tls::of_system().map_err(|error| Error::Fetch(error.into()))?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIME_MAX)
        .user_agent(concat!("pintle/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Error::Fetch(error.into()))
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (given, value) in given {
        let name = HeaderName::try_from(given).map_err(|_| format!("{:?} is no header's name", shortened(given)))?;
        if OURS.contains(&name.as_str()) {
            return Err(format!("fetch sets the header `{name}` by itself"));
        }
        let value = HeaderValue::try_from(value)
            .map_err(|_| format!("the value of the header `{name}` holds what no header can"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The beginning of a script's text, as a message repeats it.
fn shortened(text: &str) -> &str {
    const CHARS_MAX: usize = 60;
    text.char_indices().nth(CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetcher() -> Fetcher {
        let targets = [
            FetchTarget::Origin("https://api.example.com".to_owned()),
            FetchTarget::Variable("HOOK".to_owned()),
            FetchTarget::Variable("UNSET".to_owned()),
        ];
        let set = [("HOOK".to_owned(), "http://127.0.0.1:8081/secret?of=it".to_owned())];
        Fetcher::new(&targets, &Environment::from_iter(set)).unwrap()
    }

    fn asked(method: &str, url: &str, headers: &[(&str, &str)]) -> FetchRequest {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        FetchRequest { method: method.to_owned(), url: url.to_owned(), headers, body: None, timeout: None }
    }

    #[test]
    fn origins_that_are_listed_may_be_reached_with_any_path() {
        let fetcher = fetcher();
        for url in ["https://api.example.com", "https://API.example.com:443/v1?a=b", "http://127.0.0.1:8081/other"] {
            assert!(fetcher.letter(asked("GET", url, &[])).is_ok(), "{url}");
        }
    }

    #[test]
    fn all_else_is_refused_by_its_origin_alone() {
        let fetcher = fetcher();
        for (url, origin) in [
            ("https://evil.example/secret", "https://evil.example"),
            ("http://api.example.com/", "http://api.example.com"),
            ("https://api.example.com:444/", "https://api.example.com:444"),
            ("https://api.example.com.evil.example/", "https://api.example.com.evil.example"),
            ("https://api.example.com@evil.example/", "https://evil.example"),
            ("http://127.0.0.1:8082/", "http://127.0.0.1:8082"),
        ] {
            let reason = fetcher.letter(asked("GET", url, &[])).unwrap_err();
            assert_eq!(reason, format!("fetch may not reach {origin}: the manifest's scripts.fetch does not list it"));
        }
        let none = Fetcher::new(&[], &Environment::default()).unwrap();
        assert!(none.letter(asked("GET", "https://api.example.com/", &[])).unwrap_err().contains("does not list it"));
    }

    #[test]
    fn what_is_no_request_is_told() {
        let refused = |method, url, headers: &[_]| fetcher().letter(asked(method, url, headers)).unwrap_err();
        let url = "https://api.example.com/";
        assert_eq!(
            refused("GET", "file:///etc/passwd", &[]),
            "fetch takes a URL of http or https, not \"file:///etc/passwd\""
        );
        assert_eq!(refused("GET", "/path", &[]), "fetch takes a URL of http or https, not \"/path\"");
        assert_eq!(refused("CONNECT", url, &[]), "fetch knows no method \"CONNECT\"");
        assert_eq!(refused("GET", url, &[("host", "other")]), "fetch sets the header `host` by itself");
        assert_eq!(refused("GET", url, &[("a b", "c")]), "\"a b\" is no header's name");
        assert!(refused("GET", url, &[("a", "b\nc: d")]).contains("holds what no header can"));
    }

    #[test]
    fn a_variable_that_holds_no_url_is_told_without_its_value() {
        let targets = [FetchTarget::Variable("HOOK".to_owned())];
        let set = [("HOOK".to_owned(), "secret".to_owned())];
        let error = Fetcher::new(&targets, &Environment::from_iter(set)).unwrap_err().to_string();
        assert_eq!(error, "`HOOK` holds no URL of http or https that fetch could reach");
    }
}
