//! Which route a path means. All paths of an app stand in one table, made when it is loaded.

use hyper::header::HeaderValue;
use pintle_model::{Collection, CollectionId, Model, Mount};

use crate::Error;
use crate::metrics::Meter;
use crate::status::Surface;

/// What a path means.
#[derive(Debug)]
pub(crate) enum Endpoint {
    /// `/health/live`
    Live,
    /// `/health/ready`
    Ready,
    /// `/health`
    Health,
    /// `/metrics`
    Metrics,
    /// `/openapi.json`, `/docs`, and `/` if nothing else claims it.
    Docs,
    /// `/rest/v1/COLLECTION` of a collection that there is.
    Rest(CollectionId),
    /// `/rest/v1/NAME`
    RestUnknown,
    /// `/rest/v1/rpc/NAME`
    RestFunction,
    /// `/rest/v1/`
    RestRoot,
    /// Deeper than anything under `/rest/v1`.
    RestPath,
    /// A mount's list.
    List(Mounted),
    /// A mount's record.
    One(Mounted),
    /// Nothing.
    Nothing,
}

/// A collection at its mount.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    pub(crate) collection: CollectionId,
    /// The list's path, without a slash at the end.
    pub(crate) path: String,
    /// How a record's JSON begins, before its key: `{"name":`.
    pub(crate) before_key: String,
    /// The methods that this address answers.
    pub(crate) methods: Vec<&'static str>,
    /// The same as `Allow`.
    pub(crate) allow: HeaderValue,
}

/// A route with what is counted of it.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) endpoint: Endpoint,
    pub(crate) meter: Meter,
}

impl Route {
    /// Whose codes its errors carry.
    pub(crate) fn surface(&self) -> Surface {
        match self.endpoint {
            Endpoint::Rest(_)
            | Endpoint::RestUnknown
            | Endpoint::RestFunction
            | Endpoint::RestRoot
            | Endpoint::RestPath => Surface::Rest,
            _ => Surface::Plain,
        }
    }
}

/// The table.
#[derive(Debug)]
pub(crate) struct Routes {
    table: matchit::Router<usize>,
    routes: Vec<Route>,
}

/// A path that was found, with the part that stands for the pattern's braces, as it was sent.
pub(crate) struct Found<'r> {
    pub(crate) route: &'r Route,
    pub(crate) part: &'r str,
}

impl Routes {
    pub(crate) fn new(model: &Model) -> Result<Routes, Error> {
        let mut routes = Routes { table: matchit::Router::new(), routes: Vec::new() };
        routes.push("none", Endpoint::Nothing);
        routes.add(&["/health/live", "/health/live/"], Endpoint::Live)?;
        routes.add(&["/health/ready", "/health/ready/"], Endpoint::Ready)?;
        routes.add(&["/health", "/health/"], Endpoint::Health)?;
        routes.add(&["/metrics", "/metrics/"], Endpoint::Metrics)?;
        routes.add(&["/docs/{file}", "/docs", "/docs/", "/openapi.json"], Endpoint::Docs)?;
        for (at, collection) in model.collections.iter().enumerate().filter(|(_, c)| !c.system) {
            let path = format!("/rest/v1/{}", collection.name);
            routes.add(&[&path, &format!("{path}/")], Endpoint::Rest(CollectionId(at)))?;
        }
        routes.add(&["/rest/v1/{collection}", "/rest/v1/{collection}/"], Endpoint::RestUnknown)?;
        routes.add(&["/rest/v1/rpc/{function}", "/rest/v1/rpc/{function}/"], Endpoint::RestFunction)?;
        routes.add(&["/rest/v1", "/rest/v1/"], Endpoint::RestRoot)?;
        routes.add(&["/rest/v1/{collection}/{*rest}"], Endpoint::RestPath)?;
        for (at, collection) in model.collections.iter().enumerate().filter(|(_, c)| !c.system) {
            if let Some(mount) = &collection.mount {
                routes.mount(CollectionId(at), collection, mount)?;
            }
        }
        if routes.table.at("/").is_err() {
            routes.add(&["/"], Endpoint::Docs)?;
        }
        Ok(routes)
    }

    fn mount(&mut self, id: CollectionId, collection: &Collection, mount: &Mount) -> Result<(), Error> {
        let path = mount.path.trim_end_matches('/');
        let key = &collection.fields[0].name;
        let mounted = |order: &[&'static str]| {
            let given = |method: &&&'static str| mount.methods.iter().any(|m| m.eq_ignore_ascii_case(method));
            let mut methods: Vec<&'static str> = order.iter().filter(given).copied().collect();
            if methods.contains(&"GET") {
                methods.push("HEAD");
            }
            methods.push("OPTIONS");
            Mounted {
                collection: id,
                path: path.to_owned(),
                before_key: format!("{{{}:", serde_json::Value::from(key.as_str())),
                allow: crate::answer::value(methods.join(", ")),
                methods,
            }
        };
        let (list, one) = (mounted(&["GET", "POST"]), mounted(&["GET", "PUT", "PATCH", "DELETE"]));
        let slash = format!("{path}/");
        if path.is_empty() {
            self.add(&["/"], Endpoint::List(list))?;
        } else {
            self.add(&[path, &slash], Endpoint::List(list))?;
        }
        self.add(&[&format!("{path}/{{key}}"), &format!("{path}/{{key}}/")], Endpoint::One(one))
    }

    fn push(&mut self, pattern: &str, endpoint: Endpoint) -> usize {
        self.routes.push(Route { endpoint, meter: Meter::new(pattern) });
        self.routes.len() - 1
    }

    /// Adds an endpoint at several paths; the first names it in metrics.
    fn add(&mut self, patterns: &[&str], endpoint: Endpoint) -> Result<(), Error> {
        let at = self.push(patterns[0], endpoint);
        for pattern in patterns {
            self.table
                .insert(*pattern, at)
                .map_err(|error| Error::Path { path: (*pattern).to_owned(), reason: error.to_string() })?;
        }
        Ok(())
    }

    /// Finds what a path means.
    pub(crate) fn find<'r>(&'r self, path: &'r str) -> Found<'r> {
        match self.table.at(path) {
            Ok(found) => {
                let part = found.params.iter().next().map_or("", |(_, part)| part);
                Found { route: &self.routes[*found.value], part }
            }
            Err(_) => Found { route: &self.routes[0], part: "" },
        }
    }
}
