//! Which route a path means. All paths that a listener exposes stand in one table, made when the app is loaded.

use hyper::Method;
use hyper::header::HeaderValue;
use pintle_model::{Collection, CollectionId, Model, Mount, Pipeline, PipelineId, RouteId};

use crate::grpc::{self, Call};
use crate::metrics::Meter;
use crate::status::Surface;
use crate::{Error, Exposure};

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
    /// A pipeline's door.
    Door(Doorway),
    /// A call of gRPC.
    Call(Call),
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

/// Where records are posted.
#[derive(Debug)]
pub(crate) struct Doorway {
    pub(crate) id: PipelineId,
    /// The methods that this address answers, as `Allow`.
    pub(crate) allow: HeaderValue,
    /// What answers other methods here.
    beside: Option<Box<Endpoint>>,
}

impl Endpoint {
    /// What answers a method.
    pub(crate) fn of(&self, method: &Method) -> &Endpoint {
        match self {
            Endpoint::Door(Doorway { beside: Some(beside), .. }) if *method != Method::POST => beside,
            _ => self,
        }
    }
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
    /// The table of what is exposed of an app.
    pub(crate) fn new(model: &Model, exposure: &Exposure) -> Result<Routes, Error> {
        let pages = model.pages.as_ref().filter(|_| exposure.pages);
        let mut routes = Routes {
            pages_at: pages.map(|pages| pages.at.clone()),
            table: matchit::Router::new(),
            routes: vec![
                Route { endpoint: Endpoint::Nothing, meter: Meter::new("none") },
                Route { endpoint: Endpoint::Page, meter: Meter::new("pages") },
            ],
        };
        for (patterns, endpoint) in endpoints(model, exposure) {
            let at = routes.routes.len();
            // The first names it in metrics.
            let meter = Meter::new(patterns.first().map_or("", String::as_str));
            routes.routes.push(Route { endpoint, meter });
            for pattern in patterns {
                let taken =
                    |error: matchit::InsertError| Error::Path { path: pattern.clone(), reason: error.to_string() };
                routes.table.insert(pattern.clone(), at).map_err(taken)?;
            }
        }
        Ok(routes)
    }

    /// Finds what a path means.
    pub(crate) fn find<'r>(&'r self, path: &'r str) -> Found<'r> {
        match self.table.at(path) {
            Ok(found) => Found { route: &self.routes[*found.value], parts: Some(found.params) },
            Err(_) => {
                let is_page = self.pages_at.as_ref().is_some_and(|at| is_below(path, at));
                Found { route: &self.routes[usize::from(is_page)], parts: None }
            }
        }
    }
}

/// Whether a path is this one, which has no slash at its end, or below it.
pub(crate) fn is_below(path: &str, at: &str) -> bool {
    path.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The patterns of paths at which something answers.
type Patterns = Vec<String>;

/// Everything that stands in a table of what is exposed of an app.
pub(crate) fn endpoints(model: &Model, exposure: &Exposure) -> Vec<(Patterns, Endpoint)> {
    let mut all: Vec<(Patterns, Endpoint)> = Vec::new();
    let mut add = |patterns: &[&str], endpoint| {
        all.push((patterns.iter().map(|pattern| (*pattern).to_owned()).collect(), endpoint));
    };
    add(&["/health/live", "/health/live/"], Endpoint::Live);
    add(&["/health/ready", "/health/ready/"], Endpoint::Ready);
    // An old service's own health check may stand there.
    if !exposure.routes.iter().any(|id| model.routes[id.0].path == "/health") {
        add(&["/health", "/health/"], Endpoint::Health);
    }
    add(&["/metrics", "/metrics/"], Endpoint::Metrics);
    add(&["/docs/{file}", "/docs", "/docs/", "/openapi.json"], Endpoint::Docs);
    for id in &exposure.collections {
        let path = format!("/rest/v1/{}", model.collection(*id).name);
        add(&[&path, &format!("{path}/")], Endpoint::Rest(*id));
    }
    add(&["/rest/v1/{collection}", "/rest/v1/{collection}/"], Endpoint::RestUnknown);
    add(&["/rest/v1/rpc/{function}", "/rest/v1/rpc/{function}/"], Endpoint::RestFunction);
    add(&["/rest/v1", "/rest/v1/"], Endpoint::RestRoot);
    add(&["/rest/v1/{collection}/{*rest}"], Endpoint::RestPath);
    all.extend(own(model, exposure));
    for id in &exposure.collections {
        let collection = model.collection(*id);
        all.extend(collection.mount.iter().flat_map(|at| mount(*id, collection, at)));
    }
    for id in &exposure.pipelines {
        door(*id, model.pipeline(*id), &mut all);
    }
    all.extend(grpc::calls(model, exposure).into_iter().map(|(path, call)| (vec![path], Endpoint::Call(call))));
    if !all.iter().any(|(patterns, _)| patterns.iter().any(|pattern| pattern == "/")) {
        all.push((vec!["/".to_owned()], Endpoint::Home));
    }
    all
}

/// The app's own routes; all methods of a path are one endpoint.
fn own(model: &Model, exposure: &Exposure) -> Vec<(Patterns, Endpoint)> {
    let mut paths: Vec<&str> = Vec::new();
    for id in &exposure.routes {
        let path = model.routes[id.0].path.as_str();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let of = |path: &str| {
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
        let patterns = if bare.is_empty() { vec![slash] } else { vec![bare.to_owned(), slash] };
        (patterns, Endpoint::Own(own))
    };
    paths.into_iter().map(of).collect()
}

/// A pipeline's door, which goes before what answers other methods at its path.
fn door(id: PipelineId, pipeline: &Pipeline, all: &mut Vec<(Patterns, Endpoint)>) {
    let path = &pipeline.path;
    let at = all.iter().position(|(patterns, _)| patterns.contains(path));
    let (patterns, mut beside) = match at.map(|at| all.remove(at)) {
        Some((patterns, endpoint)) => (patterns, Some(Box::new(endpoint))),
        None => (vec![path.clone(), format!("{path}/")], None),
    };
    let allow = match beside.as_deref_mut() {
        Some(Endpoint::Own(Own { allow, .. }) | Endpoint::List(Mounted { allow, .. })) => {
            *allow = crate::answer::value(format!("POST, {}", allow.to_str().unwrap_or_default()));
            allow.clone()
        }
        _ => HeaderValue::from_static("POST, OPTIONS"),
    };
    all.push((patterns, Endpoint::Door(Doorway { id, allow, beside })));
}

/// The list and the records of a collection at its mount.
fn mount(id: CollectionId, collection: &Collection, mount: &Mount) -> [(Patterns, Endpoint); 2] {
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
    let list_at = if path.is_empty() { vec![slash] } else { vec![path.to_owned(), slash] };
    let one_at = vec![format!("{path}/{{key}}"), format!("{path}/{{key}}/")];
    [(list_at, Endpoint::List(list)), (one_at, Endpoint::One(one))]
}
