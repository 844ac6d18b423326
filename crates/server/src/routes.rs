//! Which route a path means. All paths of an app stand in one table, made when it is loaded.

use hyper::Method;
use hyper::header::HeaderValue;
use pintle_model::{Collection, CollectionId, Model, Mount, RouteId};

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
    /// `/openapi.json` and `/docs`.
    Docs,
    /// `/`, if neither a route nor a mount claims it: a page if there is one, else as `/docs`.
    Home,
    /// Where the app's pages are, and nothing else is.
    Page,
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
    /// Routes of the app's own.
    Own(Own),
    /// A mount's list.
    List(Mounted),
    /// A mount's record.
    One(Mounted),
    /// Nothing.
    Nothing,
}

/// The app's own routes at one path.
#[derive(Debug)]
pub(crate) struct Own {
    /// Which route answers which method.
    pub(crate) methods: Vec<(&'static str, RouteId)>,
    /// The methods that this address answers, as `Allow`.
    pub(crate) allow: HeaderValue,
}

impl Own {
    /// The route of a method; `HEAD` is that of `GET`.
    pub(crate) fn of(&self, method: &Method) -> Option<RouteId> {
        let name = if *method == Method::HEAD { "GET" } else { method.as_str() };
        self.methods.iter().find(|(known, _)| *known == name).map(|(_, id)| *id)
    }
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
    /// Where pages are served, without a slash at the end; nothing if there are none.
    pages_at: Option<String>,
    table: matchit::Router<usize>,
    routes: Vec<Route>,
}

/// A path that was found, with the parts that stand for the pattern's braces, as they were sent.
pub(crate) struct Found<'r> {
    pub(crate) route: &'r Route,
    parts: Option<matchit::Params<'r, 'r>>,
}

impl Found<'_> {
    /// The part of a name.
    pub(crate) fn part(&self, name: &str) -> Option<&str> {
        self.parts.as_ref()?.get(name)
    }

    /// The only part.
    pub(crate) fn only_part(&self) -> &str {
        self.parts.as_ref().and_then(|parts| parts.iter().next()).map_or("", |(_, part)| part)
    }
}

impl Routes {
    pub(crate) fn new(model: &Model) -> Result<Routes, Error> {
        let mut routes = Routes { pages_at: None, table: matchit::Router::new(), routes: Vec::new() };
        routes.pages_at = model.pages.as_ref().map(|pages| pages.at.clone());
        routes.push("none", Endpoint::Nothing);
        routes.push("pages", Endpoint::Page);
        routes.add(&["/health/live", "/health/live/"], Endpoint::Live)?;
        routes.add(&["/health/ready", "/health/ready/"], Endpoint::Ready)?;
        // An old service's own health check may stand there.
        if !model.routes.iter().any(|route| route.path == "/health") {
            routes.add(&["/health", "/health/"], Endpoint::Health)?;
        }
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
        routes.own(model)?;
        for (at, collection) in model.collections.iter().enumerate().filter(|(_, c)| !c.system) {
            if let Some(mount) = &collection.mount {
                routes.mount(CollectionId(at), collection, mount)?;
            }
        }
        if routes.table.at("/").is_err() {
            routes.add(&["/"], Endpoint::Home)?;
        }
        Ok(routes)
    }

    /// The app's own routes; all methods of a path are one endpoint.
    fn own(&mut self, model: &Model) -> Result<(), Error> {
        let mut paths: Vec<&str> = Vec::new();
        for route in &model.routes {
            if !paths.contains(&route.path.as_str()) {
                paths.push(&route.path);
            }
        }
        for path in paths {
            let here = model.routes.iter().enumerate().filter(|(_, route)| route.path == path);
            let methods: Vec<_> = here.map(|(at, route)| (route.method, RouteId(at))).collect();
            let mut names: Vec<&str> = methods.iter().map(|(method, _)| *method).collect();
            if names.contains(&"GET") {
                names.push("HEAD");
            }
            names.push("OPTIONS");
            let own = Own { allow: crate::answer::value(names.join(", ")), methods };
            let bare = path.trim_end_matches('/');
            let slash = format!("{bare}/");
            let both = [bare, &slash];
            self.add(if bare.is_empty() { &both[1..] } else { &both }, Endpoint::Own(own))?;
        }
        Ok(())
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

    /// Whether a path is where pages are.
    fn is_page(&self, path: &str) -> bool {
        let rest = self.pages_at.as_ref().and_then(|at| path.strip_prefix(at.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Finds what a path means.
    pub(crate) fn find<'r>(&'r self, path: &'r str) -> Found<'r> {
        match self.table.at(path) {
            Ok(found) => Found { route: &self.routes[*found.value], parts: Some(found.params) },
            Err(_) => Found { route: &self.routes[usize::from(self.is_page(path))], parts: None },
        }
    }
}
