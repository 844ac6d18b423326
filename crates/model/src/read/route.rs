//! Routes: paths, methods, who may call, and what answers.

use super::answer::Answer;
use super::keys::{ACCESS, ROUTE, ROUTE_PATH};
use super::route_path::Template;
use super::{Map, Reader};
use crate::yaml::{Key, Node};
use crate::{Collection, Role, Route, RouteAccess, RouteAnswer};

/// The methods of a route, as the manifest has them and as HTTP does.
const METHODS: &[(&str, &str)] =
    &[("get", "GET"), ("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE")];
/// Milliseconds that an answer may be kept.
const CACHE: (u64, u64) = (1000, 24 * 3_600_000);

impl Reader<'_> {
    /// Reads every route as far as it goes; those with a mistake are left out, so that nothing more is said of them.
    pub(super) fn routes(&mut self, node: &Node, collections: &[Collection]) -> Vec<Route> {
        let mut routes = Vec::new();
        let mut paths: Vec<Template<'_>> = Vec::new();
        for (key, node) in self.names(node, "routes", "paths and methods") {
            let path = self.route_path(key);
            let taken = path.as_ref().is_some_and(|path| self.place_taken(key.span, path, &paths, collections));
            let Some(map) = self.map(node, key.span, &ROUTE_PATH) else { continue };
            if map.entries.is_empty() {
                self.error_help(key.span, "this path has no method", "write `get:` or `post:` below it");
            }
            for (name, method) in METHODS {
                let Some((at, node)) = map.entry(name) else { continue };
                let before = self.errors();
                let route = self.route(at, node, method, path.as_ref(), collections);
                routes.extend(route.filter(|_| !taken && self.errors() == before));
            }
            paths.extend(path);
        }
        routes
    }

    fn route(
        &mut self,
        at: &Key,
        node: &Node,
        method: &'static str,
        path: Option<&Template<'_>>,
        collections: &[Collection],
    ) -> Option<Route> {
        let map = self.map(node, at.span, &ROUTE)?;
        let mut text = |key: &str| {
            let (at, node) = map.entry(key)?;
            self.text(node, at.span, key).map(str::to_owned)
        };
        let (summary, description) = (text("summary"), text("description"));
        let access = map.entry("auth").and_then(|(key, node)| self.choice(node, key.span, "auth", ACCESS));
        let acts_as = map.entry("as").and_then(|(key, node)| self.choice(node, key.span, "as", &["service_role"]));
        let answer = self.answer(at.span, &map);
        let shape = self.shape(&map);
        let mut params = self.params(at, &map, path, matches!(answer, Some(Answer::Sql)));
        let body = map.entry("body").and_then(|(key, node)| self.schema(node, key.span, "body"));
        let response = map.entry("response").and_then(|(key, node)| self.schema(node, key.span, "response"));
        let cache = map.entry("cache").and_then(|(key, node)| self.duration(node, key.span, "cache", CACHE.0, CACHE.1));
        self.meaningless(&map, method, answer.as_ref());
        let answer = self.answered(&map, answer?, shape, &mut params, collections)?;
        if let RouteAnswer::Sql(sql) = &answer
            && (self.is_doubtful(&sql.sqlite.text) || self.is_doubtful(&sql.postgres.text))
        {
            return None;
        }
        Some(Route {
            path: path?.text.to_owned(),
            method,
            summary,
            description,
            access: match access {
                Some("required") => RouteAccess::Required,
                Some("service_role") => RouteAccess::ServiceRole,
                _ => RouteAccess::Optional,
            },
            acts_as: acts_as.map(|_| Role::ServiceRole),
            params,
            body,
            answer,
            response,
            cache,
            cache_span: map.entry("cache").map_or(at.span, |(key, _)| key.span),
            span: at.span,
        })
    }

    /// Keys that say nothing where they stand.
    fn meaningless(&mut self, map: &Map<'_>, method: &str, answer: Option<&Answer>) {
        let mut refuse = |key: &str, when: bool, message: &str, help: &str| {
            if let Some((key, _)) = map.entry(key).filter(|_| when) {
                self.error_help(key.span, message, help);
            }
        };
        let get = method == "GET";
        refuse("body", get, "a `get` has no body", "take `params`, or answer `post`");
        refuse("cache", !get, "only the answer of a `get` is kept", "leave out `cache`");
        let script = matches!(answer, Some(Answer::Script));
        refuse("result", script, "a script makes its answer itself", "leave out `result`, which is for `sql`");
        let proximity = matches!(answer, Some(Answer::Proximity));
        refuse("proximity", proximity && !get, "proximity is only read", "answer `get`");
        refuse("result", proximity, "`proximity` says itself what it answers", "write `answer` below it");
        let sql = matches!(answer, Some(Answer::Sql));
        let help = "leave out `response`, which is for `script`";
        refuse("response", sql, "what SQL answers is known from its columns", help);
        refuse("response", proximity, "what proximity answers is known", help);
    }
}
