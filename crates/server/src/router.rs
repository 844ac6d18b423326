//! Which endpoint a path means. All paths of an app stand in one table, made when it is loaded.

use std::borrow::Cow;

use axum::http::Method;
use percent_encoding::percent_decode_str;
use pintle_model::{CollectionId, Model};

use crate::answer::Failure;

/// What a path means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/health/live`
    Live,
    /// `/health/ready`
    Ready,
    /// `/health`
    Health,
    /// `/metrics`
    Metrics,
    /// `/openapi.json`, `/docs` and its files, `/` when nothing else claims it.
    Docs,
    /// `/rest/v1/COLLECTION`
    Rest,
    /// `/rest/v1/` and `/rest/v1/rpc/NAME`: not built yet.
    RestLater,
    /// A mount's list.
    Records(CollectionId),
    /// A mount's record.
    Record(CollectionId),
    /// Nothing.
    Unknown,
}

/// A path that was found.
#[derive(Debug)]
pub(crate) struct Found<'p> {
    pub(crate) endpoint: Endpoint,
    /// Its place in [`Router::patterns`].
    pub(crate) pattern: usize,
    /// The key of a record, or the name of a collection, percent-decoded.
    pub(crate) name: Cow<'p, str>,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Router {
    table: matchit::Router<(Endpoint, usize)>,
    patterns: Vec<String>,
}

const OWN: [(&str, Endpoint); 10] = [
    ("/health/live", Endpoint::Live),
    ("/health/ready", Endpoint::Ready),
    ("/health", Endpoint::Health),
    ("/metrics", Endpoint::Metrics),
    ("/openapi.json", Endpoint::Docs),
    ("/docs", Endpoint::Docs),
    ("/docs/{name}", Endpoint::Docs),
    ("/rest/v1", Endpoint::RestLater),
    ("/rest/v1/rpc/{name}", Endpoint::RestLater),
    ("/rest/v1/{name}", Endpoint::Rest),
];

impl Router {
    pub(crate) fn new(model: &Model) -> Router {
        let mut router = Router { table: matchit::Router::new(), patterns: vec!["unknown".to_owned()] };
        for (pattern, endpoint) in OWN {
            router.add(pattern.to_owned(), endpoint);
        }
        for (at, collection) in model.collections.iter().enumerate() {
            if let Some(mount) = &collection.mount {
                router.add(mount.path.clone(), Endpoint::Records(CollectionId(at)));
                router
                    .add(format!("{}/{{name}}", mount.path.trim_end_matches('/')), Endpoint::Record(CollectionId(at)));
            }
        }
        if router.table.at("/").is_err() {
            router.add("/".to_owned(), Endpoint::Docs);
        }
        router
    }

    fn add(&mut self, pattern: String, endpoint: Endpoint) {
        // The model's check has refused paths that overlap, so this does not fail; a path that did would answer 404.
        let inserted = self.table.insert(pattern.as_str(), (endpoint, self.patterns.len()));
        debug_assert!(inserted.is_ok(), "{pattern}: {inserted:?}");
        self.patterns.push(pattern);
    }

    /// Every path, with its parameters' names in braces, as metrics name them.
    pub(crate) fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Finds what a path means. A slash at its end makes no difference.
    ///
    /// # Errors
    /// When it is no UTF-8 once it is percent-decoded.
    pub(crate) fn find<'p>(&self, path: &'p str) -> Result<Found<'p>, Failure> {
        let trimmed = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
        let Ok(matched) = self.table.at(trimmed) else {
            return Ok(Found { endpoint: Endpoint::Unknown, pattern: 0, name: Cow::Borrowed("") });
        };
        let (endpoint, pattern) = *matched.value;
        let name = percent_decode_str(matched.params.get("name").unwrap_or_default())
            .decode_utf8()
            .map_err(|_| Failure::bad_request(format!("the path `{path}` is no UTF-8 once it is percent-decoded")))?;
        Ok(Found { endpoint, pattern, name })
    }
}

/// Whether a method only reads.
pub(crate) fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}
